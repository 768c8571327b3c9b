"""Weights are guessed as the source says: fresh draws, the first that solves the task counts; its networks by hand and by their limits."""

import math

import pytest
import torch

import suite
from suite.engines import ENGINES, unroll
from suite.experiments import EXPERIMENTS
from suite.launch.completion import complete
from suite.report.catalogue import TaskEntry
from suite.report.solving import Solving, solvings
from suite.report.summary import summaries
from suite.runs import Run, Score, TrainSpec, where
from suite.runs.spec import Optimiser
from suite.tasks.published import fitting
from suite.tasks.streams import stream_seed
from suite.training import guessing
from suite.training.fit import fit

GUESS = Optimiser(name="guess")
TASK = "latch(length=20, train=20)"
F64 = torch.float64


def trained(seeds=(0, 1, 2), task=TASK, cell="guess-one", units=1, steps=2000, optimiser=GUESS, **more):
    task = suite.task(task)
    settings = {"batch": 20, "evaluate_every": steps, "until_solved": True, "engine": "hoisted"} | more
    net = suite.network(cell, units, inputs=task.inputs, outputs=task.outputs, linear=False, frozen=settings.pop("frozen", ()))
    return task, net, fit(net, task, seeds, optimiser, steps=steps, **settings)


def outcome(run):
    return run.status, run.best_step, run.validation, run.test, {name: value.tolist() for name, value in run.weights.items()}


def sigma(x):
    return 1 / (1 + math.exp(-x))


def drawn(cell, inputs):
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(1, *shape, generator=generator, dtype=F64) for name, shape in cell.shapes(inputs).items()}


@pytest.mark.parametrize(("name", "own", "all_hidden", "self_output"), [
    ("guess-full", False, True, True), ("guess-sparse", True, False, False), ("guess-sparse-noself", False, False, False),
])  # fmt: skip
def test_two_steps_by_hand(name, own, all_hidden, self_output):
    cell = suite.cell(name, 2)
    p = {key: value[0].tolist() for key, value in drawn(cell, 1).items()}
    h, o, wanted = [0.0, 0.0], 0.0, []
    for x in (0.7, -1.3):
        net = [p["hidden.x"][k][0] * x + p["hidden.o"][k][0] * o + p["hidden.b"][0][k] for k in range(2)]
        net = [value + (p["p_h"][0][k] * h[k] if own else 0) + (sum(p["hidden.h"][k][j] * h[j] for j in range(2)) if all_hidden else 0) for k, value in enumerate(net)]
        h = [sigma(value) for value in net]
        out = p["output.x"][0][0] * x + sum(p["output.new"][0][k] * h[k] for k in range(2)) + (0 if self_output else p["output.b"][0][0]) + (p["output.o"][0][0] * o if self_output else 0)
        o = sigma(out)
        wanted.append([out, out])
    y, last = unroll(cell, drawn(cell, 1), torch.tensor([0.7, -1.3], dtype=F64).view(2, 1, 1, 1), engine=ENGINES["reference"])
    torch.testing.assert_close(y[:, 0, 0], torch.tensor(wanted, dtype=F64), rtol=1e-12, atol=1e-12)
    assert float(last["o"]) == pytest.approx(o)


def outputs(name, params, units=4):
    x = torch.randn(6, 1, 2, 3, generator=torch.Generator().manual_seed(9), dtype=F64)
    return unroll(suite.cell(name, units), params, x, engine=ENGINES["reference"])[0]


def test_the_sparse_network_is_the_full_one_with_a_diagonal_and_without_two_links():
    p = drawn(suite.cell("guess-sparse", 4), 3)
    p["output.b"] = torch.zeros(1, 1, 1, dtype=F64)
    full = {key: value for key, value in p.items() if key not in ("p_h", "output.b")} | {"hidden.h": torch.diag_embed(p["p_h"][:, 0]), "output.o": torch.zeros(1, 1, 1, dtype=F64)}
    torch.testing.assert_close(outputs("guess-full", full), outputs("guess-sparse", p))
    deaf = p | {"p_h": torch.zeros(1, 1, 4, dtype=F64)}
    torch.testing.assert_close(outputs("guess-sparse", deaf), outputs("guess-sparse-noself", {key: value for key, value in p.items() if key != "p_h"}))


