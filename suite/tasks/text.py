"""Which word, or which character, comes next? WikiText-2 by the word, Tiny Shakespeare by the character.

Input: token numbers (T, B), the most frequent token of the training split 0. Answer: the next token, asked at every step;
its cross-entropy in nats a token. Perplexity is exp of it, bits are it divided by ln 2.

    the  cat  sat  <eos>      ->  cat  sat  <eos>  the      words: 33,278, with one <eos> a line, empty lines too
    F  i  r  s  t             ->  i  r  s  t  ␠             characters: 65

A split is one long text, cut into as many rows as the batch has, side by side; `length` steps of them are a batch, and row i
goes on in row i of the next (`stateful`), in training too. The first token is not predicted; what does not fill a row is
dropped, fewer than B of 245,568 words. `chance` scores the test split, as one row, with the frequencies of the training split.

Sources: Merity et al. (2016), whose splits these are, and 35 words a batch as is usual with them. Karpathy (2015), whose char-rnn
takes 50 rows of 50 characters; the split of 90, 5 and 5 % is that of the hub's script. Neither says what counts as
solved. Not WikiText-103, nor the raw text of either: figures of one say nothing of another.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from suite.data.tokens import tokens
from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, contiguous
from suite.tasks.task import Batch, Source, Task

SPLITS = ("train", "validation", "test")


def shifted(found: Tensor) -> tuple[Tensor, Tensor]:
    """A text as what is read and what comes next.

    >>> [part.tolist() for part in shifted(torch.tensor([7, 3, 5, 1]))]
    [[7, 3, 5], [3, 5, 1]]
    """
    return found[:-1], found[1:]


def text(name: str, unit: str, length: int, kinds: int, chance: float, solved: float, paper: str) -> Task:
    """A task on running text; the public names are in `TASKS`."""
    if not isinstance(length, int) or not 1 <= length <= LONGEST:
        raise ValueError(f"{name} needs a length from 1 to {LONGEST:,}, not {length!r}")

    def oracle(batch: Batch) -> Tensor:
        certain = torch.zeros(*batch.y.shape, kinds).scatter_(-1, batch.y.unsqueeze(-1), 30.0)  # no one-hot integers: half a gigabyte of words
        return certain.unsqueeze(1)

    return Task(
        name=format_call(name, {"length": length}),
        batches=contiguous(lambda split: shifted(tokens(name)[split]), length),
        inputs=kinds,
        outputs=kinds,
        loss=scores.cross_entropy,
        metric=scores.cross_entropy,
        oracle=oracle,
        chance=chance,
        solved=solved,
        better="lower",
        measure=f"cross-entropy, nats a {unit}",
        version=1,
        data=Source(name, SPLITS),
        paper=paper,
        supervision="every",
        tokens=True,
        stateful=True,
    )


def wikitext2(length: int = 35) -> Task:
    """The next word of WikiText-2, `length` words a batch.

    >>> task = wikitext2(length=35)
    >>> f"{task.inputs:,} words, perplexity {math.exp(task.chance):.0f} by their frequencies alone"
    '33,278 words, perplexity 912 by their frequencies alone'
    """
    return text("wikitext2", "word", length, 33_278, 6.815327927, math.log(100), "merity2016")  # solved: our threshold, a perplexity of 100


def tiny_shakespeare(length: int = 50) -> Task:
    """The next character of Tiny Shakespeare, `length` characters a batch.

    >>> task = tiny_shakespeare()
    >>> f"{task.inputs} characters, {task.chance / math.log(2):.2f} bits each by their frequencies alone"
    '65 characters, 4.85 bits each by their frequencies alone'
    """
    return text("tiny-shakespeare", "character", length, 65, 3.361967736, 1.6, "karpathy2015")  # solved: our threshold
