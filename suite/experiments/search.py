"""A search of settings that is the same for every cell: equal trials, equal seeds, one declared range; then fresh seeds.

For each cell and task every trial is run with the same seeds. The best is the one with the best mean over its seeds of the score at the
step that was best on validation; a trial of which a run has diverged comes after all that have fewer such runs; of equal ones the
first is taken. Where runs end as soon as their task is solved their last score says nothing: there the best trial is the one of which most runs
solved it, and of such the one that took fewest updates. It is then run again with seeds that no trial has seen, and those runs alone are reported: what won a search by
luck is not lucky twice. With `fresh = false` the runs of the best trial are reported themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

from pydantic import Field, model_validator

from suite.experiments import points
from suite.experiments.points import Grid, Point, Sample
from suite.runs.run import Run
from suite.runs.spec import Frozen, Positive, TrainSpec


class Search(Frozen):
    """Trials from a `grid` or a `sample` of settings, `seeds` runs each; `fresh`: the best is run again with the experiment's number of seeds."""

    grid: Grid = Field(default_factory=dict)
    sample: Sample | None = None
    seeds: Positive = 1
    fresh: bool = True

    @model_validator(mode="after")
    def _one_space(self) -> Self:
        if bool(self.grid) == bool(self.sample):
            raise ValueError("must have trials from either a grid or a sample")
        return self

    @property
    def trials(self) -> list[Point]:
        """The settings of every trial."""
        return points.sample(self.sample) if self.sample else points.grid(self.grid)

    @property
    def varied(self) -> list[str]:
        """The settings that are searched."""
        return list(self.sample.space if self.sample else self.grid)


class Contestant(NamedTuple):
    """One cell on one task at one point: where it is asked for, specs by trial and seed, and those that the best trial would be run again as."""

    place: str
    trials: tuple[tuple[TrainSpec, ...], ...]
    again: tuple[tuple[TrainSpec, ...], ...]


def best(trials: Sequence[Sequence[Run]], better: str, solves: Callable[[float], bool] = lambda _: False) -> int:
    """The number of the best trial; `better` is "higher" or "lower", which way the task's score goes, `solves` whether a score solves it."""
    sign = -1.0 if better == "higher" else 1.0

    def rank(number: int) -> tuple[float, ...]:
        runs = [(run, run.score.validation) for run in trials[number] if run.status == "done" and run.score is not None and run.score.validation is not None]
        ended = [run.score.best_step for run, value in runs if run.score is not None and isinstance(run.spec, TrainSpec) and run.spec.until_solved and solves(value)]
        mean = sign * sum(value for _, value in runs) / max(len(runs), 1)
        sooner = sum(ended) / len(ended) if ended else 0.0
        return len(trials[number]) - len(runs), -len(ended), sooner, mean, number

    return min(range(len(trials)), key=rank)


def at_the_end(search: Search, number: int) -> list[str]:
    """A sentence for every searched setting whose best value is the smallest or the largest that was tried: its range may be too narrow.

    >>> at_the_end(Search(grid={"optimiser.lr": [0.1, 0.01, 0.001]}), 0)
    ['optimiser.lr 0.1 is the largest tried']
    """
    trials, said = search.trials, []
    for path in search.varied:
        values: list[Any] = [trial[path] for trial in trials]
        if all(isinstance(value, (int, float)) for value in values) and len(set(values)) > 2 and values[number] in (min(values), max(values)):
            said.append(f"{path} {values[number]:.4g} is the {'smallest' if values[number] == min(values) else 'largest'} tried")
    return said