def test_the_unit_of_the_latch_is_rnn_before_its_tanh():
    p = drawn(suite.cell("guess-one", 4), 3)
    renamed = {"a.x": p["output.x"], "a.h": p["output.o"], "a.b": p["output.b"]}
    torch.testing.assert_close(outputs("guess-one", p).tanh(), outputs("rnn", renamed))
    assert sum(rows * columns for rows, columns in suite.cell("guess-one", 1).shapes(1).values()) == 3, "self, input, bias"


def validated(task, net, params):
    batches = list(task.batches("validation", 256, torch.Generator().manual_seed(stream_seed("validation", task.version))))
    return sum(float(task.metric(net(params, b.x, b.mask), b)) for b in batches) / len(batches)


def test_a_run_ends_at_the_first_trial_that_is_right():
    task, net, (run,) = trained([5])
    batch = next(task.batches("train", 20, torch.Generator().manual_seed(0)))
    right, scores = [], []
    for trial in range(1, run.best_step + 1):
        weights = (200 * guessing.alone(5, trial, net.parameters) - 100).float()
        params = {name: part.view(1, *shape) for (name, shape), part in zip(net.shapes().items(), weights.split([math.prod(s) for s in net.shapes().values()]), strict=True)}
        right.append(float(task.metric(net(params, batch.x, batch.mask), batch)) == 1.0)
        if right[-1]:
            found, scores = params, [*scores, validated(task, net, params)]
    assert right[-1]
    assert [task.solves(score) for score in scores] == [False] * (len(scores) - 1) + [True], "what is right on training must be right on validation"
    assert scores[-1] == pytest.approx(run.validation)
    assert all(torch.equal(found[name], run.weights[name]) for name in found)
    assert run.status == "done"
    assert task.solves(run.validation)
    assert task.solves(run.test)
    assert run.curve[-1]["step"] == run.best_step


def test_runs_together_are_the_same_runs_alone_and_seeds_differ():
    together = [outcome(run) for run in trained((0, 1, 2))[2]]
    assert together == [outcome(trained([seed])[2][0]) for seed in (0, 1, 2)]
    assert len({steps for _, steps, *_ in together}) == 3


NOISY = {"task": "latch(length=30, variance=0.3, train=100)", "batch": 100, "seeds": range(8), "steps": 400}  # some trials have 99 of 100 right


@pytest.mark.parametrize("change", [{"MOST": 1}, {"MOST": 7}, {"FIRST": 3}, {"FIRST": 100}])
def test_looking_ahead_and_rejecting_early_change_nothing(monkeypatch, change):
    before = [outcome(run) for run in trained(**NOISY)[2]]
    for name, value in change.items():
        monkeypatch.setattr(guessing, name, value)
    assert [outcome(run) for run in trained(**NOISY)[2]] == before


def test_another_interval_of_evaluation_finds_the_same_trial():
    assert [run.best_step for run in trained(**NOISY)[2]] == [run.best_step for run in trained(**NOISY, evaluate_every=7)[2]]


def test_weights_of_a_decoder_are_guessed_and_noise_is_refused():
    task = suite.task("reverse", length=2)
    pair = suite.network("rnn", 4, inputs=task.inputs, outputs=task.outputs, readout="every", decoder=True)
    assert [run.status for run in fit(pair, task, 1, GUESS, steps=3)] == ["done"]
    with pytest.raises(ValueError, match="no noise can be added"):
        trained(input_noise=0.1)


