"""A resumed run is the undisturbed one, the test score is that of the best step, and saved weights give the same answers."""

import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

import suite
from suite import catalogue
from suite.engines import ENGINES
from suite.runs.spec import Optimiser
from suite.tasks.streams import stream_seed
from suite.training import checkpoint, weights
from suite.training.fit import fit
from suite.training.trainer import Trainer

PARITY = suite.task("parity", length=5, supervision="every")
DIGITS = suite.task("digits-rows")


class Stop(Exception):
    pass


def train(task=PARITY, seeds=(0, 1), steps=60, cell="gru", optimiser=None, **more):
    network = suite.network(cell, 6, inputs=task.inputs, outputs=task.outputs, readout="every" if task.supervision == "every" else "last")
    return fit(network, task, seeds, optimiser or Optimiser(lr=0.02, schedule="cosine", warmup=5), batch=32, steps=steps, evaluate_every=10, **more)


def same(one, other):
    for left, right in zip(one, other, strict=True):
        assert (left.status, left.curve, left.best_step, left.validation, left.test) == (right.status, right.curve, right.best_step, right.validation, right.test)
        assert all(torch.equal(left.weights[name], right.weights[name]) for name in left.weights)


def interrupted(at, path, **more):
    def progress(step, steps):
        if step == at:
            raise Stop

    with pytest.raises(Stop):
        train(checkpoint=path, progress=progress, **more)


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd"])
def test_a_resumed_run_is_the_undisturbed_one(tmp_path, monkeypatch, name):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    path, optimiser = tmp_path / "run.pt", Optimiser(name=name, lr=0.02)
    undisturbed = train(optimiser=optimiser)
    for at in (7, 20, 55):
        interrupted(at, path, optimiser=optimiser)
    same(train(checkpoint=path, optimiser=optimiser), undisturbed)


def test_resuming_goes_on_in_the_middle_of_an_epoch_of_stored_data(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    path = tmp_path / "run.pt"
    undisturbed = train(DIGITS)
    interrupted(45, path, task=DIGITS)  # 39 batches an epoch
    steps = []
    same(train(DIGITS, checkpoint=path, progress=lambda step, _: steps.append(step)), undisturbed)
    assert steps[0] == 46


def test_resuming_remembers_who_diverged_and_who_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    path = tmp_path / "run.pt"
    rules = [Optimiser(name="sgd", lr=lr, clip_norm=0.0) for lr in (0.1, 1e30, 1e-30)]
    more = {"seeds": (0, 1, 2), "optimiser": rules, "cell": "rnn-relu", "patience": 2}
    undisturbed = train(**more)
    assert [run.status.split()[0] for run in undisturbed] == ["done", "diverged", "done"]
    interrupted(45, path, **more)
    same(train(checkpoint=path, **more), undisturbed)


def test_a_damaged_checkpoint_begins_again(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    path = tmp_path / "run.pt"
    interrupted(30, path)
    path.write_bytes(path.read_bytes()[:500])
    same(train(checkpoint=path), train())


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    path = tmp_path / "run.pt"

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    same(train(checkpoint=path), train())
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_taken_at_least_once_a_minute():
    assert 0 < checkpoint.SECONDS <= 60


def test_the_test_score_is_that_of_the_best_step_on_validation():
    for run in train(DIGITS, steps=100, optimiser=Optimiser(lr=0.2)):
        scores = {point["step"]: point["validation"] for point in run.curve}
        assert run.validation == max(scores.values())
        assert run.best_step == min(step for step, score in scores.items() if score == run.validation)
        network = suite.network("gru", 6, inputs=8, outputs=10)
        (batch,) = DIGITS.batches("test", 1000, torch.Generator())
        output = network(run.weights, batch.x, batch.mask, ENGINES["hoisted"])
        assert float(DIGITS.metric(output, batch)) == pytest.approx(run.test, abs=1e-6)


def test_lower_is_better_where_the_task_says_so():
    task = suite.task("adding", length=4)
    for run in train(task, steps=60):
        assert run.validation == min(point["validation"] for point in run.curve)
        assert run.validation < task.chance


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "gru-cho"])
def test_something_is_learnt(cell):
    (run,) = train(suite.task("parity", length=3, supervision="every"), (1,), steps=300, cell=cell, optimiser=Optimiser(lr=0.05))
    assert run.test > 0.95


