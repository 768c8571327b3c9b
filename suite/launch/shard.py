"""One command on many machines without a scheduler: `--shard 3/8` carries out the third of eight parts of an experiment.

A group that trains as one model, and timings that are compared, stay together. Which shard a group belongs to follows from the hash of what its
specs have in common but the engine, and from nothing else: the shards of an experiment share no run, leave none out, and stay as they are when
it is resumed, on whatever machine. They are as even as chance makes them: many groups are needed for that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from suite.launch.completion import Completion
from suite.launch.plan import group_of
from suite.runs.spec import SpeedSpec, TrainSpec


class Shard(NamedTuple):
    """Part `number` of `of`, counted from 1."""

    number: int
    of: int


def shard(text: str) -> Shard:
    """A shard as it is written.

    >>> shard("3/8")
    Shard(number=3, of=8)
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    made = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= made.number <= made.of:
        raise ValueError(f"a shard is i/n with i from 1 to n, as in 3/8, not '{text}'")
    return made


def part(specs: Iterable[TrainSpec | SpeedSpec], of: Shard) -> list[TrainSpec | SpeedSpec]:
    """The specs of a shard, in their order."""
    completed = Completion()
    return [spec for spec in specs if place(completed.fitted(spec)[0], of.of) == of.number]


def place(whole: TrainSpec | SpeedSpec, of: int) -> int:
    """The shard of a completed spec, on whichever engine: what the best one is, and what trains together with it, differs between machines."""
    whole = whole.model_copy(update={"engine": "best"})
    return int.from_bytes(hashlib.sha256(group_of(whole).encode()).digest()[:8], "big") % of + 1
