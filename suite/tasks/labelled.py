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
    """Sequences end to end, (steps, I), where each ends, and the class of each, or of each step."""

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


def moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every column, summed in double precision without a copy in it.

    >>> [part.tolist() for part in moments(torch.tensor([[1.0], [3.0]]))]
    [[2.0], [1.0]]
    """
    mean = values.mean(0, dtype=torch.float64)
    return mean.float(), (values - mean.to(values.dtype)).square_().mean(0, dtype=torch.float64).sqrt().float()


def standardised(train: Part, test: Part, validation: Part | None = None) -> Sequences:
    """All sets with their splits, every input of mean 0 and deviation 1 over the steps of training; without a set for validation a tenth of training is.

    >>> one = Part(torch.arange(24.0)[:, None], torch.arange(2, 26, 2), torch.arange(12))
    >>> found = standardised(one, one)
    >>> abs(float(found.values[steps(found.ends, found.rows["train"])].mean())) < 1e-6, found.rows["validation"].tolist(), found.rows["test"].tolist()[0]
    (True, [0, 5], 12)
    """
    parts = {"train": train, "test": test} if validation is None else {"train": train, "test": test, "validation": validation}
    before, rows = 0, {}
    for split, one in parts.items():
        rows[split] = before + torch.arange(len(one.ends))
        before += len(one.ends)
    if validation is None:
        rows["train"], rows["validation"] = held_out(len(train.ends))
    values = torch.cat([one.values for one in parts.values()]).float()
    mean, deviation = moments(train.values[steps(train.ends, rows["train"])])
    values = values.sub_(mean).div_(deviation)
    lengths = torch.cat([one.ends.diff(prepend=one.ends.new_zeros(1)) for one in parts.values()])
    return Sequences(values, lengths.cumsum(0), torch.cat([one.labels for one in parts.values()]), rows)


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
