"""Replicas trained together equal replicas trained alone, bit for bit at one thread."""

import dataclasses

import pytest
import torch

import suite
from suite.runs.spec import Optimiser
from suite.training.fit import fit
from suite.training.noise import noisy

SEEDS = [3, 0, 8]
PARITY = suite.task("parity", length=6, supervision="every")
DIGITS = suite.task("digits-rows")


def train(cell, seeds, optimiser=None, task=PARITY, units=9, steps=40, **more):
    network = suite.network(cell, units, inputs=task.inputs, outputs=task.outputs, readout="every" if task.supervision == "every" else "last")
    return fit(network, task, seeds, optimiser or Optimiser(lr=0.01), batch=8, steps=steps, evaluate_every=10, **more)


def same(one, other):
    assert (one.seed, one.status, one.curve, one.best_step, one.validation, one.test) == (other.seed, other.status, other.curve, other.best_step, other.validation, other.test)
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


@pytest.mark.parametrize("engine", ["hoisted", "vendor"])
@pytest.mark.parametrize("cell", ["rnn", "lstm-peephole", "gru", "gru-cho"])
def test_together_equals_alone(cell, engine):
    if suite.catalogue.engine(engine).refuses(suite.cell(cell, 9), torch.device("cpu")):
        pytest.skip(f"'{engine}' refuses '{cell}'")
    for run in train(cell, SEEDS, engine=engine):
        (alone,) = train(cell, [run.seed], engine=engine)
        same(run, alone)


def test_together_equals_alone_on_stored_data_with_two_layers():
    for run in train(["lstm", "gru"], [0, 1], task=DIGITS, units=[17, 12], steps=15):
        (alone,) = train(["lstm", "gru"], [run.seed], task=DIGITS, units=[17, 12], steps=15)
        same(run, alone)


@pytest.mark.parametrize("rule", ["adam", "rmsprop", "sgd"])
def test_every_replica_keeps_its_own_rate_and_momentum(rule):
    each = [Optimiser(name=rule, lr=lr, momentum=momentum) for lr, momentum in ((0.001, 0.9), (0.1, 0.5), (0.02, 0.0))]
    together = train("rnn", [0, 0, 0], each)
    assert not torch.equal(together[0].weights["0.a.h"], together[1].weights["0.a.h"])
    for run, optimiser in zip(together, each, strict=True):
        (alone,) = train("rnn", [0], optimiser)
        same(run, alone)


@pytest.mark.parametrize("engine", ["hoisted", "vendor", "scan"])
@pytest.mark.parametrize("task", [PARITY, suite.task("adding", length=7)])  # two outputs, and one
def test_every_replica_keeps_its_own_noise_on_the_inputs(task, engine):
    each = [Optimiser(name="sgd", lr=lr, momentum=momentum, rescaled=True) for lr, momentum in ((0.1, 0.9), (0.5, 0.5), (0.2, 0.0), (0.2, 0.0))]
    noise, seeds = [0.0, 0.3, 1.0, 0.3], [*SEEDS, SEEDS[-1]]
    together = train("lstm", seeds, each, task, units=32, steps=12, engine=engine, input_noise=noise)
    assert not torch.equal(together[2].weights["0.i.x"], together[3].weights["0.i.x"])
    for run, optimiser, deviation in zip(together, each, noise, strict=True):
        (alone,) = train("lstm", [run.seed], optimiser, task, units=32, steps=12, engine=engine, input_noise=deviation)
        same(run, alone)


def test_noise_is_gaussian_new_at_every_step_and_in_training_alone():
    x = torch.full((50, 40, 3), 2.0)
    one, other, again = (noisy(x, [0.5], [seed], step) for seed, step in ((0, 1), (0, 2), (0, 1)))
    assert torch.equal(one, again)
    together = noisy(x, [0.5, 0.5], [0, 1], 1)
    assert torch.equal(together[:, 0], one[:, 0])
    assert not torch.equal(together[:, 1], one[:, 0])
    added = torch.stack([one - 2, other - 2]).flatten(1)
    torch.testing.assert_close(added.std(1), torch.full((2,), 0.5), atol=0.02, rtol=0)
    torch.testing.assert_close(added.mean(1), torch.zeros(2), atol=0.02, rtol=0)
    assert abs(torch.corrcoef(added)[0, 1]) < 0.05
    still = Optimiser(lr=1e-30)  # weights that stay are judged alike, whatever training hears
    quiet, loud = (train("rnn", [0], still, input_noise=deviation)[0] for deviation in (0.0, 2.0))
    assert (quiet.validation, quiet.test) == (loud.validation, loud.test)
    assert quiet.curve[0]["loss"] != loud.curve[0]["loss"]


@pytest.mark.parametrize(("task", "noise", "sentence"), [
    (dataclasses.replace(PARITY, tokens=True), 0.1, "has tokens as inputs, to which no noise can be added"),
    (PARITY, -0.1, "input_noise is a standard deviation, 0 or more, not -0.1"),
    (PARITY, [0.1, 0.2], "not 1, 1 and 2"),
])
def test_noise_that_cannot_be_is_refused(task, noise, sentence):
    network = suite.network("rnn", 4, inputs=task.inputs, outputs=task.outputs, readout="every", embedding=4 * task.tokens)
    with pytest.raises(ValueError, match=sentence):
        fit(network, task, [0], steps=2, input_noise=noise)


def test_the_same_call_twice_gives_the_same_bits():
    for one, other in zip(train("lstm", SEEDS), train("lstm", SEEDS), strict=True):
        same(one, other)


def test_seeds_differ():
    one, other = train("lstm", [0, 1])
    assert not torch.equal(one.weights["0.i.h"], other.weights["0.i.h"])


def test_a_replica_that_diverges_leaves_its_neighbours_as_they_are():
    wild, tame = Optimiser(name="sgd", lr=1e30, clip_norm=0.0), Optimiser(name="sgd", lr=0.1, clip_norm=0.0)
    one, lost, other = train("rnn-relu", SEEDS, [tame, wild, tame])
    assert lost.status.startswith("diverged at step ")
    assert 1 <= int(lost.status.split()[-1]) <= 40
    assert lost.test is None
    for run in (one, other):
        assert run.status == "done"
        (alone,) = train("rnn-relu", [run.seed], tame)
        same(run, alone)


@pytest.mark.parametrize("evaluate_every", [1, 2, 3, 50])
def test_all_replicas_may_diverge(evaluate_every):
    wild = Optimiser(name="sgd", lr=1e30, clip_norm=0.0)
    network = suite.network("rnn-relu", 4, inputs=1, outputs=2, readout="every")
    runs = fit(network, PARITY, [0, 1], wild, batch=8, steps=20, evaluate_every=evaluate_every)
    assert all(run.status.startswith("diverged at step ") for run in runs)


def test_a_replica_that_stops_early_leaves_its_neighbours_as_they_are():
    still, moving = Optimiser(lr=1e-30), Optimiser(lr=0.03)  # without movement there is no improvement
    one, stopped, other = train("gru", SEEDS, [moving, still, moving], steps=100, patience=3)
    assert len(stopped.curve) == 4
    assert stopped.status == "done"
    assert stopped.test is not None
    assert max(len(one.curve), len(other.curve)) > 4
    for run, optimiser in ((one, moving), (stopped, still), (other, moving)):
        (alone,) = train("gru", [run.seed], optimiser, steps=100, patience=3)
        same(run, alone)


def test_as_many_optimisers_as_seeds():
    with pytest.raises(ValueError, match="not 3, 2 and 3"):
        train("rnn", SEEDS, [Optimiser()] * 2)
