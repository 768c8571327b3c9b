"""Records from wherever they lie: folders of runs, published files, several of them merged."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from suite.runs.run import Run, named
from suite.runs.store import LIMIT, Skipped, Store, reason, uncollected

RECORDS = "records.jsonl"
Found = tuple[list[tuple[Run, str]], list[Skipped]]


def gather(*places: str | Path) -> tuple[list[Run], list[Skipped]]:
    """Every record of some places, and what was skipped there.

    A place is a folder that `carrousel run` wrote, or its `runs`, a folder that was published, or a file of one record a
    line. ValueError for a place that is not there or has no records, and if nothing can be read.
    """
    runs: list[Run] = []
    skipped: list[Skipped] = []
    for place in places:
        found, left = written(Path(place))
        if not found and not left:
            raise ValueError(f"'{place}' holds no records; give a folder that `carrousel run` wrote, or a file of one record a line")
        runs += [run for run, _ in found]
        skipped += left
    if skipped and not runs:
        raise ValueError(f"no record can be read: {shown(skipped[0].path)}: {skipped[0].reason}" + (f"; and {len(skipped) - 1} more" if skipped[1:] else ""))
    return runs, skipped


def written(place: Path) -> Found:
    """The records of one place, each with the name of the file that it was written to. A folder may hold none."""
    if not place.exists():
        raise ValueError(f"there is no '{place}'")
    if not place.is_dir():
        return lines(place)
    whole = (place / "runs").is_dir() or (place / "catalogue.json").exists() or (place / RECORDS).exists()
    named_files, skipped = Store(place / "runs" if whole else place).named()
    found = [(run, path.name) for run, path in named_files]
    if (place / RECORDS).exists():
        more, left = lines(place / RECORDS)
        known = {name for _, name in found}
        return found + [(run, name) for run, name in more if name not in known], skipped + left
    return found, skipped


def lines(path: Path) -> Found:
    """The records of a file of one a line."""
    found, skipped = [], []
    with uncollected():
        for number, line in enumerate(_lines(path), start=1):
            try:
                found += [named(line)] if line.strip() else []
            except ValueError as error:
                skipped.append(Skipped(path, f"line {number}: {error}"))
    return found, skipped


def _lines(path: Path) -> Iterator[bytes]:
    """Its lines; what is longer than a record may be comes in pieces, which are none."""
    if not path.is_file():
        raise ValueError(f"'{path}' is neither a folder nor a file")
    try:
        with path.open("rb") as file:
            while line := file.readline(LIMIT):
                yield line
    except OSError as error:
        raise ValueError(f"'{path}': {reason(error)}") from None


def counted(runs: Iterable[Run], *, every: bool = False) -> list[Run]:
    """One record a training run, and one a timing and machine: those that count where machines did the same. `every`: one a machine.

    A result counts before a record that is none, a finished run before one that diverged, then the machine whose name
    comes first, then the record that was given first. So a seed is never counted twice, and the choice does not depend on
    the order in which folders were merged.
    """
    best: dict[tuple[str, str], Run] = {}
    for run in runs:
        key = (run.id, run.where.machine if every or run.spec.kind == "speed" else "")
        if key not in best or _rank(run) < _rank(best[key]):
            best[key] = run
    return list(best.values())


def _rank(run: Run) -> tuple[bool, bool, str]:
    return not run.done, run.status != "done", run.where.machine


def shown(path: Path) -> str:
    """A path that can be written anywhere, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", errors="replace")


def told(skipped: Sequence[Skipped]) -> list[str]:
    """A line for everything that was skipped."""
    return [f"skipped '{shown(path)}': {why}" for path, why in skipped]
