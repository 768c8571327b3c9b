"""How a command ends before its end: told to stop, or with nowhere left to write."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
GOES_ON = "what has finished is kept, and the same command goes on from there"


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM, by which batch systems announce an end, is a Ctrl-C; a second one of either ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def announce() -> None:
    """Say what a first Ctrl-C does."""
    print("carrousel: stopping; runs under way save their state, Ctrl-C again stops at once", file=sys.stderr, flush=True)


@contextmanager
def room(out: Path) -> Iterator[None]:
    """A disk that is full, or can no longer be written to, in one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or not str(error.filename or out).startswith(str(out)):
            raise
        raise OSError(f"cannot write to '{out}': {error.strerror}; {GOES_ON}") from None


def sweep(out: Path) -> None:
    """Remove what a killed command had begun to write; only the one who holds the folder may ask."""
    for litter in (*out.glob(".*.part"), *(out / "runs").glob(".*.part"), *(out / "checkpoints").glob("*.part"), *(out / "weights").glob("*.part")):
        litter.unlink(missing_ok=True)