def test_streams_of_splits_and_seeds_are_apart():
    assert len({stream_seed(split, number) for split in ("train", "validation", "test") for number in range(100)}) == 300
    one, other, same_again = (train(data_seed=seed)[0].curve for seed in (0, 1, 0))
    assert one != other
    assert one == same_again


def test_the_last_steps_are_evaluated_and_the_loss_is_the_mean_since_the_last_point():
    (run,) = train(seeds=(0,), steps=25)
    assert [point["step"] for point in run.curve] == [10, 20, 25]
    network = suite.network("gru", 6, inputs=1, outputs=2, readout="every")
    optimiser = Optimiser(lr=0.02, schedule="cosine", warmup=5)
    trainer, losses = Trainer(network, PARITY, [0], [optimiser], torch.device("cpu"), torch.float32, ENGINES["hoisted"]), []
    for _, examples in zip(range(25), trainer.stream(32, 0), strict=False):
        before = float(trainer.loss_sum)
        trainer.learn(examples, 25)
        losses.append(float(trainer.loss_sum) - before)
    assert run.curve[0]["loss"] == pytest.approx(sum(losses[:10]) / 10, rel=1e-4)
    assert run.curve[2]["loss"] == pytest.approx(sum(losses[20:]) / 5, rel=1e-4)


@pytest.mark.parametrize("readout", ["last", "mean", "every"])
def test_saved_weights_give_the_same_answers(tmp_path, readout):
    network = suite.network(["lstm", "gru-cho"], [5, 4], inputs=9, outputs=3, readout=readout, embedding=2)
    weights.save(tmp_path / "w.safetensors", network, network.start(3), seed=3)
    again, read = suite.load(tmp_path / "w.safetensors")
    assert again == network
    x, mask = torch.randint(9, (6, 4), generator=torch.Generator().manual_seed(0)), torch.arange(6)[:, None] < torch.tensor([6, 2, 3, 1])
    assert torch.equal(again(read, x, mask, ENGINES["hoisted"]), network(network.start(3), x, mask, ENGINES["hoisted"]))


def test_load_refuses_what_is_no_whole_file_of_ours(tmp_path):
    network, path = suite.network("rnn", 4, inputs=2, outputs=2), tmp_path / "w.safetensors"
    weights.save(path, network, network.start(0))
    whole = path.read_bytes()
    for spoilt in (whole[:-5], whole[:40], b"", b"not safetensors at all"):
        path.write_bytes(spoilt)
        with pytest.raises(ValueError, match="cannot read weights from"):
            suite.load(path)
    with pytest.raises(ValueError, match="cannot read weights from"):
        suite.load(tmp_path / "none")
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="holds tensors and no description of a network"):
        suite.load(path)


def test_load_imports_no_code(tmp_path):
    path = tmp_path / "w.safetensors"
    described = {"cells": ["antigravity:cell"], "units": [4], "inputs": 2, "outputs": 2, "readout": "last", "embedding": 0, "digests": [""]}
    save_file({"a": torch.zeros(2)}, path, {"network": json.dumps(described)})
    with pytest.raises(ValueError, match="unknown cell 'antigravity:cell'"):
        suite.load(path)


@pytest.mark.parametrize("described", [{}, {"cells": ["lstm"]}, {"cells": ["lstm"], "units": [4], "colour": 1}, {"cells": 3}, {"cells": ["lstmm"], "units": [4], "inputs": 2, "outputs": 2}])
def test_load_tells_a_description_that_is_wrong(tmp_path, described):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path, {"network": json.dumps(described)})
    with pytest.raises(ValueError, match="does not describe a network that this version has"):
        suite.load(path)


