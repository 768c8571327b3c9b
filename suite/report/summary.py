"""What the records say of each task: scores with intervals, who beats the trivial baselines, who is tied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from suite.report.style import shown
from suite.runs import Run
from suite.stats import Interval, mean_interval, normal_interval, share_interval


@dataclass(frozen=True)
class CellScore:
    """The test scores of one cell on one task."""

    cell: str
    values: tuple[float, ...]
    parameters: int | None
    interval: Interval | None
    other: tuple[str, ...]  # how the runs ended that have no score


@dataclass(frozen=True)
class Summary:
    """One task of a page."""

    task: Mapping[str, Any]
    scores: tuple[CellScore, ...]
    baselines: tuple[tuple[str, Interval], ...]

    @property
    def name(self) -> str:
        """The task with its arguments."""
        return str(self.task["name"])

    @property
    def label(self) -> str:
        """The task as the experiment wrote it, defaults left out."""
        return str(self.task["label"])

    @property
    def measure(self) -> str:
        """The metric's name."""
        return str(self.task["measure"])

    def better(self, a: float, b: float) -> bool:
        """Whether a is the better score."""
        return a > b if self.task["better"] == "higher" else a < b

    @property
    def baseline(self) -> tuple[str, Interval] | None:
        """The best of the trivial baselines."""
        ordered = sorted(self.baselines, key=lambda b: b[1].center, reverse=self.task["better"] == "higher")
        return ordered[0] if ordered else None

    @property
    def best(self) -> CellScore | None:
        """The cell with the best mean, of those with an interval."""
        ranked = sorted((s for s in self.scores if s.interval), key=lambda s: s.interval.center, reverse=self.task["better"] == "higher")  # type: ignore[union-attr]
        return ranked[0] if ranked else None

    @property
    def tied(self) -> list[str]:
        """Cells whose interval overlaps that of the best."""
        best = self.best
        return [] if best is None else [s.cell for s in self.scores if s is not best and s.interval and best.interval and s.interval.overlaps(best.interval)]

    @property
    def winners(self) -> list[str]:
        """Cells better than the best trivial baseline, intervals apart."""
        if self.baseline is None:
            return []
        line = self.baseline[1]
        return [s.cell for s in self.scores if s.interval and not s.interval.overlaps(line) and self.better(s.interval.center, line.center)]

    @property
    def verdict(self) -> list[str]:
        """The task's result in one or two sentences."""
        best = self.best
        if best is None or best.interval is None:
            single = [s for s in self.scores if s.values]
            return ["One run a cell shows no spread, so nothing can be ranked." if single else "No run of this task has a score."]
        ranking = f"Best mean: {best.cell}, {shown(best.interval.center, self.measure)}"
        ranking += f", tied with {listed(self.tied)}." if self.tied else ", its interval apart from all others." if len(self.scores) > 1 else "."
        if self.baseline is None:
            return [ranking]
        name, line = self.baseline
        against = f"the best trivial baseline ({name}, {shown(line.center, self.measure)})"
        if not self.winners:
            return [ranking, f"This budget is too small to show that any cell beats {against}."]
        losers = [s.cell for s in self.scores if s.cell not in self.winners and (s.values or s.other)]
        if not losers and len(self.winners) > 1:
            return [ranking, f"Every cell beats {against}."]
        return [ranking, f"{listed(self.winners)} {'beats' if len(self.winners) == 1 else 'beat'} {against}" + (f"; {listed(losers)} {'does' if len(losers) == 1 else 'do'} not." if losers else ".")]


def listed(names: Sequence[str]) -> str:
    """Names for a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def summaries(runs: Sequence[Run], tasks: Sequence[Mapping[str, Any]], cells: Sequence[str]) -> list[Summary]:
    """One summary a task, in the order of the catalogue."""
    made = []
    for task in tasks:
        scores = []
        for cell in cells:
            mine = [r for r in runs if r.spec.kind == "train" and r.spec.task == task["name"] and r.spec.cell == cell]
            if not mine:
                continue
            values = tuple(r.score.test for r in mine if r.score is not None and r.score.test is not None)
            other = tuple(r.status for r in mine if r.score is None or r.score.test is None)
            parameters = next((r.costs.parameters for r in mine if r.costs.parameters), None)
            scores.append(CellScore(cell, values, parameters, clipped(mean_interval(values), task), other))
        lines = tuple((b["name"], baseline_interval(b, str(task["measure"]))) for b in task.get("baselines", []))
        made.append(Summary(task, tuple(scores), lines))
    return made


def clipped(interval: Interval | None, task: Mapping[str, Any]) -> Interval | None:
    """An interval within the values that the measure can take."""
    if interval is None:
        return None
    top = 1.0 if task["measure"] == "accuracy" else float("inf")
    return interval._replace(low=max(interval.low, 0.0), high=min(interval.high, top))


def baseline_interval(baseline: Mapping[str, Any], measure: str) -> Interval:
    """The interval of a baseline over the answers of the test split."""
    if measure == "accuracy":
        return share_interval(baseline["score"], baseline["n"])
    return normal_interval(baseline["score"], baseline["deviation"], baseline["n"])
