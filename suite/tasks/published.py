"""Figures of the literature, from `published.toml`, the only place where they stand; each says how it is known.

A figure marked `known` or `unsure` is from memory: print it with its mark, and take it for no threshold without a check.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Container
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from suite.names import parse_call, unknown
from suite.papers import library

CONFIDENCE = {
    "seen": "read in the source",
    "seen-2nd": "read in a third party's account",
    "known": "from memory",
    "derived": "computed from the stated protocol or the published data",
    "unsure": "from memory, to be checked",
}


@dataclass(frozen=True)
class Figure:
    """One published number: of which task, in which setting (it begins with our arguments), of which method, and how it is known."""

    task: str
    setting: str
    method: str
    measure: str
    value: float
    unit: str
    source: str
    confidence: str

    @property
    def line(self) -> str:
        """The figure for people, its mark with it.

        >>> Figure("adding", "length=600", "LSTM", "test loss", 0.164, "", "bai2018", "seen").line
        'LSTM, length=600: test loss 0.164 (bai2018) [seen]'
        """
        return f"{self.method}{f', {self.setting}' if self.setting else ''}: {self.measure} {self.value:,g}{f' {self.unit}' if self.unit else ''} ({self.source}) [{self.confidence}]"


def read(text: str, tasks: Container[str]) -> tuple[Figure, ...]:
    """Every figure of a file; a ValueError in one sentence for the first that is not whole.

    >>> read('figure = [{ task = "adding" }]', {"adding"})
    Traceback (most recent call last):
    ValueError: figure 1: setting, method, measure, value, unit, source, confidence missing
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"published.toml: {error}") from None
    if set(found) - {"figure"}:
        raise ValueError(f"published.toml holds figures alone, not {', '.join(sorted(set(found) - {'figure'}))}")
    made = tuple(_checked(number, raw, tasks) for number, raw in enumerate(found.get("figure", []), start=1))
    for number, figure in enumerate(made, start=1):
        if figure in made[: number - 1]:
            raise ValueError(f"figure {number} stands there twice: {figure.line}")
    return made


def _checked(number: int, raw: dict[str, Any], tasks: Container[str]) -> Figure:
    wanted = [field.name for field in fields(Figure)]
    if missing := [name for name in wanted if name not in raw]:
        raise ValueError(f"figure {number}: {', '.join(missing)} missing")
    if surplus := [name for name in raw if name not in wanted]:
        raise ValueError(f"figure {number}: {unknown(surplus[0], wanted, 'field')}")
    value = raw["value"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"figure {number}: value must be a finite number, not {value!r}")
    if wrong := [name for name in wanted if name != "value" and not isinstance(raw[name], str)]:
        raise ValueError(f"figure {number}: {wrong[0]} must be text, not {raw[wrong[0]]!r}")
    figure = Figure(**{**raw, "value": float(value)})
    if parse_call(figure.task)[0] not in tasks:
        raise ValueError(f"figure {number}: there is no task '{figure.task}'")
    if figure.source not in library():
        raise ValueError(f"figure {number}: {unknown(figure.source, library(), 'source')}")
    if figure.confidence not in CONFIDENCE:
        raise ValueError(f"figure {number}: {unknown(figure.confidence, CONFIDENCE, 'confidence')}")
    return figure


@cache
def published() -> tuple[Figure, ...]:
    """Every figure that we know of."""
    from suite.tasks import TASKS

    return read((Path(__file__).parent / "published.toml").read_text(encoding="utf-8"), TASKS)


def figures(task: str) -> list[Figure]:
    """The figures of a task, whatever its arguments.

    >>> [f"{f.method} {f.value:g} {f.unit} [{f.confidence}]" for f in figures("mnist-rows(train=100)")]
    ['MGU 88.07 % [unsure]', 'GRU 87.53 % [unsure]']
    """
    name = parse_call(task)[0]
    return [figure for figure in published() if parse_call(figure.task)[0] == name]


def fitting(task: str) -> list[Figure]:
    """The figures of a task whose setting does not begin with arguments other than the task's.

    >>> [f.value for f in fitting("adding(form='1997', length=100)") if f.measure == "sequences until success"]
    [74000.0]
    """
    given = parse_call(task)[1]
    return [figure for figure in figures(task) if all(given.get(name, value) == value for name, value in arguments(figure).items())]


def arguments(figure: Figure) -> dict[str, Any]:
    """The arguments that a figure's setting begins with, none where it begins with words."""
    try:
        return parse_call(f"task({figure.setting.partition(';')[0]})")[1]
    except ValueError:
        return {}
