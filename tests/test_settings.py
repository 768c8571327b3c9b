"""What a spec says of its network is what is trained, recorded, grouped and found again."""

import hashlib
import json

import pytest

import suite
import suite.engines
from suite.cells import digest
from suite.experiments import Experiment, Recipe
from suite.launch import run as launch
from suite.launch.completion import complete
from suite.launch.plan import plan, together
from suite.report.catalogue import read_catalogue
from suite.report.summary import summaries
from suite.report.ways import apart
from suite.runs import Store, TrainSpec
from suite.runs.spec import Above
from suite.training.group import costs_of, network_of

EVERY = "parity(length=4, supervision='every')"
WHOLE = {
    "above": (Above(cell="gru(on='state', drop=0.25)", units=4),),
    "layers": 2,
    "bidirectional": True,
    "dropout": 0.25,
    "residual": True,
    "init": "orthogonal+keep",
    "frozen": ("0.f.b",),
}


def spec(**settings):
    return TrainSpec(**{"task": EVERY, "cell": "lstm-np(drop=0.5)", "units": 4, "batch": 8, "steps": 12, "evaluate_every": 6} | settings)


def test_names_are_completed_and_the_network_is_the_one_described():
    whole, sentence = complete(spec(**WHOLE))
    assert sentence is None
    assert whole.cell == "lstm(drop=0.5, each='step', on='candidate')"
    assert whole.cell_digest == digest(suite.cell("lstm(drop=0.5)", 4))
    (above,) = whole.above
    assert (above.cell, above.cell_digest) == ("gru(drop=0.25, each='step', on='state')", digest(suite.cell("gru(drop=0.25, on='state')", 4)))
    wanted = suite.network(
        ["lstm(drop=0.5)", "lstm(drop=0.5)", "gru(drop=0.25, on='state')"],
        4,
        inputs=1,
        outputs=2,
        readout="every",
        **{name: WHOLE[name] for name in ("bidirectional", "dropout", "residual", "init", "frozen")},
    )
    assert network_of(whole, 1, 2) == wanted
    per_way = [4 * 4 * (1 + 4), 4 * 4 * (8 + 4), 3 * 4 * (8 + 4)]
    assert costs_of(wanted, "float32").multiply_adds == 2 * sum(per_way)
    assert costs_of(wanted, "float32").state_bytes == 4 * 2 * (8 + 8 + 4)


