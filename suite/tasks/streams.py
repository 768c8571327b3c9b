"""Batches from a rule that draws examples, or from arrays that hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from suite.names import unknown
from suite.tasks.task import Batch

Batches = Callable[[str, int, torch.Generator], Iterator[Batch]]

DRAWN = {"train": 12_800, "validation": 1_024, "test": 2_048}
AHEAD = 32  # batches drawn in one go
LONGEST = 1_000_000  # steps; more is a slip of the keyboard


def stream_seed(split: str, number: int) -> int:
    """A seed for the examples of a split that no other split or number shares."""
    return int.from_bytes(hashlib.sha256(f"{split}:{number}".encode()).digest()[:6], "big")


def drawn(draw: Callable[[int, torch.Generator], Batch], counts: Mapping[str, int] = DRAWN) -> Batches:
    """Examples drawn from the generator, `counts[split]` a pass, many batches at a time."""

    def batches(split: str, size: int, generator: torch.Generator) -> Iterator[Batch]:
        left = counts[_known(split, counts)]
        while left > 0:
            block = draw(min(size * AHEAD, -(-left // size) * size), generator)
            pieces = zip(*(t.split(size, dim=_batch_axis(t, block)) for t in block), strict=True)
            yield from (Batch(*(t.contiguous() for t in piece)) for piece in pieces)
            left -= size * AHEAD

    return batches


def _batch_axis(tensor: Tensor, block: Batch) -> int:
    return 0 if tensor is block.y and tensor.shape[:2] != block.mask.shape else 1


def stored(splits: Callable[[str], tuple[Tensor, Callable[[Tensor], Batch]]], arrange: Callable[[Tensor, int, torch.Generator], Tensor] | None = None) -> Batches:
    """Examples held in arrays. `splits(split)` gives row numbers and the function that makes a batch of some.

    Training rows are permuted by the generator and a last incomplete batch is dropped; the other splits come
    in stored order and whole. `arrange(rows, size, generator)` may put the permuted rows into another order.
    """

    def batches(split: str, size: int, generator: torch.Generator) -> Iterator[Batch]:
        rows, make = splits(_known(split, DRAWN))
        if split == "train":
            rows = rows[torch.randperm(len(rows), generator=generator)]
            rows = rows[: max(len(rows) // size, 1) * size]
            rows = arrange(rows, size, generator) if arrange and size > 1 else rows  # a batch of one is like itself
        for chosen in rows.split(size):
            yield make(chosen)

    return batches


def contiguous(splits: Callable[[str], tuple[Tensor, Tensor]], length: int) -> Batches:
    """One long sequence a split, x (N, ...) and y (N,), cut into rows side by side, and these into pieces of `length` steps.

    Row i of a batch goes on in row i of the next; what does not fill a row is dropped, and the last piece may be shorter. The
    order is that of the sequence, in training too: the generator is not asked.

    >>> ten = torch.arange(10)
    >>> [batch.x.T.tolist() for batch in contiguous(lambda split: (ten, ten), length=3)("train", 2, torch.Generator())]
    [[[0, 1, 2], [5, 6, 7]], [[3, 4], [8, 9]]]
    """
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise ValueError(f"pieces must be of 1 or more steps, not {length!r}")

    def batches(split: str, size: int, generator: torch.Generator) -> Iterator[Batch]:
        del generator
        x, y = splits(_known(split, DRAWN))
        if len(x) != len(y):
            raise ValueError(f"a sequence of {len(x)} steps has {len(y)} answers; there must be one a step")
        steps = len(x) // size
        if not steps:
            raise ValueError(f"a sequence of {len(x)} steps cannot be cut into {size} rows")
        rows = [t[: steps * size].unflatten(0, (size, steps)).transpose(0, 1) for t in (x, y)]
        for piece, answer in zip(*(t.split(length) for t in rows), strict=True):
            yield Batch(piece.contiguous(), answer.contiguous(), torch.ones(piece.shape[:2], dtype=torch.bool))

    return batches


def _known(split: str, known: Mapping[str, int]) -> str:
    if split not in known:
        raise ValueError(unknown(split, known, "split"))
    return split
