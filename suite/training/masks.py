"""Masks of dropout, drawn outside the engines: a replica's masks follow from its seed and the step alone, whoever trains beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from suite.tasks.streams import stream_seed
from suite.training.network import Masks


def drawn(wanted: Mapping[str, Masks], seeds: Sequence[int], step: int, length: int, batch: int, like: Tensor) -> dict[str, Tensor]:
    """Every mask of a training step, (T or 1, R, B, W), in the dtype and on the device of `like`.

    >>> from suite.cells import Mask
    >>> made = drawn({"0.d_g": Masks(4, Mask(0.5, "sequence"), False)}, [0, 1], step=1, length=9, batch=2, like=torch.zeros(1))
    >>> made["0.d_g"].shape, made["0.d_g"].unique().tolist()
    (torch.Size([1, 2, 2, 4]), [0.0, 1.0])
    """
    if not wanted:
        return {}
    each = [_alone(wanted, torch.Generator().manual_seed(stream_seed(f"masks {seed}", step)), length, batch) for seed in seeds]
    masks = {name: torch.cat([own[name] for own in each], 1).to(like.device, like.dtype) for name in wanted}
    return {name: mask / (1 - wanted[name].drawn.rate) if wanted[name].scaled else mask for name, mask in masks.items()}


def _alone(wanted: Mapping[str, Masks], generator: torch.Generator, length: int, batch: int) -> dict[str, Tensor]:
    masks = {}
    for name, (width, (rate, each), _) in wanted.items():
        masks[name] = torch.rand(length if each == "step" else 1, 1, batch, width, generator=generator) >= rate
    return masks
