"""Encoder and decoder: one stack of layers reads the source, a second one goes on from its states and answers at the target.

Which steps are which follows from where an answer is asked: the target begins with the first such step of a sequence and goes
on to its end, all before it is the source. So no step that is read comes after one that is answered (Cho et al. 2014, Sutskever
et al. 2014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from suite.tasks import Task
from suite.tasks.task import asked
from suite.training.layers import Layer

FIRST = "is asked at the first step of a sequence: a decoder answers after a source, and there is none"


def parts(mask: Tensor, wanted: Tensor | None) -> tuple[Tensor, Tensor]:
    """The steps of source and target, (T, B) bool each, of valid steps and of those where an answer is asked.

    >>> source, target = parts(torch.ones(5, 1, dtype=torch.bool), torch.tensor([[0], [0], [1], [0], [1]]).bool())
    >>> source[:, 0].int().tolist(), target[:, 0].int().tolist()
    ([1, 1, 0, 0, 0], [0, 0, 1, 1, 1])
    """
    if wanted is None or wanted.dtype != torch.bool or wanted.shape != mask.shape:
        given = "none" if wanted is None else f"{wanted.dtype} {tuple(wanted.shape)}"
        raise ValueError(f"a decoder needs asked, where an answer is asked: bool of shape {tuple(mask.shape)}, (time, batch) as x is, not {given}")
    begun = (wanted & mask).to(torch.uint8).cummax(0).values.bool()
    if bool(begun[0].any()):
        raise ValueError(f"an answer {FIRST}")
    if not bool(begun[-1].all()):
        raise ValueError("a sequence asks for no answer: a decoder has nothing to do")
    return mask & ~begun, mask & begun


def order(target: Tensor) -> tuple[Tensor, Tensor]:
    """Where the k-th step of each sequence's target stands, (S, B), S the longest; and whether there is one."""
    valid = torch.arange(int(target.sum(0).max()), device=target.device)[:, None] < target.sum(0)
    return (~target).to(torch.uint8).argsort(dim=0, stable=True)[: len(valid)], valid


def taken(y: Tensor, places: Tensor) -> Tensor:
    """These steps (S, B) of y (T, R, B, W), from its first on."""
    return y.gather(0, places[:, None, :, None].expand(-1, y.shape[1], -1, y.shape[3]))


def put_back(y: Tensor, places: Tensor, valid: Tensor, length: int) -> Tensor:
    """The reverse of `taken`: (length, R, B, W), 0 at every other step."""
    kept = torch.where(valid[:, None, :, None], y, 0.0)
    return y.new_zeros(length, *y.shape[1:]).scatter(0, places[:, None, :, None].expand_as(y), kept)


def handed(after: Mapping[str, Tensor], encoder: Sequence[Layer], decoder: Sequence[Layer]) -> dict[str, Tensor]:
    """The last states of the encoder as the first ones of the decoder."""
    return {f"{into.prefix}{name}": after[f"{out.prefix}{name}"] for out, into in zip(encoder, decoder, strict=True) for name in out.cell.state}


def decodes(task: Task) -> None:
    """Raise ValueError, one sentence, for a task that an encoder and a decoder cannot learn."""
    if task.supervision != "every":
        raise ValueError(f"task '{task.name}' is asked once a sequence: a decoder answers at every step of a target")
    if task.stateful:
        raise ValueError(f"task '{task.name}' is one long sequence whose rows go on from batch to batch: it has no source that a decoder could follow")
    if bool(asked(next(task.batches("train", 2, torch.Generator().manual_seed(0))))[0].any()):
        raise ValueError(f"task '{task.name}' {FIRST}")
