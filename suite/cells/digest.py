"""The digest of a cell: a hash of its table and of the source of its equations, whatever their comments and layout."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import io
import json
import textwrap
import tokenize
from collections.abc import Callable, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

from suite.cells.cell import Cell

LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def digest(cell: Cell) -> str:
    """Sixteen hexadecimal digits that change when the table or an equation does, and only then.

    >>> from suite.cells import CELLS
    >>> digest(CELLS["lstm"](8)) == digest(CELLS["lstm"](9)), digest(CELLS["gru"](8)) == digest(CELLS["gru-cho"](8))
    (True, False)
    """
    ratio = {name: width / cell.units for name, width in {**cell.state, **cell.extra, **cell.width}.items()}
    described = {
        "stages": [[dict(affine), _describe(function)] for affine, function in cell.stages],
        "widths": ratio,  # the width of a cell is the spec's, its proportions are the cell's
        "start": dict(cell.start),
        "truncated": list(cell.truncated),
    }
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]


def _describe(thing: Any) -> Any:
    """Plain data that stands for a function and everything of its own that it uses."""
    if isinstance(thing, MethodType):
        return [_describe(thing.__self__), _describe(thing.__func__)]
    if isinstance(thing, partial):
        return [_describe(thing.func), [_describe(a) for a in thing.args], _describe(thing.keywords)]
    if isinstance(thing, FunctionType):
        return [_source(thing), *(_describe(used) for used in _used(thing))]
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {f.name: _describe(getattr(thing, f.name)) for f in dataclasses.fields(thing) if f.name not in ("name", "paper")}
        return [fields, [_source(m) for _, m in sorted(vars(type(thing)).items()) if isinstance(m, FunctionType) and not m.__name__.startswith("__")]]
    if isinstance(thing, Mapping):
        return {str(key): _describe(value) for key, value in thing.items()}
    if isinstance(thing, (str, int, float, bool, type(None))):
        return thing
    if isinstance(thing, (tuple, list)):
        return [_describe(item) for item in thing]
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', type(thing).__name__)}"


def _used(function: Callable[..., Any]) -> list[Any]:
    """Closure values and same-project helpers of a function, in the order of their names."""
    code = function.__code__
    closed = [c.cell_contents for c in function.__closure__ or ()]
    names = sorted({name for block in _blocks(code) for name in block.co_names})
    package = (function.__module__ or "").partition(".")[0]
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    own = [v for v in found if isinstance(v, (FunctionType, int, float, str)) and (getattr(v, "__module__", package) or "").partition(".")[0] == package]
    return closed + [v for v in own if v is not function]


def _blocks(code: CodeType) -> list[CodeType]:
    return [code, *(inner for const in code.co_consts if isinstance(const, CodeType) for inner in _blocks(const))]


def _source(function: Callable[..., Any]) -> str:
    """The tokens of a function without comments, layout and docstring; its bytecode where there is no source."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return function.__code__.co_code.hex() + repr(function.__code__.co_names) + repr(function.__code__.co_consts)
    kept, before = [], tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        statement = token.type == tokenize.STRING and before in (tokenize.NEWLINE, tokenize.INDENT)  # a docstring
        if token.type not in LAYOUT and not statement:
            kept.append(token.string)
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            before = token.type
    return " ".join(kept).strip()
