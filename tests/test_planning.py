"""Experiments as files, what varies in them, budgets and searches; what is estimated, what is chosen within a time, and shards."""

import dataclasses
import json
import math
from collections import Counter

import jsonschema
import numpy as np
import pytest

import suite
from suite.experiments import Experiment, Match, Mistakes, Recipe, Sample, Search, file, match, points, schema, search
from suite.launch.asking import asked, experiment_of, solved
from suite.launch.plan import complete, plan
from suite.launch.searching import Carried, searched
from suite.runs import Optimiser, Run, Score, TrainSpec, where
from suite.training.group import costs_of, network_of

PARITY = "parity(length=4, supervision='every')"
SETTINGS = {"units": 4, "batch": 8, "steps": 12, "evaluate_every": 6}
WHOLE = """
question = "Which?"
cells = ["rnn", "gru"]
engines = ["hoisted"]
seeds = 2

[settings]
batch = 8
steps = 12
evaluate_every = 6
optimiser = { schedule = "cosine", lr = 0.01 }

[[tasks]]
task = "parity(length=4, supervision='every')"

[[tasks]]
task = "adding(length=4)"
cells = ["lstm(drop=0.25)"]
optimiser.name = "rmsprop"
above = [{ cell = "gru", units = 4 }]
frozen = ["readout.b"]

[[shapes]]
length = 3
batch = 2
inputs = 2
units = 4

[grid]
units = [4, 6]
optimiser.momentum = [0.0, 0.9]

[sample]
trials = 2
seed = 3
space.input_noise = { uniform = [0.0, 1.0] }
"""


