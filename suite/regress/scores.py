"""Test scores of two places, paired by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from suite.regress.judge import BETTER, FAILED, LEVEL, NEW, OPEN, REFUSED, SAME, WORSE, Judged, detectable, verdict
from suite.regress.series import Series
from suite.runs import Run
from suite.stats import Interval
from suite.stats.samples import Array


def scored(name: str, before: Sequence[Run], after: Sequence[Run], task: Mapping[str, Any] | None) -> Judged:
    """The verdict on a task and cell. A seed has failed that failed after, or had a score before and has none after.

    The interval is Student's of the mean difference of seeds that both have, at 99 %. Scores that are equal bit for bit
    are no change, however few. Where seeds of before are not there after, it is at best "cannot tell".
    """
    series = series_of(f"score[{name}]", task)
    first, second = ({run.spec.seed: run for run in runs} for runs in (before, after))  # type: ignore[union-attr]
    if not before or not after:
        return Judged(series, NEW if after else OPEN, reason=f"only {'after' if after else 'before'} has it: {len(before or after)} runs")
    both = sorted(first.keys() & second.keys())
    lost = [seed for seed in both if _score(second[seed]) is None and (_score(first[seed]) is not None or second[seed].status.startswith("failed"))]
    if lost:
        return Judged(series, FAILED, reason=f"after: {_ends(second, lost)}")
    refused = [seed for seed in both if all(runs[seed].status.startswith("refused") for runs in (first, second))]
    if len(refused) == len(first.keys() | second.keys()):
        return Judged(series, REFUSED, reason=f"before: {_ends(first, refused)}; after: {_ends(second, refused)}")
    note, missing = _unpaired(first, second, both)
    pairs = [(a, b) for seed in both if (a := _score(first[seed])) is not None and (b := _score(second[seed])) is not None]
    if task is None or not pairs:
        return Judged(series, OPEN, reason="no catalogue.json says whether more is better" if task is None else note)
    figures = np.array([[lower(score, task) for score in pair] for pair in pairs])
    found = _judged(series, figures[:, 0], figures[:, 1], note)
    return found._replace(verdict=OPEN) if missing and found.verdict in (SAME, BETTER) else found


def _unpaired(first: Mapping[int, Run], second: Mapping[int, Run], both: Sequence[int]) -> tuple[str, bool]:
    """What is said of seeds that have no pair of scores, and whether that leaves something of before unknown.

    Nothing is unknown where both ended alike, refused or diverged at the same step, and where a score is there after.
    """
    without = [seed for seed in both if _score(first[seed]) is None or _score(second[seed]) is None]
    alike = [seed for seed in without if first[seed].status == second[seed].status and first[seed].status != "cut off"]
    unlike = [seed for seed in without if seed not in alike and _score(second[seed]) is None]
    gone = sorted(first.keys() - second.keys())
    n = len(first.keys() ^ second.keys()) + len(without)
    said = [f"{n} seed{'s' * (n != 1)} without a pair" if n else "", f"{len(gone)} of them only before" if gone else ""]
    said += [f"in both, {_ends(second, alike)}" if alike else "", f"before, {_ends(first, unlike)}; after, {_ends(second, unlike)}" if unlike else ""]
    return "; ".join(each for each in said if each), bool(gone or unlike)


def _ends(runs: Mapping[int, Run], seeds: Sequence[int], most: int = 3) -> str:
    return "; ".join(f"seed {seed} {runs[seed].status}" for seed in seeds[:most]) + (f" and {len(seeds) - most} more" if seeds[most:] else "")


def _judged(series: Series, before: Array, after: Array, note: str) -> Judged:
    changes = series.changes(before, after)
    centers = float(np.mean(before)), float(np.mean(after))
    if np.isnan(changes).any():
        return Judged(series, OPEN, *centers, reason="a figure is not finite, or has no ratio to another for it is below 0")
    if not changes.any():
        return Judged(series, SAME, *centers, Interval(0.0, 0.0, 0.0, len(changes)), None, series.matters, note)
    if len(changes) < 2:
        return Judged(series, OPEN, *centers, reason="one seed has no spread")
    change = _student(changes) if np.isfinite(changes).all() else _of_the_mean(_student(after - before), centers[0])
    least = detectable(change, 0.0, series.matters) if math.isfinite(change.high - change.low) else None
    return Judged(series, verdict(change, 0.0, series.matters), *centers, change, None, least, note)


def _student(changes: Array) -> Interval:
    n, center = len(changes), float(changes.mean())
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * np.std(changes, ddof=1) / math.sqrt(n))
    return Interval(center, center - half, center + half, n)


def _of_the_mean(difference: Interval, before: float) -> Interval:
    """An interval of differences, where a figure of 0 has no ratio, on the scale of ratios: of what is added to the mean before."""

    def scaled(end: float) -> float:
        if not before:
            return math.copysign(math.inf, end) if end else 0.0
        return math.log1p(end / before) if end > -before else -math.inf

    return Interval(scaled(difference.center), scaled(difference.low), scaled(difference.high), difference.n)


def series_of(name: str, task: Mapping[str, Any] | None) -> Series:
    """A share of right answers is compared as the share of wrong ones; what is better lower as it is; what is better higher with its sign turned."""
    if task is None:
        return Series(name, "score", seeds=True)
    return Series(name, "error" if share(task) else "loss" if task.get("better") == "lower" else "score", seeds=True)


def share(task: Mapping[str, Any]) -> bool:
    """Whether a task's score is a share of something that is right."""
    return bool(task.get("better") == "higher" and 0 <= task.get("chance", -1) <= task.get("solved", -1) <= 1)


def lower(score: float, task: Mapping[str, Any]) -> float:
    """A score as a figure of which less is better."""
    return 1 - score if share(task) else score if task.get("better") == "lower" else -score


def _score(run: Run) -> float | None:
    return run.score.test if run.score and run.status == "done" else None


def exact(name: str, unit: str, before: int, after: int) -> Judged:
    """A count: any more of it is a regression.

    >>> exact("parameters[gru]", "parameters", 100, 101).verdict
    'regression'
    """
    series = Series(name, unit, exact=True)
    shift = float(series.changes(np.array([float(before)]), np.array([float(after)]))[0])
    return Judged(series, SAME if before == after else WORSE if after > before else BETTER, before, after, Interval(shift, shift, shift, 1) if math.isfinite(shift) else None)
