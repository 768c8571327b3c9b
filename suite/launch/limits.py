"""What one worker may take: time without a word, tries, memory. And how people write it: 90s, 10m, 2h; 500M, 4G."""

from __future__ import annotations

import re
from dataclasses import dataclass

from suite.launch.memory import allowed

SHARE = 0.9  # of the machine's memory, for all workers together
TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SIZES = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Limits:
    """Of every worker of a command.

    timeout   seconds without a word of progress after which a worker is taken for hung
    retries   how often a group whose worker died or hung is tried again as it was
    memory    bytes a worker may take; None is its share of nine tenths of the machine's memory
    """

    timeout: float = 3600.0
    retries: int = 2
    memory: int | None = None

    def __post_init__(self) -> None:
        if self.timeout <= 0 or self.retries < 0 or (self.memory is not None and self.memory <= 0):
            raise ValueError(f"timeout and memory must be more than 0 and retries 0 or more, not {self.timeout}, {self.memory} and {self.retries}")

    def bytes(self, workers: int) -> int:
        """Memory of each of some workers that run at once."""
        return int(SHARE * allowed()) // workers if self.memory is None else self.memory


USUAL = Limits()


def seconds(text: str) -> float:
    """A duration.

    >>> seconds("90"), seconds("1.5h"), seconds("10 min")
    (90.0, 5400.0, 600.0)
    """
    return _read(text, TIMES, r"(?:ec|in|our|ay)?s?", "s", "a duration is a number of seconds or like 90s, 10m, 2h, 1d")


def size(text: str) -> int:
    """Bytes.

    >>> size("500M"), size("2 GiB"), size("1024")
    (524288000, 2147483648, 1024)
    """
    return int(_read(text, SIZES, r"i?B?", "", "a size is a number of bytes or like 500M, 4G"))


def _read(text: str, units: dict[str, int], rest: str, bare: str, rule: str) -> float:
    found = re.fullmatch(rf"\s*(\d+(?:\.\d+)?)\s*(?:([{''.join(units)}]){rest})?\s*", text)
    value = float(found[1]) * units.get(found[2] or bare, 1) if found else 0.0
    if value <= 0:
        raise ValueError(f"{rule}, more than 0, not '{text}'")
    return value


def written(count: float) -> str:
    """Bytes as people read them.

    >>> written(3 * 2**30), written(1.55 * 2**20)
    ('3 GiB', '1.6 MiB')
    """
    unit = next((u for u in reversed(SIZES) if count >= SIZES[u]), "K")
    value = count / SIZES[unit]
    return f"{value:.0f} {unit}iB" if value == round(value) or value >= 100 else f"{value:.1f} {unit}iB"
