"""What every page of a site is made from: the catalogue, the records that count, one look, what they say of each task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from suite.report.catalogue import Catalogue, CellEntry
from suite.report.exhibit import Entry, slug
from suite.report.style import Look
from suite.report.summary import Summary, summaries
from suite.report.ways import apart
from suite.runs import Run, SpeedSpec, TrainSpec

T = TypeVar("T")
COMMAND = "carrousel repeat . {id}"  # in the folder of the page


class Found(NamedTuple):
    """What a site is about before anything is drawn; `flows` are gradients by run, `history` a folder of asv's results."""

    catalogue: Catalogue
    runs: Sequence[Run]
    skipped: Sequence[str] = ()
    flows: dict[str, Any] = {}  # noqa: RUF012
    history: Path | None = None
    records: str = ""  # the file of one record a line beside the pages, if there is one


@dataclass(frozen=True)
class Material:
    """`runs` as pages name them: a cell is called after what tells its networks apart, and `base` says which cell it is."""

    found: Found
    runs: list[Run]
    cells: list[str]
    base: dict[str, str]
    look: Look
    summaries: list[Summary]
    told: Callable[[str], None] = field(default=lambda _: None)
    made: dict[object, Any] = field(default_factory=dict)

    def once(self, key: object, make: Callable[[], T]) -> T:
        """What several pages show is made once."""
        if key not in self.made:
            self.made[key] = make()
        found: T = self.made[key]
        return found

    def trained(self, task: str) -> list[Run]:
        """The training runs of a task."""
        return self._by_task.get(task, [])

    @cached_property
    def _by_task(self) -> dict[str, list[Run]]:
        found: dict[str, list[Run]] = {}
        for run in self.runs:
            if isinstance(run.spec, TrainSpec):
                found.setdefault(run.spec.task, []).append(run)
        return found

    @property
    def catalogue(self) -> Catalogue:
        """What the run wrote beside its records."""
        return self.found.catalogue

    @cached_property
    def described(self) -> dict[str, CellEntry]:
        """Every cell that is spoken of, by name; one that the catalogue does not know has nothing but its name."""
        names = [*(entry.name for entry in self.catalogue.cells), *self.base.values()]
        known = {entry.name: entry for entry in self.catalogue.cells}
        return {name: known.get(name, CellEntry(name=name)) for name in dict.fromkeys(names)}

    @cached_property
    def timed(self) -> list[Run]:
        """Timings, those that were refused too."""
        return [run for run in self.runs if isinstance(run.spec, SpeedSpec)]

    def cell_entry(self, name: str) -> Entry:
        """A contestant for a table: its mark, and where its cell is described."""
        return Entry(name, href=cell_file(self.base.get(name, name)), mark=self.look.swatch(name) if name in self.look.marks else "", css="name")

    def task_entry(self, name: str) -> Entry:
        """A task for a table."""
        summary = next((s for s in self.summaries if s.name == name), None)
        return Entry(summary.label if summary else name, href=task_file(name) if summary else "", css="name")


def cell_file(name: str) -> str:
    """The page of a cell."""
    return f"cell-{slug(name)}.html"


def task_file(name: str) -> str:
    """The page of a task, after its canonical name."""
    return f"task-{slug(name)}.html"


def runs_link(**wanted: str) -> str:
    """The page of runs with some of them chosen: by task, cell, status or id."""
    from urllib.parse import quote

    return "runs.html#" + "&".join(f"{key}={quote(value, safe='')}" for key, value in wanted.items())


def material(found: Found, told: Callable[[str], None] = lambda _: None) -> Material:
    """Everything at hand: runs told apart, cells in the catalogue's order, one look for all pages."""
    found = found._replace(runs=sorted(found.runs, key=lambda run: (run.spec.kind, getattr(run.spec, "task", ""), run.spec.cell, getattr(run.spec, "seed", 0), run.file)))  # whatever order they came in
    runs = apart(found.runs, found.catalogue.drawn)
    base = {run.spec.cell: own.spec.cell for run, own in zip(runs, found.runs, strict=True)}
    ran = set(base)
    cells = list(dict.fromkeys([*(entry.name for entry in found.catalogue.cells if entry.name in ran), *(run.spec.cell for run in runs)]))  # a layer above is no contestant
    others = [name for name in dict.fromkeys([*(entry.name for entry in found.catalogue.cells), *base.values()]) if name not in ran]
    look = Look([*cells, *others], sorted({run.spec.engine for run in runs if isinstance(run.spec, SpeedSpec)}))
    return Material(found, runs, cells, base, look, summaries(runs, found.catalogue.tasks, cells, found.catalogue.drawn), told)


def not_run(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """What has no result, by sentence, with how many runs it concerns."""
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for run in runs:
        if run.status != "done":
            kind, _, reason = run.status.partition(": ")
            counted[getattr(run.spec, "task", f"speed, engine {run.spec.engine}"), run.spec.cell, reason or kind, kind.partition(" at ")[0]] += 1
    merged: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    for (what, cell, reason, kind), n in counted.items():
        merged.setdefault((what, reason, kind), []).append((cell, n))
    return [{"what": what, "ended": kind, "cells": cells, "reason": reason, "n": sum(n for _, n in cells)} for (what, reason, kind), cells in merged.items()]
