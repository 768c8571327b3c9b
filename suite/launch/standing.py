"""The page of what was measured stands until something else is measured: a command of refusals and failures adds its records alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from suite.runs.store import one, replace

CATALOGUE = "catalogue.json"


@contextmanager
def standing(out: Path, measured: Callable[[], bool]) -> Iterator[Callable[[], bool]]:
    """Put the catalogue back, however this ends, where nothing was `measured` and it names a result; yields whether that is so."""
    path = out / CATALOGUE
    before = path.read_bytes() if path.exists() else b""

    def stays() -> bool:
        return not measured() and names_a_result(before, out / "runs")

    try:
        yield stays
    finally:
        if stays() and not (path.exists() and path.read_bytes() == before):
            replace(path, before.decode())


def names_a_result(catalogue: bytes, runs: Path) -> bool:
    """Whether one of the records of a catalogue, all of the folder where it names none, has a result."""
    try:
        named = json.loads(catalogue).get("runs")
    except (ValueError, AttributeError):
        return False
    return any(_done(path) for path in (map(runs.joinpath, named) if isinstance(named, list) else sorted(runs.glob("*.json"))))


def _done(path: Path) -> bool:
    try:
        return one(path).done
    except (OSError, ValueError):
        return False
