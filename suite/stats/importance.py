"""Importance of hyper-parameters by functional analysis of variance over a random forest (Hutter, Hoos & Leyton-Brown 2014).

A forest is fitted to the trials. Each of its trees is constant on boxes, so the mean over all other hyper-parameters, and
with it the share of the variance that one of them or two together account for, is a finite sum and not an estimate.
The variance is that over the whole range of the search, each hyper-parameter uniform on it, on the scale of its logarithm
where it was searched so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from suite.stats.axes import Axis, axis
from suite.stats.forest import Boxes, boxes, unseen
from suite.stats.intervals import Interval
from suite.stats.samples import sample


class Importance(NamedTuple):
    """The share of variance of one hyper-parameter, or of two together beyond what each does alone.

    share       the mean over the trees of the forest
    low, high   2.5 % and 97.5 % quantiles over the trees: how far trees of resampled trials differ, not a confidence interval
    n           trials
    """

    parameters: tuple[str, ...]
    share: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Fanova:
    """A forest over the unit cube of the hyper-parameters.

    axes    name -> how it lies on the axis
    fit     the share of variance that the forest explains of trials which a tree has not seen; near 0 or below, importances mean nothing
    n       trials
    """

    axes: dict[str, Axis]
    trees: tuple[Boxes, ...]
    fit: float
    n: int

    def shares(self, *, pairs: bool = True) -> tuple[Importance, ...]:
        """Every hyper-parameter and, unless told otherwise, every pair, the most important first."""
        effects = [(k,) for k in range(len(self.axes))] + (list(combinations(range(len(self.axes)), 2)) if pairs else [])
        names, trees = list(self.axes), [tree for tree in self.trees if tree.variance > 0]
        found = []
        for effect in effects:
            part = np.array([(tree.alone(*effect) if len(effect) == 1 else tree.together(*effect)) / tree.variance for tree in trees])
            low, high = np.quantile(part, (0.025, 0.975))
            found.append(Importance(tuple(names[k] for k in effect), float(part.mean()), float(low), float(high), self.n))
        return tuple(sorted(found, key=lambda each: -each.share))

    def marginal(self, parameter: str, at: Sequence[Any]) -> tuple[Interval, ...]:
        """The score to expect at values of one hyper-parameter, averaged over all others: mean and 95 % of the trees of the forest."""
        if parameter not in self.axes:
            raise ValueError(f"there is no hyper-parameter {parameter!r}; there are {', '.join(self.axes)}")
        places, k = self.axes[parameter].places(at), list(self.axes).index(parameter)
        curves = np.stack([tree.weight(k) @ tree.holds(k, places) for tree in self.trees])
        low, high = np.quantile(curves, (0.025, 0.975), axis=0)
        return tuple(Interval(float(c), float(a), float(b), self.n) for c, a, b in zip(curves.mean(axis=0), low, high, strict=True))


def fanova(
    trials: Mapping[str, Sequence[Any]],
    scores: ArrayLike,
    generator: np.random.Generator,
    *,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    logarithmic: Collection[str] = (),
    trees: int = 64,
) -> Fanova:
    """Fit the forest to the trials of a random search.

    trials          hyper-parameter -> its value in each trial; names and booleans are categories
    scores          one a trial
    generator       decides the forest
    ranges          hyper-parameter -> the range that was searched; from the smallest to the largest value tried unless given
    logarithmic     hyper-parameters that were searched on the scale of their logarithm

    Needs scikit-learn. A ValueError for values that fit no axis, or scores that are all alike.

    >>> rng = np.random.default_rng(0)
    >>> trials = {"lr": list(10 ** rng.uniform(-4, -1, 100)), "noise": list(rng.uniform(0, 1, 100))}
    >>> found = fanova(trials, np.log10(trials["lr"]) + 0.1 * np.array(trials["noise"]), rng, logarithmic=["lr"], trees=16)
    >>> found.shares()[0].parameters, found.shares()[0].share > 0.9, found.shares()[0].n
    (('lr',), True, 100)
    """
    from sklearn.ensemble import RandomForestRegressor

    judged = sample(scores, 4, "scores")
    if not trials:
        raise ValueError("no hyper-parameter was given")
    if (judged == judged[0]).all():
        raise ValueError("all scores are alike: there is no variance to explain")
    unknown = [name for name in (*logarithmic, *(ranges or {})) if name not in trials]
    if unknown:
        raise ValueError(f"there is no hyper-parameter {unknown[0]!r}; there are {', '.join(trials)}")
    short = [name for name, values in trials.items() if len(values) != len(judged)]
    if short:
        raise ValueError(f"{short[0]} has {len(trials[short[0]])} values for {len(judged)} trials")
    axes = {name: axis(name, values, (ranges or {}).get(name), name in logarithmic) for name, values in trials.items()}
    placed = np.stack([axes[name].places(values) for name, values in trials.items()], axis=1)
    forest = RandomForestRegressor(n_estimators=trees, bootstrap=True, random_state=int(generator.integers(2**31)))
    forest.fit(placed, judged)
    return Fanova(axes, tuple(boxes(each.tree_, placed.shape[1]) for each in forest.estimators_), unseen(forest, placed, judged), len(judged))
