"""A kernel of Triton as text, and what it is called with."""

from __future__ import annotations

from dataclasses import dataclass

SIDE = 16  # of the smallest matrix that Triton multiplies


def padded(width: int, least: int = 1) -> int:
    """The power of two that holds a row; one element stays one.

    >>> [padded(width, 16) for width in (1, 5, 17, 64)]
    [1, 16, 32, 64]
    """
    return 1 if width == 1 else max(least, 1 << (width - 1).bit_length())


@dataclass(frozen=True)
class Kernel:
    """A kernel, the buffers that it is called with, and the width of its rows if programs share them."""

    name: str
    buffers: tuple[str, ...]
    text: str
    shared: int = 0
