"""Hyper-parameters as axes of the unit cube."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from suite.stats.samples import Array, sample


@dataclass(frozen=True)
class Axis:
    """How the values of a hyper-parameter lie on the unit interval: a range, or its logarithm, or equal pieces for names, yes and no."""

    low: float = 0.0
    high: float = 1.0
    logarithmic: bool = False
    names: tuple[Any, ...] = ()

    def places(self, values: Sequence[Any]) -> Array:
        """Values as places between 0 and 1."""
        if self.names:
            unknown = [value for value in values if value not in self.names]
            if unknown:
                raise ValueError(f"{unknown[0]!r} is none of {', '.join(map(repr, self.names))}")
            return np.array([(self.names.index(value) + 0.5) / len(self.names) for value in values])
        array = np.asarray(values, dtype=float)
        if (array < self.low).any() or (array > self.high).any():
            raise ValueError(f"a value lies outside the range {self.low:g} to {self.high:g}")
        scale = np.log if self.logarithmic else np.asarray
        low, high = float(scale(self.low)), float(scale(self.high))
        return np.asarray((scale(array) - low) / (high - low))


def axis(name: str, values: Sequence[Any], searched: tuple[float, float] | None, logarithmic: bool) -> Axis:
    """The axis of one hyper-parameter, from its values and what is said of the search."""
    if any(isinstance(value, str | bool | np.bool_) for value in values):
        return Axis(names=tuple(sorted(set(values), key=str)))
    array = sample(values, what=f"values of {name}")
    low, high = searched or (float(array.min()), float(array.max()))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name} has no range: it goes from {low:g} to {high:g}")
    if logarithmic and low <= 0:
        raise ValueError(f"{name} reaches {low:g}, which has no logarithm")
    if (array < low).any() or (array > high).any():
        raise ValueError(f"{name} was tried at {array.min():g} to {array.max():g}, which is beyond the range {low:g} to {high:g}")
    return Axis(low, high, logarithmic)
