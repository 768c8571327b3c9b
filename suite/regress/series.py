"""What is compared: a series, what it is measured in, and how large a change must be to count."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from suite.stats.samples import Array


class Unit(NamedTuple):
    """Lower is better in every unit. `relative`: changes are ratios, else differences; `matters`: the least change that counts, a ratio less 1 or a difference."""

    name: str
    relative: bool
    matters: float


UNITS = {
    "seconds": Unit("seconds", True, 0.05),
    "bytes": Unit("bytes", True, 0.05),
    "loss": Unit("loss", True, 0.05),
    "parameters": Unit("parameters", True, 0.0),
    "score": Unit("score", False, 0.0),  # of which more is better, with its sign turned
    "error": Unit("error", False, 0.01),  # a share of wrong answers: a hundredth is a point
}


@dataclass(frozen=True)
class Series:
    """One series of figures.

    name    kind and parameters, `step[lstm, scan, cpu 1]`
    unit    a key of UNITS
    way     "turn": a call timed again and again, "alone": one figure a fresh process, "timed alone": likewise, nothing beside it
    seeds   a measurement is one figure a seed, and pairs are seeds; else pairs are processes
    exact   the same code gives the same bits, so equal bits are no change
    """

    name: str
    unit: str
    way: str = "turn"
    seeds: bool = False
    exact: bool = False

    def changes(self, before: Array, after: Array) -> Array:
        """From figures before to figures after, on the scale on which they are compared; above 0 is worse.

        A ratio from 0 is infinite and one to 0 minus infinity, of that pair alone; NaN where a figure has none, for it is not finite or below 0.

        >>> Series("loss", "loss").changes(np.array([0.0, 0.0, 1.0, -1.0]), np.array([0.0, 2.0, 1.0, 1.0]))
        array([ 0., inf,  0., nan])
        """
        if not UNITS[self.unit].relative:
            return after - before
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.log(after) - np.log(before)
        finite, positive = np.isfinite(before) & np.isfinite(after), (before >= 0) & (after >= 0)
        return np.where(finite & (before == after), 0.0, np.where(finite & positive, ratios, np.nan))

    @property
    def matters(self) -> float:
        """The least change that counts, on that scale."""
        unit = UNITS[self.unit]
        return math.log1p(unit.matters) if unit.relative else unit.matters

    def said(self, change: float) -> str:
        """A change for people.

        >>> Series("step", "seconds").said(0.0953), Series("digits", "error").said(-0.02)
        ('+10.0 %', '-2.00 points')
        """
        return f"{100 * math.expm1(change):+.1f} %" if UNITS[self.unit].relative else f"{100 * change:+.2f} points" if self.unit == "error" else f"{change:+.3g}"
