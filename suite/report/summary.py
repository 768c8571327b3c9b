"""What the records say of each task: scores with intervals, who beats the trivial baselines, who is tied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from suite.report.catalogue import BaselineEntry, TaskEntry
from suite.report.style import around
from suite.runs import Run
from suite.stats import Interval, Verdict, mean_interval, normal_interval, share_interval, verdicts


@dataclass(frozen=True)
class CellScore:
    """The test scores of one cell on one task."""

    cell: str
    values: tuple[float, ...]
    parameters: int | None
    interval: Interval | None
    other: tuple[str, ...]  # how the runs ended that have no score

    @property
    def whole(self) -> bool:
        """Whether every run counts in the mean: a cell whose bad runs have no score must not be ranked by its good ones."""
        return self.interval is not None and not self.other


@dataclass(frozen=True)
class Summary:
    """One task of a page."""

    task: TaskEntry
    scores: tuple[CellScore, ...]
    baselines: tuple[tuple[str, Interval], ...]
    at_once: tuple[tuple[str, Interval], ...] = ()
    searched: bool = False  # settings are random from run to run: no mean over them says anything of a cell

    @property
    def name(self) -> str:
        """The task with its arguments."""
        return self.task.name

    @property
    def label(self) -> str:
        """The task as the experiment wrote it, defaults left out."""
        return self.task.label

    @property
    def measure(self) -> str:
        """The metric's name."""
        return self.task.measure

    def better(self, a: float, b: float) -> bool:
        """Whether a is the better score."""
        return a > b if self.task.better == "higher" else a < b

    @property
    def baseline(self) -> tuple[str, Interval] | None:
        """The best of the trivial baselines that have no memory: what a cell must beat."""
        return self._best(self.baselines)

    @property
    def whole(self) -> tuple[str, Interval] | None:
        """The best of the baselines that see the whole sequence at once: what there is to be had by one who may store everything."""
        return self._best(self.at_once)

    def _best(self, lines: Sequence[tuple[str, Interval]]) -> tuple[str, Interval] | None:
        ordered = sorted(lines, key=lambda b: b[1].center, reverse=self.task.better == "higher")
        return ordered[0] if ordered else None

    @property
    def best(self) -> CellScore | None:
        """The cell with the best mean, of those all of whose runs have a score."""
        ranked = sorted((s for s in self.scores if s.whole), key=lambda s: s.interval.center, reverse=self.task.better == "higher")  # type: ignore[union-attr]
        return ranked[0] if ranked else None

    @cached_property
    def beside_best(self) -> dict[str, Verdict]:
        """The best cell against each other one all of whose runs have a score: Welch's test, Holm's correction."""
        whole = {s.cell: s.values for s in self.scores if s.whole}
        if self.best is None or len(whole) < 2:
            return {}
        found = verdicts(whole, self.task.better, beside=self.best.cell)
        return {v.b if v.a == self.best.cell else v.a: v for v in found}

    @property
    def tied(self) -> list[str]:
        """Cells that the data do not separate from the best."""
        return [cell for cell, v in self.beside_best.items() if not v.better]

    @property
    def further(self) -> str:
        """How many further seeds could separate the best from those that are tied with it, in words; nothing where no number could."""
        more = sorted(v.more for v in self.beside_best.values() if v.more)
        return f" (about {' to '.join(dict.fromkeys(f'{n:,}' for n in (more[0], more[-1])))} further seeds of each could tell)" if more else ""

    @property
    def winners(self) -> list[str]:
        """Cells better than the best trivial baseline, intervals apart."""
        if self.baseline is None:
            return []
        line = self.baseline[1]
        return [s.cell for s in self.scores if s.whole and s.interval and not s.interval.overlaps(line) and self.better(s.interval.center, line.center)]

    @property
    def verdict(self) -> list[str]:
        """The task's result in one or two sentences."""
        if self.searched:
            return ["Settings are random from run to run: the runs are trials of different networks, over which no mean is taken.", *self.orderless, *self.laid_out]
        best, told = self.best, [*self.partial, *self.orderless, *self.laid_out]
        if best is None or best.interval is None:
            single = [s for s in self.scores if s.values]
            return [*told, "Too few runs with a score: nothing can be ranked." if single else "No run of this task has a score."]
        ranking = f"Best mean: {best.cell}, {figured(best.interval, self.task.share)}"
        ranking += f", tied with {listed(self.tied)}{self.further}." if self.tied else ", apart from all others (p < 0.05, Welch and Holm)." if sum(s.whole for s in self.scores) > 1 else "."
        return [ranking, *self.against, *told]

    def solved(self, score: CellScore) -> bool:
        """Whether a cell's mean reaches what counts as solved, and that level says anything."""
        if score.interval is None or not score.whole or not self.task.telling:
            return False
        return self.solves(score.interval.center)

    def solves(self, value: float) -> bool:
        """Whether a score counts as solved."""
        return self.task.reaches(value, self.task.solved)

    @property
    def partial(self) -> list[str]:
        """Cells that have some runs without a score, and are not ranked for it."""
        cells = [f"{len(s.other)} of {len(s.other) + len(s.values)} runs of {s.cell}" for s in self.scores if s.values and s.other]
        return [f"Not ranked, for they have no score: {listed(cells)}."] if cells else []

    @property
    def orderless(self) -> list[str]:
        """That the task is solved without hearing the order of its inputs, if no trivial baseline that hears it does better."""
        if self.baseline is None or self.baseline[0] not in self.task.without_order:
            return []
        scores = [f"{name}, {figured(interval, self.task.share)}" for name, interval in self.baselines if name in self.task.without_order]
        return [f"Solved without hearing the order of its inputs ({'; '.join(scores)}): this task asks for no memory of order."] if scores else []

    @property
    def laid_out(self) -> list[str]:
        """That a model without a memory solves the task once the whole sequence lies before it, if so."""
        if self.whole is None or not self.task.telling or not self.solves(self.whole[1].center):
            return []
        name, line = self.whole
        return [f"A model that sees all inputs at once, and so needs no memory, solves it too ({name}, {figured(line, self.task.share)})."]

    @property
    def beaten(self) -> list[str]:
        """Cells worse than the best trivial baseline, intervals apart."""
        if self.baseline is None:
            return []
        line = self.baseline[1]
        return [s.cell for s in self.scores if s.whole and s.interval and not s.interval.overlaps(line) and self.better(line.center, s.interval.center)]

    @property
    def against(self) -> list[str]:
        """Who is shown to beat the best trivial baseline, who is shown to be worse, and of whom the data say neither."""
        if self.baseline is None:
            return []
        name, line = self.baseline
        against = f"the best trivial baseline ({name}, {figured(line, self.task.share)})"
        beaten, unknown = self.beaten, [s.cell for s in self.scores if s.whole and s.cell not in (*self.winners, *self.beaten)]
        if self.winners and not beaten and not unknown and len(self.winners) > 1:
            return [f"Every cell beats {against}."]
        worse = [f"{listed(beaten)} {'is' if len(beaten) == 1 else 'are'} worse than it"] if beaten else []
        neither = f"{listed(unknown)} {'is' if len(unknown) == 1 else 'are'}"
        if self.winners:
            open_ones = [f"{neither} not shown to{' beat it' if worse else ''}"] if unknown else []
            return ["; ".join([f"{listed(self.winners)} {'beats' if len(self.winners) == 1 else 'beat'} {against}", *worse, *open_ones]) + "."]
        if line.center == (1.0 if self.task.share else 0.0):
            return ["; ".join([f"T{against[1:]} is perfect: no cell can beat it", *worse]) + "."]
        if not beaten:
            return [f"This budget is too small to show that any cell beats {against}."]
        return [f"T{against[1:]} beats {listed(beaten)}" + (f"; {neither} not told apart from it." if unknown else ".")]


