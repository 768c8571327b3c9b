"""Runs done again from their records, and what came of it beside what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from suite.experiments import Experiment
from suite.launch.limits import USUAL, Limits
from suite.launch.run import carry_out
from suite.launch.searching import Carried
from suite.names import unknown
from suite.runs import Run
from suite.runs.sources import counted, gather


def chosen(place: Path, ids: Sequence[str]) -> list[Run]:
    """The records of some ids, or of how they begin; a ValueError for one that is not there or stands for several."""
    runs = counted(gather(place)[0])
    found = []
    for wanted in ids:
        alike = [run for run in runs if run.id.startswith(wanted.partition("-")[0])]
        if not alike:
            raise ValueError(unknown(wanted, sorted({run.id for run in runs})[:8], "run"))
        if len({run.id for run in alike}) > 1:
            raise ValueError(f"'{wanted}' begins the ids of {len(alike)} runs; give more of it")
        found.append(alike[0])
    return list({run.id: run for run in found}.values())


def repeat(place: Path, ids: Sequence[str], out: Path, command: str, limits: Limits = USUAL) -> tuple[Carried, list[str]]:
    """Carry out the specs of some records as they stand, into a folder of its own; and a line a run, then and now.

    The equations are those of this installation: where a cell's have changed since, its run has another id, and the line says so.
    """
    old = chosen(place, ids)
    cells = tuple(dict.fromkeys(run.spec.cell for run in old))
    experiment = Experiment(name="repeat", question=f"Do {len(old)} recorded runs come out again?" if len(old) > 1 else "Does a recorded run come out again?", cells=cells, recipes=())
    carried = carry_out(experiment, [run.spec for run in old], out, command, limits=limits)
    return carried, [told(run, carried.runs) for run in old]


def told(old: Run, new: Sequence[Run]) -> str:
    """One run then and now."""
    again = next((run for run in new if run.id == old.id), None)
    if again is None:
        return f"{old.id}: done under another id, for the equations or the data are others today"
    return f"{old.id}: {ended(old)} then, {ended(again)} now"


def ended(run: Run) -> str:
    """How a run ended, with its score or its time."""
    if run.score is not None and run.score.test is not None:
        return f"{run.status}, test {run.score.test:.6g}"
    return f"{run.status}, {1e3 * run.costs.step.median:.4g} ms a step" if run.costs.step else run.status
