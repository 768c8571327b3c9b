"""Handwritten digits read row by row or pixel by pixel: scikit-learn's 8x8 (embedded) and MNIST's 28x28.

Input: a row of pixels a step (I = 8 or 28), or one pixel a step (I = 1), scaled to 0 … 1, top to bottom, or shuffled.
Answer: the digit, asked at the end (O = 10); accuracy.

    8x8 rows: 8 steps of 8      8x8 pixels: 64 steps of 1
    MNIST rows: 28 steps of 28  MNIST pixels: 784 steps of 1, in reading order or in one fixed order for all images

The fixed order of `mnist-permuted` is NumPy's `RandomState(784).permutation(784)`, whose stream NumPy has frozen; step t
shows pixel order[t]. Papers (Le et al. 2015 and after) drew their own, mostly without a pinned seed, and some orders are
kinder than others: published figures of it compare only roughly.

Pinned splits: a tenth of the training rows validates (`suite.data.split`). scikit-learn's 1,797 digits have no
test set of their own: a fifth of them, by the same rule, tests. `chance` is the share of the most frequent digit in the test split.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from suite.data import columns, held_out
from suite.data.split import place
from suite.tasks import scores
from suite.tasks.streams import stored
from suite.tasks.task import Batch, Source, Task

Split = tuple[str, Tensor]  # the stored split and the rows of it


def digits_split(split: str) -> Split:
    """Rows of scikit-learn's digits: place from 0.8 on tests, below 0.1 validates."""
    where = place(1797)
    chosen = {"train": (where >= 0.1) & (where < 0.8), "validation": where < 0.1, "test": where >= 0.8}[split]
    return "all", torch.nonzero(chosen)[:, 0]


def mnist_split(split: str) -> Split:
    """Rows of MNIST: its own test set; of its training set a tenth validates."""
    if split == "test":
        return "test", torch.arange(10_000)
    return "train", held_out(60_000)[split == "validation"]


@cache
def shuffled() -> Tensor:
    """Which pixel is shown at each of 784 steps.

    >>> shuffled()[:5].tolist()
    [124, 90, 280, 353, 270]
    """
    return torch.from_numpy(np.random.RandomState(784).permutation(784)).long()


def read(name: str, rule: Callable[[str], Split], top: float, width: int, permuted: bool, split: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
    """Row numbers of a split and how to make a batch of some: x (steps, B, width). The data stay bytes, the floats are a batch's own."""
    where, rows = rule(split)
    found = columns(name, where)

    def make(chosen: Tensor) -> Batch:
        x = found["image"][chosen].to(torch.get_default_dtype()).div_(top)
        x = x.reshape(len(chosen), -1, width).transpose(0, 1)
        x = x[shuffled()] if permuted else x.contiguous()
        return Batch(x, found["label"][chosen], torch.ones(x.shape[:2], dtype=torch.bool))

    return rows, make


def images(name: str, source: Source, rule: Callable[[str], Split], top: float, width: int, chance: float, paper: str, solved: float, permuted: bool = False) -> Task:
    """A digit task; the public names are in `TASKS`."""
    return Task(
        name=name,
        batches=stored(partial(read, source.name, rule, top, width, permuted)),
        inputs=width,
        outputs=10,
        loss=scores.cross_entropy,
        metric=scores.accuracy,
        oracle=lambda batch: scores.certain(10)(batch.y),
        chance=chance,
        solved=solved,
        better="higher",
        measure="accuracy",
        version=1,
        data=source,
        paper=paper,
    )


DIGITS, MNIST = Source("digits", ("all",)), Source("mnist", ("train", "test"))


def digits_rows() -> Task:
    """Which digit is it? scikit-learn's 1,797 handwritten digits, 8 steps of a row of 8 pixels.

    >>> batch = next(digits_rows().batches("test", 1, torch.Generator()))
    >>> (16 * batch.x[3, 0]).long().tolist(), batch.y.tolist()
    ([0, 0, 2, 15, 11, 1, 0, 0], [3])
    """
    return images("digits-rows", DIGITS, digits_split, 16.0, 8, 45 / 359, "alpaydin1998", solved=0.95)


def digits_pixels() -> Task:
    """Which digit is it? scikit-learn's 1,797 handwritten digits, 64 steps of one pixel.

    >>> batch = next(digits_pixels().batches("test", 1, torch.Generator()))
    >>> (16 * batch.x[24:32, 0, 0]).long().tolist(), len(batch.x)
    ([0, 0, 2, 15, 11, 1, 0, 0], 64)
    """
    return images("digits-pixels", DIGITS, digits_split, 16.0, 1, 45 / 359, "alpaydin1998", solved=0.95)


def mnist_rows() -> Task:
    """Which digit is it? MNIST's 70,000 handwritten digits, 28 steps of a row of 28 pixels."""
    return images("mnist-rows", MNIST, mnist_split, 255.0, 28, 0.1135, "lecun1998", solved=0.98)


def mnist_pixels() -> Task:
    """Which digit is it? MNIST's 70,000 handwritten digits, 784 steps of one pixel, in reading order (Le et al. 2015)."""
    return images("mnist-pixels", MNIST, mnist_split, 255.0, 1, 0.1135, "le2015", solved=0.95)


def mnist_permuted() -> Task:
    """Which digit is it? MNIST's 70,000 handwritten digits, 784 steps of one pixel, in one pinned random order (Le et al. 2015)."""
    return images("mnist-permuted", MNIST, mnist_split, 255.0, 1, 0.1135, "le2015", solved=0.9, permuted=True)