@pytest.mark.parametrize(("name", "value"), [*((name, value) for name, value in WHOLE.items()), ("linear", False)])
def test_what_the_network_is_keeps_specs_apart(name, value):
    pair = [complete(spec(**{"layers": 2, **changed}))[0] for changed in ({}, {name: value if name != "layers" else 3})]
    assert pair[0].id != pair[1].id
    assert len(together(pair)) == 2


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"init": "best"}, "unknown initialisation 'best'"),
        ({"frozen": ("0.q.b",)}, "nothing to freeze: unknown parameter '0.q.b'"),
        ({"stateful": True}, "shuffles or draws its batches anew"),
        ({"reset_every": 2}, "reset_every counts batches of stateful training"),
        ({"task": "imdb", "input_noise": 0.5}, "has tokens as inputs, to which no noise can be added"),
        ({"above": (Above(cell="grru", units=4),)}, "unknown cell 'grru'; did you mean 'gru'"),
        ({"above": (Above(cell="gru", units=5),), "residual": True}, "residual links need layers of one width, not 4, 5"),
        ({"linear": False, "units": 1}, "the answer is 2 of the last layer's units, and it has 1"),
    ],
)
def test_mistakes_are_said_before_anything_is_trained(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        plan([spec(**settings)], [], "here")


def test_an_experiment_with_all_of_it_runs_is_found_again_and_its_weights_are_read(tmp_path):
    settings = {"units": 4, "batch": 8, "steps": 12, "evaluate_every": 6, **WHOLE}
    made = Experiment("whole", "Does it run?", ("lstm(drop=0.5)",), (Recipe(EVERY, settings),), seeds=2)
    launch.carry_out(made, made.specs(), tmp_path, "carrousel run whole", save_weights=True)
    runs, skipped = Store(tmp_path / "runs").read()
    assert ([run.status for run in runs], skipped) == (["done", "done"], [])
    assert runs[0].spec.above[0].cell == "gru(drop=0.25, each='step', on='state')"
    assert [entry["name"] for entry in json.loads((tmp_path / "catalogue.json").read_text())["cells"]] == ["gru(drop=0.25, each='step', on='state')", "lstm(drop=0.5, each='step', on='candidate')"]
    again = plan(made.specs(), runs, runs[0].where.machine)
    assert (again.missing, len(again.found)) == (0, 2)
    network, _ = suite.load(tmp_path / "weights" / f"{runs[0].id}.safetensors")
    assert network == network_of(runs[0].spec, 1, 2)
    (page,) = (path.read_text() for path in tmp_path.glob("task-*.html"))
    assert "bidirectional" in page
    assert "init orthogonal+keep" in page


def test_networks_of_one_cell_built_in_several_ways_are_several_contestants(tmp_path):
    ways = ({}, {"bidirectional": True}, {"init": "keep"})
    made = Experiment("ways", "Which?", ("rnn",), tuple(Recipe(EVERY, {"units": 4, "batch": 8, "steps": 6, "evaluate_every": 6, **way}) for way in ways), seeds=2)
    carried = launch.carry_out(made, made.specs(), tmp_path, "carrousel run ways")
    assert {run.spec.cell for run in carried.runs} == {"rnn"}
    assert sorted({run.spec.cell for run in apart(carried.runs)}) == ["rnn", "rnn, bidirectional", "rnn, init keep"]
    (summary,) = summaries(apart(carried.runs), read_catalogue(tmp_path).tasks, ["rnn", "rnn, bidirectional", "rnn, init keep"])
    assert [(score.cell, len(score.values), score.parameters) for score in summary.scores] == [("rnn", 2, 34), ("rnn, bidirectional", 2, 66), ("rnn, init keep", 2, 34)]


def test_an_experiment_from_outside_is_run_by_its_module(tmp_path, monkeypatch):
    (tmp_path / "theirs.py").write_text(
        "from suite.experiments import Experiment, Recipe\n"
        f"mine = Experiment('mine', 'Does it run?', ('rnn',), (Recipe({EVERY!r}, {{'units': 4, 'batch': 8, 'steps': 6, 'evaluate_every': 6}}),), seeds=1)\n"
        "other = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert launch.experiment_of("theirs:mine").question == "Does it run?"
    with pytest.raises(ValueError, match=r"experiment 'theirs:other' must be a suite\.experiments\.Experiment, not a int"):
        launch.experiment_of("theirs:other")
    with pytest.raises(ValueError, match=r"unknown experiment 'quik'; did you mean 'quick'"):
        launch.experiment_of("quik")


def test_best_is_an_engine_that_runs_every_layer(monkeypatch):
    monkeypatch.setattr(suite.engines, "BEST", ("vendor", "hoisted"))
    plain = {"task": EVERY, "cell": "lstm", "units": 4, "engine": "best"}
    assert complete(TrainSpec(**plain))[0].engine == "vendor"
    assert complete(TrainSpec(**plain, above=(Above(cell="gru3", units=4),)))[0].engine == "hoisted"


def test_weights_are_renamed_with_their_records_and_never_over_newer_ones(tmp_path):
    made = Experiment("one", "Does it run?", ("rnn",), (Recipe(EVERY, {"units": 4, "batch": 8, "steps": 6, "evaluate_every": 6}),), seeds=1)
    (run,) = launch.carry_out(made, made.specs(), tmp_path, "carrousel run one", save_weights=True).runs
    raw = run.model_dump(by_alias=True)
    later = ("above", "bidirectional", "dropout", "residual", "linear", "init", "frozen", "stateful", "reset_every", "until_solved", "input_noise", "decoder")
    spec = {name: value for name, value in raw["spec"].items() if name not in later}
    spec["optimiser"] = {name: value for name, value in spec["optimiser"].items() if name not in ("rescaled", "range")}
    old = hashlib.sha256(json.dumps({"schema": 1, **spec}, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]
    record, kept = tmp_path / "runs" / run.file, tmp_path / "weights" / f"{run.id}.safetensors"
    before = kept.read_bytes()
    for overwritten in (False, True):
        (tmp_path / "runs" / f"{old}-{run.where.machine}.json").write_text(json.dumps(raw | {"schema": 1, "id": old, "spec": spec}))
        if not overwritten:
            record.unlink()
            kept.rename(kept.with_stem(old))
        else:
            kept.with_stem(old).write_bytes(b"older")
        again = launch.carry_out(made, made.specs(), tmp_path, "carrousel run one", save_weights=True)
        assert [r.id for r in again.runs] == [run.id]
        assert kept.read_bytes() == before
