"""What is wrong with an experiment, in sentences: each with its path, what is allowed and the near miss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from suite import names

Path = tuple[str | int, ...]


class Mistakes(ValueError):
    """One or more mistakes, a line each.

    >>> str(Mistakes(["units: must be 1 or more, not 0", "cells: is missing"]))
    'units: must be 1 or more, not 0; cells: is missing'
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(dict.fromkeys(lines))
        super().__init__("; ".join(self.lines))


MUST: dict[str, Callable[[Mapping[str, Any]], str]] = {  # pydantic's kind of error -> what is allowed
    "literal_error": lambda allowed: f"must be {allowed['expected']}",
    "greater_than_equal": lambda allowed: f"must be {allowed['ge']:g} or more",
    "greater_than": lambda allowed: f"must be more than {allowed['gt']:g}",
    "less_than_equal": lambda allowed: f"must be {allowed['le']:g} or less",
    "less_than": lambda allowed: f"must be less than {allowed['lt']:g}",
    "finite_number": lambda allowed: "must be a finite number",
    "int_type": lambda allowed: "must be a whole number",
    "int_from_float": lambda allowed: "must be a whole number",
    "float_type": lambda allowed: "must be a number",
    "bool_type": lambda allowed: "must be true or false",
    "string_type": lambda allowed: "must be a text",
    "tuple_type": lambda allowed: "must be a list",
    "list_type": lambda allowed: "must be a list",
    "dict_type": lambda allowed: "must be a table",
    "model_type": lambda allowed: "must be a table",
    "model_attributes_type": lambda allowed: "must be a table",
    "too_short": lambda allowed: f"must have {allowed['min_length']} or more",
    "too_long": lambda allowed: f"must have {allowed['max_length']} or fewer",
}


def sentences(error: ValidationError, model: type[BaseModel] | None = None, at: Path = ()) -> list[str]:
    """A line for every error; `at` is the path of what was validated, `model` names what is known where something is not."""
    return [f"{written((*at, *each['loc'])) or 'it'}: {sentence(each, model)}" for each in error.errors(include_url=False)]


def sentence(error: ErrorDetails, model: type[BaseModel] | None = None) -> str:
    """What is wrong, in words."""
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        *inside, last = error["loc"]
        return names.unknown(str(last), known(model, inside), "setting")
    if kind == "value_error":
        return str(context["error"])
    if kind in MUST:
        return f"{MUST[kind](context)}, not {given!r}"
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}, not {given!r}"


def written(path: Sequence[str | int]) -> str:
    """A path as one writes it.

    >>> written(("tasks", 1, "optimiser", "lr"))
    'tasks[1].optimiser.lr'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def known(model: type[BaseModel] | None, path: Iterable[str | int]) -> list[str]:
    """The keys that a model takes at a path inside it."""
    for part in path:
        field = model.model_fields.get(str(part)) if model is not None and isinstance(part, str) else None
        model = model if field is None else _model(field.annotation)
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation: `Above` of `tuple[Above, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model, get_args(annotation))), None)


def merged(found: Iterable[tuple[str, str]], places: int) -> list[str]:
    """Mistakes as (place, sentence), a line a sentence: with its places, unless it was made in all of them.

    >>> merged([("adding", "units: must be 1 or more"), ("parity", "units: must be 1 or more"), ("parity", "unknown cell")], 2)
    ['units: must be 1 or more', 'parity: unknown cell']
    """
    lines: dict[str, list[str]] = {}
    for place, said in found:
        lines.setdefault(said, [])
        if place not in lines[said]:
            lines[said].append(place)
    return [said if len(where) == places else f"{', '.join(where)}: {said}" for said, where in lines.items()]
