"""Names that are written from right to left, in sentences that are written from left to right."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from unicodedata import bidirectional

LEFTWARDS = {"R", "AL", "RLE", "RLO", "RLI"}
FIRST_STRONG, POP = "\u2068", "\u2069"


def isolating(names: Sequence[str]) -> Callable[[str], str]:
    """What isolates these names in a text, so that the numbers behind one stay behind it; a name that turns nothing round is left as it is.

    >>> isolating(["gru", "שלום"])("gru beats שלום, 0.5") == f"gru beats {FIRST_STRONG}שלום{POP}, 0.5"
    True
    """
    turning = sorted({name for name in names if any(bidirectional(sign) in LEFTWARDS for sign in name)}, key=lambda name: (-len(name), name))
    if not turning:
        return str
    pattern = re.compile("|".join(map(re.escape, turning)))
    return lambda text: pattern.sub(lambda found: f"{FIRST_STRONG}{found[0]}{POP}", text)
