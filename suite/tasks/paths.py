"""Labels without times: connectionist temporal classification (Graves et al. 2006), its loss, and the error rate of its symbols.

A network gives at every step a class, 0 being the blank; a path of classes stands for the symbols that are left when repeated classes are taken
once and blanks out. An answer is a path too, one class a step: any that stands for the right symbols will do, and `path` spreads them
evenly. Loss and metric look at the symbols alone, never at where the answer puts them.

    a a - a b b - -   and   - a - - a b - -   both stand for   a a b

Both are means over the symbols of a batch, so that lines of different lengths weigh as they are long: a task that takes them is `per="symbol"`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from suite.tasks.task import Batch, symbols


def path(classes: Sequence[int], steps: int) -> Tensor:
    """A path of so many steps that stands for some symbols, spread evenly; a ValueError where they are too many.

    >>> path([5, 5, 2], steps=8).tolist(), path([5, 5, 2], steps=4).tolist()
    ([5, 0, 0, 0, 5, 0, 2, 0], [5, 0, 5, 2])
    """
    least: list[int] = []
    for before, now in zip([0, *classes], classes, strict=False):
        least += [0, now] if now == before else [now]
    if len(least) > steps:
        raise ValueError(f"{len(classes)} symbols need {len(least)} steps, and there are {steps}")
    found = torch.zeros(steps, dtype=torch.int64)
    found[torch.arange(len(least)) * steps // max(len(least), 1)] = torch.tensor(least, dtype=torch.int64)
    return found


def collapsed(paths: Tensor) -> tuple[Tensor, Tensor]:
    """The symbols of paths (T, N), padded with 0 at the end, (most, N), and their numbers (N,).

    >>> found, counts = collapsed(torch.tensor([[1, 1, 0, 1, 2], [0, 4, 0, 0, -1]]).T)
    >>> found.T.tolist(), counts.tolist()
    ([[1, 1, 2], [4, 0, 0]], [3, 1])
    """
    begins = symbols(paths)
    counts = begins.sum(0)
    found = paths.new_zeros(int(counts.max().clamp(min=1)), paths.shape[1])
    step, row = begins.nonzero(as_tuple=True)
    found[(begins.cumsum(0) - 1)[step, row], row] = paths[step, row]
    return found, counts


def ctc(output: Tensor, batch: Batch) -> Tensor:
    """Negative log-likelihood of the right symbols, summed over all paths that stand for them, in nats a symbol, for each replica."""
    wanted, counts = collapsed(batch.y)
    replicas = output.shape[1]
    values = functional.ctc_loss(
        output.log_softmax(-1).flatten(1, 2), wanted.T.repeat(replicas, 1), batch.mask.sum(0).repeat(replicas), counts.repeat(replicas), blank=0, reduction="none"
    )
    return values.view(replicas, -1).sum(-1) / counts.sum().clamp(min=1)


def symbol_errors(output: Tensor, batch: Batch) -> Tensor:
    """Symbols to put in, take out or change, of the symbols of the most likely class at every step, as a share of those that are right, for each replica."""
    wanted, counts = collapsed(batch.y)
    steps, replicas = output.shape[:2]
    found = torch.where(batch.mask.unsqueeze(1), output.argmax(-1), -1).view(steps, -1)
    values = distances(*collapsed(found), wanted.repeat(1, replicas), counts.repeat(replicas))
    return values.view(replicas, -1).sum(-1).to(output.dtype) / counts.sum().clamp(min=1)


def distances(one: Tensor, sizes: Tensor, other: Tensor, counts: Tensor) -> Tensor:
    """Levenshtein's distance of pairs of sequences (·, N), padded at the end: the least number of symbols put in, taken out or changed.

    >>> distances(*collapsed(torch.tensor([[1, 2, 3]]).T), *collapsed(torch.tensor([[1, 3, 4, 5]]).T)).tolist()
    [3]
    """
    place = torch.arange(len(other) + 1, device=one.device)[:, None]
    row = place.expand(-1, one.shape[1])
    for k, symbol in enumerate(one):
        least = torch.minimum(row[:-1] + (symbol != other), row[1:] + 1)
        begun = torch.cat([torch.full_like(row[:1], k + 1), least])
        row = torch.where(k < sizes, (begun - place).cummin(0).values + place, row)
    return row.gather(0, counts[None])[0]
