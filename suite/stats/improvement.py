"""Probability of improvement: how often a run of one cell beats a run of another, averaged over tasks (Agarwal et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from suite.stats.intervals import Interval, Z
from suite.stats.samples import Array, Better, rising, samples


def improvement(a: Sequence[ArrayLike], b: Sequence[ArrayLike], better: Better = "higher") -> Interval:
    """The probability that a run of a is better than one of b on the same task, ties counted half, averaged over tasks.

    a, b    one list of scores a task, in the same order, two runs or more in each
    n       is the number of runs of both

    The interval is Newcombe's (2006, his method 5) with the variance of a mean over tasks. It keeps its width where every run
    of a beats every run of b, where a bootstrap has none. One half lies outside it where the two can be told apart.
    It held the truth in 94 to 98 % of experiments with 5 to 20 runs (docs/explanation/statistics.md).

    >>> improvement([[3.0, 4.0, 5.0]], [[1.0, 2.0, 4.0]])
    Interval(center=0.83..., low=0.3..., high=0.9..., n=6)
    """
    left, right = samples(a, 2, "scores of a"), samples(b, 2, "scores of b")
    if len(left) != len(right):
        raise ValueError(f"both cells need scores on the same tasks, and they have {len(left)} and {len(right)}")
    share = float(np.mean([wins(rising(x, better), rising(y, better)) for x, y in zip(left, right, strict=True)]))
    m, n = np.array([len(x) for x in left]), np.array([len(y) for y in right])
    return Interval(share, _lower(share, m, n), 1 - _lower(1 - share, m, n), int(m.sum() + n.sum()))


def wins(x: Array, y: Array) -> float:
    """The share of pairs in which x is larger, ties counted half (the statistic of Mann and Whitney over m n)."""
    difference = x[:, None] - y[None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def _lower(share: float, m: Array, n: Array) -> float:
    """The lower root of (share - p)² = z² v(p), v the variance of Hanley and McNeil with both sizes of a group replaced by their mean."""

    def apart(p: float) -> float:
        variance = p * (1 - p) / (m * n) * (1 + ((m + n) / 2 - 1) * ((1 - p) / (2 - p) + p / (1 + p)))
        return float((share - p) ** 2 - Z**2 * variance.sum() / len(m) ** 2)

    tiny = 1e-9
    return float(brentq(apart, tiny, share - tiny)) if share > 2 * tiny and apart(tiny) > 0 else 0.0
