"""The digest of a cell: a hash of its table and of the source of its equations, whatever their comments and layout."""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import textwrap
import tokenize
from collections.abc import Callable, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor

from suite.cells.cell import Cell

LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


class Fixed(int):
    """A width that is the same at any width of its cell."""


def digest(cell: Cell) -> str:
    """Sixteen hexadecimal digits that change when the table or an equation does, and only then.

    >>> from suite.cells import CELLS
    >>> digest(CELLS["lstm"](8)) == digest(CELLS["lstm"](9)), digest(CELLS["gru"](8)) == digest(CELLS["gru-cho"](8))
    (True, False)
    """
    widths = {**cell.state, **cell.extra, **cell.width}
    ratio = {name: f"{width}" if isinstance(width, Fixed) else width / cell.units for name, width in widths.items()}
    described = {
        "stages": [[dict(affine), _describe(function)] for affine, function in cell.stages],
        "widths": ratio,  # the width of a cell is the spec's, its proportions are the cell's
        "start": dict(cell.start),
        "truncated": list(cell.truncated),
        **{name: dict(getattr(cell, name)) for name in ("masks", "gates", "initial") if getattr(cell, name)},
    }
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]


def _describe(thing: Any, seen: tuple[int, ...] = ()) -> Any:
    """Plain data that stands for a function and everything of its own that it uses."""
    if id(thing) in seen:
        return "itself"
    seen = (*seen, id(thing))
    if isinstance(thing, MethodType):
        return [_describe(thing.__self__, seen), _describe(thing.__func__, seen)]
    if isinstance(thing, partial):
        return [_describe(part, seen) for part in (thing.func, thing.args, thing.keywords)]
    if isinstance(thing, FunctionType):
        return [_source(thing), *(_describe(used, seen) for used in _used(thing))]
    if isinstance(thing, Mapping):
        return {str(key): _describe(value, seen) for key, value in thing.items()}
    if isinstance(thing, (tuple, list, set, frozenset)):
        return [_describe(item, seen) for item in thing]
    if isinstance(thing, (str, int, float, complex, bool, type(None))):
        return repr(thing)
    if isinstance(thing, Tensor):
        return [str(thing.dtype), thing.detach().cpu().tolist()]
    if hasattr(thing, "__dict__") and not isinstance(thing, (type, ModuleType)) and not callable(getattr(thing, "__wrapped__", None)):
        fields = {key: value for key, value in vars(thing).items() if key not in ("name", "paper")}
        own = [_source(m) for key, m in sorted(vars(type(thing)).items()) if isinstance(m, FunctionType) and not key.startswith("__")]
        return [type(thing).__qualname__, _describe(fields, seen), own]
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', type(thing).__name__)}"


def _used(function: FunctionType) -> list[Any]:
    """What a function gets from outside: defaults, closure, and the globals of its own package that it names."""
    closed = [cell.cell_contents for cell in function.__closure__ or ()]
    names = sorted({name for block in _blocks(function.__code__) for name in block.co_names})
    package = (function.__module__ or "").partition(".")[0]
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    own = [value for value in found if (getattr(value, "__module__", None) or package).partition(".")[0] == package and not isinstance(value, (type, ModuleType))]
    return [function.__defaults__, function.__kwdefaults__, *closed, *own]


def _blocks(code: CodeType) -> list[CodeType]:
    return [code, *(inner for const in code.co_consts if isinstance(const, CodeType) for inner in _blocks(const))]


_sources: dict[int, tuple[CodeType, str]] = {}  # by identity: equal code may stand in another text


def _source(function: Callable[..., Any]) -> str:
    """The tokens of a function, read once a function: cells of many widths share their equations."""
    code = function.__code__
    if id(code) not in _sources:
        _sources[id(code)] = code, _tokens(function)
    return _sources[id(code)][1]


def _tokens(function: Callable[..., Any]) -> str:
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
