"""Symbols one-hot, and the symbol that comes next: how the tasks of 1997 are written.

Drawn blocks hold symbol numbers (T, B); each batch is cut to its longest sequence and written out when its turn comes, so
that a block of many wide batches never stands in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from suite.tasks import scores
from suite.tasks.streams import DRAWN, Batches, drawn
from suite.tasks.task import Batch

SURE = 30.0  # the logit of an output that is 0 or 1 for all purposes


def one_hot(tokens: Tensor, mask: Tensor, kinds: int) -> Tensor:
    """Symbol numbers (T, B) as (T, B, kinds), zero where masked."""
    x = torch.zeros(*tokens.shape, kinds)
    return x.scatter_(2, tokens.unsqueeze(-1), mask.unsqueeze(-1).to(x.dtype))


def at_end(values: Tensor, mask: Tensor) -> Tensor:
    """Vectors (B, O) as answers (T, B, O) asked at each sequence's last valid step only."""
    y = values.new_full((*mask.shape, values.shape[-1]), math.nan)
    y[mask.sum(0) - 1, torch.arange(mask.shape[1], device=mask.device)] = values
    return y


def following(x: Tensor, mask: Tensor, last: Tensor) -> Tensor:
    """The symbol after each step, (T, B, I): x one step ahead, and `last` (B, I) after the last valid step.

    >>> following(torch.eye(3)[:2, None], torch.ones(2, 1, dtype=torch.bool), torch.eye(3)[2:])[:, 0].tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    ahead = torch.where(mask.unsqueeze(-1), torch.cat([x[1:], torch.zeros_like(x[:1])]), math.nan)
    ahead[mask.sum(0) - 1, torch.arange(mask.shape[1], device=mask.device)] = last.to(x.dtype)
    return ahead


def prediction(last: Callable[[Tensor], Tensor]) -> scores.Score:
    """The loss of 1997: squared error of logistic outputs against the symbol that does come next; `last` gives that of the last step from x."""

    def loss(output: Tensor, batch: Batch) -> Tensor:
        came = batch._replace(y=following(batch.x, batch.mask, last(batch.x)))
        return scores.logistic(scores.squared_error)(output, came)

    return loss


def spelled(
    draw: Callable[[int, torch.Generator], Batch],
    kinds: int,
    answers: Callable[[Tensor, Tensor, Tensor], Tensor],
    counts: Mapping[str, int] = DRAWN,
) -> Batches:
    """Batches of symbols one-hot, from blocks of their numbers; `answers` makes y from x, the block's y and the mask."""

    def batches(split: str, size: int, generator: torch.Generator) -> Iterator[Batch]:
        for tokens, y, mask in drawn(draw, counts)(split, size, generator):
            longest = int(mask.sum(0).max())
            known, kept = y[:longest] if y.shape == mask.shape else y, mask[:longest]
            x = one_hot(tokens[:longest], kept, kinds)
            yield Batch(x, answers(x, known, kept), kept)

    return batches


def sure(batch: Batch) -> Tensor:
    """The output, R = 1, whose logistic is the vectors of zeros and ones in y, whatever stands where nothing is asked."""
    return (SURE * (2.0 * batch.y.nan_to_num() - 1.0)).unsqueeze(-3)
