"""Records as data frames, from wherever they lie."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from suite.runs.frame import curves as curves_of
from suite.runs.frame import frame
from suite.runs.run import Run
from suite.runs.sources import counted, gather, told
from suite.runs.store import uncollected

PLACES = "carrousel.places"  # in a frame's attrs: where its records lie
TOLD = 5  # skipped files that are named, at most


def load_runs(*places: str | Path, every: bool = False) -> pd.DataFrame:
    """One row a run, from folders that `carrousel run` wrote or published and from files of one record a line, merged.

    Columns are the fields of the spec, `status`, the scores, what it took and where, nested names joined by dots; seconds
    and bytes. Where machines did the same run, one record of it counts (`suite.runs.sources.counted`), unless `every` is
    asked for; a timing counts on each. Files that are no records are named in a warning. ValueError if there is none.

    >>> runs = load_runs("reports/published/quick")
    >>> list(runs.groupby(["task", "cell"])["test"].agg(["mean", "std", "count"]))
    ['mean', 'std', 'count']
    """
    if not places:
        raise ValueError("give one folder of records, or several")
    with uncollected():
        return framed(chosen(places, every), places)


def curves(source: pd.DataFrame | str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """One row an evaluation: id, task, cell, seed, step, loss, validation_loss, validation.

    `source` is a frame of `suite.run` or `suite.load_runs`, or a part of it, whose records are read again; or the folder,
    or several.

    >>> list(curves("reports/published/quick"))
    ['id', 'task', 'cell', 'seed', 'step', 'loss', 'validation_loss', 'validation']
    """
    if not isinstance(source, pd.DataFrame):
        return curves_of(chosen([source] if isinstance(source, (str, os.PathLike)) else source, every=False))
    if "id" not in source or not source.attrs.get(PLACES):
        raise ValueError("this frame does not say where its records lie; give the folder, as in suite.curves('reports/local/quick')")
    wanted = set(source["id"])
    return curves_of(run for run in chosen(source.attrs[PLACES], every=False) if run.id in wanted)


def framed(runs: Sequence[Run], places: Sequence[str | Path]) -> pd.DataFrame:
    """The frame of some runs, which remembers where they lie."""
    table = frame(runs)
    table.attrs[PLACES] = [str(place) for place in places]
    return table


def chosen(places: Sequence[str | Path], every: bool) -> list[Run]:
    """The records of some places that count, or every one; what was skipped is named in warnings."""
    runs, skipped = gather(*places)
    for line in told(skipped[:TOLD]):
        warnings.warn(line, stacklevel=3)
    if len(skipped) > TOLD:
        warnings.warn(f"skipped {len(skipped) - TOLD} more", stacklevel=3)
    return counted(runs, every=every)