def test_load_tells_tensors_of_another_network(tmp_path):
    network, path = suite.network("rnn", 4, inputs=2, outputs=2), tmp_path / "w.safetensors"
    weights.save(path, network, suite.network("rnn", 5, inputs=2, outputs=2).start(0))
    with pytest.raises(ValueError, match="holds tensors that are not those of the network"):
        suite.load(path)


def test_weights_start_as_torch_starts_them():
    network = suite.network("lstm", 64, inputs=9, outputs=3)
    start = network.start(0)
    assert {name: tuple(value.shape) for name, value in start.items()} == {name: (1, *shape) for name, shape in network.shapes().items()}
    for value in start.values():
        assert value.abs().max() <= 1 / 8
    assert start["0.i.h"].std() == pytest.approx(1 / 8 / 3**0.5, rel=0.05)


def test_a_network_tells_mistakes():
    for make, sentence in (
        (lambda: suite.network([], 4, inputs=1, outputs=1), "0 layers"),
        (lambda: suite.network(["rnn", "rnn"], [4], inputs=1, outputs=1), "2 layers need as many units"),
        (lambda: suite.network("rnn", 4, inputs=1, outputs=1, readout="first"), "readout must be 'last', 'mean' or 'every', not 'first'"),
        (lambda: suite.network("rnm", 4, inputs=1, outputs=1), "unknown cell 'rnm'; did you mean 'rnn'?"),
    ):
        with pytest.raises(ValueError) as raised:
            make()
        assert str(raised.value).startswith(sentence)


def mine(units, f=torch.tanh):
    def step(a, s, p):
        return s._replace(h=f(a.a))

    return suite.Cell("gru", (({"a": "x h b"}, step),), {"h": units})


def test_an_own_cell_is_passed_to_load_and_its_equations_must_be_those_trained(tmp_path):
    task = suite.task("parity", length=4)
    net = suite.network(mine(6), inputs=1, outputs=2)
    (run,) = suite.fit(net, task, 1, steps=3)
    weights.save(tmp_path / "w.safetensors", net, run.weights)
    with pytest.raises(ValueError, match="the equations of gru here are not those that were trained"):
        suite.load(tmp_path / "w.safetensors")  # the catalogue has another cell of that name
    with pytest.raises(ValueError, match="not those that were trained"):
        suite.load(tmp_path / "w.safetensors", cells=[lambda units: mine(units, torch.relu)])
    loaded, found = suite.load(tmp_path / "w.safetensors", cells=[mine])
    x = torch.rand(4, 3, 1)
    assert torch.equal(loaded(found, x), net(run.weights, x))


def test_a_run_that_is_stopped_saves_its_state_and_goes_on(tmp_path):
    task, path = suite.task("parity", length=4), tmp_path / "state.pt"
    net = suite.network("gru", 8, inputs=1, outputs=2)

    def stop(done, steps):
        if done == 7:
            raise SystemExit

    with pytest.raises(SystemExit):
        suite.fit(net, task, 2, steps=20, evaluate_every=5, checkpoint=path, progress=stop)
    assert torch.load(path, weights_only=True)["step"] == 7
    seen = []
    resumed = suite.fit(net, task, 2, steps=20, evaluate_every=5, checkpoint=path, progress=lambda done, _: seen.append(done))
    whole = suite.fit(net, task, 2, steps=20, evaluate_every=5)
    assert seen[0] == 8
    assert [run.curve for run in resumed] == [run.curve for run in whole]
    assert all(torch.equal(a.weights[k], b.weights[k]) for a, b in zip(resumed, whole, strict=True) for k in a.weights)


@pytest.mark.parametrize("damaged", [{}, {"runs": []}, {"step": 3}])
def test_a_checkpoint_that_is_none_is_begun_again(tmp_path, damaged):
    path = tmp_path / "state.pt"
    torch.save(damaged, path)
    net = suite.network("rnn", 8, inputs=1, outputs=2)
    (run,) = suite.fit(net, suite.task("parity", length=4), 1, steps=4, checkpoint=path)
    assert run.status == "done"


