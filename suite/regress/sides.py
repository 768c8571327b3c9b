"""A tree to be measured, and a process that measures it: one JSON object a line each way."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from types import TracebackType
from typing import Any, Self

from suite.regress.judge import LOST

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
QUIET = {"OMP_WAIT_POLICY": "passive", "PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1"}  # threads that wait do not spin beside the others


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    name     what the table calls it
    path     folders that Python looks into first; the tree's own before that of the benchmarks
    python   the interpreter, and with it the torch
    worker   what is started: a program that answers as `benchmarks.worker` does
    """

    name: str
    path: tuple[Path, ...]
    python: str = sys.executable
    worker: tuple[str, ...] = ("-m", "benchmarks.worker")
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> Process:
        """A fresh process of it."""
        return Process([self.python, *self.worker], os.environ | ONE_THREAD | QUIET | {"PYTHONPATH": os.pathsep.join(map(str, self.path))} | dict(self.environment))


class Process:
    """A worker, with whatever it starts. What it does not answer in time, or dies of, is an answer too: `{"lost": sentence}`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(command, env=environment, cwd=self.folder.name, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, start_new_session=True)  # noqa: S603
        self.rest, self.over = b"", False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self.process.poll() is None

    def send(self, **asked: Any) -> None:
        """Ask, and do not wait."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(asked).encode() + b"\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # `answer` says why

    def answer(self, timeout: float, end: float | None = None) -> dict[str, Any]:
        """What it answers within so many seconds, or until then where several share them; a process that does not is stopped."""
        assert self.process.stdout is not None
        end = time.monotonic() + timeout if end is None else end
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(end - time.monotonic(), 0))
            read = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not ready:
                self.stop()
                return {LOST: f"timed out after {timeout:g} s"}
            if not read:
                return {LOST: self._died()}
            self.rest += read
        line, _, self.rest = self.rest.partition(b"\n")
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError:
            return {LOST: f"answered what is no JSON: {line[:80]!r}"}
        return found

    def ask(self, timeout: float, end: float | None = None, **asked: Any) -> dict[str, Any]:
        """Ask and wait."""
        self.send(**asked)
        return self.answer(timeout, end)

    def stop(self) -> None:
        """End it, whatever it does, and what it started, a compiler that hangs say."""
        if self.over:
            return
        self.over = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass
        self.folder.cleanup()

    def _died(self) -> str:
        status = self.process.wait()
        self.errors.seek(0)
        said = [line for line in self.errors.read().decode(errors="replace").splitlines() if line.strip()]
        return f"its process ended with {f'signal {-status}' if status < 0 else f'status {status}'}" + (f": {said[-1].strip()[:300]}" if said else "")
