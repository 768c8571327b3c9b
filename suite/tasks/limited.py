"""Any task with a training set of exactly n examples: `adding(length=50, train=1000)`. Validation and test are the task's own.

Of a task that draws its examples, n are drawn once from a generator of fixed seed; of a stored one they are the first n of
a permutation of fixed seed, not of the stored order, for that may be sorted by label (IMDB). Smaller sets are the beginnings of
larger ones. Every pass permutes them by the generator it is given and drops a last incomplete batch.

Of a task whose rows go on from batch to batch, they are the first n steps of the sequence, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from suite.names import format_call, parse_call
from suite.tasks.streams import LONGEST, contiguous, stream_seed
from suite.tasks.task import Batch, Task

AT_ONCE = 32  # examples taken from the task at a time


def limited(task: Task, train: int) -> Task:
    """The task with `train` training examples.

    >>> import suite
    >>> few = suite.task("adding", length=6, train=96)
    >>> one, other = (list(few.batches("train", 32, torch.Generator().manual_seed(k))) for k in (0, 1))
    >>> few.name, len(one), sorted(torch.cat([b.y for b in one]).tolist()) == sorted(torch.cat([b.y for b in other]).tolist())
    ("adding(form='halves', length=6, train=96)", 3, True)
    """
    if not isinstance(train, int) or isinstance(train, bool) or not 1 <= train <= LONGEST:
        raise ValueError(f"train is the number of training examples, from 1 to {LONGEST:,}, not {train!r}")

    @cache
    def kept() -> Batch:
        return steps(task, train) if task.stateful else first(task, train)

    @cache
    def length() -> int:
        return len(next(task.batches("train", 1, torch.Generator())).x)

    def batches(split: str, size: int, generator: torch.Generator) -> Iterator[Batch]:
        if split != "train":
            yield from task.batches(split, size, generator)
        elif task.stateful:
            x, y, _ = kept()
            yield from contiguous(lambda _: (x[:, 0], y[:, 0]), length())(split, size, generator)
        else:
            order = torch.randperm(train, generator=generator)[: max(train // size, 1) * size]
            yield from (chosen(kept(), rows) for rows in order.split(size))

    return replace(task, name=named(task.name, train), batches=batches, whole=task)


def named(name: str, train: int) -> str:
    """A task's name with the size of its training set; an outsider's may not be a call."""
    try:
        base, given = parse_call(name)
    except ValueError:
        return f"{name}, train={train}"
    return format_call(base, given | {"train": train})


def first(task: Task, n: int) -> Batch:
    """The first n examples of a generator of fixed seed; a ValueError where every pass holds the same and they are fewer."""
    found = taken(task, n, 1 if task.data is not None else AT_ONCE, passes=1)  # stored examples one by one: batches may be arranged
    if found.mask.shape[1] < n and finite(task):
        found = taken(task, n, 1, passes=1)  # whole, the last incomplete batch too
        if (there := found.mask.shape[1]) < n:
            raise ValueError(f"task '{task.name}' has {there:,} training examples, and train={n} asks for more")
    elif found.mask.shape[1] < n:
        found = taken(task, n, AT_ONCE, passes=-(-n // found.mask.shape[1]))
    return found


def taken(task: Task, n: int, size: int, passes: int) -> Batch:
    """Up to n examples as one batch."""
    generator, pieces, left = torch.Generator().manual_seed(stream_seed("train set", task.version)), [], n
    for batch in (batch for _ in range(passes) for batch in task.batches("train", size, generator)):
        pieces.append(batch)
        left -= batch.mask.shape[1]
        if left <= 0:
            break
    return chosen(joined(pieces), torch.arange(min(n, n - left)))


def finite(task: Task) -> bool:
    """Whether every pass over the training split holds the same examples."""
    generator = torch.Generator().manual_seed(0)
    return task.data is not None or len({tuple(sorted(row for batch in task.batches("train", 1, generator) for row in rows(batch))) for _ in range(2)}) == 1


def rows(batch: Batch) -> list[bytes]:
    """Every example of a batch as bytes, without its padding."""
    ends = batch.mask.sum(0).tolist()
    return [batch.x[:end, k].contiguous().numpy().tobytes() for k, end in enumerate(ends)]


def steps(task: Task, n: int) -> Batch:
    """The first n steps of the one long sequence of a task whose rows go on."""
    generator, pieces, left = torch.Generator().manual_seed(stream_seed("train set", task.version)), [], n
    for batch in task.batches("train", 1, generator):
        pieces.append(batch)
        left -= int(batch.mask.sum())
        if left <= 0:
            break
    if left > 0:
        raise ValueError(f"task '{task.name}' has {n - left:,} training steps, and train={n} asks for more")
    return Batch(*(torch.cat(parts)[:n] for parts in zip(*pieces, strict=True)))


def joined(pieces: list[Batch]) -> Batch:
    """Batches side by side, the shorter ones padded at the end."""
    longest = max(len(piece.x) for piece in pieces)

    def padded(value: Tensor, stepped: bool, fill: float) -> Tensor:
        missing = longest - len(value)
        return functional.pad(value, [0, 0] * (value.ndim - 1) + [0, missing], value=fill) if stepped and missing else value

    def whole(piece: Batch) -> Batch:
        every = piece.y.shape[:2] == piece.mask.shape
        return Batch(padded(piece.x, True, 0), padded(piece.y, every, float("nan") if piece.y.is_floating_point() else -1), padded(piece.mask, True, 0))

    alike = [whole(piece) for piece in pieces]
    axes = (1, 1 if alike[0].y.shape[:2] == alike[0].mask.shape else 0, 1)
    return Batch(*(torch.cat(parts, axis) for parts, axis in zip(zip(*alike, strict=True), axes, strict=True)))


def chosen(batch: Batch, some: Tensor) -> Batch:
    """Some examples of a batch, as long as the longest of them."""
    every = batch.y.shape[:2] == batch.mask.shape
    x, y, mask = batch.x[:, some], batch.y[:, some] if every else batch.y[some], batch.mask[:, some]
    longest = int(mask.sum(0).max())
    return Batch(x[:longest], y[:longest] if every else y, mask[:longest])
