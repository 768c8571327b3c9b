"""What a battery of properties finds of a cell or a task: a sentence a property."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

T = TypeVar("T")
LONGEST = 1000  # letters of a sentence, with an address or two in it


class Finding(NamedTuple):
    """One property: whether it holds, and a sentence."""

    name: str
    holds: bool
    detail: str


def judged(properties: Mapping[str, Callable[[T], str]], thing: T) -> list[Finding]:
    """Every property of a thing, in order; one that raises does not hold.

    >>> judged({"even": lambda n: f"{n} = 2 x {n // 2}", "small": lambda n: str(1 / (n - 4))}, 4)
    [Finding(name='even', holds=True, detail='4 = 2 x 2'), Finding(name='small', holds=False, detail='ZeroDivisionError: division by zero')]
    """
    found = []
    for name, holds in properties.items():
        try:
            found.append(Finding(name, True, holds(thing)))
        except Exception as error:  # somebody else's functions may raise anything
            said = cut(" ".join(str(error).split()))
            plain = isinstance(error, (AssertionError, ValueError)) and said
            found.append(Finding(name, False, said if plain else f"{type(error).__name__}: {said or 'no message'}"))
    return found


def cut(text: str, longest: int = LONGEST) -> str:
    """A text that somebody else's error may have made very long; where it is cut one can see it.

    >>> cut("a long story", 6), cut("short", 6)
    ('a lon…', 'short')
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
