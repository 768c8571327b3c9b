"""A folder of records: one file a run, replaced whole, read with suspicion."""

from __future__ import annotations

import gc
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from suite.runs.run import Run
from suite.runs.run import named as named_run

CATALOGUE = "catalogue.json"  # beside the records: what they are of
LIMIT = 16 * 2**20  # a record is some kilobytes; what is larger is none


class Skipped(NamedTuple):
    """A file that is no record, and why."""

    path: Path
    reason: str


class Store:
    """Records under `folder`; only one process writes, any may read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> tuple[list[Run], list[Skipped]]:
        """Every record, by file name, and every file that was not one."""
        found, skipped = self.named()
        return [run for run, _ in found], skipped

    def named(self) -> tuple[list[tuple[Run, Path]], list[Skipped]]:
        """The same, each with its file."""
        runs, skipped = [], []
        with uncollected():
            for path in sorted(self.folder.glob("*.json")):
                try:
                    runs.append((one(path), path))
                except (OSError, ValueError) as error:
                    skipped.append(Skipped(path, reason(error)))
        return runs, skipped

    def migrate(self) -> dict[str, str]:
        """Give records of an earlier schema the name and the form of today's; their ids, old -> new. Only the one who writes may ask.

        Of several records of one run a result stays, today's before an older one.
        """
        found, _ = self.named()
        today = {run.file: run for run, path in found if run.file == path.name}
        renamed = {}
        for run, path in found:
            if run.file != path.name:
                renamed[path.stem.partition("-")[0]] = run.id
                if run.file not in today or (run.done and not today[run.file].done):
                    self.write(run)
                    today[run.file] = run
                path.unlink()
        return renamed

    def write(self, run: Run) -> Path:
        """Put a record in its place at once; a file that stands there and is not this record is set aside, not overwritten."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / run.file
        if os.path.lexists(path):
            try:
                one(path)
            except (OSError, ValueError):
                aside(path)
        replace(path, run.text())
        return path


def one(path: Path) -> Run:
    """The record in a file; a ValueError of one sentence if it is none, or not the one of that name."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no file")  # a pipe would be waited for
    with path.open("rb") as file:
        content = file.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise ValueError(f"it is larger than {LIMIT >> 20} MiB")
    run, name = named_run(content)
    if name != path.name:
        raise ValueError(f"its content belongs into {name}")
    return run


def reason(error: OSError | ValueError) -> str:
    """Why a file is skipped, without its path."""
    return f"it cannot be read: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)


def aside(path: Path) -> Path:
    """Give a file that is no record a name that no other has."""
    names = (path.with_name(f"{path.stem}{f'-{number}' if number else ''}.damaged") for number in count())
    free = next(name for name in names if not os.path.lexists(name))
    os.replace(path, free)
    return free


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection: thousands of records are a million objects that stay, and looking through them again and again takes most of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def has_result(path: Path) -> bool:
    """Whether a record with a result is there."""
    try:
        return one(path).done
    except (OSError, ValueError):
        return False


def replace(path: Path, text: str) -> None:
    """Write a file so that a reader, or the next start, sees all of it or none."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def write_lines(path: Path, runs: Iterable[Run]) -> None:
    """The published form: one record a line, sorted by file name."""
    lines = [" ".join(run.text().split("\n ")).replace("\n", "") for run in sorted(runs, key=lambda r: r.file)]
    replace(path, "".join(f"{line}\n" for line in lines))
