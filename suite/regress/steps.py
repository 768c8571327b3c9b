"""Where a series over commits changes, and which commit that is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from suite.regress.judge import BETTER, WORSE
from suite.regress.kept import Kept
from suite.regress.series import Series


class Step(NamedTuple):
    """A change between two measured commits, and the figures of the stretches that it parts.

    last    the last measured commit of the earlier stretch
    first   the first measured commit of the later one: the one it is attributed to
    between commits that were not measured and might have made it as well
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


def steps(kept: Kept, commits: Sequence[str]) -> list[Step]:
    """The steps of a series along `commits`, oldest first, by asv's fit of a piecewise constant function.

    What is smaller than what matters, or than what the figures of either stretch scatter by, is no step.
    """
    from asv.step_detect import detect_steps

    values = [kept.figures.get(commit) for commit in commits]
    parts = detect_steps(values)
    found = []
    for (_, end, before, _, noise), (start, _, after, _, later) in pairwise(parts):
        change = float(kept.series.changes(np.array([before]), np.array([after]))[0])
        scatter = abs(float(kept.series.changes(np.array([before]), np.array([before + max(noise, later)]))[0]))
        if abs(change) > max(kept.series.matters, scatter):
            verdict = WORSE if change > 0 else BETTER
            found.append(Step(kept.series, kept.machine, verdict, commits[end - 1], commits[start], start - end, before, after, change))
    return found
