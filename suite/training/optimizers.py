"""SGD with Nesterov momentum, RMSprop and Adam over a flat parameter tensor (R, N), one rate a replica.

Each equals torch.optim's update of the same name; `weight_decay` is added to the gradient, as there. A rate that is `rescaled`
is multiplied with 1 - momentum (Greff et al. 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.runs.spec import Optimiser

Slots = dict[str, Tensor]


@dataclass(frozen=True)
class Rule:
    """How one optimiser moves: the tensors it keeps, and the direction it takes (not yet times the rate); None where it takes no gradient."""

    slots: tuple[str, ...]
    direction: Callable[[Tensor, Slots, Optimiser, Tensor, int], Tensor] | None

    def start(self, theta: Tensor) -> Slots:
        """Fresh slots, all zero."""
        return {name: torch.zeros_like(theta) for name in self.slots}


def sgd(gradient: Tensor, slots: Slots, o: Optimiser, momentum: Tensor, step: int) -> Tensor:
    """Nesterov's: v = mu v + g, direction g + mu v."""
    del o, step
    slots["velocity"].mul_(momentum).add_(gradient)
    return gradient.add(slots["velocity"] * momentum)


def rmsprop(gradient: Tensor, slots: Slots, o: Optimiser, momentum: Tensor, step: int) -> Tensor:
    """s = decay s + (1 - decay) g^2, v = mu v + g / (sqrt(s) + eps)."""
    del step
    slots["square"].mul_(o.decay).addcmul_(gradient, gradient, value=1 - o.decay)
    slots["velocity"].mul_(momentum).add_(gradient / slots["square"].sqrt().add_(o.eps))
    return slots["velocity"]


def adam(gradient: Tensor, slots: Slots, o: Optimiser, momentum: Tensor, step: int) -> Tensor:
    """m = b1 m + (1 - b1) g, s = b2 s + (1 - b2) g^2, both corrected for their start at zero."""
    slots["mean"].mul_(momentum).add_(gradient * (1 - momentum))
    slots["square"].mul_(o.decay).addcmul_(gradient, gradient, value=1 - o.decay)
    denominator = slots["square"].sqrt().div_(math.sqrt(1 - o.decay**step)).add_(o.eps)
    return slots["mean"].div(denominator).div_(1 - momentum**step)


RULES = {
    "sgd": Rule(("velocity",), sgd),
    "rmsprop": Rule(("square", "velocity"), rmsprop),
    "adam": Rule(("mean", "square"), adam),
    "guess": Rule((), None),  # `suite.training.guessing`
}


def update(theta: Tensor, gradient: Tensor, slots: Slots, o: Optimiser, rates: Tensor, momenta: Tensor, step: int, steps: int) -> None:
    """Move theta (R, N) in place; `rates` and `momenta` are (R, 1), `step` counts from 1."""
    rule = RULES[o.name].direction
    assert rule is not None
    gradient = clipped(gradient, o)
    if o.weight_decay:
        gradient = gradient.add(theta, alpha=o.weight_decay)
    direction = rule(gradient, slots, o, momenta, step)
    rates = rates * (1 - momenta) if o.rescaled else rates
    theta.sub_(direction * (rates * schedule(o, step, steps)))


def clipped(gradient: Tensor, o: Optimiser) -> Tensor:
    """The gradient of each replica, no entry beyond clip_value, then no longer than clip_norm; 0 is no limit."""
    if o.clip_value:
        gradient = gradient.clamp(-o.clip_value, o.clip_value)
    if o.clip_norm:
        gradient = gradient * (o.clip_norm / (torch.linalg.vector_norm(gradient, dim=1, keepdim=True) + 1e-6)).clamp(max=1.0)
    return gradient


def schedule(o: Optimiser, step: int, steps: int) -> float:
    """What the rate is multiplied with at a step: a linear rise over `warmup` steps, then the schedule to the end."""
    if step <= o.warmup:
        return step / o.warmup
    done = (step - 1 - o.warmup) / max(steps - o.warmup, 1)
    if o.schedule == "linear":
        return 1 - done
    return (1 + math.cos(math.pi * done)) / 2 if o.schedule == "cosine" else 1.0
