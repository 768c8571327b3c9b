"""Welch's test: two means whose spreads may differ, with the difference, the standardised effect and an interval of each.

As Greff et al. (2017) used it: of all trials of a variant the best tenth by validation is kept, and its test scores are
held against those of the best tenth of the vanilla cell, at p < 0.05.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import brentq

from suite.stats.intervals import Interval
from suite.stats.samples import Array, Better, rising, sample


class Welch(NamedTuple):
    """a against b: mean of a minus mean of b, the same in pooled deviations, and p.

    difference  with Welch's interval; n is that of both groups together
    effect      Hedges' g with the interval of the noncentral t; None where neither group has a spread
    p           two-sided, of this test alone
    adjusted    p times the number of comparisons it was made with (Bonferroni), at most 1
    """

    difference: Interval
    effect: Interval | None
    p: float
    adjusted: float


def welch(a: ArrayLike, b: ArrayLike) -> Welch:
    """Compare the means of two groups, two values or more in each (Welch 1947).

    Where neither group has a spread, p is 1 for equal means and 0 for others.

    >>> found = welch([3.0, 4.0, 5.0, 4.0], [1.0, 2.0, 3.0, 2.0])
    >>> found.difference, round(found.p, 4)
    (Interval(center=2.0, low=0.58..., high=3.41..., n=8), 0.0134)
    """
    x, y = sample(a, 2, "scores of a"), sample(b, 2, "scores of b")
    center, error, free = standard_error(x, y)
    if error == 0:
        p = float(center == 0)
        return Welch(Interval(center, center, center, len(x) + len(y)), None, p, p)
    half = float(stats.t.ppf(0.975, free)) * error
    p = 2 * float(stats.t.sf(abs(center) / error, free))
    return Welch(Interval(center, center - half, center + half, len(x) + len(y)), hedges(x, y), p, p)


def standard_error(x: Array, y: Array) -> tuple[float, float, float]:
    """Difference of the means, its standard error, and Welch's and Satterthwaite's degrees of freedom."""
    parts = np.array([variance(x) / len(x), variance(y) / len(y)])
    total = float(parts.sum())
    free = total**2 / float((parts**2 / np.array([len(x) - 1, len(y) - 1])).sum()) if total else math.inf
    return mean(x) - mean(y), math.sqrt(total), free


def mean(values: Array) -> float:
    """The mean; of values that are all the same that value, which a sum and a quotient may miss by a rounding."""
    return float(values[0] if values.min() == values.max() else values.mean())


def variance(values: Array) -> float:
    """The variance of the population that a sample stands for; exactly 0 where all values are the same."""
    return 0.0 if values.min() == values.max() else float(values.var(ddof=1))


def hedges(x: Array, y: Array) -> Interval:
    """The difference in pooled deviations, corrected for small samples (Hedges 1981); its interval is that of the noncentral t, exact for equal spreads."""
    m, n, free = len(x), len(y), len(x) + len(y) - 2
    pooled = math.sqrt(((m - 1) * variance(x) + (n - 1) * variance(y)) / free)
    scale = math.sqrt(1 / m + 1 / n)
    t = (mean(x) - mean(y)) / pooled / scale
    shrunk = math.exp(math.lgamma(free / 2) - math.lgamma((free - 1) / 2)) * math.sqrt(2 / free) * scale if free > 1 else scale

    def limit(level: float) -> float:
        return _root(lambda shift: below(t, free, shift) - level, t)

    return Interval(t * shrunk, limit(0.975) * shrunk, limit(0.025) * shrunk, m + n)


def below(t: float, free: float, shift: float) -> float:
    """The noncentral t distribution function, where scipy's underflows to nan in a far tail: 0 or 1."""
    found = float(stats.nct.cdf(t, free, shift))
    return float(shift < t) if math.isnan(found) else found


def _root(falling: Callable[[float], float], start: float) -> float:
    """Where a falling function is zero."""
    width = 1.0 + abs(start)
    while falling(start - width) < 0 or falling(start + width) > 0:
        width *= 2
    return float(brentq(falling, start - width, start + width))


def best_share(validation: ArrayLike, test: ArrayLike, share: float = 0.1, better: Better = "higher") -> Array:
    """Test scores of the best share of the trials by validation, at least two; of equals the earlier trial.

    >>> best_share([0.5, 0.9, 0.7, 0.8], [0.4, 0.8, 0.6, 0.9], share=0.5)
    array([0.8, 0.9])
    """
    judged, tested = sample(validation, 2, "validation scores"), sample(test, 2, "test scores")
    if len(judged) != len(tested):
        raise ValueError(f"every trial needs a validation and a test score, and there are {len(judged)} and {len(tested)}")
    if not 0 < share <= 1:
        raise ValueError(f"a share lies above 0 and at most at 1, and this is {share}")
    order = np.argsort(-rising(judged, better), kind="stable")
    return tested[order[: max(2, math.ceil(round(share * len(judged), 9)))]]


def variants(trials: Mapping[str, tuple[ArrayLike, ArrayLike]], baseline: str, share: float = 0.1, better: Better = "higher") -> dict[str, Welch]:
    """Every other variant against the baseline as Greff et al. (2017): Welch's test on the test scores of the best share by validation.

    trials      variant -> (validation scores, test scores), one a trial

    `p` is uncorrected; `adjusted` is Bonferroni's for as many tests as there are variants beside the baseline. The trials
    were chosen by validation, so both tell of well-tuned networks, not of the search as a whole.

    >>> found = variants({"lstm": ([9, 8, 1], [9.0, 8.0, 1.0]), "lstm-nog": ([5, 4, 1], [5.0, 4.5, 1.0])}, "lstm", share=0.6)
    >>> found["lstm-nog"].difference.center
    -3.75
    """
    if baseline not in trials:
        raise ValueError(f"there are no trials of {baseline!r}; there are of {', '.join(trials)}")
    kept = {name: best_share(*scores, share, better) for name, scores in trials.items()}
    found = {name: welch(scores, kept[baseline]) for name, scores in kept.items() if name != baseline}
    return {name: each._replace(adjusted=min(1.0, each.p * len(found))) for name, each in found.items()}
