"""The verdict on a series from pairs: before and after, and the same tree twice, which is the noise floor.

A change is called where its interval leaves out no change, and its center lies beyond what matters and beyond the floor:
the largest change that the pairs of one tree with itself cannot exclude either. "no change" needs more than that nothing was
found: the whole interval must lie within what matters. Anything else is "cannot tell".

Intervals are exact 99 % ones from signed ranks. At most five looks are taken at a series, so all of them together hold in 95 %
of comparisons or more (Bonferroni); a false alarm needs in addition a center beyond the floor and beyond what matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from suite.regress.series import Series
from suite.stats import Interval, signed_rank_interval
from suite.stats.samples import Array

LEVEL, LOOKS = 0.99, 5
WORSE, BETTER, SAME, OPEN, FAILED, REFUSED, NEW = "regression", "improvement", "no change", "cannot tell", "failed", "refused", "no baseline"
LOST = "lost"  # how a process ends that did not answer, or died
VERDICTS = (WORSE, BETTER, SAME, OPEN, FAILED, REFUSED, NEW)


class Judged(NamedTuple):
    """A series with its verdict. Changes are on the scale of `Series.changes`.

    before, after   the median figures, None where there are none
    change          the typical change and its interval, n pairs; None where there were too few
    floor           what one tree against itself cannot exclude
    detectable      the change that would have been called four times of five with this spread
    reason          why there is no verdict, where that is so
    """

    series: Series
    verdict: str
    before: float | None = None
    after: float | None = None
    change: Interval | None = None
    floor: float | None = None
    detectable: float | None = None
    reason: str = ""

    @property
    def decided(self) -> bool:
        """Whether further pairs could change nothing that is reported."""
        return self.verdict != OPEN


def judge(series: Series, before: Sequence[float], after: Sequence[float], changes: Sequence[float] | Array, same: Sequence[float] | Array) -> Judged:
    """The verdict of the pairs measured so far.

    before, after   figures of either tree, for the table
    changes         one a pair of before and after
    same            one a pair of a tree with itself

    >>> fast, slow = [1.0] * 8, [1.1] * 8
    >>> judge(Series("step", "seconds"), fast, slow, [0.095, 0.1, 0.09, 0.094, 0.093, 0.096, 0.097, 0.092], [0.001, -0.001] * 4).verdict
    'regression'
    """
    found, noise = np.asarray(changes, dtype=float), np.asarray(same, dtype=float)
    centers = float(np.median(before)), float(np.median(after))
    if series.exact and len(found) and not found.any() and not noise.any():
        return Judged(series, SAME, *centers, Interval(0.0, 0.0, 0.0, len(found)), 0.0, series.matters)
    if np.isnan(found).any() or np.isnan(noise).any() or not np.isfinite(centers).all():
        return Judged(series, FAILED, *centers, reason="a figure is not finite, or has no ratio to another for it is below 0")
    change, itself = ranked(found), ranked(noise)
    if change is None or itself is None:
        return Judged(series, OPEN, *centers, reason=f"{len(found)} pairs are too few")
    floor = max(abs(itself.low), abs(itself.high))
    least = detectable(change, floor, series.matters) if math.isfinite(change.high - change.low) else None
    return Judged(series, verdict(change, floor, series.matters), *centers, change, floor, least)


def ranked(changes: Array) -> Interval | None:
    """The interval from signed ranks, to which an infinite change (a ratio from 0, or to it) is one that lies beyond all others."""
    beyond = 1e6  # no logarithm of a ratio of two floats comes near it
    found = signed_rank_interval(np.clip(changes, -beyond, beyond), LEVEL) if len(changes) else None
    if found is None:
        return None
    center, low, high = (math.copysign(math.inf, end) if abs(end) > beyond / 100 else end for end in found[:3])
    return Interval(center, low, high, found.n)


def verdict(change: Interval, floor: float, matters: float) -> str:
    """One of regression, improvement, no change, cannot tell."""
    least = max(floor, matters)
    if change.low > 0 and change.center > least:
        return WORSE
    if change.high < 0 and change.center < -least:
        return BETTER
    return SAME if -matters <= change.low and change.high <= matters else OPEN


def detectable(change: Interval, floor: float, matters: float) -> float:
    """A change that would be called four times of five: beyond floor, what matters and the interval's half width, by 0.84 of the normal's 2.58 standard errors that this is."""
    half = (change.high - change.low) / 2
    return max(floor, matters, half) + 0.84 / 2.58 * half


def status(judged: Sequence[Judged]) -> int:
    """The exit status: 1 where something regressed or failed, 3 where the data cannot tell, 0 otherwise.

    Refused by both is told and counts as nothing, so does what only the later tree can do; where there is nothing else, nothing was compared.
    """
    verdicts = {each.verdict for each in judged}
    return 1 if verdicts & {WORSE, FAILED} else 3 if OPEN in verdicts or verdicts <= {REFUSED, NEW} else 0


def finite(value: float | None) -> float | None:
    """A number that JSON has, or None."""
    return value if value is not None and math.isfinite(value) else None
