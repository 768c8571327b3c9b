"""From a name, or `module:attribute`, to an object; from `adding(length=200)` to a name and its arguments."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def resolve(name: str, table: Mapping[str, T], what: str) -> T:
    """The entry of a table, or an outsider's object; an unknown name is a ValueError with the near miss.

    >>> resolve("lstmm", {"lstm": 1, "gru": 2}, "cell")
    Traceback (most recent call last):
    ValueError: unknown cell 'lstmm'; did you mean 'lstm'? known: lstm, gru
    """
    if name in table:
        return table[name]
    if ":" in name:
        return _imported(name, what)  # type: ignore[no-any-return]
    raise ValueError(unknown(name, table, what))


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """The sentence for a name that is not known."""
    known = list(known)
    lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean '{lower[near[0]]}'? " if near else ""
    return f"unknown {what} '{name}'; {hint}known: {', '.join(known)}"


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
