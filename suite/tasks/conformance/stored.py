"""What splits share, and what drawing them costs."""

from __future__ import annotations

import time
from itertools import islice

from suite.data.overlap import shared_rows
from suite.tasks.conformance.batches import SPLITS
from suite.tasks.limited import rows as examples
from suite.tasks.sampling import finite, first, seeded
from suite.tasks.task import Task

JOINED = 0.02  # share of examples that may fall together by encoding, where the stored rows of two splits do


def disjoint(task: Task) -> str:
    """Splits of stored examples share none; an overlap of the original is an error unless the manifest, or the source, declares its count."""
    if task.data is None and not finite(task):
        return "drawn, not stored"
    declared = task.data.overlap if task.data else 0
    if task.data and not task.data.content:
        counted = shared_rows(task.data.name) if declared else 0
        assert counted == declared, f"{counted} rows of {task.data.name} stand in two stored splits, and its manifest declares {declared}"
    if task.stateful:
        return f"{declared} stored rows in two splits, as declared" if declared else "one sequence a split"
    seen = {split: [row for batch in task.batches(split, 250, seeded()) for row in map(hash, examples(batch))] for split in SPLITS}
    pairs = (("train", "validation"), ("train", "test"), ("validation", "test"))
    twice = {f"{one} and {other}": len(set(seen[one]) & set(seen[other])) for one, other in pairs}
    said = ", ".join(f"{n} in {pair}" for pair, n in twice.items() if n)
    if task.data is None or task.data.content:
        assert sum(twice.values()) == declared, f"examples stand in two splits ({said or 'none'}), and overlap is declared as {declared}"
    elif declared:  # encoding cuts and rounds, so more of them fall together
        assert all(n <= JOINED * len(seen[pair.rpartition(" ")[2]]) for pair, n in twice.items()), f"examples stand in two splits: {said}"
    else:
        assert not said, f"examples stand in two splits: {said}; its manifest declares none"
    return f"{declared} in two splits, as declared; as encoded {said}" if declared else "none in two splits"


def drawing(task: Task) -> str:
    """What a batch costs to draw: a figure, not a test."""
    first(task)  # what is read or drawn once
    start = time.perf_counter()
    n = sum(1 for _ in islice(task.batches("train", 32, seeded()), 64))
    return f"{1e3 * (time.perf_counter() - start) / n:.3f} ms a batch of 32"
