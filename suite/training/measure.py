"""The one way to time a call and to weigh it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

Call = Callable[[], object]
Part = Callable[[Any], object]


def interleaved(calls: Mapping[str, Call], repeats: int, device: torch.device, warmup: int = 2, shortest: float = 1e-3) -> dict[str, list[float]]:
    """Seconds a call of every contestant, `repeats` each, taken in turn so that a drift of the machine hits all alike.

    A call shorter than `shortest` is repeated inside one measurement. The device is synchronised before each
    reading of the clock; garbage collection waits.
    """
    found = in_parts({name: [partial(_alone, call)] for name, call in calls.items()}, repeats, device, warmup, shortest)
    return {name: [seconds for (seconds,) in values] for name, values in found.items()}


def in_parts(calls: Mapping[str, Sequence[Part]], repeats: int, device: torch.device, warmup: int = 2, shortest: float = 1e-3) -> dict[str, list[list[float]]]:
    """The same for contestants of several parts, each given what the part before it returned: seconds of every part."""
    inside = {}
    for name, parts in calls.items():
        for _ in range(warmup):
            _timed(parts, 1, device)
        once = sum(_timed(parts, 1, device))
        inside[name] = max(1, int(shortest / max(once, 1e-9)) + 1) if once < shortest else 1
    seconds: dict[str, list[list[float]]] = {name: [] for name in calls}
    with _collected():
        for _ in range(repeats):
            for name, parts in calls.items():
                seconds[name].append(_timed(parts, inside[name], device))
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], one: str, other: str) -> list[float]:
    """How many times longer `one` took than `other`, pair by pair."""
    return [a / b for a, b in zip(seconds[one], seconds[other], strict=True)]


def _alone(call: Call, before: object) -> object:
    del before
    return call()


def _timed(parts: Sequence[Part], inside: int, device: torch.device) -> list[float]:
    """Seconds of each part, by the clock; on CUDA by events that the device notes between its kernels, for to wait there would cost time."""
    _synchronise(device)
    marks = [_mark(device)]
    for _ in range(inside):
        value: object = None
        for part in parts:
            value = part(value)
            marks.append(_mark(device))
    _synchronise(device)
    whole = _seconds(marks[0], marks[-1]) / inside
    between = [_seconds(a, b) for a, b in pairwise(marks)]
    early = [sum(between[k :: len(parts)]) / inside for k in range(len(parts) - 1)]
    return [*early, max(whole - sum(early), 0.0)]


def _mark(device: torch.device) -> Any:
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event


def _seconds(a: Any, b: Any) -> float:
    return float(b - a) if isinstance(a, float) else float(a.elapsed_time(b)) / 1e3


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


def high_water(call: Call, device: torch.device) -> int | None:
    """Bytes that the process holds at the height of one call; on CUDA what the allocator handed out. None where it cannot be told."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        call()
        return torch.cuda.max_memory_allocated(device)
    try:
        Path("/proc/self/clear_refs").write_text("5")
        call()
        return _status("VmHWM")
    except (OSError, StopIteration):
        return None


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024
