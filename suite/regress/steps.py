"""Where a series over commits changes, and which commit that is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from suite.regress.judge import BETTER, WORSE
from suite.regress.kept import Kept
from suite.regress.series import Series

SETTLED = 2  # measured commits that a stretch needs


class Step(NamedTuple):
    """A change between two measured commits, and the figures of the stretches that it parts.

    last    the last measured commit of the earlier stretch
    first   the first measured commit of the later one: the one it is attributed to
    between commits that might have made it as well: not measured, or measured once and unlike both
    """

    series: Series
    machine: str
    verdict: str
    last: str
    first: str
    between: int
    before: float
    after: float
    change: float


class Stretch(NamedTuple):
    """Commits from `start` until before `end` whose figures are alike: how many there are, their level, and how far they scatter."""

    start: int
    end: int
    n: int
    level: float
    scatter: float


def stretches(kept: Kept, commits: Sequence[str]) -> list[Stretch]:
    """asv's fit of a piecewise constant function to a series along `commits`, oldest first."""
    from asv.step_detect import detect_steps

    values = [kept.figures.get(commit) for commit in commits]
    return [Stretch(start, end, sum(value is not None for value in values[start:end]), level, scatter) for start, end, level, _, scatter in detect_steps(values)]


def steps(kept: Kept, commits: Sequence[str]) -> list[Step]:
    """The steps of a series: between stretches of two measured commits or more each, for one figure alone may be the machine's.

    What is smaller than what matters, or than what the figures of either stretch scatter by, is no step.
    """
    return _steps(kept, commits, [each for each in stretches(kept, commits) if each.n >= SETTLED])


def unsettled(kept: Kept, commits: Sequence[str]) -> list[Step]:
    """What the newest measured commit alone would be a step to: the next figure tells whether it is one."""
    found = stretches(kept, commits)
    solid = [each for each in found if each.n >= SETTLED]
    return _steps(kept, commits, [solid[-1], found[-1]]) if solid and found[-1].n < SETTLED else []


def _steps(kept: Kept, commits: Sequence[str], parts: Sequence[Stretch]) -> list[Step]:
    found = []
    for one, other in pairwise(parts):
        change = float(kept.series.changes(np.array([one.level]), np.array([other.level]))[0])
        scatter = abs(float(kept.series.changes(np.array([one.level]), np.array([one.level + max(one.scatter, other.scatter)]))[0]))
        if abs(change) > max(kept.series.matters, scatter):
            verdict = WORSE if change > 0 else BETTER
            found.append(Step(kept.series, kept.machine, verdict, commits[one.end - 1], commits[other.start], other.start - one.end, one.level, other.level, change))
    return found
