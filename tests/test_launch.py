"""A job that dies takes nothing with it; what has run is not run again; what is cut off leaves a record."""

import fcntl
import json
import signal

import jsonschema
import pytest
import torch

import suite.report.site
from suite.engines import BEST, ENGINES
from suite.experiments import Experiment, Recipe
from suite.launch import completion
from suite.launch import run as launch
from suite.launch.local import Job, Pool, death
from suite.launch.plan import plan
from suite.runs import Optimiser, Run, Score, SpeedSpec, Store, TrainSpec, where
from suite.runs.schema import FILE

SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))
SETTINGS = {"units": 4, "batch": 8, "steps": 12, "evaluate_every": 6}
TINY = Experiment("tiny", "Does it run?", ("rnn", "gru"), (Recipe("parity(length=4, supervision='every')", SETTINGS), Recipe("adding(length=4)", SETTINGS)), seeds=2)
TIMED = Experiment("timed", "How fast?", ("gru-cho",), (), ({"length": 3, "batch": 2, "inputs": 2, "units": 4, "repeats": 7},))


@pytest.fixture
def page(monkeypatch):
    """Neither page nor baselines: tests/test_cli.py asks for both."""
    monkeypatch.setattr(suite.report.site, "render", lambda out: out / "index.html")
    monkeypatch.setattr(launch, "known_baselines", lambda out: {launch.key_of(recipe.task): [{"name": "none", "score": 0.5, "deviation": 0.1, "n": 9}] for recipe in TINY.recipes})


def carry_out(experiment, out, **more):
    return launch.carry_out(experiment, experiment.specs(), out, "carrousel run tiny", **more)


def outcomes(jobs, workers=2):
    with Pool(workers) as pool:
        return {o.job.about: (o.kind, o.value) for o in pool.run(jobs) if o.kind != "progress"}


def test_a_job_that_is_killed_is_named_and_the_others_finish():
    jobs = [Job("sleep", {"seconds": 0.2}, "one"), Job("sleep", {"kill": signal.SIGKILL}, "killed"), Job("sleep", {"seconds": 0}, "other")]
    found = outcomes(jobs)
    assert found["one"] == found["other"] == ("done", None)
    assert found["killed"][0] == "failed"
    assert "SIGKILL" in found["killed"][1]


def test_a_job_that_raises_gives_its_sentence():
    found = outcomes([Job("sleep", {"seconds": "long"}, "wrong"), Job("sleep", {"seconds": -1}, "negative"), Job("sleep", {"seconds": 0}, "good")])
    assert found["wrong"][0] == found["negative"][0] == "failed"
    assert found["negative"][1] == "ValueError: sleep length must be non-negative"
    assert found["good"] == ("done", None)


def test_leaving_the_pool_ends_its_processes():
    with Pool(1) as pool:
        running = pool.run([Job("sleep", {"seconds": 600}), Job("sleep", {"seconds": 0}, weight=2.0)])
        next(running)
        pool._start(Job("sleep", {"seconds": 600}))
        processes = [process for process, _ in pool.running.values()]
    assert processes
    assert not any(process.is_alive() for process in processes)


def test_how_a_process_ended_is_told_in_words():
    assert "SIGSEGV" in death(-signal.SIGSEGV)
    assert "status 3" in death(3)


def specs(**fields):
    return TrainSpec(**{"task": "parity(length=4)", "cell": "rnn", **fields})


def test_specs_that_differ_in_seed_rate_or_momentum_train_together():
    together = [specs(), specs(seed=1), specs(optimiser=Optimiser(lr=0.5)), specs(optimiser=Optimiser(momentum=0.5))]
    alone = [specs(cell="gru"), specs(data_seed=1), specs(units=7), specs(optimiser=Optimiser(clip_norm=0.0)), specs(steps=7)]
    assert sorted(len(group) for group in plan(together + alone, [], "here").train) == [1, 1, 1, 1, 1, 4]