def listed(names: Sequence[str]) -> str:
    """Names for a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def at_random(runs: Sequence[Run], drawn: Sequence[str]) -> bool:
    """Whether runs of one cell differ in a setting that was drawn at random."""
    cells: dict[str, set[str]] = {}
    for run in runs:
        cells.setdefault(run.spec.cell, set()).add(str([_setting(run.spec, path) for path in drawn]))
    return any(len(settings) > 1 for settings in cells.values())


def _setting(spec: object, path: str) -> object:
    name, _, rest = path.partition(".")
    value: object = getattr(spec, name, None)
    return _setting(value, rest) if rest else value


def summaries(runs: Sequence[Run], tasks: Sequence[TaskEntry], cells: Sequence[str], drawn: Sequence[str] = ()) -> list[Summary]:
    """One summary a task, in the order of the catalogue; `drawn` are the settings that may be random from run to run."""
    made = []
    for task in tasks:
        scores = []
        searched = at_random([r for r in runs if r.spec.kind == "train" and r.spec.task == task.name], drawn)
        for cell in cells:
            mine = [r for r in runs if r.spec.kind == "train" and r.spec.task == task.name and r.spec.cell == cell]
            if not mine:
                continue
            values = tuple(r.score.test for r in mine if r.score is not None and r.score.test is not None)
            other = tuple(r.status for r in mine if r.score is None or r.score.test is None)
            parameters = None if searched else next((r.costs.parameters for r in mine if r.costs.parameters), None)
            scores.append(CellScore(cell, values, parameters, None if searched else clipped(mean_interval(values), task), other))
        lines, at_once = (tuple((b.name, baseline_interval(b, task.measure)) for b in task.baselines if b.whole is whole) for whole in (False, True))
        made.append(Summary(task, tuple(scores), lines, at_once, searched))
    return made


def clipped(interval: Interval | None, task: TaskEntry) -> Interval | None:
    """An interval within the values that the measure can take."""
    if interval is None:
        return None
    top = 1.0 if task.share else float("inf")
    return interval._replace(low=max(interval.low, 0.0), high=min(interval.high, top))


def baseline_interval(baseline: BaselineEntry, measure: str) -> Interval:
    """The interval of a baseline over the answers of the test split."""
    if measure == "accuracy" and abs(baseline.deviation**2 - baseline.score * (1 - baseline.score)) < 1e-6:  # single answers, right or wrong
        return share_interval(baseline.score, baseline.n)
    return normal_interval(baseline.score, baseline.deviation, baseline.n)


def figured(interval: Interval, share: bool) -> str:
    """A score with its interval and n.

    >>> figured(Interval(0.5, 0.4, 0.6, 8), share=True)
    '50.0 % [40.0 to 60.0 %], n = 8'
    """
    center, within = around(interval.center, interval.low, interval.high, share)
    return f"{center} [{within}], n = {interval.n:,}"
