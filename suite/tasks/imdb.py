"""IMDB: is a film review for or against? Words as numbers, one review a sequence.

Input: word numbers (T, B): 0 padding, 1 a word outside the vocabulary, 2 the most frequent word, and so on. The
vocabulary is the `words` most frequent of the training reviews. The last `length` words of a review are kept, as
Keras does; shorter ones are padded at the end and masked.
Answer: 0 against, 1 for, asked at the end (O = 2); accuracy. Chance is exact: both splits are balanced.

    "A fine film"        ->  … 3  475  20      "Dreadful!" -> … 1,837

The data set is stored sorted by label; a tenth of the training rows validates, evenly spread over it.
Not stated by Maas et al.: any of the sequence protocol. Dey & Salem (2017) keep 80 words.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from suite.data import columns, held_out
from suite.data.words import ranks
from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, stored
from suite.tasks.task import Batch, Source, Task

SPECIAL = 2  # padding and unknown stand before the words
IMDB = Source("imdb", ("train", "test"))


def encode(found: Tensor, ends: Tensor, rows: Tensor, length: int, words: int) -> tuple[Tensor, Tensor]:
    """The last `length` words of some reviews: numbers (T, B) padded at the end, and the mask.

    >>> words, ends, both = torch.tensor([5, 0, 2, 7]), torch.tensor([3, 4]), torch.tensor([0, 1])
    >>> encode(words, ends, both, length=5, words=10)[0].T.tolist(), encode(words, ends, both, length=2, words=4)[0].T.tolist()
    ([[7, 2, 4], [9, 0, 0]], [[2, 4], [1, 0]])
    """
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])[rows]
    starts = torch.maximum(starts, ends[rows] - length)
    sizes = ends[rows] - starts
    place = torch.arange(int(sizes.max().clamp(min=1)))[:, None]
    mask = place < sizes
    mask[0] = True  # a review without a word is one unknown word
    taken = found[(starts + place).clamp(max=len(found) - 1)].long()
    number = torch.where((taken >= 0) & (taken < words) & (place < sizes), taken + SPECIAL, 1)
    return torch.where(mask, number, 0), mask


def imdb(length: int = 200, words: int = 10_000) -> Task:
    """Sentiment of film reviews, the last `length` words, a vocabulary of `words`."""
    if not all(isinstance(n, int) and 1 <= n <= LONGEST for n in (length, words)):
        raise ValueError(f"imdb needs a length and a number of words from 1 to {LONGEST:,}, not {length!r} and {words!r}")

    def split(name: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
        where = "test" if name == "test" else "train"
        label, table = columns("imdb", where)["label"], ranks("imdb")
        rows = torch.arange(25_000) if name == "test" else held_out(25_000)[name == "validation"]

        def make(chosen: Tensor) -> Batch:
            x, mask = encode(table[where], table[f"{where}.ends"], chosen, length, words)
            return Batch(x, label[chosen], mask)

        return rows, make

    return Task(
        name=format_call("imdb", {"length": length, "words": words}),
        batches=stored(split),
        inputs=words + SPECIAL,
        outputs=2,
        loss=scores.cross_entropy,
        metric=scores.accuracy,
        oracle=lambda batch: scores.certain(2)(batch.y),
        chance=0.5,
        solved=0.85,
        better="higher",
        measure="accuracy",
        version=1,
        data=IMDB,
        paper="maas2011",
        tokens=True,
    )