def test_a_plan_fills_in_what_names_decide():
    (((spec,),),) = [plan([specs(task="parity", engine="best")], [], "here").train]
    assert spec.task == "parity(length=50, lengths='fixed', supervision='last')"
    assert spec.engine == next(name for name in BEST if ENGINES[name].refuses(suite.cell("rnn", 2), torch.device("cpu")) is None)
    assert (spec.task_version, len(spec.cell_digest)) == (1, 16)
    (((spec,),),) = [plan([specs(task="digits-rows")], [], "here").train]
    assert len(spec.data) == 16


def finished(spec, status="done", machine=None):
    spec, _ = completion.complete(spec)
    here = where() if machine is None else where().model_copy(update={"machine": machine})
    return Run(id=spec.id, spec=spec, status=status, score=Score(best_step=1, validation=1.0, test=1.0), where=here)


@pytest.mark.parametrize(("status", "again"), [("done", False), ("diverged at step 3", False), ("cut off", True), ("failed: it died", True), ("refused: no", True)])
def test_what_ended_is_not_run_again(status, again):
    made = plan([specs()], [finished(specs(), status)], where().machine)
    assert bool(made.train) is again
    assert bool(made.found) is not again


def test_accuracy_counts_on_every_machine_and_a_timing_on_its_own():
    speed = SpeedSpec(cell="rnn")
    elsewhere = [finished(specs(), machine="elsewhere"), finished(speed, machine="elsewhere")]
    made = plan([specs(), speed], elsewhere, where().machine)
    assert [run.spec.kind for run in made.found] == ["train"]
    assert len(made.speed) == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_here_is_refused_in_a_sentence():
    made = plan([specs(device="cuda"), SpeedSpec(cell="rnn", device="cuda")], [], "here")
    assert [sentence for _, sentence in made.refused] == ["this machine has no CUDA device that PyTorch can use"] * 2
    assert not made.missing


def test_an_engine_that_refuses_is_refused_in_its_words():
    ((_, sentence),) = plan([specs(cell="gru-cho", engine="vendor")], [], "here").refused
    assert "'vendor' has no kernel for 'gru-cho'" in sentence


def test_a_result_is_not_given_up_for_a_refusal(monkeypatch):
    monkeypatch.setattr(completion, "unavailable", lambda task: "digits are not here")
    earlier = finished(specs(task="digits-rows"))
    made = plan([specs(task="digits-rows"), specs(task="digits-rows", seed=1)], [earlier], where().machine)
    assert made.found == [earlier]
    assert [spec.seed for spec, _ in made.refused] == [1]


@pytest.mark.parametrize(("fields", "sentence"), [
    ({"cell": "lstmm"}, "unknown cell 'lstmm'; did you mean 'lstm'?"),
    ({"task": "partiy"}, "unknown task 'partiy'; did you mean 'parity'?"),
    ({"engine": "hosted"}, "unknown engine 'hosted'; did you mean 'hoisted'?"),
    ({"device": "gpu"}, "unknown device 'gpu'"),
    ({"device": "meta"}, "unknown device 'meta'"),
    ({"readout": "every"}, "task 'parity(length=4)' is asked once a sequence"),
    ({"embedding": 4}, "task 'parity(length=4)' has no tokens and takes no embedding"),
    ({"task": "adding", "embedding": 8}, "task 'adding' has no tokens and takes no embedding"),
    ({"cell": "math:pi"}, "cell 'math:pi' must be a callable units -> Cell, not a float"),
    ({"cell": "math:sqrt"}, "cell 'math:sqrt' must be a callable units -> Cell; it returned float"),
])
def test_mistakes_are_found_before_anything_runs(fields, sentence):
    with pytest.raises(ValueError) as raised:
        plan([specs(**fields)], [], "here")
    assert str(raised.value).startswith(sentence)


