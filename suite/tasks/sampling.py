"""Enough examples of a task to judge a score by: all of a finite task, a sample of one that draws them.

A task is *finite* if its test split is the same whatever the generator: then scores are exact. Of a task that draws
its examples, scores are estimated from SAMPLE of them and must agree within WITHIN standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from suite.tasks.task import Batch, Task

SAMPLE, WITHIN = 10_000, 4
EXACT = 1e-5  # of a finite task, relative: metrics are means in float32
SMOOTHED = 1e-3  # where the constant is fitted on training: sources smooth what is never seen there in their own ways
MANY = 64  # outputs beyond which small batches must do


def seeded(seed: int = 0) -> torch.Generator:
    """A fresh generator."""
    return torch.Generator().manual_seed(seed)


def first(task: Task, split: str = "train", size: int = 0, seed: int = 0) -> Batch:
    """The first batch of a pass."""
    return next(task.batches(split, size or (64 if task.outputs <= MANY else 8), seeded(seed)))


def same(one: Batch, other: Batch) -> bool:
    """Whether two batches hold the same, NaN for NaN."""
    return all(a.shape == b.shape and torch.equal(a.nan_to_num(7.5), b.nan_to_num(7.5)) for a, b in zip(one, other, strict=True))


def finite(task: Task) -> bool:
    """Whether the test split is the same whatever the generator."""
    return same(first(task, "test", seed=0), first(task, "test", seed=1))


def sample(task: Task, split: str) -> Iterator[Batch]:
    """All of a split of a finite task; of another SAMPLE drawn examples, in as many passes as that takes."""
    if finite(task):
        size = 1 if task.stateful or split == "train" else 16 if task.supervision == "every" else 256  # one row drops nothing, few rows are padded less
        yield from task.batches(split, size, seeded(5))
        return
    generator, left = seeded(5), SAMPLE
    while left > 0:
        for batch in task.batches(split, 100, generator):
            yield batch
            left -= batch.mask.shape[1]
            if left <= 0:
                break


def mean(values: Tensor, weights: Tensor) -> tuple[float, float]:
    """The weighted mean of the scores of some batches, and its standard error."""
    centre = float((values * weights).sum() / weights.sum())
    spread = float(((values - centre) * weights).square().sum().sqrt() / weights.sum())
    return centre, spread


def near(task: Task, score: float, error: float, n: float, promised: float, exact: float = EXACT) -> bool:
    """Whether a score is what the task promises: exactly if it is finite, within standard errors if not."""
    if finite(task):
        return math.isclose(score, promised, rel_tol=exact, abs_tol=EXACT)
    share = math.sqrt(max(promised * (1 - promised), 0.0) / n) if task.better == "higher" else 0.0
    return abs(score - promised) <= WITHIN * max(error, share) + EXACT


def told(task: Task, score: float, error: float, n: float) -> str:
    """A score with what it rests on."""
    return f"{score:.6g}, exact over {n:,.0f}" if finite(task) else f"{score:.4g} ± {error:.1g}, n = {n:,.0f}"
