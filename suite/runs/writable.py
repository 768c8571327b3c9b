"""A folder that one process writes to at a time."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """A folder that can be written to and that no other `carrousel run` writes to; OSError in one sentence if not."""
    try:
        (out / "runs").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out / "runs"):
            pass
    except OSError as error:
        raise OSError(f"cannot write to '{out}': {error.strerror}") from None
    with held(out, "run"):
        yield


@contextmanager
def held(out: Path, what: str) -> Iterator[None]:
    """A folder that is there, held by one process at a time."""
    try:
        lock = (out / ".lock").open("w")
    except OSError as error:
        raise OSError(f"cannot write to '{out}': {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"another {what} is writing to '{out}'; wait for it, or give --out another folder") from None
        yield
