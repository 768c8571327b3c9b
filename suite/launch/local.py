"""A pool on this machine: one fresh process a job, so that a job that dies takes nothing with it.

Processes come from the standard library's forkserver with torch imported and nothing computed: a start costs
hundredths of a second. Every process has its threads set explicitly.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, Self

from suite.launch.worker import work
from suite.runs.machine import Where

PATIENCE = 2.0  # seconds that jobs get to save their state when they are stopped
PINNED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class Job:
    """A name in `worker.JOBS`, its arguments, and whatever the caller wants back with the outcome."""

    name: str
    payload: dict[str, Any]
    about: Any = None
    weight: float = 1.0
    progress: float = 0.0


class Outcome(NamedTuple):
    """`kind` is "done" with the result, "failed" with a sentence, or "progress" with nothing. `where` is None for this machine."""

    job: Job
    kind: str
    value: Any
    where: Where | None = None


@dataclass
class Pool:
    """Runs jobs on up to `workers` processes; leaving it ends every process it started. `running` then holds what was cut off."""

    workers: int
    threads: int = 1
    running: dict[Connection, tuple[BaseProcess, Job]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in PINNED:  # children and their numpy take it from here
            os.environ[name] = str(self.threads)
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["torch", "suite.launch.worker", "suite.training.group", "suite.training.speed"])
        with quiet():
            forkserver.ensure_running()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process, _job in self.running.values():
            process.terminate()  # a training run saves its state
        end = time.monotonic() + PATIENCE
        for process, _job in self.running.values():
            process.join(max(end - time.monotonic(), 0.0))
            process.kill()
            process.join()

    def run(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Outcomes as they come; the heaviest jobs start first."""
        waiting = sorted(jobs, key=lambda job: -job.weight)
        while waiting or self.running:
            while waiting and len(self.running) < self.workers:
                self._start(waiting.pop(0))
            for ready in wait(list(self.running)):
                assert isinstance(ready, Connection)
                yield self._heard(ready)

    def _start(self, job: Job) -> None:
        ours, theirs = self.context.Pipe(duplex=False)
        process = self.context.Process(target=work, args=(job.name, job.payload, theirs), daemon=True)
        with hidden_main():
            process.start()
        theirs.close()
        self.running[ours] = (process, job)

    def _heard(self, connection: Connection) -> Outcome:
        process, job = self.running[connection]
        try:
            kind, value = connection.recv()
        except (EOFError, OSError):
            process.join()
            kind, value = "failed", death(process.exitcode)
        if kind == "progress":
            job.progress = value
            return Outcome(job, kind, None)
        del self.running[connection]
        process.join()
        connection.close()
        return Outcome(job, kind, value)


@contextmanager
def quiet() -> Iterator[None]:
    """Ctrl-C is ours alone while the server of processes starts: it would die of it with a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def hidden_main() -> Iterator[None]:
    """Children do not import the caller's script again, so `suite.run` needs no `if __name__ == "__main__"`."""
    main = sys.modules["__main__"]
    held: dict[str, Any] = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    vars(main)["__spec__"] = None
    try:
        yield
    finally:
        vars(main).update(held)


def death(code: int | None) -> str:
    """How a process ended that said nothing."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"the worker was killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
    return f"the worker ended with status {code} before its result"


