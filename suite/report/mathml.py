"""Equations that a catalogue holds as trees, as MathML: every name escaped, whatever a stranger's catalogue says."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

LEVELS = {"+": 1, "-": 1, "neg": 1, "*": 2, "/": 2, "^": 3}  # how tightly an operator binds
SIGNS = {"+": "+", "-": "−", "*": "⊙"}


def equations(trees: Sequence[Any]) -> str:
    """One block of equations, aligned at their signs; "" where a tree is none.

    >>> equations([["r", ["f", "tanh", ["W", "r", ["t", "x"]]]]])
    '<math display="block"><mtable columnalign="right center left"><mtr><mtd><mi>r</mi></mtd><mtd><mo>=</mo></mtd><mtd><mi>tanh</mi>...'
    """
    try:
        lines = [f"<mtr><mtd>{_math(left)}</mtd><mtd><mo>=</mo></mtd><mtd>{_math(right)}</mtd></mtr>" for left, right in trees]
    except (TypeError, ValueError, IndexError, KeyError, RecursionError):
        return ""
    return f'<math display="block"><mtable columnalign="right center left">{"".join(lines)}</mtable></math>' if lines else ""


def _math(tree: Any, level: int = 0) -> str:
    if isinstance(tree, str):
        return _name(tree)
    kind, *rest = tree
    if kind == "t":
        return _below(rest[0], "<mi>t</mi>")
    if kind == "before":
        return _below(rest[0], "<mi>t</mi><mo>−</mo><mn>1</mn>")
    if kind == "sub":
        return _below(rest[0], _name(rest[1]))
    if kind in ("W", "U"):
        return _product(kind, rest[0], rest[1] if kind == "U" else "", rest[-1])
    if kind == "f":
        inside = "<mo>,</mo>".join(_math(part) for part in rest[1:])
        return f"<mi>{escape(str(rest[0]))}</mi><mo>&#8289;</mo><mrow><mo>(</mo>{inside}<mo>)</mo></mrow>"
    return _operation(kind, rest, level)


def _operation(kind: str, parts: Sequence[Any], level: int) -> str:
    own = LEVELS[kind]
    if kind == "/":
        return f"<mfrac><mrow>{_math(parts[0])}</mrow><mrow>{_math(parts[1])}</mrow></mfrac>"
    if kind == "^":
        return f"<msup><mrow>{_math(parts[0], own + 1)}</mrow><mrow>{_math(parts[1])}</mrow></msup>"
    if kind == "neg":
        inside = f"<mo>−</mo>{_math(parts[0], own + 1)}"
    else:
        sign = "<mo>&#8290;</mo>" if kind == "*" and _number(parts[0]) else f"<mo>{SIGNS[kind]}</mo>"
        inside = sign.join(_math(part, own + (kind == "-" and place > 0)) for place, part in enumerate(parts))
    return f"<mrow><mo>(</mo>{inside}<mo>)</mo></mrow>" if own < level else f"<mrow>{inside}</mrow>"


def _product(letter: str, row: Any, which: Any, source: Any) -> str:
    base = f"<mi>{letter}</mi>"
    matrix = f"<msubsup>{base}{_name(row)}{_name(which)}</msubsup>" if which else f"<msub>{base}{_name(row)}</msub>"
    plain = isinstance(source, str) or source[0] in ("t", "before", "sub", "f")
    return f"<mrow>{matrix}{'<mo>&#8290;</mo>' if plain else ''}{_math(source) if plain else f'<mrow><mo>(</mo>{_math(source)}<mo>)</mo></mrow>'}</mrow>"


def _below(name: Any, sub: str) -> str:
    return f"<msub>{_name(name)}<mrow>{sub}</mrow></msub>"


def _name(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a name in an equation must be text, not {text!r}")
    return f"<mn>{escape(text)}</mn>" if _number(text) else f"<mi>{escape(text)}</mi>"


def _number(text: Any) -> bool:
    return isinstance(text, str) and text.replace(".", "", 1).replace("e-", "", 1).isdigit()
