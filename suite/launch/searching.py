"""A search carried out: all trials, then the choice, then the runs that are reported; and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from suite.experiments import Experiment
from suite.experiments.experiment import Asked
from suite.experiments.search import Contestant, Search, at_the_end, best
from suite.launch.completion import Completion
from suite.launch.lookup import task_of
from suite.runs import Run, SpeedSpec, TrainSpec


@dataclass
class Carried:
    """What came of an experiment: every record that belongs to it, and the page."""

    out: Path
    runs: list[Run]
    page: Path | None = None

    @property
    def failed(self) -> list[Run]:
        """Runs that raised, died or were cut off."""
        return [run for run in self.runs if run.failed]


def searched(experiment: Experiment, found: Asked, carry_out: Callable[..., Carried], keep: Callable[..., Sequence[Any]] = list) -> Carried:
    """An experiment carried out; with a search all trials first, and then what is reported. `keep` says which of some specs are carried out."""
    if experiment.search is None:
        return carry_out(experiment, keep(found.specs))
    trials = carry_out(experiment, keep([spec for contestant in found.contestants for trial in contestant.trials for spec in trial]))
    chosen, said = choices(experiment.search, found.contestants, trials.runs)
    print(*said, sep="\n", file=sys.stderr, flush=True)
    reported: list[TrainSpec | SpeedSpec] = [*chosen, *found.timed]
    if not reported:
        return trials
    last = carry_out(replace(experiment, seeds=len(found.contestants[0].again[0]) or experiment.seeds), keep(reported))
    return Carried(last.out, [*trials.failed, *last.runs], last.page)


def choices(search: Search, contestants: Sequence[Contestant], runs: Sequence[Run]) -> tuple[list[TrainSpec], list[str]]:
    """The specs that are reported, and a line for every contestant: what was chosen, or that not all of its trials have a result."""
    known = {run.id: run for run in runs if run.done}
    completed, said = Completion(), []
    chosen: list[TrainSpec] = []
    for contestant in contestants:
        whole = [[known.get(completed.fitted(spec)[0].id) for spec in trial] for trial in contestant.trials]
        first = contestant.trials[0][0]
        missing = sum(run is None for trial in whole for run in trial)
        if missing:
            said.append(f"{first.task} {first.cell}: {missing} of {sum(map(len, whole))} trial runs have no result, and nothing is chosen yet")
            continue
        task = task_of(first.task)
        number = best([[run for run in trial if run is not None] for trial in whole], task.better, task.solves)
        chosen += contestant.again[number] if search.fresh else contestant.trials[number]
        point = ", ".join(f"{path} {value:.4g}" if isinstance(value, float) else f"{path} {value}" for path, value in search.trials[number].items())
        notes = "".join(f"; {note}, its range may be too narrow" for note in at_the_end(search, number))
        said.append(f"{first.task} {first.cell}: chosen is {point}, trial {number + 1} of {len(whole)}{notes}")
    return chosen, said
