"""Every optimiser equals torch.optim's step by step, each replica on its own."""

import math

import pytest
import torch

from suite.runs.spec import Optimiser
from suite.training.optimizers import RULES, clipped, schedule, update

R, N, STEPS = 3, 11, 20
RATES, MOMENTA = (0.1, 0.01, 0.003), (0.9, 0.5, 0.0)

TORCH = {
    "adam": lambda p, lr, m, o: torch.optim.Adam([p], lr, betas=(m, o.decay), eps=o.eps, weight_decay=o.weight_decay),
    "rmsprop": lambda p, lr, m, o: torch.optim.RMSprop([p], lr, alpha=o.decay, eps=o.eps, momentum=m, weight_decay=o.weight_decay),
    "sgd": lambda p, lr, m, o: torch.optim.SGD([p], lr, momentum=m, nesterov=m > 0, weight_decay=o.weight_decay),
}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moved(o, start, gradients):
    """theta after every step."""
    theta, slots = start.clone(), RULES[o.name].start(start)
    rates, momenta = (torch.tensor(v, dtype=torch.float64)[:, None] for v in (RATES, MOMENTA))
    for step, gradient in enumerate(gradients, start=1):
        update(theta, gradient.clone(), slots, o, rates, momenta, step, len(gradients))
        yield theta.clone()


def test_what_takes_a_gradient_is_compared():
    assert {name for name, rule in RULES.items() if rule.direction} == set(TORCH)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("name", TORCH)
def test_equals_torch_step_by_step(name, weight_decay):
    o = Optimiser(name=name, decay=0.95, eps=1e-6, weight_decay=weight_decay, clip_norm=0.0)
    start, gradients = normal(R, N), normal(STEPS, R, N, seed=1)
    theirs = [row.clone().requires_grad_() for row in start]
    optimisers = [TORCH[name](p, lr, m, o) for p, lr, m in zip(theirs, RATES, MOMENTA, strict=True)]
    for gradient, ours in zip(gradients, moved(o, start, gradients), strict=True):
        for p, g, optimiser in zip(theirs, gradient, optimisers, strict=True):
            p.grad = g.clone()
            optimiser.step()
        torch.testing.assert_close(ours, torch.stack(theirs).detach(), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
def test_a_rescaled_rate_is_multiplied_with_one_minus_momentum(name):
    start, gradients = normal(R, N), normal(STEPS, R, N, seed=1)
    *_, rescaled = moved(Optimiser(name=name, clip_norm=0.0, rescaled=True), start, gradients)
    for row, (lr, m) in enumerate(zip(RATES, MOMENTA, strict=True)):
        p = start[row].clone().requires_grad_()
        optimiser = TORCH[name](p, lr * (1 - m), m, Optimiser(name=name))
        for gradient in gradients:
            p.grad = gradient[row].clone()
            optimiser.step()
        torch.testing.assert_close(rescaled[row], p.detach(), atol=1e-12, rtol=1e-12)


def test_adam_is_not_rescaled():
    with pytest.raises(ValueError, match="rescaled belongs to sgd and rmsprop"):
        Optimiser(rescaled=True)


@pytest.mark.parametrize("name", TORCH)
def test_schedule_equals_torch(name):
    o = Optimiser(name=name, schedule="cosine", clip_norm=0.0)
    start, gradients = normal(R, N), normal(STEPS, R, N, seed=1)
    p = start[0].clone().requires_grad_()
    optimiser = TORCH[name](p, RATES[0], MOMENTA[0], o)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for gradient, ours in zip(gradients, moved(o, start, gradients), strict=True):
        p.grad = gradient[0].clone()
        optimiser.step()
        scheduler.step()
        torch.testing.assert_close(ours[0], p.detach(), atol=1e-12, rtol=1e-12)


def test_clipping_by_norm_is_per_replica_and_equals_torch():
    gradient = normal(R, N) * torch.tensor([[100.0], [0.01], [1.0]])
    ours = clipped(gradient, Optimiser(clip_norm=1.0))
    for row, before in zip(ours, gradient, strict=True):
        p = torch.zeros(N, dtype=torch.float64, requires_grad=True)
        p.grad = before.clone()
        torch.nn.utils.clip_grad_norm_([p], 1.0)
        torch.testing.assert_close(row, p.grad, atol=0, rtol=1e-12)
    assert torch.equal(ours[1], gradient[1])
    assert float(ours[0].norm()) == pytest.approx(1.0, abs=1e-6)


def test_clipping_by_value():
    gradient = normal(R, N) * 10
    assert torch.equal(clipped(gradient, Optimiser(clip_norm=0.0, clip_value=0.5)), gradient.clamp(-0.5, 0.5))


def test_no_limit_changes_nothing():
    gradient = normal(R, N) * 1e6
    assert torch.equal(clipped(gradient, Optimiser(clip_norm=0.0)), gradient)


@pytest.mark.parametrize(("fields", "values"), [
    ({"schedule": "constant"}, [1, 1, 1, 1]),
    ({"schedule": "linear"}, [1, 0.75, 0.5, 0.25]),
    ({"schedule": "cosine"}, [1, (1 + math.cos(math.pi / 4)) / 2, 0.5, (1 - math.cos(math.pi / 4)) / 2]),
    ({"schedule": "constant", "warmup": 2}, [0.5, 1, 1, 1]),
    ({"schedule": "linear", "warmup": 2}, [0.5, 1, 1, 0.5]),
    ({"schedule": "cosine", "warmup": 3}, [1 / 3, 2 / 3, 1, 1]),
    ({"schedule": "linear", "warmup": 8}, [0.125, 0.25, 0.375, 0.5]),
])
def test_schedule_values(fields, values):
    assert [schedule(Optimiser(**fields), step, 4) for step in (1, 2, 3, 4)] == pytest.approx(values)
