"""Probability of improvement: how often a run of one cell beats a run of another, averaged over tasks (Agarwal et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike
from scipy.optimize import brentq

from suite.stats.intervals import Interval, Z, averaged
from suite.stats.samples import Array, Better, rising, samples


def improvement(a: Sequence[ArrayLike], b: Sequence[ArrayLike], better: Better = "higher") -> Interval:
    """The probability that a run of a is better than one of b on the same task, ties counted half, averaged over tasks.

    a, b    one list of scores a task, in the same order, two runs or more in each
    n       is the number of runs of both

    The interval of each task is Newcombe's (2006, his method 5), which keeps its width where every run of a beats every run
    of b; `averaged` puts the tasks together. One half lies outside it where the two can be told apart.

    >>> improvement([[3.0, 4.0, 5.0]], [[1.0, 2.0, 4.0]])
    Interval(center=0.83..., low=0.3..., high=0.9..., n=6)
    """
    left, right = samples(a, 2, "scores of a"), samples(b, 2, "scores of b")
    if len(left) != len(right):
        raise ValueError(f"both cells need scores on the same tasks, and they have {len(left)} and {len(right)}")
    return averaged([_one_task(rising(x, better), rising(y, better)) for x, y in zip(left, right, strict=True)])


def _one_task(x: Array, y: Array) -> Interval:
    difference = x[:, None] - y[None, :]
    share = float(((difference > 0) + 0.5 * (difference == 0)).mean())
    low, mirrored = (_limit(value, len(x), len(y)) for value in (share, 1 - share))
    return Interval(share, low, 1 - mirrored, len(x) + len(y))


def _limit(share: float, m: int, n: int) -> float:
    """The lower root of (share - p)² = z² v(p), v the variance of Hanley and McNeil with both group sizes replaced by their mean."""

    def apart(p: float) -> float:
        variance = p * (1 - p) / (m * n) * (1 + ((m + n) / 2 - 1) * ((1 - p) / (2 - p) + p / (1 + p)))
        return (share - p) ** 2 - Z**2 * variance

    tiny = 1e-9
    return float(brentq(apart, tiny, share - tiny)) if share > 2 * tiny and apart(tiny) > 0 else 0.0
