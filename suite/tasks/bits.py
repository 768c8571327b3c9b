"""Vectors of bits, and bits a sequence: how the tasks of Graves et al. (2014) are written and judged.

Outputs are logits of independent bits. The loss is their cross-entropy summed over the bits, the mean over the answers asked; the
score is what the paper plots, that cross-entropy in bits summed over the bits and answers of a sequence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task, asked

SOLVED = 1.0  # our threshold, a bit a sequence, or half of what chance takes: the source states none


def bits_per_sequence(output: Tensor, batch: Batch) -> Tensor:
    """Mean negative log-likelihood of a sequence's answers, vectors of zeros and ones, its outputs logits, in bits.

    >>> batch = Batch(torch.zeros(3, 1, 1), torch.tensor([[[math.nan] * 2], [[0.0, 1.0]], [[1.0, 1.0]]]), torch.ones(3, 1, dtype=torch.bool))
    >>> bits_per_sequence(torch.zeros(3, 1, 1, 2), batch)
    tensor([4.])
    """
    wanted = asked(batch)
    y = torch.where(wanted.unsqueeze(-1), batch.y, 0.0).unsqueeze(1).expand_as(output).to(output.dtype)
    nats = functional.binary_cross_entropy_with_logits(output, y, reduction="none").sum(-1)
    return torch.where(wanted.unsqueeze(1), nats, 0.0).sum(0).mean(-1) / math.log(2)


def entropy(p: float) -> float:
    """Bits that a bit which is 1 with probability p takes.

    >>> entropy(0.5), entropy(0.0)
    (1.0, 0.0)
    """
    return sum(q * math.log2(1 / q) for q in (p, 1 - p) if q)


def judged_in_bits(
    name: str, given: dict[str, Any], inputs: int, outputs: int, draw: Callable[[int, torch.Generator], Batch], oracle: Callable[[Batch], Tensor], **more: Any
) -> Task:
    """A task whose answers are vectors of bits; the public names are in `TASKS`."""
    return Task(
        name=format_call(name, given),
        batches=drawn(draw),
        inputs=inputs,
        outputs=outputs,
        loss=scores.bernoulli,
        metric=bits_per_sequence,
        oracle=oracle,
        better="lower",
        measure="bits a sequence",
        version=1,
        data=None,
        paper="graves2014",
        supervision="every",
        answer="vector",
        per="sequence",
        **{"solved": min(SOLVED, more["chance"] / 2), **more},
    )


def checked(name: str, **sizes: tuple[Any, int]) -> None:
    """ValueError for a size that is no integer from its least to a million."""
    for what, (value, least) in sizes.items():
        if not isinstance(value, int) or not least <= value <= LONGEST:
            raise ValueError(f"{name} needs {what} from {least} to {LONGEST:,}, not {value!r}")


def room(name: str, *sizes: int) -> None:
    """ValueError where one sequence takes more than a million numbers."""
    if max(sizes) > LONGEST:
        raise ValueError(f"{name} of these sizes takes {max(sizes):,} numbers a sequence, more than {LONGEST:,}: take smaller ones")


def coins(shape: Iterable[int], generator: torch.Generator) -> Tensor:
    """Bits, each 0 or 1 as likely, as floating numbers."""
    return torch.randint(2, tuple(shape), generator=generator).to(torch.get_default_dtype())


def at(vectors: Tensor, index: Tensor, there: Tensor, elsewhere: float = 0.0) -> Tensor:
    """Of vectors (L, B, W) those of an index (T, B or 1), where there is one, and a number elsewhere: (T, B, W).

    >>> at(torch.eye(3)[:, None], torch.tensor([[5], [2]]), torch.tensor([[False], [True]])).tolist()
    [[[0.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]]]
    """
    rows = index.clamp(0, len(vectors) - 1)[..., None].expand(-1, *vectors.shape[1:])
    return torch.where(there[..., None], vectors.gather(0, rows), elsewhere)


def flagged(bits: Tensor, *flags: Tensor) -> Tensor:
    """Bits (T, B, W) with further channels (T, B) beside them."""
    return torch.cat([bits, torch.stack([flag.to(bits.dtype) for flag in flags], -1)], -1)
