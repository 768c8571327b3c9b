"""Critical delay: the largest difficulty that at least half of the seeds solve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from suite.stats.samples import sample


class Critical(NamedTuple):
    """The largest difficulty that at least half of the seeds solve, among those that were tried.

    center, low, high   None: not even the easiest; the true one lies between a difficulty and the next one tried
    n                   seeds at each difficulty
    beyond              whether `high` is the hardest that was tried, so that the true one may lie beyond the sweep
    """

    center: float | None
    low: float | None
    high: float | None
    n: int
    beyond: bool


def critical(solved: Mapping[float, Sequence[bool]], generator: np.random.Generator, resamples: int = 5000) -> Critical:
    """The critical difficulty of a sweep, and its interval from resampling seeds.

    solved      difficulty -> whether each seed solved it, the same seeds in the same order everywhere, two or more
    generator   decides the resamples

    The rule: a harder task is not solved more often than an easier one, so the shares are read through their isotonic fit
    (Barlow et al. 1972); where they fall by themselves that changes nothing. Seeds are resampled whole, each with all of
    its difficulties (Efron & Tibshirani 1993), and both limits are difficulties that were tried.
    They held the true one in 98 to 99 % of experiments with 5 to 20 seeds: difficulties are few, so it cannot be 95.

    >>> sweep = {50: [True] * 5, 100: [True, True, True, False, True], 200: [False, True, False, False, False], 400: [False] * 5}
    >>> critical(sweep, np.random.default_rng(0))
    Critical(center=100, low=50, high=200, n=5, beyond=False)
    """
    if not solved:
        raise ValueError("no difficulty was given")
    tried: list[float] = sorted(solved)
    for difficulty in tried:
        if not all(isinstance(each, bool | np.bool_) for each in solved[difficulty]):
            raise ValueError(f"at difficulty {difficulty:g} every seed must say whether it solved the task, True or False")
    columns = [sample(solved[difficulty], 2, f"seeds at difficulty {difficulty:g}") for difficulty in tried]
    counts = {len(column) for column in columns}
    if len(counts) > 1:
        raise ValueError(f"every difficulty needs the same seeds, and there are {' or '.join(map(str, sorted(counts)))} of them")
    table = np.stack(columns, axis=1).astype(np.int64)
    n = len(table)
    drawn = table[generator.integers(0, n, (resamples, n))].sum(axis=1)
    low, high = np.quantile(levels_solved(drawn, n), (0.025, 0.975), method="inverted_cdf").astype(int)
    center = int(levels_solved(table.sum(axis=0), n))
    low, high = min(low, center), max(high, center)
    named = [None, *tried]
    return Critical(named[center], named[low], named[high], n, bool(high == len(tried)))


def levels_solved(counts: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """How many difficulties, from the easiest, have an isotonic share of at least one half; counts (..., difficulties) of n seeds.

    The isotonic fit crosses a level where the sum of shares minus that level is largest.

    >>> int(levels_solved(np.array([5, 2, 4, 0]), 5))
    3
    """
    sums = np.cumsum(np.concatenate([np.zeros_like(counts[..., :1]), 2 * counts - n], axis=-1), axis=-1)
    return np.asarray(counts.shape[-1] - np.argmax(sums[..., ::-1], axis=-1))
