"""States carried from batch to batch: a sequence in pieces is the whole, row i goes on in row i, and nothing else does."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

import suite
import suite.runs
import suite.training.network
from suite.cells import ALIASES, CELLS
from suite.engines import ENGINES
from suite.tasks import scores
from suite.tasks.streams import contiguous
from suite.training import checkpoint
from suite.training.fit import fit
from suite.training.trainer import Trainer

PARITY = suite.task("parity", length=6, supervision="every")


def stream(name="echo", length=5, steps=240):
    """Say the bit of three steps before: of a piece of five the first three can be answered from the state of the last one alone."""
    bits = {split: torch.randint(2, (steps,), generator=torch.Generator().manual_seed(seed)) for seed, split in enumerate(("train", "validation", "test"))}

    def rows(split):
        x = bits[split]
        return (2.0 * x - 1).unsqueeze(-1), torch.cat([torch.zeros(3, dtype=torch.long), x[:-3]])

    return replace(
        PARITY,
        name=name,
        batches=contiguous(rows, length),
        loss=scores.cross_entropy,
        metric=scores.accuracy,
        stateful=True,
    )


def network(cells="gru", **more):
    return suite.network(cells, 8, inputs=1, outputs=2, readout="every", **more)


@pytest.mark.parametrize("name", [name for name in CELLS if name not in ALIASES])
def test_a_sequence_in_pieces_carried_gives_what_the_whole_gives(name):
    cell = CELLS[name](4)
    net = suite.network([name, "gru"], 4, inputs=cell.takes or 3, outputs=2, readout="every", residual=True)
    params = {key: value.double() for key, value in net.start(0).items()}
    x = torch.randn(11, 3, net.inputs, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mask = torch.rand(11, 3, generator=torch.Generator().manual_seed(2)) > 0.2
    whole = net.run(params, x, mask)
    state, outputs = {}, []
    for piece, valid in zip(x.split(4), mask.split(4), strict=True):
        output, state = net.run(params, piece, valid, state=state)
        outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs), whole.output, atol=1e-12, rtol=1e-12)
    for key, value in whole.state.items():
        torch.testing.assert_close(state[key], value, atol=1e-12, rtol=1e-12)


def test_rows_of_contiguous_batches_go_on_in_the_next():
    task = stream(length=5, steps=103)
    batches = list(task.batches("train", 4, torch.Generator()))
    assert [batch.x.shape for batch in batches] == [(5, 4, 1)] * 5
    whole = next(stream(length=25, steps=103).batches("train", 4, torch.Generator()))
    assert torch.equal(torch.cat([batch.x for batch in batches]), whole.x)
    assert torch.equal(torch.cat([batch.y for batch in batches]), whole.y)
    assert torch.equal(whole.x.transpose(0, 1).flatten(), (next(stream(length=103, steps=103).batches("train", 1, torch.Generator())).x.flatten())[:100])
    with pytest.raises(ValueError, match="a sequence of 103 steps cannot be cut into 104 rows"):
        next(task.batches("train", 104, torch.Generator()))


def carried(monkeypatch, batches, reset_every=0, stateful=True):
    """The states that each batch of a training run begins with."""
    seen, run = [], suite.training.network.Network.run

    def spy(self, params, x, mask=None, engine=None, **more):
        answer = run(self, params, x, mask, engine, **more)
        if torch.is_grad_enabled():
            seen.append(({name: value.clone() for name, value in (more["state"] or {}).items()}, {name: value.detach() for name, value in answer.state.items()}))
        return answer

    monkeypatch.setattr(suite.training.network.Network, "run", spy)
    fit(network(), stream(), [0], batch=8, steps=batches, evaluate_every=batches, stateful=stateful, reset_every=reset_every)
    return seen


def test_a_batch_begins_with_the_states_the_last_one_ended_with_until_the_pass_is_over(monkeypatch):
    seen = carried(monkeypatch, 8)  # 240 steps in 8 rows of 30, six pieces of five a pass
    assert [bool(start) for start, _ in seen] == [False, True, True, True, True, True, False, True]
    for (_, end), (start, _) in pairwise(seen):
        for name, value in start.items():
            assert torch.equal(value, end[name])  # row i goes on in row i
            assert not value.requires_grad  # the gradient is cut


def test_states_start_anew_when_asked_and_are_not_carried_unless_asked(monkeypatch):
    assert [bool(start) for start, _ in carried(monkeypatch, 8, reset_every=2)] == [False, True] * 4
    monkeypatch.undo()
    assert not any(start for start, _ in carried(monkeypatch, 8, stateful=False))


def test_what_lies_further_back_than_a_batch_is_learnt_only_with_carried_states():
    def score(stateful):
        return [run.test for run in fit(network("lstm", init="keep(value=2.0)"), stream(steps=2000), [0, 1], suite.runs.Optimiser(lr=0.02), batch=8, steps=400, evaluate_every=100, stateful=stateful)]

    without, with_states = score(False), score(True)
    assert max(without) < 0.75  # three of five steps are left to chance: 0.7
    assert min(with_states) > 0.95


@pytest.mark.parametrize("reset_every", [0, 2, 4])
def test_a_resumed_stateful_run_is_the_undisturbed_one(tmp_path, monkeypatch, reset_every):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)

    def train(**more):
        return fit(network(), stream(), [0, 1], batch=8, steps=20, evaluate_every=5, stateful=True, reset_every=reset_every, **more)

    class Stop(Exception):
        pass

    def progress(step, _):
        if step == 9:
            raise Stop

    undisturbed, path = train(), tmp_path / "run.pt"
    with pytest.raises(Stop):
        train(checkpoint=path, progress=progress)
    for one, other in zip(undisturbed, train(checkpoint=path), strict=True):
        assert one.curve == other.curve
        assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_a_replica_carries_its_own_states_and_leaves_with_them():
    runs = fit(network(), stream(), [0, 1], batch=8, steps=20, evaluate_every=5, stateful=True)
    (alone,) = fit(network(), stream(), [1], batch=8, steps=20, evaluate_every=5, stateful=True)
    assert runs[1].curve == alone.curve
    trainer = Trainer(network(), stream(), [0, 1, 2], [suite.runs.Optimiser()] * 3, torch.device("cpu"), torch.float32, ENGINES["hoisted"], stateful=True)
    trainer.learn(trainer.ready(next(trainer.stream(8, 0))), 1)
    before = trainer.carried["0.h"].clone()
    trainer.keep(torch.tensor([True, False, True]))
    assert torch.equal(trainer.carried["0.h"], before[[0, 2]])


@pytest.mark.parametrize("task", [PARITY, suite.task("digits-rows")])
def test_shuffled_batches_cannot_carry_states(task):
    net = suite.network("gru", 8, inputs=task.inputs, outputs=task.outputs, readout="every" if task.supervision == "every" else "last")
    with pytest.raises(ValueError, match=f"task '{task.name.split('(')[0]}.* shuffles or draws its batches anew"):
        fit(net, task, [0], steps=1, stateful=True)


def test_other_mistakes_are_said():
    with pytest.raises(ValueError, match="no state can be carried"):
        fit(network(bidirectional=True), stream(), [0], steps=1, stateful=True)
    with pytest.raises(ValueError, match="reset_every counts batches of stateful training, 0 or more, not 3 where no state is carried"):
        fit(network(), stream(), [0], steps=1, reset_every=3)
    with pytest.raises(ValueError, match="not -1"):
        fit(network(), stream(), [0], steps=1, stateful=True, reset_every=-1)