def written(tmp_path, text, name="mine.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def made(**fields):
    return Experiment(**{"name": "made", "question": "?", "cells": ("rnn",), "recipes": (Recipe(PARITY, SETTINGS),), "seeds": 2, **fields})


def test_a_file_is_the_same_experiment_as_in_python(tmp_path):
    shared = {"batch": 8, "steps": 12, "evaluate_every": 6, "optimiser": {"schedule": "cosine", "lr": 0.01}}
    above = {"above": ({"cell": "gru", "units": 4},), "frozen": ("readout.b",), "optimiser": Optimiser(schedule="cosine", lr=0.01, name="rmsprop")}
    same = Experiment(
        name="mine",
        question="Which?",
        cells=("rnn", "gru"),
        recipes=(Recipe(PARITY, shared), Recipe("adding(length=4)", {**shared, **above}, ("lstm(drop=0.25)",))),
        shapes=({"length": 3, "batch": 2, "inputs": 2, "units": 4},),
        engines=("hoisted",),
        seeds=2,
        grid={"units": [4, 6], "optimiser.momentum": [0.0, 0.9]},
        sample=Sample(trials=2, seed=3, space={"input_noise": {"uniform": (0.0, 1.0)}}),
    )
    read = experiment_of(written(tmp_path, WHOLE))
    assert [spec.id for spec in read.specs()] == [spec.id for spec in same.specs()]
    assert len(read.specs()) == 3 * 2 * 2 * 2 * 2 + 2
    assert (read.name, read.question) == ("mine", "Which?")


def test_the_schema_is_that_of_the_models_and_takes_what_they_take():
    published = json.loads(schema.FILE.read_text(encoding="utf-8"))
    assert published == json.loads(schema.text())
    raw = file.tomllib.loads(WHOLE)
    jsonschema.validate({**raw, "name": "x"}, published)
    for change in ({"colour": 1}, {"seeds": 0}, {"settings": {"unitz": 3}}, {"tasks": [{"steps": 3}]}, {"settings": {"optimiser": {"name": "adma"}}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**raw, **change}, published)
        with pytest.raises(Mistakes):
            file.experiment({**raw, **change}, "x")


WRONG = """
question = "?"
cells = ["lstmm", "gru"]
seeds = 0
colour = "red"
engines = "scan"
[settings]
unitz = 3
batch = "x"
[[tasks]]
task = "adding(lenght=3)"
[[tasks]]
steps = 3
[[tasks]]
task = "parity(length=4)"
cells = ["gru"]
embedding = 4
steps = 0.5
[grid]
optimiser.lr = [0.1, -1.0]
batchh = [1]
[match]
parameters = 10
state_bytes = 10
"""
FOUND = [
    "tasks[1].task: is missing",
    "tasks[2].steps: must be a whole number, not 0.5",
    "engines: must be a list, not 'scan'",
    "seeds: must be 1 or more, not 0",
    "settings.batch: must be a whole number, not 'x'",
    "settings.unitz: unknown setting 'unitz'; did you mean 'units'? known: units, ",
    "match: must give one budget of parameters, multiply_adds and state_bytes",
    "colour: unknown setting 'colour'; known: name, question, cells, ",
    "grid.optimiser.lr[1]: must be more than 0, not -1.0",
    "grid.batchh: unknown setting 'batchh'; did you mean 'batch'?",
    "tasks[0]: unknown cell 'lstmm'; did you mean 'lstm'?",
    "tasks[0]: unknown argument of task 'adding', 'lenght'; did you mean 'length'?",
    "tasks[2]: task 'parity(length=4)' has no tokens and takes no embedding",
]


def test_all_mistakes_of_a_file_are_said_at_once_with_their_paths(tmp_path):
    path = written(tmp_path, WRONG)
    with pytest.raises(Mistakes) as raised:
        experiment_of(path)
    assert len(raised.value.lines) == len(FOUND)
    for line, found in zip(raised.value.lines, FOUND, strict=True):
        assert line.startswith(f"{path}: {found}")


@pytest.mark.parametrize(("text", "sentence"), [
    ("cells = [", "is no TOML file"),
    ("question = 'a'\ncells = ['gru']", "has neither tasks to train on nor shapes to time"),
    ("question = 'a'\ncells = ['gru']\n[[tasks]]\ntask = 'adding'\noptimiser.rescaled = 1", r"tasks\[0\].optimiser.rescaled: must be true or false, not 1"),
    ("question = 'a'\ncells = ['gru']\nsample = {trials = 2, space = {units = {uniform = [2, 1]}}}\n[[tasks]]\ntask = 'adding'", "sample.space.units: uniform needs a range from low to high"),
])
def test_a_file_that_is_none_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        experiment_of(written(tmp_path, text))
    with pytest.raises(ValueError, match=r"there is no file 'none\.toml'"):
        experiment_of("none.toml")


@pytest.mark.parametrize(("fields", "sentence"), [
    ({"recipes": (Recipe(PARITY, {"unitz": 3}),)}, "unitz: unknown setting 'unitz'; did you mean 'units'?"),
    ({"recipes": (Recipe(PARITY, {"unitz": 3}), Recipe("adding", {}))}, r"task 'parity\(length=4, supervision='every'\)': unitz: unknown setting"),
    ({"settings": {"optimiser": {"lr": 0}}}, "optimiser.lr: must be more than 0, not 0"),
    ({"settings": {"optimiser": {"rescaled": True}}}, "optimiser: rescaled belongs to sgd and rmsprop"),
    ({"settings": {"seed": 3}}, "seed: is decided by seeds, not by a setting"),
    ({"shapes": ({"lenght": 3},)}, "shapes.lenght: unknown setting 'lenght'; did you mean 'length'?"),
    ({"grid": {"units": [1], "optimiser.rate": [1]}}, "grid.optimiser.rate: unknown setting of optimiser 'rate'"),
    ({"grid": {"seed": [1]}}, "grid.seed: is decided by seeds"),
    ({"grid": {"task": ["adding"]}}, r"grid.task: is decided by tasks, or varied as task\.ARGUMENT"),
    ({"grid": {"task.lenght": [1]}}, "unknown argument of task 'parity', 'lenght'; did you mean 'length'?"),
    ({"grid": {"units": [2]}, "sample": Sample(trials=1, space={"units": {"choice": (1,)}})}, "units: is decided in grid and in sample"),
    ({"sample": Sample(trials=1, space={"units": {"log-uniform": (2, 9)}})}, r"sample\.space\.units\[0\]: must be a whole number, not 2.0"),
    ({"match": Match(parameters=100)}, "units: is decided in match and in settings"),
    ({"search": Search(grid={"batch": [0, 1]})}, r"search\.grid\.batch\[0\]: must be 1 or more, not 0"),
])
def test_mistakes_in_python_are_the_same_sentences(fields, sentence):
    with pytest.raises(Mistakes, match=sentence) as raised:
        asked(made(**fields))
    assert "pydantic" not in str(raised.value)


def test_units_on_the_command_line_cannot_be_those_of_a_grid():
    with pytest.raises(Mistakes, match="units: is decided in grid and in the options"):
        made(grid={"units": [4, 5]}).specs(units=3)


def test_an_engine_among_the_settings_is_the_one_asked_for():
    assert {spec.engine for spec in made(settings={"engine": "hoisted"}).specs()} == {"hoisted"}
    assert {spec.engine for spec in made(settings={"engine": "hoisted"}).specs(engine="scan")} == {"scan"}


def test_a_grid_is_every_combination_once():
    varied = made(grid={"units": [4, 6], "optimiser.lr": [0.1, 0.2, 0.3], "cell.drop": [0.25, 0.5], "task.length": [4, 5]}).specs()
    found = Counter((s.units, s.optimiser.lr, s.cell, s.task, s.seed) for s in varied)
    assert len(found) == len(varied) == 2 * 3 * 2 * 2 * 2
    assert {s.cell for s in varied} == {"rnn(drop=0.25)", "rnn(drop=0.5)"}
    assert {s.task for s in varied} == {"parity(length=4, supervision='every')", "parity(length=5, supervision='every')"}


SPACE = {
    "units": {"integer-log-uniform": (20, 200)},
    "optimiser.lr": {"log-uniform": (1e-6, 1e-2)},
    "optimiser.momentum": {"one-minus-log-uniform": (0.01, 1.0)},
    "input_noise": {"uniform": (0.0, 1.0)},
    "init": {"choice": ("default", "keep")},
}


def test_a_trial_depends_on_its_number_and_the_seed_alone():
    few, many = Sample(trials=3, space=SPACE, seed=7), Sample(trials=50, space=dict(reversed(SPACE.items())), seed=7)
    assert [points.trial(many, k) for k in (2, 0, 1)] == [points.sample(few)[k] for k in (2, 0, 1)]
    assert points.sample(few) != points.sample(Sample(trials=3, space=SPACE, seed=8))
    assert len({str(point) for point in points.sample(many)}) == 50


def test_draws_have_their_distributions():
    drawn = points.sample(Sample(trials=4000, space=SPACE))
    columns = {path: [point[path] for point in drawn] for path in SPACE}
    quarters = lambda values, low, high: np.histogram(values, np.linspace(low, high, 5))[0] / len(values)
    for values, low, high in (
        (np.log(columns["optimiser.lr"]), math.log(1e-6), math.log(1e-2)),
        (np.log(1 - np.array(columns["optimiser.momentum"])), math.log(0.01), 0.0),
        (columns["input_noise"], 0.0, 1.0),
        (np.log(np.array(columns["units"]) + 0.5), math.log(20), math.log(201)),
    ):
        np.testing.assert_allclose(quarters(values, low, high), 0.25, atol=0.03)
    assert {min(columns["units"]), max(columns["units"])} == {20, 200}
    assert all(type(unit) is int for unit in columns["units"])
    assert abs(columns["init"].count("keep") / 4000 - 0.5) < 0.03
    ends = Sample(trials=300, space={"units": {"integer-log-uniform": (2, 3)}})
    assert {point["units"] for point in points.sample(ends)} == {2, 3}


def test_a_sample_gives_every_cell_the_same_trials_and_every_trial_its_seeds():
    specs = made(cells=("rnn", "gru"), sample=Sample(trials=5, space=SPACE), recipes=(Recipe(PARITY, {}),), settings={"optimiser": {"name": "sgd"}}).specs()
    of = {cell: [(s.units, s.optimiser, s.seed) for s in specs if s.cell == cell] for cell in ("rnn", "gru")}
    assert of["rnn"] == of["gru"]
    assert [seed for *_, seed in of["rnn"]] == list(range(10))
    assert {s.optimiser.name for s in specs} == {"sgd"}


@pytest.mark.parametrize(("budget", "name"), [(20_000, "parameters"), (15_000, "multiply_adds"), (640, "state_bytes")])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru3", "lstm97(size=2)"])
def test_units_come_within_the_budget_of_the_whole_network(cell, budget, name):
    spec = asked(made(cells=(cell,), recipes=(Recipe("adding(length=4)", {"layers": 2}),), match=Match(**{name: budget}, within=0.03))).specs[0]
    task = suite.task("adding", length=4)
    step = 2 if "size" in cell else 1
    less, counted, more = (
        getattr(costs_of(network_of(spec.model_copy(update={"units": spec.units + change}), task.inputs, task.outputs), "float32"), name) for change in (-step, 0, step)
    )
    assert abs(counted - budget) <= 0.03 * budget
    assert abs(counted - budget) <= min(abs(less - budget), abs(more - budget))


def test_an_embedding_that_is_as_wide_as_the_units_is_counted_too():
    tokens = TrainSpec(task="imdb(length=20, words=100)", cell="rnn")
    task, width = suite.task(tokens.task), solved(tokens, Match(parameters=20_000, within=0.05))
    net = network_of(tokens.model_copy(update={"units": width, "embedding": width}), task.inputs, task.outputs)
    assert abs(net.parameters - 20_000) <= 0.05 * 20_000
    fixed = tokens.model_copy(update={"embedding": 50})
    assert solved(fixed, Match(parameters=20_000, within=0.05)) > width


def test_a_budget_that_cannot_be_met_names_the_nearest():
    with pytest.raises(Mistakes, match=r"cell 'rnn': no units come within 1 % of 100 parameters: 8 have 98 \(-2.0 %\), 9 have 119"):
        asked(made(recipes=(Recipe(PARITY, {}),), match=Match(parameters=100)))
    with pytest.raises(Mistakes, match="unknown cell 'rrn'"):
        asked(made(cells=("rrn",), recipes=(Recipe(PARITY, {}),), match=Match(parameters=100)))
    assert match.units(Match(parameters=90, within=0.02), lambda n: None if n % 7 else 10 * n + 20) == 7
    with pytest.raises(ValueError, match="7 have 90"):
        match.units(Match(parameters=100), lambda n: None if n % 7 else 10 * n + 20)


def ended(spec, validation, status="done"):
    whole, _ = complete(spec)
    score = None if validation is None else Score(best_step=1, validation=validation, test=0.5)
    return Run(id=whole.id, spec=whole, status=status, score=score, where=where())


def test_the_best_trial_has_the_best_mean_and_fewest_divergences():
    spec = TrainSpec(task=PARITY, cell="rnn")
    trial = lambda *scores: [ended(spec, score, "done" if score is not None else "diverged at step 3") for score in scores]
    assert search.best([trial(0.5, 0.7), trial(0.9, 0.5), trial(0.7, 0.7)], "higher") == 1
    assert search.best([trial(0.5, 0.7), trial(0.9, 0.5), trial(0.7, 0.7)], "lower") == 0
    assert search.best([trial(0.99, None), trial(0.2, 0.3)], "higher") == 1
    assert search.best([trial(None, None), trial(0.2, None)], "higher") == 1
    assert search.best([trial(0.6), trial(0.6)], "higher") == 0


SEARCHED = made(
    cells=("rnn", "gru"),
    recipes=(Recipe(PARITY, {"batch": 8, "steps": 12, "evaluate_every": 6}),),
    seeds=3,
    match=Match(parameters=500, within=0.1),
    search=Search(grid={"optimiser.lr": [1e-3, 1e-2, 1e-1]}, seeds=2),
)


def test_every_cell_gets_equal_trials_seeds_and_budget_and_trials_train_together():
    found = asked(SEARCHED)
    assert [[len(trial) for trial in contestant.trials] for contestant in found.contestants] == [[2, 2, 2]] * 2
    for contestant in found.contestants:
        assert {spec.seed for trial in contestant.trials for spec in trial} == {0, 1}
        assert {spec.seed for trial in contestant.again for spec in trial} == {2, 3, 4}
        assert [trial[0].optimiser.lr for trial in contestant.trials] == [1e-3, 1e-2, 1e-1]
    assert [len(group) for group in plan(found.specs, [], "here").train] == [6, 6]


def carried(scores):
    """Something that carries out specs with the scores given by rate; what it was asked for."""
    asked_for = []

    def carry_out(experiment, specs):
        asked_for.append((experiment.question, list(specs)))
        runs = [ended(spec, score) for spec in specs if (score := scores(spec)) is not None]
        return Carried(None, runs)

    return carry_out, asked_for


@pytest.mark.parametrize(("fresh", "seeds"), [(True, {2, 3, 4}), (False, {0, 1})])
def test_the_best_trial_of_each_cell_is_what_is_reported(fresh, seeds, capsys):
    rates = {"rnn": 1e-2, "gru": 1e-1}
    carry_out, asked_for = carried(lambda spec: 1.0 if spec.optimiser.lr == rates[spec.cell] else 0.5)
    experiment = dataclasses.replace(SEARCHED, search=SEARCHED.search.model_copy(update={"fresh": fresh}))
    result = searched(experiment, asked(experiment), carry_out)
    (_, trials), (question, reported) = asked_for
    assert len(trials) == 12
    assert {(spec.cell, spec.optimiser.lr) for spec in reported} == set(rates.items())
    assert {spec.seed for spec in reported} == {run.spec.seed for run in result.runs} == seeds
    assert "optimiser.lr, from 3 trials of 2 seeds, the same for all" in question
    said = capsys.readouterr().err
    assert "rnn: chosen is optimiser.lr 0.01, trial 2 of 3\n" in said
    assert "gru: chosen is optimiser.lr 0.1, trial 3 of 3; optimiser.lr 0.1 is the largest tried, its range may be too narrow" in said


def test_nothing_is_chosen_before_every_trial_has_a_result(capsys):
    carry_out, asked_for = carried(lambda spec: None if (spec.cell, spec.seed) == ("gru", 1) else 0.5)
    searched(SEARCHED, asked(SEARCHED), carry_out)
    assert {spec.cell for spec in asked_for[1][1]} == {"rnn"}
    assert "gru: 3 of 6 trial runs have no result, and nothing is chosen yet" in capsys.readouterr().err
