"""Replicas trained together equal replicas trained alone, bit for bit at one thread."""

import pytest
import torch

import suite
from suite.runs.spec import Optimiser
from suite.training.fit import fit

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
    with pytest.raises(ValueError, match="not 3 and 2"):
        train("rnn", SEEDS, [Optimiser()] * 2)
