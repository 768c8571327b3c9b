"""How many training examples a cell needs to come to a level: between two sizes on the scale of their logarithm, seeds resampled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from suite.report.catalogue import TaskEntry

WAY = 0.9  # of the way from chance to the best mean
RESAMPLES = 2000


class Needed(NamedTuple):
    """Examples, and the limits of 95 % of the resamples; n seeds a size. `least`: no more than so many, the fewest tried; infinite: more than `most`."""

    center: float
    low: float
    high: float
    n: int
    least: float
    most: float

    def overlaps(self, other: Needed) -> bool:
        """Whether the limits are not apart; two that are both at the end of what was tried cannot be told apart."""
        return self.low <= other.high and other.low <= self.high


def level(whole: Mapping[int, Mapping[str, Sequence[float]]], task: TaskEntry) -> float | None:
    """The score that is waited for; None where the most examples are not enough to be better than chance, or nothing was compared there."""
    last = [float(np.mean(scores)) for scores in whole[max(whole)].values()] if whole else []
    if not last:
        return None
    best = max(last) if task.better == "higher" else min(last)
    return task.chance + WAY * (best - task.chance) if (best > task.chance) == (task.better == "higher") and best != task.chance else None


def needed(at: Mapping[int, Sequence[float]], goal: float, better: str, generator: np.random.Generator) -> Needed:
    """The size at which the mean reaches a goal.

    >>> found = needed({100: [0.4, 0.5], 1000: [0.8, 0.9]}, 0.65, "higher", np.random.default_rng(0))
    >>> round(found.center), found.n
    (316, 2)
    """
    sizes = sorted(at)
    drawn = [np.asarray(at[size])[generator.integers(0, len(at[size]), (RESAMPLES, len(at[size])))].mean(axis=1) for size in sizes]
    resampled = [crossing(sizes, [float(each[k]) for each in drawn], goal, better) for k in range(RESAMPLES)]
    center = crossing(sizes, [float(np.mean(at[size])) for size in sizes], goal, better)
    low, high = np.quantile(resampled, (0.025, 0.975), method="inverted_cdf")
    return Needed(center, min(float(low), center), max(float(high), center), min(len(at[size]) for size in sizes), sizes[0], sizes[-1])


def crossing(sizes: Sequence[int], means: Sequence[float], goal: float, better: str) -> float:
    """Where a curve first reaches a goal: the smallest size if it is there already, infinity if it never is."""
    sign = 1.0 if better == "higher" else -1.0
    ahead = [sign * (mean - goal) for mean in means]
    first = next((k for k, value in enumerate(ahead) if value >= 0), None)
    if first is None:
        return math.inf
    if first == 0:
        return float(sizes[0])
    share = -ahead[first - 1] / (ahead[first] - ahead[first - 1])
    return float(math.exp(math.log(sizes[first - 1]) + share * math.log(sizes[first] / sizes[first - 1])))


def worded(found: Needed) -> str:
    """The examples with their limits and n."""
    return f"{one(found.center, found)} [{one(found.low, found)}, {one(found.high, found)}] examples, n = {found.n} seeds a size"


def one(value: float, found: Needed) -> str:
    """A number of examples: at the ends of what was tried it is a bound."""
    if math.isinf(value):
        return f"more than {found.most:,.0f}"
    return f"{found.least:,.0f} or fewer" if value <= found.least else f"{float(f'{value:.2g}'):,.0f}"
