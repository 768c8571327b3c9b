"""What runs inside a worker process: one job, its result sent back as plain data, nothing written but checkpoints and weights.

A worker ends when its driver does, however that ended.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import torch

from suite.engines import Refused
from suite.launch.limits import written
from suite.launch.memory import hold, let_go
from suite.runs.spec import TrainSpec

EVERY = 0.5  # seconds between two words of progress
SAVING = ("train",)  # jobs that save their state when they are told to stop


def work(job: str, payload: dict[str, Any], connection: Connection, threads: int, memory: int) -> None:
    """Carry out a job and send ("done", result), or ("failed", "refused" or "memory", sentence) if it raises."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides what Ctrl-C means, and says so by SIGTERM
    last, stop = 0.0, False

    def told(*_: object) -> None:
        nonlocal stop
        stop = True

    if job in SAVING:
        signal.signal(signal.SIGTERM, told)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])  # which the server of processes does not hear
    threading.Thread(target=_follow, args=(connection.fileno(),), daemon=True).start()
    torch.set_num_threads(threads)

    def progress(done: int, steps: int) -> None:
        nonlocal last
        if stop:
            raise SystemExit
        if time.monotonic() - last > EVERY:
            last = time.monotonic()
            connection.send(("progress", done / steps))

    try:
        if _on_cpu(payload):  # CUDA reserves more than it takes; there the driver watches
            if job == "train":
                _compile(payload["specs"][0])
            hold(memory)
        connection.send(("done", JOBS[job](payload, progress)))
    except (BrokenPipeError, ConnectionResetError):
        pass  # the driver is gone: so are we
    except BaseException as error:
        let_go()
        connection.send(_last_word(error, memory))


def _follow(pipe: int) -> None:
    """End with the driver: what is written to a pipe that nobody holds the other end of is for nobody."""
    watch = select.poll()
    watch.register(pipe, 0)  # errors are told whatever is asked for
    watch.poll()
    os._exit(1)


def _on_cpu(payload: dict[str, Any]) -> bool:
    specs = [*payload.get("specs", ()), *([payload["spec"]] if "spec" in payload else [])]
    return all(spec.device == "cpu" for spec in specs)


def _compile(spec: TrainSpec) -> None:
    """Have an engine's code made for a spec, outside the worker's limit: a compiler short of memory refuses what it can compile."""
    from suite import catalogue

    for cell, units in ((spec.cell, spec.units), *((layer.cell, layer.units) for layer in spec.above)):
        catalogue.engine(spec.engine).prepare(catalogue.cell(cell, units), getattr(torch, spec.dtype), torch.device(spec.device))


def _last_word(error: BaseException, memory: int) -> tuple[str, str]:
    """What a job that raised says: the kind of its end, and one sentence."""
    said = " ".join((str(error) or "no message").splitlines()[0].split())
    if isinstance(error, Refused):
        return "refused", " ".join(str(error).split())
    if isinstance(error, torch.OutOfMemoryError):
        return "memory", f"the memory of the GPU did not hold it: {said[:300]}"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error)):
        return "memory", too_much(memory)
    return "failed", f"{type(error).__name__}: {said[:300]}"


def too_much(memory: int) -> str:
    """The sentence of a worker that wanted more memory than it may take."""
    return f"the worker wanted more than the {written(memory)} of memory that it may take; --memory allows more, and so do fewer --workers"


def _train(payload: dict[str, Any], progress: Callable[[int, int], None]) -> tuple[list[Any], int]:
    """The results of a group, and the threads that PyTorch really had."""
    from suite.launch.filling import admit
    from suite.training.group import train

    admit(payload["specs"])
    if payload["specs"][0].device != "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
    return train(payload["specs"], payload["checkpoint"], payload["keep"], progress, payload.get("collect")), torch.get_num_threads()


def _peak(payload: dict[str, Any], progress: Callable[[int, int], None]) -> int | None:
    del progress
    from suite.training.speed import peak

    return peak(payload["spec"])


def _times(payload: dict[str, Any], progress: Callable[[int, int], None]) -> list[Any]:
    del progress
    from suite.training.speed import times

    return times(payload["specs"])


def _prepare(payload: dict[str, Any], progress: Callable[[int, int], None]) -> float:
    del progress
    from suite.training.preparing import seconds

    return seconds(payload["spec"], payload["cache"])


def _baselines(payload: dict[str, Any], progress: Callable[[int, int], None]) -> list[dict[str, Any]]:
    del progress
    from suite import catalogue
    from suite.tasks.baselines import baselines

    torch.set_num_threads(1)
    return [b._asdict() for b in baselines(catalogue.task(payload["task"]))]


def _calibrate(payload: dict[str, Any], progress: Callable[[int, int], None]) -> tuple[Any, ...]:
    del progress
    from suite.training.calibrate import calibrate

    spec = payload["spec"]
    return calibrate(spec.cell, spec.engine, spec.dtype, spec.device, spec.threads)


def _where(payload: dict[str, Any], progress: Callable[[int, int], None]) -> Any:
    """The machine of this process."""
    del progress
    from suite.runs.machine import where

    return where(accelerator([payload["device"]]))


def accelerator(devices: Sequence[str]) -> str:
    """The name of the GPU in use, or "none"."""
    wanted = [d for d in devices if d.startswith("cuda")]
    return torch.cuda.get_device_name(wanted[0]) if wanted and torch.cuda.is_available() else "none"


def _sleep(payload: dict[str, Any], progress: Callable[[int, int], None]) -> int | None:
    """For tests of the pool: wait, end the process the hard way, take memory without bound, or say how many threads there are."""
    del progress
    if "kill" in payload:
        signal.raise_signal(payload["kill"])
    held: list[Any] = []
    while "take" in payload:
        held.append(torch.ones(payload["take"], dtype=torch.uint8))
    time.sleep(payload["seconds"])
    return torch.get_num_threads() if "threads" in payload else None


JOBS: dict[str, Callable[..., Any]] = {"train": _train, "peak": _peak, "times": _times, "prepare": _prepare, "baselines": _baselines, "where": _where, "calibrate": _calibrate, "sleep": _sleep}