@pytest.mark.parametrize(("changed", "sentence"), [
    ({"steps": 0}, "must be 1 or more"),
    ({"evaluate_every": 0}, "must be 1 or more"),
    ({"seeds": [-1]}, "seeds must be 0 or more, not -1"),
    ({"seeds": 0}, "one or more seeds"),
])
def test_numbers_that_make_no_run_are_refused(changed, sentence):
    net = suite.network("rnn", 8, inputs=1, outputs=2)
    with pytest.raises(ValueError, match=sentence):
        suite.fit(net, suite.task("parity", length=4), **({"seeds": 1, "steps": 2} | changed))


def test_a_readout_that_does_not_answer_the_task_is_refused():
    with pytest.raises(ValueError, match="readout 'last' does not answer it"):
        suite.fit(suite.network("rnn", 8, inputs=1, outputs=2), suite.task("parity", length=4, supervision="every"), 1, steps=2)


def test_a_replica_that_solves_its_task_stops_there_and_its_neighbour_goes_on():
    rates = [Optimiser(lr=0.05), Optimiser(lr=1e-6)]
    quick, slow = train(optimiser=rates, steps=400, until_solved=True, cell="rnn")
    assert (quick.status, slow.status) == ("done", "done")
    assert PARITY.solves(quick.curve[-1]["validation"])
    assert not any(PARITY.solves(point["validation"]) for point in quick.curve[:-1])
    assert quick.best_step == quick.curve[-1]["step"] < 400
    assert slow.curve[-1]["step"] == 400
    (alone,) = train(seeds=(1,), optimiser=rates[1:], steps=400, cell="rnn")
    assert alone.curve == slow.curve


def test_weights_in_hand_score_what_their_run_did_and_on_other_lengths():
    short, long = (suite.task("parity", length=n, supervision="every") for n in (4, 12))
    network = suite.network("gru", 8, inputs=1, outputs=2, readout="every")
    runs = fit(network, short, seeds=2, steps=30, batch=16, evaluate_every=30)
    together = {name: torch.cat([run.weights[name] for run in runs]) for name in runs[0].weights}
    assert suite.score(network, together, short) == [run.test for run in runs]
    assert suite.score(network, runs[1].weights, long) == suite.score(network, together, long)[1:]
    with pytest.raises(ValueError, match="has 2 inputs and 1 outputs; the network has 1 inputs and 2 outputs"):
        suite.score(network, together, suite.task("adding", length=10))


def test_a_task_without_a_training_batch_is_an_error_and_not_an_endless_wait():
    task = suite.task("parity", length=4, supervision="every")
    empty = replace(task, batches=lambda split, size, generator: iter(()) if split == "train" else task.batches(split, size, generator))
    with pytest.raises(ValueError, match="gives no training batch"):
        fit(suite.network("rnn", 4, inputs=1, outputs=2, readout="every"), empty, steps=2)


def test_a_test_score_that_is_no_number_is_a_divergence_of_that_run_alone():
    task = suite.task("parity", length=4, supervision="every")
    network = suite.network("rnn", 4, inputs=1, outputs=2, readout="every")
    trainer = Trainer(network, task, [0, 1], [Optimiser()] * 2, torch.device("cpu"), torch.float32, catalogue.engine("hoisted", network.cells, torch.device("cpu")))
    trainer.evaluate(patience=0)
    trainer.scores = lambda split, theta: ([0.0, 0.0], [0.5, math.inf])
    trainer.finish()
    assert [(run.status, run.test) for run in trainer.fitted] == [("done", 0.5), ("diverged at step 0", None)]


def test_seconds_count_every_process_that_had_a_part(tmp_path):
    task = suite.task("parity", length=4, supervision="every")
    network = suite.network("rnn", 4, inputs=1, outputs=2, readout="every")
    begin = lambda: Trainer(network, task, [0], [Optimiser()], torch.device("cpu"), torch.float32, catalogue.engine("hoisted", network.cells, torch.device("cpu")))
    first, second = begin(), begin()
    first.spent = 100.0
    assert second.restore(first.saved())
    assert 100.0 <= second.seconds < 200.0
