"""Units solved from a budget, so that cells are compared at equal parameters, multiply-adds or state."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Self

from pydantic import Field, model_validator

from suite.runs.spec import Frozen, Positive

LARGEST = 1 << 20  # units; no cell is wider
STEPS = 64  # widths tried on each side of the budget, for a cell that takes only multiples of some number


class Match(Frozen):
    """A budget of one kind: all `parameters` of the network, embedding and readout with them, or the `multiply_adds` of a step of
    one sequence, or the `state_bytes` it keeps. `within` is the share that units may miss it by.
    """

    parameters: Positive | None = None
    multiply_adds: Positive | None = None
    state_bytes: Positive | None = None
    within: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.01

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if sum(value is not None for value in (self.parameters, self.multiply_adds, self.state_bytes)) != 1:
            raise ValueError("must give one budget of parameters, multiply_adds and state_bytes")
        return self

    @property
    def of(self) -> tuple[str, int]:
        """What is counted, and how much of it there may be."""
        return next((name, value) for name in ("parameters", "multiply_adds", "state_bytes") if (value := getattr(self, name)) is not None)


def units(match: Match, count: Callable[[int], int | None]) -> int:
    """The units whose count is nearest to the budget; ValueError with the nearest possible if that is not near enough.

    `count` says how much a width takes, more for a wider one, and None for a width that cannot be.

    >>> units(Match(parameters=1030), lambda n: n * n + 3)
    32
    >>> units(Match(parameters=10), lambda n: n * n + 3)
    Traceback (most recent call last):
    ValueError: no units come within 1 % of 10 parameters: 2 have 7 (-30.0 %), 3 have 12 (+20.0 %)
    """
    what, budget = match.of
    counted = cache(count)
    low, high = 1, 2
    while high < LARGEST and (_at(counted, high, 1) or (0, 0))[1] < budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        above = _at(counted, middle, 1)
        low, high = (middle, high) if above is not None and above[1] < budget else (low, middle)
    near = sorted({found for start, way in ((low, -1), (low, 1), (high, 1)) if (found := _at(counted, start, way))})
    if not near:
        raise ValueError(f"no units from {max(low - STEPS, 1)} to {high + STEPS} can be")
    best = min(near, key=lambda found: abs(found[1] - budget))
    if abs(best[1] - budget) > match.within * budget:
        listed = ", ".join(f"{n:,} have {value:,} ({100 * (value / budget - 1):+.1f} %)" for n, value in near)
        raise ValueError(f"no units come within {100 * match.within:g} % of {budget:,} {what.replace('_', ' ')}: {listed}")
    return best[0]


def _at(count: Callable[[int], int | None], start: int, way: int) -> tuple[int, int] | None:
    """The first width from here on that can be, and its count."""
    widths = range(start, max(start + way * STEPS, 0), way)
    return next(((n, value) for n in widths if (value := count(n)) is not None), None)
