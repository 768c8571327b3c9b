"""What runs inside a worker process: one job, its result sent back as plain data, nothing written but checkpoints and weights."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from suite.engines import Refused

EVERY = 0.5  # seconds between two words of progress


def work(job: str, payload: dict[str, Any], connection: Connection) -> None:
    """Carry out a job and send ("done", result), or ("failed", sentence) if it raises."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides what Ctrl-C means, and says so by SIGTERM
    last, stop = 0.0, False

    def told(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, told)

    def progress(done: int, steps: int) -> None:
        nonlocal last
        if stop:
            raise SystemExit
        if time.monotonic() - last > EVERY:
            last = time.monotonic()
            connection.send(("progress", done / steps))

    try:
        connection.send(("done", JOBS[job](payload, progress)))
    except (BrokenPipeError, ConnectionResetError):
        pass  # the driver is gone: so are we
    except Refused as refusal:
        connection.send(("refused", " ".join(str(refusal).split())))
    except BaseException as error:
        connection.send(("failed", f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0][:300]}"))


def _train(payload: dict[str, Any], progress: Callable[[int, int], None]) -> list[Any]:
    from suite.training.group import train

    if payload["specs"][0].device != "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
    return train(payload["specs"], payload["checkpoint"], payload["keep"], progress)


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


def _sleep(payload: dict[str, Any], progress: Callable[[int, int], None]) -> Path | None:
    """For tests of the pool: wait, or end the process the hard way."""
    del progress
    if "kill" in payload:
        signal.raise_signal(payload["kill"])
    time.sleep(payload["seconds"])
    return None


JOBS: dict[str, Callable[..., Any]] = {"train": _train, "peak": _peak, "times": _times, "prepare": _prepare, "baselines": _baselines, "sleep": _sleep, "calibrate": _calibrate}