def test_the_number_of_trials_is_geometric():
    """Without memory: mean and deviation are nearly one, and the median is ln 2 of it."""
    steps = torch.tensor([float(run.best_step) for run in trained(range(300), task="latch(length=2, train=20)")[2]])
    mean = float(steps.mean())
    assert float(steps.std()) == pytest.approx(mean, rel=0.3)
    assert float(steps.median()) == pytest.approx(math.log(2) * mean, rel=0.3)


def test_weights_lie_in_their_range_and_frozen_ones_stay():
    _, net, (run,) = trained([0], optimiser=Optimiser(name="guess", range=3.0), steps=10, frozen=("0.output.b",))
    assert torch.equal(run.weights["0.output.b"], net.start(0)["0.output.b"])
    others = [float(run.weights[name].abs().max()) for name in ("0.output.x", "0.output.o")]
    assert max(others) <= 3
    assert max(others) > 1, "not the range of the start"


def test_a_run_that_finds_nothing_is_done_with_the_score_of_a_trial():
    task, _, (run,) = trained([0], task="parity(length=20, lengths='2001', train=20)", cell="guess-sparse", units=2, steps=9)
    assert (run.status, run.curve[-1]["step"], run.best_step) == ("done", 9, 9)
    assert not task.solves(run.validation)
    assert run.test is not None


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    def stop(step, steps):
        del steps
        if step >= 8:
            raise SystemExit

    path = tmp_path / "state.pt"
    whole = [outcome(run) for run in trained(range(4), task="latch(length=4, train=20)", evaluate_every=8)[2]]
    with pytest.raises(SystemExit):
        trained(range(4), task="latch(length=4, train=20)", evaluate_every=8, checkpoint=path, progress=stop)
    assert [outcome(run) for run in trained(range(4), task="latch(length=4, train=20)", evaluate_every=8, checkpoint=path)[2]] == whole


def test_no_state_is_carried():
    task = suite.task("tiny-shakespeare")
    net = suite.network("rnn", 4, inputs=task.inputs, outputs=task.outputs, readout="every", embedding=4)
    with pytest.raises(ValueError, match="weights that are guessed are tried on batches alone"):
        fit(net, task, 1, GUESS, stateful=True)


def test_the_experiment_asks_for_what_it_can_have():
    specs = EXPERIMENTS["guessing"].specs(seeds=1)
    assert {spec.task.partition("(")[0] for spec in specs} >= {"latch", "two-sequence", "parity", "tomita"}
    for spec in specs:
        whole, sentence = complete(spec)
        assert sentence is None or "compiler" in sentence
        assert fitting(whole.task), "nothing was published to compare with"


ENTRY = TaskEntry(name="t", label="t", about="?", measure="sequences right", better="higher", chance=0.5, solved=0.99, published=["guessing: 22 trials"])


def record(seed, step, validation, status="done"):
    spec = TrainSpec(task="t", cell="rnn", seed=seed, until_solved=True)
    return Run(id=spec.id, spec=spec, status=status, score=Score(best_step=step, validation=validation, test=validation), where=where())


def test_the_page_says_after_how_many_updates():
    runs = [record(0, 10, 1.0), record(1, 30, 0.99), record(2, 50, 0.98), record(3, 5, 1.0, "cut off")]
    (row,) = solvings(runs, summaries(runs, [ENTRY], ["rnn"]))
    assert row == Solving("t", "rnn", (10, 30), 1, ("guessing: 22 trials",))
    assert row.words == ["2 of 3", "20 [0, 147]", "30", "10 to 30"]
    assert Solving("t", "rnn", (4,), 1, ()).words == ["1 of 2", "4, n = 1, no spread", "not reached", "4 to 4"]
    assert Solving("t", "rnn", (), 2, ()).words == ["0 of 2", "–", "–", "–"]
    plain = [run.model_copy(update={"spec": run.spec.model_copy(update={"until_solved": False})}) for run in runs]
    assert solvings(plain, summaries(plain, [ENTRY], ["rnn"])) == []
