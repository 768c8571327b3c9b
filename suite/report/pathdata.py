"""The data of SVG paths in few characters: to hundredths of a point, each place from the one before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

POINTS = {"M": 1, "L": 1, "Q": 2, "C": 3}  # after a letter, as matplotlib writes it: absolute
HUNDREDTH = 100

Pair = tuple[int, int]


def split(data: str) -> tuple[Pair, str]:
    """Where a path begins, in hundredths, and the rest of it, which says nothing of that place: the same for two of one shape.

    >>> split("M 10 20 L 13.5 20 L 13.5 19.251 L 1 1 L 0 1.5 z")
    ((1000, 2000), 'h3.5v-.75l-12.5-18.25-1 .5z')
    """
    words, said, before = iter(data.split()), [], "M"
    next(words)
    x, y = float(next(words)), float(next(words))
    here = begun = (0, 0)
    for word in words:
        if word in "zZ":
            said.append("z")
            here, before = begun, "z"
            continue
        points = [(round(HUNDREDTH * (float(next(words)) - x)), round(HUNDREDTH * (float(next(words)) - y))) for _ in range(POINTS[word])]
        letter, text = _step(word, [(across - here[0], down - here[1]) for across, down in points])
        said.append(text if letter == before != "m" and text.startswith("-") else f" {text}" if letter == before != "m" else letter + text)
        here, before = points[-1], letter
        begun = here if word == "M" else begun
    return (round(HUNDREDTH * x), round(HUNDREDTH * y)), "".join(said)


def _step(word: str, moves: Sequence[Pair]) -> tuple[str, str]:
    """The letter of one step and its numbers."""
    dx, dy = moves[-1]
    if word == "L" and not (dx and dy):
        return ("v", number(dy)) if dy else ("h", number(dx))
    return word.lower(), joined([value for move in moves for value in move])


def joined(values: Sequence[int]) -> str:
    """Numbers beside each other, a space only where they would run together.

    >>> joined([150, 25, -25, 25, 300])
    '1.5.25-.25.25 3'
    """
    texts = [number(value) for value in values]
    return "".join(text if not before or text[0] == "-" or (text[0] == "." and "." in before) else f" {text}" for before, text in zip(["", *texts], texts, strict=False))


@cache
def number(hundredths: int) -> str:
    """Hundredths as a decimal number.

    >>> [number(n) for n in (0, 5, -50, 1234, -100000)]
    ['0', '.05', '-.5', '12.34', '-1000']
    """
    whole, rest = divmod(abs(hundredths), HUNDREDTH)
    decimals = f".{rest:02d}".rstrip("0").rstrip(".")
    return f"{'-' * (hundredths < 0)}{whole or '' if decimals else whole}{decimals}"
