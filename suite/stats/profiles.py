"""Performance profiles: which share of the runs is above a score, for every score (Dolan & Moré 2002; Agarwal et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from suite.stats.intervals import Interval, share_interval
from suite.stats.samples import sample, samples


class Profile(NamedTuple):
    """Thresholds in rising order, and at each the share of runs above it."""

    thresholds: tuple[float, ...]
    shares: tuple[Interval, ...]


def profile(strata: Sequence[ArrayLike], thresholds: ArrayLike | None = None) -> Profile:
    """The mean over tasks of the share of runs whose score is above a threshold; one list of scores a task, higher is better.

    Where no thresholds are given they are the scores themselves. The interval holds at each threshold by itself: Wilson's
    (1927) of all runs together, which is at least as wide as it must be, for runs of one task are more alike than that. It
    keeps its width where all runs are on one side, where a bootstrap has none.

    >>> profile([[0.2, 0.8], [0.6, 0.8]], [0.5])
    Profile(thresholds=(0.5,), shares=(Interval(center=0.75, low=0.3..., high=0.9..., n=4),))
    """
    parts = samples(strata)
    found = np.unique(np.concatenate(parts)) if thresholds is None else np.sort(sample(thresholds, what="thresholds"))
    worth = int(len(parts) ** 2 / sum(1 / len(part) for part in parts) + 1e-9)  # as many runs of one task would vary as much
    above = [float(np.mean([(part > level).mean() for part in parts])) for level in found]
    return Profile(tuple(map(float, found)), tuple(share_interval(share, worth)._replace(n=sum(map(len, parts))) for share in above))
