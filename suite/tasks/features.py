"""What the trivial baselines see of a batch: one row an answer, of whatever was read up to it.

Axes: A answers asked, in the order of `batch.y[asked(batch)]`; I inputs. Tokens of a small vocabulary are seen as one-hot vectors.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from suite.tasks.task import Batch, Task, asked

VOCABULARY = 128  # tokens up to which they are seen as one-hot vectors
WINDOW = 1000  # inputs up to which a whole sequence is seen at once

Features = Callable[[Batch], Tensor]


def places(batch: Batch) -> tuple[Tensor, Tensor]:
    """Step and row of every answer asked."""
    wanted = asked(batch)
    if wanted.ndim == 2:
        step, row = wanted.nonzero(as_tuple=True)
        return step, row
    row = wanted.nonzero()[:, 0]
    return (batch.mask.sum(0) - 1)[row], row


def dense(task: Task, batch: Batch) -> Tensor:
    """x as floating numbers (T, B, I), 0 where masked."""
    if not task.tokens:
        return batch.x
    return functional.one_hot(batch.x, task.inputs).to(torch.get_default_dtype()) * batch.mask[..., None]


def last(task: Task, batch: Batch, back: int = 0) -> Tensor:
    """The input `back` steps before the answer's: (A, I), 0 before the beginning."""
    step, row = places(batch)
    return dense(task, batch)[(step - back).clamp(min=0), row] * (step >= back)[:, None]


def last_two(task: Task, batch: Batch) -> Tensor:
    """The answer's input and the one before: (A, 2 I)."""
    return torch.cat([last(task, batch), last(task, batch, 1)], -1)


def bag(task: Task, batch: Batch) -> Tensor:
    """The mean of the inputs so far, order forgotten: (A, I)."""
    step, row = places(batch)
    return dense(task, batch).cumsum(0)[step, row] / (step + 1)[:, None]


def summary(task: Task, batch: Batch) -> Tensor:
    """Mean, largest, smallest and last of the inputs so far: (A, 4 I)."""
    step, row = places(batch)
    x = dense(task, batch)
    return torch.cat([bag(task, batch), x.cummax(0).values[step, row], x.cummin(0).values[step, row], x[step, row]], -1)


def window(task: Task, batch: Batch, steps: int) -> Tensor:
    """The last `steps` inputs up to the answer's, that one last, 0 before the beginning: (A, steps I)."""
    step, row = places(batch)
    x = functional.pad(dense(task, batch), [0, 0, 0, 0, steps - 1, 0])
    return x[step[:, None] + torch.arange(steps), row[:, None]].flatten(1)


def lags(task: Task, batch: Batch, steps: int) -> Tensor:
    """The same of numbers, (A, steps), not a number before the beginning."""
    step, row = places(batch)
    x = functional.pad(batch.x[..., 0], [0, 0, steps - 1, 0], value=torch.nan)
    return x[step[:, None] + torch.arange(steps), row[:, None]]


def words(task: Task, batch: Batch) -> sparse.csr_matrix:
    """Which tokens occur in a sequence, 0 or 1: (B, tokens)."""
    kept = batch.mask.T
    rows = torch.arange(len(kept))[:, None].expand_as(kept)[kept].numpy()
    found = sparse.csr_matrix((torch.ones(len(rows)).numpy(), (rows, batch.x.T[kept].numpy())), shape=(len(kept), task.inputs))
    found.data[:] = 1.0
    return found


def tokens(batch: Batch) -> Tensor:
    """The answer's token and the one before: (A, 2) integers, -1 before the beginning."""
    step, row = places(batch)
    return torch.stack([batch.x[step, row], torch.where(step > 0, batch.x[(step - 1).clamp(min=0), row], -1)], -1)
