"""Rankings over many tasks: Friedman's test, pairs of cells by Wilcoxon and Holm, and the data of a critical-difference diagram.

A block is what all cells were scored on: a task, or a seed of a task. Pairs are compared by Wilcoxon's signed ranks with
Holm's correction, as Benavoli et al. (2016) advise in place of the mean-rank test of Demšar (2006): whether two cells
differ must not depend on which others are in the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from suite.stats.intervals import Interval, mean_interval
from suite.stats.samples import Array, Better, blocks, rising


class Pair(NamedTuple):
    """Two cells: p of Wilcoxon's test alone, and adjusted for all pairs of the ranking (Holm); n blocks."""

    a: str
    b: str
    p: float
    adjusted: float
    n: int


class Ranking(NamedTuple):
    """Mean ranks (1 is best, the best first) with Student's interval over blocks, Friedman's test, every pair, and who is tied.

    friedman    its p; None for two cells, for which it is not defined
    cliques     cells next to each other in rank, none of which is separated from another: the bars of the diagram
    least       the smallest adjusted p that so many blocks and pairs allow: not below alpha, nothing can be separated
    n           blocks
    alpha       the level of the pairs
    """

    ranks: dict[str, Interval]
    friedman: float | None
    pairs: tuple[Pair, ...]
    cliques: tuple[tuple[str, ...], ...]
    least: float
    n: int
    alpha: float


def ranking(scores: Mapping[str, ArrayLike], better: Better = "higher", alpha: float = 0.05) -> Ranking:
    """Rank cells over blocks: scores of each cell in the same order of blocks, two blocks or more.

    >>> found = ranking({"gru": [9, 8, 7, 9, 8, 9, 9, 8], "lstm": [8, 9, 6, 8, 7, 8, 8, 9], "rnn": [1, 2, 1, 1, 3, 2, 2, 1]})
    >>> found.cliques
    (('gru', 'lstm'),)
    >>> {cell: (rank.center, rank.n) for cell, rank in found.ranks.items()}
    {'gru': (1.25, 8), 'lstm': (1.75, 8), 'rnn': (3.0, 8)}
    """
    table = rising(blocks(scores), better)
    places = stats.rankdata(-table, axis=1)
    spread = [(cell, mean_interval(places[:, k])) for k, cell in enumerate(scores)]
    within = {cell: rank._replace(low=max(rank.low, 1.0), high=min(rank.high, float(len(scores)))) for cell, rank in spread if rank}
    ranks = dict(sorted(within.items(), key=lambda item: item[1].center))
    couples = list(combinations(range(len(scores)), 2))
    alone = [signed_ranks(table[:, a], table[:, b]) for a, b in couples]
    names = list(scores)
    pairs = tuple(Pair(names[a], names[b], p, q, len(table)) for (a, b), p, q in zip(couples, alone, holm(alone), strict=True))
    apart = {frozenset((pair.a, pair.b)) for pair in pairs if pair.adjusted < alpha}
    return Ranking(ranks, friedman(table), pairs, cliques(list(ranks), apart), min(1.0, len(pairs) * 2.0 ** (1 - len(table))), len(table), alpha)


def friedman(table: Array) -> float | None:
    """p of Friedman's test (1937) over blocks x cells, ties corrected; 1 where no block tells any cells apart, None for two cells."""
    if table.shape[1] < 3:
        return None
    if (table == table[:, :1]).all():
        return 1.0
    return float(stats.friedmanchisquare(*table.T).pvalue)


def signed_ranks(a: Array, b: Array) -> float:
    """p of Wilcoxon's signed-rank test (1945), two-sided, exact where no differences are tied; blocks without a difference count half each way."""
    difference = np.round(a - b, 12)  # 0.3 - 0.2 and 0.2 - 0.1 are the same difference
    return float(stats.wilcoxon(difference, zero_method="zsplit").pvalue) if difference.any() else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """p values adjusted so that all of them together err with the level of one (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((len(p) - np.arange(len(p))) * np.asarray(p, dtype=float)[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def cliques(order: Sequence[str], apart: set[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """The longest runs of an order in which no two are apart, two or more together; none lies within another.

    >>> cliques(["a", "b", "c", "d"], {frozenset("ad"), frozenset("ac")})
    (('a', 'b'), ('b', 'c', 'd'))
    """
    found: list[tuple[str, ...]] = []
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and not any(frozenset((order[end], other)) in apart for other in order[start:end]):
            end += 1
        run = tuple(order[start:end])
        if len(run) > 1 and not (found and set(run) <= set(found[-1])):
            found.append(run)
    return tuple(found)
