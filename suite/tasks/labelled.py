"""Stored sequences of numbers with a class each, in a training and a test set: what the tasks on speech and pen strokes share.

A tenth of the training sequences validates, by the pinned rule of `suite.data.split`. Every input is given mean 0 and
deviation 1 by the steps of the remaining training sequences, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from suite.data import columns, held_out
from suite.names import format_call
from suite.tasks import scores
from suite.tasks.sequences import Sequences, batch
from suite.tasks.streams import stored
from suite.tasks.task import Batch, Source, Task


class Part(NamedTuple):
    """Sequences end to end, (steps, I), where each ends, and the class of each."""

    values: Tensor
    ends: Tensor
    labels: Tensor


def part(name: str, split: str) -> Part:
    """A split of a data set whose columns are `sequence` and `label`."""
    found = columns(name, split)
    return Part(found["sequence"], found["sequence.ends"], found["label"])


def steps(ends: Tensor, rows: Tensor) -> Tensor:
    """Which steps belong to some sequences.

    >>> steps(torch.tensor([2, 3, 5]), torch.tensor([0, 2])).tolist()
    [True, True, False, True, True]
    """
    wanted = torch.zeros(len(ends), dtype=torch.bool)
    wanted[rows] = True
    return wanted.repeat_interleave(ends.diff(prepend=ends.new_zeros(1)))


def standardised(train: Part, test: Part) -> Sequences:
    """Both sets with their splits, every input of mean 0 and deviation 1 over the steps of training.

    >>> one = Part(torch.arange(24.0)[:, None], torch.arange(2, 26, 2), torch.arange(12))
    >>> found = standardised(one, one)
    >>> abs(float(found.values[steps(found.ends, found.rows["train"])].mean())) < 1e-6, found.rows["validation"].tolist(), found.rows["test"].tolist()[0]
    (True, [0, 5], 12)
    """
    rows = dict(zip(("train", "validation"), held_out(len(train.ends)), strict=True))
    seen = train.values[steps(train.ends, rows["train"])].double()
    values = ((torch.cat([train.values, test.values]) - seen.mean(0)) / seen.std(0, correction=0)).float()
    rows["test"] = len(train.ends) + torch.arange(len(test.ends))
    return Sequences(values, torch.cat([train.ends, len(train.values) + test.ends]), torch.cat([train.labels, test.labels]), rows)


def labelled(name: str, arguments: dict[str, Any], read: Callable[[], Sequences], inputs: int, classes: int, chance: float, solved: float, paper: str) -> Task:
    """A task that asks for the class of a sequence at its end; `read` is called when the first batch is asked for."""

    def split(where: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
        found = read()
        return found.rows[where], lambda chosen: batch(found, chosen, every=False)

    return Task(
        name=format_call(name, arguments) if arguments else name,
        batches=stored(split),
        inputs=inputs,
        outputs=classes,
        loss=scores.cross_entropy,
        metric=scores.accuracy,
        oracle=lambda examples: scores.certain(classes)(examples.y),
        chance=chance,
        solved=solved,
        better="higher",
        measure="accuracy",
        version=1,
        data=Source(name, ("train", "test")),
        paper=paper,
    )
