"""The one way to time a call and to weigh it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

Call = Callable[[], object]


def interleaved(calls: Mapping[str, Call], repeats: int, device: torch.device, warmup: int = 2, shortest: float = 1e-3) -> dict[str, list[float]]:
    """Seconds a call of every contestant, `repeats` each, taken in turn so that a drift of the machine hits all alike.

    A call shorter than `shortest` is repeated inside one measurement. The device is synchronised before each
    reading of the clock; garbage collection waits.
    """
    inside = {}
    for name, call in calls.items():
        for _ in range(warmup):
            call()
        once = _timed(call, 1, device)
        inside[name] = max(1, int(shortest / max(once, 1e-9)) + 1) if once < shortest else 1
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with _collected():
        for _ in range(repeats):
            for name, call in calls.items():
                seconds[name].append(_timed(call, inside[name], device))
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], one: str, other: str) -> list[float]:
    """How many times longer `one` took than `other`, pair by pair."""
    return [a / b for a, b in zip(seconds[one], seconds[other], strict=True)]


def _timed(call: Call, inside: int, device: torch.device) -> float:
    _synchronise(device)
    start = time.perf_counter()
    for _ in range(inside):
        call()
    _synchronise(device)
    return (time.perf_counter() - start) / inside


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _collected() -> Iterator[None]:
    gc.collect()
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def peak_bytes(call: Call, device: torch.device) -> int | None:
    """Bytes that one call takes above what was there before it; ask in a fresh process, after a small warm-up.

    On CUDA what the allocator handed out. On Linux the resident high-water mark, reset first; elsewhere None,
    for no other figure there means the same (`ru_maxrss` is inherited from the parent process).
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        call()
        return max(_status("VmHWM") - before, 0)
    except (OSError, StopIteration):
        return None


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024
