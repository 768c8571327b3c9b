"""From a name, or `module:attribute`, to an object; from `adding(length=200)` to a name and its arguments."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
SHORT = 3  # letters from which a beginning tells


def resolve(name: str, table: Mapping[str, T], what: str) -> T:
    """The entry of a table, or an outsider's object; an unknown name is a ValueError with the near miss, and so is what is no name.

    >>> resolve("lstmm", {"lstm": 1, "gru": 2}, "cell")
    Traceback (most recent call last):
    ValueError: unknown cell 'lstmm'; did you mean 'lstm'? known: lstm, gru
    """
    written(name, what)
    if name in table:
        return table[name]
    if ":" in name:
        return _imported(name, what)  # type: ignore[no-any-return]
    raise ValueError(unknown(name, table, what))


def written(name: str, what: str) -> str:
    """The same; a ValueError where it is no text."""
    if not isinstance(name, str):
        raise ValueError(f"{what} must be a name, as a text, not {name!r:.80}")
    return name


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """The sentence for a name that is not known."""
    known = list(known)
    meant = near_miss(name, known)
    hint = f"did you mean '{meant}'? " if meant else ""
    return f"unknown {what} '{name}'; {hint}known: {', '.join(known)}"


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name that one may have meant: at most a third of its letters mistyped, or one is a whole part or, from three letters, the beginning of the other.

    A name of two or three letters may have one mistake. Of names as near, the one with more in common; large and small letters are alike.

    >>> near_miss("gur", ["mgu", "gru"]), near_miss("h", ["0.h", "1.c"]), near_miss("nope", ["compiled", "scan"])
    ('gru', '0.h', None)
    """

    def rank(other: str) -> tuple[bool, int, float]:
        given, meant = name.lower(), other.lower()
        longest, off = max(len(given), len(meant)), mistakes(given, meant)
        near = off <= max(1, longest // 3) and off < longest
        return near, -off, difflib.SequenceMatcher(None, given, meant).ratio()

    best = max(known, key=rank, default=None)
    if best is not None and rank(best)[0]:
        return best
    given = name.lower()
    parts = [part for part in re.split(r"[-._:]", given) if len(part) >= SHORT]
    return next(
        (other for other in known if given in re.split(r"[-._:]", other.lower()) or (len(given) >= SHORT and other.lower().startswith(given)) or other.lower() in parts),
        None,
    )


def mistakes(given: str, meant: str) -> int:
    """Letters left out, put in, taken for another or swapped with their neighbour, each once (optimal string alignment; Damerau 1964).

    >>> mistakes("lenght", "length"), mistakes("parket", "parquet"), mistakes("gur", "mgu")
    (1, 2, 2)
    """
    before, last = [0], list(range(len(meant) + 1))
    for i, letter in enumerate(given, 1):
        now = [i]
        for j, other in enumerate(meant, 1):
            found = min(last[j] + 1, now[j - 1] + 1, last[j - 1] + (letter != other))
            if min(i, j) > 1 and letter == meant[j - 2] and given[i - 2] == other:
                found = min(found, before[j - 2] + 1)
            now.append(found)
        before, last = last, now
    return last[-1]


def _imported(name: str, what: str) -> Any:
    module, _, attribute = name.partition(":")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last, so that nothing of ours or of a library is hidden
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # somebody else's module may do anything
        said = " ".join(str(error).split()) or "no message"
        raise ValueError(f"{what} '{name}' cannot be imported: {type(error).__name__}: {said}") from None


def parse_call(text: str) -> tuple[str, dict[str, Any]]:
    """The name and the keyword arguments of a call written as text.

    >>> parse_call("adding(length=200)"), parse_call("mnist-rows"), parse_call("my.tasks:echo(delay=3)")
    (('adding', {'length': 200}), ('mnist-rows', {}), ('my.tasks:echo', {'delay': 3}))
    """
    name, bracket, rest = text.strip().partition("(")
    try:
        if not bracket:
            return name, {}
        call = ast.parse(f"f({rest}", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise SyntaxError
        return name.strip(), {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError):
        raise ValueError(f"cannot read '{text}'; write a name, or name(argument=value, …) as in adding(length=200)") from None


def format_call(name: str, arguments: Mapping[str, Any]) -> str:
    """The reverse of `parse_call`.

    >>> format_call("adding", {"length": 200})
    'adding(length=200)'
    """
    inside = ", ".join(f"{key}={value!r}" for key, value in sorted(arguments.items()))
    return f"{name}({inside})" if inside else name


def call(factory: Callable[..., T], name: str, arguments: Mapping[str, Any], what: str) -> T:
    """`factory(**arguments)`, where an argument it does not take, or one of another type than its default, is a ValueError."""
    if not callable(factory):
        raise ValueError(f"{what} '{name}' cannot be called: it is a {type(factory).__name__}")
    signature = inspect.signature(factory)
    known = signature.parameters
    for argument, value in arguments.items():
        if argument not in known and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            raise ValueError(unknown(argument, known, f"argument of {what} '{name}',") if known else f"{what} '{name}' takes no arguments, given was '{argument}'")
        default = known[argument].default if argument in known else None
        if isinstance(default, (int, str)) and type(value) is not type(default):
            raise ValueError(f"{what} '{name}': {argument} must be of type {type(default).__name__}, as {default!r} is, not {value!r}")
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise ValueError(f"{what} '{name}': {error}") from None
    return factory(**arguments)


def missing(factory: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """The arguments that a factory needs and that are not given."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [n for n, p in inspect.signature(factory).parameters.items() if p.default is p.empty and p.kind not in kinds and n not in given]


def arguments(factory: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given arguments with the factory's defaults filled in."""
    defaults = {n: p.default for n, p in inspect.signature(factory).parameters.items() if p.default is not p.empty}
    return defaults | dict(given)
