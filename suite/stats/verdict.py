"""Whether the data separate two cells, and if not, how many further seeds could."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from suite.stats.intervals import Interval
from suite.stats.ranks import holm
from suite.stats.samples import Better, rising, sample
from suite.stats.welch import below, welch

POWER, MOST = 0.8, 10_000


class Verdict(NamedTuple):
    """Two cells: which is better, or that they are tied.

    better      the better cell, or "" where they are tied
    difference  mean of a minus mean of b with Welch's interval; n is the number of runs of both
    p           adjusted for all comparisons made together (Holm)
    more        where tied, the further seeds of each cell that could separate them; None where none could, or nothing is tied
    """

    a: str
    b: str
    better: str
    difference: Interval
    p: float
    more: int | None

    @property
    def sentence(self) -> str:
        """The verdict for people, with its n."""
        apart = f"difference {self.difference.center:.3g} [{self.difference.low:.3g}, {self.difference.high:.3g}], n = {self.difference.n}, p = {self.p:.2g}"
        if self.better:
            return f"{self.better} is better than {self.b if self.better == self.a else self.a} ({apart})."
        further = f"about {self.more:,} further seeds of each could separate them" if self.more else f"no number of seeds up to {MOST:,} would separate means so alike"
        return f"{self.a} and {self.b} are tied ({apart}); {further}."


def verdicts(scores: Mapping[str, ArrayLike], better: Better = "higher", alpha: float = 0.05, beside: str = "") -> tuple[Verdict, ...]:
    """Every pair of cells on one task by Welch's test with Holm's correction over all pairs; one list of scores a cell, one score a seed.

    `beside` leaves the pairs with that cell. They are corrected for all the same: which cell is the best is found by the same scores.

    >>> for verdict in verdicts({"gru": [0.91, 0.93, 0.92], "lstm": [0.90, 0.93, 0.91], "rnn": [0.5, 0.6, 0.55]}): print(verdict.sentence)
    gru and lstm are tied (difference 0.00667 [-0.0245, 0.0379], n = 6, p = 0.57); about 78 further seeds of each could separate them.
    gru is better than rnn (difference 0.37 [0.252, 0.488], n = 6, p = 0.011).
    lstm is better than rnn (difference 0.363 [0.251, 0.476], n = 6, p = 0.011).
    """
    groups = {cell: sample(values, 2, f"scores of {cell}") for cell, values in scores.items()}
    pairs = list(combinations(groups, 2))
    found = [welch(groups[a], groups[b]) for a, b in pairs]
    adjusted = holm([each.p for each in found])
    made = []
    for (a, b), each, p in zip(pairs, found, adjusted, strict=True):
        if beside not in ("", a, b):
            continue
        first = float(rising(np.array([each.difference.center]), better)[0]) > 0
        ahead = "" if p >= alpha else a if first else b
        made.append(Verdict(a, b, ahead, each.difference, p, None if ahead else further_seeds(groups[a], groups[b], alpha / len(pairs))))
    return tuple(made)


def further_seeds(a: ArrayLike, b: ArrayLike, alpha: float = 0.05, difference: float | None = None) -> int | None:
    """The seeds that each cell needs beyond the larger group's, for Welch's test to separate them with a power of 0.8.

    The rule: both deviations are taken for the true ones, and so is the difference of the means unless the one that would
    matter is given; power is that of the noncentral t (Cohen 1988) with equal groups. As the difference is a guess from few
    runs, so is the number. None where neither deviations nor difference leave anything to find, or more than 10,000 are needed.

    >>> further_seeds([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    14
    """
    x, y = sample(a, 2, "scores of a"), sample(b, 2, "scores of b")
    gap = abs(float(x.mean() - y.mean()) if difference is None else difference)
    spread = float(x.var(ddof=1)), float(y.var(ddof=1))
    have = max(len(x), len(y))
    if gap == 0 or sum(spread) == 0 or power(gap, spread, MOST + have, alpha) < POWER:
        return None
    low, high = 1, MOST + have
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(gap, spread, middle, alpha) >= POWER else (middle, high)
    return max(high - have, 1)


def power(gap: float, spread: tuple[float, float], n: int, alpha: float = 0.05) -> float:
    """The chance that Welch's two-sided test of n runs each finds a gap of two means with these variances.

    >>> round(power(0.5, (1.0, 1.0), 64), 3)
    0.801
    """
    if n < 2:
        return 0.0
    total = sum(spread)
    free = (n - 1) * total**2 / sum(each**2 for each in spread)
    edge = float(stats.t.ppf(1 - alpha / 2, free))
    shift = gap / math.sqrt(total / n)
    return 1 - below(edge, free, shift) + below(-edge, free, shift)
