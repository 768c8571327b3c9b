"""A pool on this machine: one fresh process a job, so that a job that dies takes nothing with it.

Processes come from the standard library's forkserver with torch imported and nothing computed: a start costs
hundredths of a second. Every process has its threads set explicitly, and its memory limited; one that says nothing for too
long, or holds too much, is ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, NamedTuple, Self

from suite.launch.limits import USUAL, Limits
from suite.launch.memory import taken
from suite.launch.progress import clock
from suite.launch.stopping import announce
from suite.launch.worker import SAVING, too_much, work
from suite.runs.machine import Where

PATIENCE = 10.0  # seconds that training runs get to save their state when they are stopped
LAST = 5.0  # seconds that a process gets to end after its last word
TICK = 0.5  # seconds between two looks at what workers hold
PINNED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"  # PyTorch asks Linux for large pages: first touches of long sequences cost a third to a quarter


@dataclass
class Job:
    """A name in `worker.JOBS`, its arguments, and whatever the caller wants back with the outcome.

    `apart` makes the jobs it falls into if it fails as a whole. `begun` is the progress it was resumed at, `tries` how
    often it has failed, `said` its last sentence then.
    """

    name: str
    payload: dict[str, Any]
    about: Any = None
    weight: float = 1.0
    progress: float = 0.0
    label: str = ""
    apart: Callable[[], list[Job]] = list
    begun: float | None = None
    heard: float = 0.0
    tries: int = 0
    said: str = ""


class Outcome(NamedTuple):
    """`kind` is "done" with the result, "failed" or "refused" with a sentence, or "progress" with nothing.

    `cause` of a failure: it "raised", its process "died" (or hung), or it wanted too much "memory". `final` is false if it
    is tried again. `where` is None for this machine.
    """

    job: Job
    kind: str
    value: Any
    cause: str = ""
    final: bool = True
    where: Where | None = None


@dataclass
class Pool:
    """Runs jobs on up to `workers` processes; leaving it ends every process it started.

    `running` then holds what was cut off, `landed` what came to its result meanwhile.
    """

    workers: int
    threads: int = 1
    limits: Limits = USUAL
    running: dict[Connection, tuple[BaseProcess, Job]] = field(default_factory=dict)
    landed: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in PINNED:  # children and their numpy take it from here
            os.environ[name] = str(self.threads)
        os.environ.setdefault(LARGE_PAGES, "1")
        self.memory = self.limits.bytes(self.workers)
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["torch", "suite.launch.worker", "suite.training.group", "suite.training.speed"])
        with quiet(), deaf(), same_modules():
            forkserver.ensure_running()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is KeyboardInterrupt and any(job.name in SAVING for _, job in self.running.values()):
            announce()
        processes = [process for process, _ in self.running.values()]
        try:
            for process in processes:
                process.terminate()  # a training run saves its state
            self._last_words(time.monotonic() + PATIENCE)
        finally:  # also at a second Ctrl-C
            for process in processes:
                process.kill()
            for process in processes:
                process.join()

    def _last_words(self, end: float) -> None:
        """Listen to every worker until its pipe is closed: that it has ended, the server of processes may not live to tell."""
        speaking = set(self.running)
        while speaking and (left := end - time.monotonic()) > 0:
            for ready in wait(speaking, left):
                assert isinstance(ready, Connection)
                try:
                    kind, value = ready.recv()
                except (EOFError, OSError):
                    speaking.remove(ready)
                    continue
                if kind == "done":
                    self.landed.append(Outcome(self.running.pop(ready)[1], kind, value))

    def run(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Outcomes as they come; the heaviest jobs start first."""
        waiting, looked = sorted(jobs, key=lambda job: -job.weight), time.monotonic()
        while waiting or self.running:
            while waiting and len(self.running) < self.workers:
                self._start(waiting.pop(0))
            for ready in wait(list(self.running), TICK):
                assert isinstance(ready, Connection)
                yield self._heard(ready)
            if time.monotonic() - looked < TICK:
                continue
            looked = time.monotonic()
            for connection in list(self.running):
                if sentence := self._beyond(*self.running[connection]):
                    yield self._stopped(connection, *sentence)

    def _start(self, job: Job) -> None:
        ours, theirs = self.context.Pipe(duplex=False)
        process = self.context.Process(target=work, args=(job.name, job.payload, theirs, self.threads, self.memory), daemon=True)
        with hidden_main():
            process.start()
        theirs.close()
        job.heard = time.monotonic()
        self.running[ours] = (process, job)

    def _heard(self, connection: Connection) -> Outcome:
        _, job = self.running[connection]
        try:
            kind, value = connection.recv()
        except (EOFError, OSError):
            return Outcome(job, "failed", death(self._ended(connection)), "died")
        job.heard = time.monotonic()
        if kind == "progress":
            job.progress = value
            job.begun = value if job.begun is None else job.begun
            return Outcome(job, kind, None)
        self._ended(connection)
        return Outcome(job, "failed", value, "memory") if kind == "memory" else Outcome(job, kind, value, "raised" if kind == "failed" else "")

    def _ended(self, connection: Connection) -> int | None:
        """The exit status of a process that has said its last word."""
        process, _ = self.running.pop(connection)
        process.join(LAST)
        process.kill()
        process.join()
        connection.close()
        return process.exitcode

    def _beyond(self, process: BaseProcess, job: Job) -> tuple[str, str] | None:
        """The sentence and the cause if a worker is to be stopped."""
        if time.monotonic() - job.heard > self.limits.timeout:
            return f"the worker said nothing for {clock(self.limits.timeout)} and was stopped", "died"
        if taken(process.pid) > self.memory:
            return too_much(self.memory), "memory"
        return None

    def _stopped(self, connection: Connection, sentence: str, cause: str) -> Outcome:
        process, job = self.running[connection]
        process.kill()
        self._ended(connection)
        return Outcome(job, "failed", sentence, cause)


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
def deaf() -> Iterator[None]:
    """SIGTERM waits while the server of processes starts, which is never to hear it: batch systems send it to all at once, and workers outlive it to save."""
    resource_tracker.ensure_running()  # its start would let the signal in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def same_modules() -> Iterator[None]:
    """The server of processes finds modules where we do, and not in the folder it happens to start in."""
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONSAFEPATH")}
    os.environ.update(PYTHONPATH=os.pathsep.join(os.path.abspath(place) for place in sys.path), PYTHONSAFEPATH="1")
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({name: value} if value is not None else {})


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
        name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
        return f"the worker was killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
    return f"the worker ended with status {code} before its result"


