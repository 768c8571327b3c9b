"""How many passengers next month? The airline series of Box & Jenkins: 144 months from 1949 to 1960, a trend and a season.

Input: the last `length` months, a month a step (I = 1), as the logarithm of the passengers, with mean 0 and deviation 1 over the
months that training sees. Answer: the month after them, on the same scale (O = 1); mean squared error.

    1956-12 … 1958-11  ->  1958-12          length=24: 24 numbers, one answer

Split by time: 1949 to 1956 train (as inputs, and as answers where there are `length` months before), 1957 and 1958 validate, 1959
and 1960 test; a later window reads earlier months, whatever split they are of. An error of 1 is a deviation of the logarithm,
0.334: a factor of 1.4.

`chance` is the variance of the answers of the test split, the error of their own mean. `solved` is the error of last year's same
month, moved by what the month before has gained on its own last year: a rule that needs 13 months and no fit (our threshold, for no
source states one). Twelve years are few: 24 test answers tell a small error from a large one, and not two cells apart.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from suite.data import columns
from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import stored
from suite.tasks.task import Batch, Source, Task

ENDS = {"train": 96, "validation": 120, "test": 144}  # months
STARTS = {"train": 0, "validation": 96, "test": 120}
CHANCE, SEASONAL = 0.2272800, 0.0176548  # derived from the file: the variance of the test answers, the error of the seasonal rule on them


def airline(length: int = 24) -> Task:
    """The month after `length` months.

    >>> task = airline(length=36)
    >>> f"{task.chance / task.solved:.0f} times the error of a rule without a fit, by a constant"
    '13 times the error of a rule without a fit, by a constant'
    """
    if not isinstance(length, int) or not 1 <= length < ENDS["train"]:
        raise ValueError(f"airline needs a length from 1 to {ENDS['train'] - 1} months, not {length!r}")

    def split(where: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
        series = scaled(columns("airline", "train")["passengers"])
        months = torch.arange(max(STARTS[where], length), ENDS[where])

        def make(chosen: Tensor) -> Batch:
            x = series[chosen - length + torch.arange(length)[:, None]]
            return Batch(x.unsqueeze(-1), series[chosen], torch.ones(x.shape, dtype=torch.bool))

        return months, make

    return Task(
        name=format_call("airline", {"length": length}),
        batches=stored(split),
        inputs=1,
        outputs=1,
        loss=scores.squared_error,
        metric=scores.squared_error,
        oracle=lambda batch: batch.y[None, :, None],
        chance=CHANCE,
        solved=SEASONAL,
        better="lower",
        measure="mean squared error, standardised logarithms",
        version=1,
        data=Source("airline", ("train",)),
        paper="box1976",
        answer="number",
    )


def scaled(passengers: Tensor) -> Tensor:
    """The logarithms, with mean 0 and deviation 1 over the training months.

    >>> round(float(scaled(torch.arange(1, 145))[:96].std(correction=0)), 4)
    1.0
    """
    logs = passengers.double().log()
    seen = logs[: ENDS["train"]]
    return ((logs - seen.mean()) / seen.std(correction=0)).to(torch.get_default_dtype())
