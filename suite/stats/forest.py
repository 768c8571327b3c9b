"""A random forest as boxes: each tree is constant on its leaves, so its marginals and their variances are finite sums (Hutter et al. 2014)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from suite.stats.samples import Array


@dataclass(frozen=True)
class Boxes:
    """One tree as the boxes on which it is constant: low and high (boxes, parameters) in the unit cube, value (boxes,)."""

    low: Array
    high: Array
    value: Array

    @property
    def volume(self) -> Array:
        """The share of the cube in each box."""
        return np.asarray((self.high - self.low).prod(axis=1))

    @property
    def variance(self) -> float:
        """Of the tree over the cube."""
        return float((self.volume * (self.value - self.volume @ self.value) ** 2).sum())

    def segments(self, parameter: int) -> tuple[Array, Array]:
        """Lengths of the pieces on which the tree is constant along one axis, and which box holds which piece (boxes, pieces)."""
        edges = np.unique(np.concatenate([self.low[:, parameter], self.high[:, parameter]]))
        middle = (edges[1:] + edges[:-1]) / 2
        return np.diff(edges), self.holds(parameter, middle)

    def holds(self, parameter: int, at: Array) -> Array:
        """Which box contains which places along one axis, (boxes, places)."""
        return np.asarray((self.low[:, parameter, None] <= at) & ((at < self.high[:, parameter, None]) | (self.high[:, parameter, None] == 1)), dtype=float)

    def weight(self, *parameters: int) -> Array:
        """Value times the volume over all other axes."""
        others = [k for k in range(self.low.shape[1]) if k not in parameters]
        return np.asarray(self.value * (self.high - self.low)[:, others].prod(axis=1))

    def alone(self, parameter: int) -> float:
        """The variance of the marginal of one hyper-parameter."""
        length, inside = self.segments(parameter)
        return float(length @ (self.weight(parameter) @ inside - self.volume @ self.value) ** 2)

    def together(self, a: int, b: int) -> float:
        """The variance of the marginal of two, less what each accounts for."""
        (wide, across), (tall, up) = self.segments(a), self.segments(b)
        marginal = across.T @ (self.weight(a, b)[:, None] * up)
        both = wide @ (marginal - self.volume @ self.value) ** 2 @ tall
        return max(float(both) - self.alone(a) - self.alone(b), 0.0)


def boxes(tree: Any, parameters: int) -> Boxes:
    """The leaves of one tree of scikit-learn as boxes of the unit cube."""
    low, high, value = [], [], []
    waiting = [(0, np.zeros(parameters), np.ones(parameters))]
    while waiting:
        node, least, most = waiting.pop()
        if tree.children_left[node] < 0:
            low.append(least)
            high.append(most)
            value.append(float(tree.value[node].item()))
            continue
        k, edge = tree.feature[node], min(max(tree.threshold[node], least[tree.feature[node]]), most[tree.feature[node]])
        left, right = most.copy(), least.copy()
        left[k] = right[k] = edge
        waiting += [(tree.children_left[node], least, left), (tree.children_right[node], right, most)]
    return Boxes(np.array(low), np.array(high), np.array(value))


def unseen(forest: Any, placed: Array, scores: Array) -> float:
    """The share of variance explained of trials by those trees that were not fitted to them."""
    total, count = np.zeros(len(scores)), np.zeros(len(scores))
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        left = np.setdiff1d(np.arange(len(scores)), drawn)
        total[left] += tree.predict(placed[left]) if len(left) else 0.0
        count[left] += 1
    known = count > 0
    rest = float(((scores[known] - total[known] / count[known]) ** 2).sum())
    return 1 - rest / float(((scores[known] - scores[known].mean()) ** 2).sum())