def test_an_experiment_leaves_a_valid_record_a_run_and_is_not_run_twice(tmp_path, page, capsys):
    carried = carry_out(TINY, tmp_path, workers=2)
    assert carried.page == tmp_path / "index.html"
    assert len(carried.runs) == len(list((tmp_path / "runs").glob("*.json"))) == 8
    for path in (tmp_path / "runs").glob("*.json"):
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    for run in carried.runs:
        assert run.status == "done"
        assert [point.step for point in run.curve] == [6, 12]
        assert run.where.replicas == 2
    assert len(capsys.readouterr().err.splitlines()) >= 8
    assert set(json.loads((tmp_path / "catalogue.json").read_text())["runs"]) == {run.file for run in carried.runs}
    assert not list((tmp_path / "checkpoints").glob("*"))

    before = {path: path.read_bytes() for path in (tmp_path / "runs").iterdir()}
    again = carry_out(TINY, tmp_path)
    assert {path: path.read_bytes() for path in (tmp_path / "runs").iterdir()} == before
    assert sorted(run.id for run in again.runs) == sorted(run.id for run in carried.runs)


def test_a_timing_is_recorded_with_its_interval_and_memory(tmp_path, page):
    hoisted, scan, vendor = sorted(carry_out(TIMED, tmp_path).runs, key=lambda run: run.spec.engine)
    assert hoisted.status == scan.status == "done"
    for timing in (hoisted.costs.step, hoisted.costs.forward, scan.costs.step, scan.costs.forward):
        assert 0 < timing.low <= timing.median <= timing.high
        assert timing.n == 7
    assert hoisted.costs.parameters == 3 * (4 * (2 + 4) + 4)
    assert vendor.status == "refused: engine 'vendor' has no kernel for 'gru-cho': torch.nn computes rnn, rnn-relu, lstm, gru only"


def test_no_speed_of_an_engine_that_disagrees(monkeypatch):
    from suite.training import speed

    monkeypatch.setattr(speed, "difference", lambda *_: 1e-3)
    (found,) = speed.times([SpeedSpec(cell="rnn", length=2, batch=1, inputs=1, units=2, repeats=1)])
    assert found.barred == "engine 'hoisted' differs from the reference by 1.0e-03 on 'rnn' in torch.float64; no speed is published"


def test_runs_that_are_interrupted_are_recorded_as_cut_off(tmp_path, page, monkeypatch):
    long = Experiment("long", "?", ("gru",), (Recipe("adding(length=4)", SETTINGS | {"steps": 10_000_000}),), seeds=2)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(launch.Reporter, "moved", interrupted)
    monkeypatch.setattr(launch.Reporter, "finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        carry_out(long, tmp_path, workers=1)
    runs, skipped = Store(tmp_path / "runs").read()
    assert skipped == []
    assert [run.status for run in runs] == ["cut off"] * 2


def test_a_worker_that_dies_is_recorded_as_failed(tmp_path, page, monkeypatch):
    def killed(group, out, *more):
        return Job("sleep", {"kill": signal.SIGKILL, "checkpoint": out / "none"}, group)

    monkeypatch.setattr(launch, "training", killed)
    carried = carry_out(TINY, tmp_path, workers=2)
    assert len(carried.failed) == 8
    assert all("SIGKILL" in run.status for run in carried.failed)


def test_records_that_are_damaged_are_named_and_their_runs_done_again(tmp_path, page, capsys):
    single = Experiment("single", "?", ("rnn",), (Recipe("adding(length=4)", SETTINGS),), seeds=1)
    (run,) = carry_out(single, tmp_path).runs
    path = tmp_path / "runs" / run.file
    path.write_text(path.read_text()[:100])
    capsys.readouterr()
    (again,) = carry_out(single, tmp_path).runs
    assert f"skipped '{path}': it is no whole JSON document" in capsys.readouterr().err
    assert (again.score, again.curve) == (run.score, run.curve)


def test_saved_weights_are_those_of_the_network(tmp_path, page):
    single = Experiment("single", "?", ("rnn",), (Recipe("adding(length=4)", SETTINGS),), seeds=1)
    (run,) = carry_out(single, tmp_path, save_weights=True).runs
    network, weights = suite.load(tmp_path / "weights" / f"{run.id}.safetensors")
    assert network.cells[0].name == "rnn"
    assert {name: tuple(value.shape[1:]) for name, value in weights.items()} == network.shapes()


def test_a_folder_in_use_is_refused(tmp_path, page):
    (tmp_path / "runs").mkdir()
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another run is writing to"):
            carry_out(TINY, tmp_path)
    assert not list((tmp_path / "runs").iterdir())
