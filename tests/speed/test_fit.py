"""The price of the harness: `training.fit` on MNIST-shaped batches against a bare loop with the same products and updates."""

from statistics import median

import pytest
import torch
from torch.nn import functional

import suite
from suite.runs.spec import Optimiser
from suite.tasks.task import Batch
from suite.training.measure import interleaved, ratio

BATCH, UNITS = 128, 128


def stored(steps):
    """Batches of MNIST where the data are, of its shape where they are not."""
    generator = torch.Generator().manual_seed(0)
    try:
        batches = list(suite.task("mnist-rows").batches("train", BATCH, generator))[:steps]
    except (RuntimeError, ValueError):
        batches = []
    if len(batches) < steps:
        batches = [Batch(torch.rand(28, BATCH, 28, generator=generator), torch.randint(10, (BATCH,), generator=generator), torch.ones(28, BATCH, dtype=torch.bool)) for _ in range(steps)]
    return batches


def bare(batches, start):
    """LSTM, readout, cross-entropy, clipping and Adam written out by hand, with torch.optim; then two scores, as `fit` gives."""
    w = {name: value[0].clone().requires_grad_() for name, value in start.items()}
    adam = torch.optim.Adam(w.values(), lr=1e-3)

    def answer(batch):
        wx, wh = (torch.cat([w[f"0.{row}.{source}"] for row in "zifo"]).mT for source in "xh")
        bias = torch.cat([w[f"0.{row}.b"] for row in "zifo"], 1)
        h = c = torch.zeros(BATCH, UNITS)
        steps, _, inputs = batch.x.shape
        for pre in torch.addmm(bias, batch.x.reshape(-1, inputs), wx).view(steps, BATCH, -1).unbind(0):
            z, i, f, o = torch.addmm(pre, h, wh).split(UNITS, 1)
            c = torch.tanh(z) * torch.sigmoid(i) + c * torch.sigmoid(f)
            h = torch.tanh(c) * torch.sigmoid(o)
        return torch.addmm(w["readout.b"], h, w["readout.w"].mT)

    for batch in batches:
        adam.zero_grad()
        functional.cross_entropy(answer(batch), batch.y).backward()
        torch.nn.utils.clip_grad_norm_(w.values(), 1.0)
        adam.step()
    with torch.no_grad():
        for _ in range(2):
            functional.cross_entropy(answer(batches[0]), batches[0].y)
    return w


@pytest.mark.benchmark(group="harness")
def test_fit_costs_little_more_than_a_bare_loop(benchmark):
    torch.set_num_threads(1)
    many = benchmark.enabled if hasattr(benchmark, "enabled") else not benchmark.disabled
    steps, repeats = (60, 11) if many else (2, 1)
    batches, task = stored(steps), suite.task("mnist-rows")
    task = type(task)(**{**vars(task), "batches": lambda split, size, generator: iter(batches if split == "train" else batches[:1])})
    network = suite.network("lstm", UNITS, inputs=28, outputs=10)

    def harness():
        return suite.fit(network, task, [0], Optimiser(lr=1e-3), batch=BATCH, steps=steps, evaluate_every=10**9)

    def loop():
        return bare(batches, network.start(0))

    trained, by_hand = harness()[0].weights, loop()
    worst = max(float((trained[name] - by_hand[name].detach()).abs().max()) for name in trained)
    assert worst < 1e-3, "the two loops do not do the same work"
    benchmark.pedantic(harness, rounds=1)
    ratios = ratio(interleaved({"fit": harness, "bare": loop}, repeats, torch.device("cpu"), warmup=1), "fit", "bare")
    benchmark.extra_info["fit / bare loop"] = median(ratios)
    print(f"\nfit / bare loop, {steps} updates, one thread: median {median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}, {len(ratios)} pairs")
