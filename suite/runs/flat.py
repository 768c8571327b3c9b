"""Nested values under dotted names: what a table has as columns."""

from __future__ import annotations

from typing import Any


def flat(nested: dict[str, Any], prefix: str = "", *, inside: bool = False) -> dict[str, Any]:
    """Every value by its dotted name; `inside` goes into sequences of mappings too.

    >>> flat({"a": 1, "b": {"c": 2, "d": ({"e": 3},)}})
    {'a': 1, 'b.c': 2, 'b.d': ({'e': 3},)}
    >>> flat({"d": ({"e": 3}, {"e": 4})}, inside=True)
    {'d.0.e': 3, 'd.1.e': 4}
    """
    found: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}.{key}" if prefix else key
        if inside and isinstance(value, tuple) and value and isinstance(value[0], dict):
            value = {str(k): item for k, item in enumerate(value)}  # noqa: PLW2901
        found |= flat(value, name, inside=inside) if isinstance(value, dict) else {name: value}
    return found
