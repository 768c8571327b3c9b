"""The C expressions of a graph in Triton's Python: the same operators, functions by the same names.

    a ? b : c     right to left          tl.where(a, b, c)
    ||  &&  !     on truths or numbers   |  &  == 0
    == != < <= > >=  + - * /  -          as in Python
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Self

TOKEN = re.compile(r"\s*(T\(-?(?:\d[\w.]*(?:e[+-]?\d+)?)\)|std::numeric_limits<T>::\w+\(\)|(?:std::)?[A-Za-z_]\w*|\d[\w.]*|\|\||&&|[=!<>]=|[-+*/<>!?:(),])")
LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/"))  # the loosest first
TRUTHS = {"||": "|", "&&": "&"}
LIMITS = {"quiet_NaN": 'float("nan")', "infinity": 'float("inf")'}
OF_TRITON = {"std::sqrt": "tl.sqrt", "std::sin": "tl.sin", "std::cos": "tl.cos", "std::erf": "tl.erf", "std::pow": "power", "absolute": "tl.abs", "exponential": "tl.exp", "logarithm": "tl.log"}


class Word(str):
    """An expression; `truth` if it is true or false, `number` if it is known before anything runs."""

    __slots__ = ("number", "truth")
    truth: bool
    number: bool

    def __new__(cls, text: str, truth: bool = False, number: bool = False) -> Self:
        made = super().__new__(cls, text)
        made.truth, made.number = truth, number
        return made


def translated(text: str) -> str:
    """An expression of the graph, its operands already named.

    >>> translated("v1 < T(0) ? T(0.0) : sigmoid(-v1) / T(2.0)")
    'tl.where((v1 < 0.0), 0.0, (sigmoid((-v1)) / 2.0))'
    >>> translated("T(v1 > v2 && !v3)")
    'tl.cast(((v1 > v2) & (v3 == 0)), T)'
    """
    reader = _Reader(text)
    found = reader.ternary()
    if reader.next is not None:
        raise ValueError(f"'{text}' is no expression: nothing is known of '{reader.next}' there")
    return found


class _Reader:
    """Descends from the loosest operator to the tightest."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.next = next(self.tokens, None)

    def take(self, *expected: str) -> str:
        found = self.next
        if found is None or (expected and found not in expected):
            raise ValueError(f"'{found}' stands where '{' or '.join(expected) or 'a value'}' is wanted")
        self.next = next(self.tokens, None)
        return found

    def ternary(self) -> Word:
        condition = self.level(0)
        if self.next != "?":
            return condition
        self.take("?")
        yes = self.ternary()
        self.take(":")
        no = self.ternary()
        if yes.number and no.number:  # of no type of their own
            yes = Word(f"tl.full((), {yes}, T)")
        return Word(f"tl.where({_truth(condition)}, {yes}, {no})", yes.truth and no.truth)

    def level(self, k: int) -> Word:
        if k == len(LEVELS):
            return self.unary()
        found = self.level(k + 1)
        while self.next in LEVELS[k]:
            sign = self.take()
            other = self.level(k + 1)
            one, two = (_truth(found), _truth(other)) if sign in TRUTHS else (found, other)
            found = Word(f"({one} {TRUTHS.get(sign, sign)} {two})", k < 4, found.number and other.number)
        return found

    def unary(self) -> Word:
        if self.next == "-":
            self.take()
            value = self.unary()
            return Word(f"(-{value})", number=value.number)
        if self.next == "!":
            self.take()
            return Word(f"({self.unary()} == 0)", truth=True)
        return self.primary()

    def primary(self) -> Word:
        word = self.take()
        if word == "(":
            value = self.ternary()
            self.take(")")
            return value
        if word.startswith("std::numeric_limits"):
            return Word(LIMITS[word[len("std::numeric_limits<T>::") : -2]], number=True)
        if word[:2] == "T(" and len(word) > 2:
            return Word(repr(float(word[2:-1])), number=True)
        if word[0].isdigit():
            return Word(word, number=True)
        if self.next != "(":
            return Word(word)
        arguments = self.arguments()
        if word == "T":
            return Word(f"tl.cast({arguments[0]}, T)")
        given = [f"tl.full((), {a}, T)" if a.number else a for a in arguments]
        return Word(f"{OF_TRITON.get(word, word)}({', '.join(given)})")

    def arguments(self) -> list[Word]:
        self.take("(")
        found = [self.ternary()]
        while self.take(",", ")") == ",":
            found.append(self.ternary())
        return found


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"'{text[at:]}' is no expression")
        at = found.end()
        yield found[1]


def _truth(value: Word) -> str:
    return value if value.truth else f"({value} != 0)"
