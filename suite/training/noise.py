"""Gaussian noise on the inputs of training (Greff et al. 2017), drawn outside the network: a replica's follows from its seed and the step alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from suite.tasks.streams import stream_seed


def noisy(x: Tensor, deviations: Sequence[float], seeds: Sequence[int], step: int) -> Tensor:
    """x (T, B, I) with noise of its own for every replica, (T, R, B, I); x as it is where no replica asks for noise.

    >>> noisy(torch.zeros(3, 2, 1), [0.0, 0.5], [0, 1], step=1).abs().sum((0, 2, 3)) > 0
    tensor([False,  True])
    """
    if not any(deviations):
        return x
    return torch.stack([_alone(x, *each, step) for each in zip(deviations, seeds, strict=True)], 1)


def _alone(x: Tensor, deviation: float, seed: int, step: int) -> Tensor:
    if not deviation:
        return x
    generator = torch.Generator().manual_seed(stream_seed(f"input noise {seed}", step))
    return x + deviation * torch.randn(x.shape, generator=generator).to(x.device, x.dtype)


def check(deviations: Sequence[float], tokens: bool, task: str) -> None:
    """Raise ValueError, one sentence, for noise that cannot be added."""
    if any(deviation < 0 for deviation in deviations):
        raise ValueError(f"input_noise is a standard deviation, 0 or more, not {min(deviations)}")
    if tokens and any(deviations):
        raise ValueError(f"task '{task}' has tokens as inputs, to which no noise can be added: input_noise must be 0")
