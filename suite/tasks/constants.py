"""The best constant answer of a task: what can be had without looking at the input.

An answer becomes an output by the task's link: as it is, or its logit where losses and metrics take the logistic of the
outputs. Classes become log-probabilities. Which constant is best depends on the metric, so several are tried: certainty
of each frequent class, the classes' frequencies; the mean, the median and a grid of numbers (a share of answers within a tolerance
is not largest at the mean); the mean vector, the most frequent and the middle one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn import functional

from suite.tasks import scores
from suite.tasks.task import Batch, Task, asked

LEVELS, CLASSES = 201, 12
SURE = 1e-7  # a probability of 0 or 1 as a logit
AT_ONCE = 20_000_000  # outputs in memory

Link = Callable[[Tensor], Tensor]


def answers(batch: Batch) -> Tensor:
    """Every answer asked, step by step: (A,) or (A, O)."""
    return batch.y[asked(batch)]


def placed(task: Task, batch: Batch, outputs: Tensor) -> Tensor:
    """An output of one replica: `outputs` (A, O) where answers are asked, 0 elsewhere."""
    wanted = asked(batch)
    whole = torch.zeros(*wanted.shape, task.outputs, dtype=outputs.dtype)
    whole[wanted] = outputs
    return whole.unsqueeze(-3)


def link(task: Task, batch: Batch) -> Link:
    """From answers (A,) or (A, O) to outputs (A, O), by whichever makes the right answers cost less on a batch."""
    if task.answer == "class":
        return lambda y: functional.one_hot(y, task.outputs) * 30.0
    if float(task.loss(placed(task, batch, plain(task, answers(batch))), batch)) <= float(task.loss(placed(task, batch, logits(task, answers(batch))), batch)):
        return lambda y: plain(task, y)
    return lambda y: logits(task, y)


def plain(task: Task, y: Tensor) -> Tensor:
    """Answers as outputs; a number is the first of them."""
    return y if y.ndim == 2 else functional.pad(y.unsqueeze(-1), [0, task.outputs - 1])


def logits(task: Task, y: Tensor) -> Tensor:
    """Answers from 0 to 1 as logits."""
    return torch.logit(plain(task, y).clamp(SURE, 1 - SURE))


def constants(task: Task, found: Tensor, by: Link) -> Tensor:
    """Outputs worth trying as the best constant, (K, O), from answers found."""
    if task.answer == "class":
        counts = torch.bincount(found, minlength=task.outputs).to(torch.get_default_dtype())
        certain = by(counts.topk(min(task.outputs, CLASSES)).indices)
        usual = [((counts + more) / (counts + more).sum()).clamp(min=1e-13).log() for more in (0.0, 1.0)]
        return torch.cat([certain, torch.stack(usual)])
    low, high, mean, median = found.amin(0), found.amax(0), found.double().mean(0).to(found.dtype), found.median(0).values
    if found.ndim == 1:
        return by(torch.cat([mean[None], median[None], torch.linspace(float(low), float(high), LEVELS, dtype=found.dtype)]))
    return by(torch.stack([mean, median, (low + high) / 2]))


def tried(task: Task, batches: Iterable[Batch], outputs: Tensor) -> tuple[Tensor, Tensor]:
    """The metric of every constant output on every batch, (batches, K) in float64, and what the batches weigh, (batches,)."""
    values, weights = [], []
    for batch in batches:
        together = max(1, AT_ONCE // (asked(batch).numel() * task.outputs))
        found = [task.metric(repeated(part, batch), batch) for part in outputs.split(together)]
        values.append(torch.cat(found).double())
        weights.append(float(task.weight(batch)[1]))
    return torch.stack(values), torch.tensor(weights, dtype=torch.float64)


def counted(task: Task, found: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor] | None:
    """What `tried` finds, from the number of times that each class is asked: for tasks of many classes; None where the metric is another."""
    if task.metric not in (scores.accuracy, scores.cross_entropy):
        return None
    shares = torch.bincount(found, minlength=task.outputs).double() / len(found)
    values = shares[outputs.argmax(-1)] if task.metric is scores.accuracy else -(outputs.double().log_softmax(-1) @ shares)
    return values[None], torch.tensor([float(len(found))], dtype=torch.float64)


def repeated(outputs: Tensor, batch: Batch) -> Tensor:
    """Constant outputs (K, O), each as a replica: (K, B, O) or (T, K, B, O)."""
    *steps, rows = asked(batch).shape
    return outputs.unsqueeze(1).expand(*steps, len(outputs), rows, outputs.shape[-1])


def best(task: Task, means: Tensor) -> int:
    """Which constant is the best, by the metric's means."""
    return int(means.argmax() if task.better == "higher" else means.argmin())
