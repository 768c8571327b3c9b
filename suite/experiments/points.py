"""Points of a space of settings: `grid` takes every combination, `sample` draws at random.

A path names a setting as a spec does, `units`, `optimiser.lr`; `cell.drop` is an argument of the cell, `task.length` one of the task.
Trial k of a sample comes from a generator seeded with (seed, k): any trial can be drawn alone, and in any order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from suite.names import format_call, parse_call
from suite.runs.spec import Count, Frozen, Optimiser, Positive

Point = dict[str, Any]  # path -> value
CALLS = ("cell", "task")  # settings that are written as calls


def listed(value: Any) -> Any:
    """A list as a tuple, which a frozen spec holds, and so every list in it."""
    return tuple(map(listed, value)) if isinstance(value, list) else value


Finite = Annotated[float, Field(allow_inf_nan=False)]
Range = Annotated[tuple[Finite, Finite], BeforeValidator(listed)]
Whole = Annotated[tuple[int, int], BeforeValidator(listed)]
Values = Annotated[tuple[Any, ...], BeforeValidator(listed), Field(min_length=1)]


class Distribution(Frozen):
    """What one setting is drawn from; exactly one field is given.

    `one_minus_log_uniform` is 1 minus a log-uniform number, for a momentum whose distance from 1 is what matters. Ends of
    the integer range are included.
    """

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"), populate_by_name=True)

    uniform: Range | None = None
    log_uniform: Range | None = None
    integer_log_uniform: Whole | None = None
    one_minus_log_uniform: Range | None = None
    choice: Values | None = None

    @model_validator(mode="after")
    def _one_and_in_order(self) -> Self:
        if len(self.given) != 1:
            kinds = ", ".join(str(field.alias) for field in type(self).model_fields.values())
            raise ValueError(f"must be one distribution of {kinds}, not {len(self.given)}")
        ((name, ends),) = self.given.items()
        if name != "choice" and not ends[0] < ends[1]:
            raise ValueError(f"{name.replace('_', '-')} needs a range from low to high, not {list(ends)}")
        if "log" in name and ends[0] <= 0:
            raise ValueError(f"{name.replace('_', '-')} needs a range above 0, not {list(ends)}")
        return self

    @property
    def given(self) -> dict[str, Any]:
        """The one field that is given."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Values that a draw lies between, or all of a choice; each must be allowed."""
        ((name, ends),) = self.given.items()
        return (1 - ends[1], 1 - ends[0]) if name == "one_minus_log_uniform" else tuple(ends)

    def draw(self, generator: np.random.Generator) -> Any:
        """One value, of a plain type."""
        ((name, ends),) = self.given.items()
        return DRAWS[name](generator, ends)


def _log_uniform(generator: np.random.Generator, ends: Sequence[float]) -> float:
    return min(max(math.exp(generator.uniform(math.log(ends[0]), math.log(ends[1]))), ends[0]), ends[1])


DRAWS: dict[str, Callable[[np.random.Generator, Any], Any]] = {
    "uniform": lambda generator, ends: float(generator.uniform(*ends)),
    "log_uniform": _log_uniform,
    "integer_log_uniform": lambda generator, ends: min(int(_log_uniform(generator, (ends[0], ends[1] + 1))), ends[1]),
    "one_minus_log_uniform": lambda generator, ends: 1 - _log_uniform(generator, ends),
    "choice": lambda generator, values: values[generator.integers(len(values))],
}


def flat(nested: Any, leaf: Callable[[Any], bool], prefix: str = "") -> Any:
    """Tables inside tables as one, names joined by dots; what is no table is left for the model to complain of."""
    if not isinstance(nested, Mapping):
        return nested
    found: dict[str, Any] = {}
    for key, value in nested.items():
        found |= {f"{prefix}{key}": value} if leaf(value) or not isinstance(value, Mapping) or not value else flat(value, leaf, f"{prefix}{key}.")
    return found


def _drawn_from(value: Any) -> bool:
    return isinstance(value, Distribution) or not isinstance(value, Mapping) or not any(isinstance(inner, Mapping) for inner in value.values())


NESTED = {"type": "object", "description": "path of a setting, or tables within tables"}
Grid = Annotated[
    dict[str, Values],
    BeforeValidator(lambda value: flat(value, lambda inner: not isinstance(inner, Mapping))),
    WithJsonSchema(NESTED | {"additionalProperties": {"anyOf": [{"type": "array", "minItems": 1}, {"type": "object"}]}}),
]
Space = Annotated[
    dict[str, Distribution],
    BeforeValidator(lambda value: flat(value, _drawn_from)),
    Field(min_length=1),
    WithJsonSchema(NESTED | {"additionalProperties": {"type": "object"}, "minProperties": 1}),
]


class Sample(Frozen):
    """Random search: `trials` points, each setting of `space` drawn from its distribution."""

    trials: Positive
    space: Space
    seed: Count = 0


def grid(values: Mapping[str, Sequence[Any]]) -> list[Point]:
    """Every combination, the last path moving fastest; one empty point where nothing varies.

    >>> grid({"units": [8, 16], "optimiser.lr": [0.1]})
    [{'units': 8, 'optimiser.lr': 0.1}, {'units': 16, 'optimiser.lr': 0.1}]
    """
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]


def trial(sample: Sample, k: int) -> Point:
    """Trial k of a sample, whatever was drawn before it.

    >>> some = Sample(trials=2, space={"units": {"integer-log-uniform": (20, 200)}, "optimiser.lr": {"log-uniform": (1e-6, 1e-2)}})
    >>> trial(some, 1) == trial(some, 1), trial(some, 0) == trial(some, 1)
    (True, False)
    """
    generator = np.random.default_rng((sample.seed, k))
    return {path: sample.space[path].draw(generator) for path in sorted(sample.space)}


def sample(of: Sample) -> list[Point]:
    """All trials of a sample."""
    return [trial(of, k) for k in range(of.trials)]


def changed(settings: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a spec with those of a point in their places.

    >>> changed({"task": "adding(length=50)", "units": 8}, {"task.length": 100, "optimiser.lr": 0.1})["task"]
    'adding(length=100)'
    """
    made = dict(settings)
    for path, value in point.items():
        first, _, inner = path.partition(".")
        if not inner:
            made[first] = value
        elif first in CALLS:
            name, given = parse_call(made[first])
            made[first] = format_call(name, given | {inner: value})
        else:
            held = made.get(first, {})
            made[first] = {**(held.model_dump(exclude_unset=True) if isinstance(held, Optimiser) else held), inner: value}
    return made
