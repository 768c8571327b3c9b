"""What was measured of a series, and the pairs that are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from suite.regress.judge import FAILED, LOOKS, LOST, NEW, OPEN, REFUSED, Judged, judge
from suite.regress.series import Series
from suite.stats.samples import Array

PROCESSES = ("before 1", "before 2", "after 1", "after 2")  # of a round: two of each tree, so that one is compared with itself
FIRST, EVERY = 4, 2  # rounds before the first look where pairs are processes, and from one look to the next


@dataclass
class Measured:
    """A series as far as it has been measured.

    figures   what each process of a round found, a list each: repeats in turn, or one a seed
    reasons   why a side has no further figures: (side, "failed", "lost" or "refused", sentence)
    looked    how often pairs were looked at
    """

    series: Series
    rounds: list[dict[str, list[float]]] = field(default_factory=list)
    reasons: list[tuple[str, str, str]] = field(default_factory=list)
    judged: Judged | None = None
    looked: int = 0

    @property
    def decided(self) -> bool:
        """Whether it is measured no more."""
        return self.judged is not None and (self.judged.decided or self.looked >= LOOKS or bool(self.reasons))

    @property
    def due(self) -> bool:
        """Whether this is a round after which the series is looked at."""
        n = len(self.rounds)
        return bool(self.reasons) or (n >= 1 if self.series.seeds else n >= FIRST and (n - FIRST) % EVERY == 0) or (self.series.exact and n >= 1)

    def look(self) -> Judged:
        """The verdict so far."""
        self.looked += 1
        self.judged = self._barred() or self._judge()
        return self.judged

    def _judge(self) -> Judged:
        return judge(self.series, self.all("before"), self.all("after"), self.changes(), self.same())

    def all(self, side: str) -> list[float]:
        """A figure a process of a side, or a figure a seed."""
        names = [name for name in PROCESSES if name.startswith(side)]
        if self.series.seeds:
            return [float(value) for one in self.rounds for value in np.mean([one[name] for name in names], axis=0)]
        return [float(np.median(one[name])) for one in self.rounds for name in names]

    def changes(self) -> list[float]:
        """One a pair of before and after: two a round, or one a seed."""
        if self.series.seeds:
            return list(self.series.changes(np.array(self.all("before")), np.array(self.all("after"))))
        return [self._change(one, f"before {k}", f"after {k}") for one in self.rounds for k in (1, 2)]

    def same(self) -> list[float]:
        """One a pair of a tree with itself; of a training whose bits have changed, one a pair of its other seeds, for other bits are another draw."""
        pairs = [(f"{side} 1", f"{side} 2") for side in ("before", "after")]
        if self.series.exact and np.any(self.changes()):
            drawn = [np.array(self.all(side)) for side in ("before", "after")]
            return [float(value) for one in drawn for value in self.series.changes(one[: len(one) // 2 * 2 : 2], one[1::2])]
        if self.series.seeds:
            return [value for one in self.rounds for pair in pairs for value in self._each(one, *pair)]
        return [self._change(one, *pair) for one in self.rounds for pair in pairs]

    def _change(self, one: dict[str, list[float]], first: str, second: str) -> float:
        """The median over repeats that were taken one right after the other."""
        return float(np.median(self._each(one, first, second)))

    def _each(self, one: dict[str, list[float]], first: str, second: str) -> Array:
        return self.series.changes(np.array(one[first]), np.array(one[second]))

    def _barred(self) -> Judged | None:
        """What is said where a process gave no figure: what the later tree cannot do and the earlier could has failed.

        Where the earlier tree alone gave none, what was measured until then is judged; without any, the earlier tree
        cannot do it, or, where its process was lost, nobody can tell.
        """
        if not self.reasons:
            return None if self.rounds else Judged(self.series, OPEN, reason="there was no time to measure it")
        told = "; ".join(dict.fromkeys(f"{side}: {sentence}" if kind == REFUSED else f"{side} failed: {sentence}" for side, kind, sentence in self.reasons))
        kinds = {side: kind for side, kind, _ in reversed(self.reasons)}
        if "after" in kinds:
            return Judged(self.series, REFUSED if set(kinds.items()) == {("before", REFUSED), ("after", REFUSED)} else FAILED, reason=told)
        if self.rounds:
            return self._judge()._replace(reason=told)
        return Judged(self.series, OPEN if LOST in kinds.values() else NEW, reason=told)


def undecided(found: Sequence[Measured]) -> list[Measured]:
    """What further rounds would measure."""
    return [each for each in found if not each.decided]
