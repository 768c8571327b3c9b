"""Experiments as files, what varies in them, budgets and searches; what is estimated, what is chosen within a time, and shards."""

import dataclasses
import json
import math
import random
from collections import Counter
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import suite
from suite.cli import main
from suite.experiments import Experiment, Match, Mistakes, Recipe, Sample, Search, file, match, points, schema, search
from suite.experiments.conditions import conditions
from suite.launch import completion, prices
from suite.launch.asking import asked, experiment_of, solved
from suite.launch.budget import gain, within
from suite.launch.completion import Completion, complete
from suite.launch.estimate import COARSE, Estimator, Facts, facts, makespan
from suite.launch.limits import Limits
from suite.launch.narrow import narrowed
from suite.launch.plan import Plan, plan, together
from suite.launch.searching import Carried, searched
from suite.launch.shard import Shard, part, shard
from suite.launch.showing import shown
from suite.report.ways import apart
from suite.runs import Optimiser, Point, Run, Score, Store, TrainSpec, where
from suite.stats import mean_interval
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


def examples():
    """Every file that the documentation shows."""
    docs = Path(suite.__file__).parents[1] / "docs"
    text = "".join(page.read_text(encoding="utf-8") for page in sorted(docs.rglob("*.md")))
    return [block.partition("```")[0] for block in text.split("```toml\n")[1:] if "question =" in block.partition("```")[0]]


@pytest.mark.parametrize("text", examples())
def test_files_in_the_documentation_can_be_run(tmp_path, text):
    found = asked(experiment_of(written(tmp_path, text)))
    assert plan(found.specs, [], "here").missing == len(found.specs) > 0


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
    ({"shapes": ({"units": 3}, {"lenght": 3})}, r"shapes\[1\]: lenght: unknown setting 'lenght'; did you mean 'length'?"),
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
        asked_for.append((experiment, list(specs)))
        runs = [ended(spec, score) for spec in specs if (score := scores(spec)) is not None]
        return Carried(None, runs)

    return carry_out, asked_for


def test_of_trials_that_end_when_solved_the_one_that_took_fewest_updates_is_best():
    def reached(step, value):
        spec = TrainSpec(cell="gru", task="t", until_solved=True)
        return Run(id=spec.id, spec=spec, status="done", score=Score(best_step=step, validation=value, test=value), where=where())

    slow, soon, never = ([reached(900, 0.99), reached(900, 0.99)], [reached(100, 0.95), reached(300, 0.95)], [reached(50, 0.8), reached(50, 0.95)])
    assert search.best([never, slow, soon], "higher", lambda value: value >= 0.9) == 2
    assert search.best([never, slow], "higher", lambda value: value >= 0.9) == 1
    assert search.best([soon, slow], "higher") == 1  # without a word of what solves it the score decides


@pytest.mark.parametrize(("fresh", "seeds"), [(True, {2, 3, 4}), (False, {0, 1})])
def test_the_best_trial_of_each_cell_is_what_is_reported(fresh, seeds, capsys):
    rates = {"rnn": 1e-2, "gru": 1e-1}
    carry_out, asked_for = carried(lambda spec: 1.0 if spec.optimiser.lr == rates[spec.cell] else 0.5)
    experiment = dataclasses.replace(SEARCHED, search=SEARCHED.search.model_copy(update={"fresh": fresh}))
    result = searched(experiment, asked(experiment), carry_out)
    (_, trials), (reporting, reported) = asked_for
    assert len(trials) == 12
    assert {(spec.cell, spec.optimiser.lr) for spec in reported} == set(rates.items())
    assert {spec.seed for spec in reported} == {run.spec.seed for run in result.runs} == seeds
    assert "Chosen for each cell and task: optimiser.lr, from 3 trials of 2 seeds, the same for all" in conditions(reporting)
    assert "nearest to 500 parameters of the whole network, within 10 %" in conditions(reporting)
    said = capsys.readouterr().err
    assert "rnn: chosen is optimiser.lr 0.01, trial 2 of 3\n" in said
    assert "gru: chosen is optimiser.lr 0.1, trial 3 of 3; optimiser.lr 0.1 is the largest tried, its range may be too narrow" in said


def test_a_grid_over_training_makes_contestants_on_the_page_and_a_sample_makes_none():
    grid = [ended(spec, 0.5) for spec in made(grid={"optimiser.lr": [0.1, 0.2], "units": [4, 5]}).specs()]
    assert {run.spec.cell for run in apart(grid)} == {f"rnn, {units} units, rate {rate}" for units in (4, 5) for rate in (0.1, 0.2)}
    space = {name: SPACE[name] for name in ("units", "optimiser.lr", "input_noise", "init")}
    drawn = [ended(spec, 0.5) for spec in made(sample=Sample(trials=4, space=space), recipes=(Recipe(PARITY, {}),)).specs()]
    assert len({run.spec.cell for run in apart(drawn)}) == 4
    assert {run.spec.cell for run in apart(drawn, list(space))} == {"rnn"}


def test_nothing_is_chosen_before_every_trial_has_a_result(capsys):
    carry_out, asked_for = carried(lambda spec: None if (spec.cell, spec.seed) == ("gru", 1) else 0.5)
    searched(SEARCHED, asked(SEARCHED), carry_out)
    assert {spec.cell for spec in asked_for[1][1]} == {"rnn"}
    assert "gru: 3 of 6 trial runs have no result, and nothing is chosen yet" in capsys.readouterr().err


MANY = made(
    cells=("rnn", "gru"),
    recipes=(Recipe(PARITY, {"batch": 8, "steps": 12, "evaluate_every": 6}), Recipe("adding(length=4)", {"batch": 8, "steps": 12, "evaluate_every": 6})),
    shapes=({"length": 3, "batch": 2, "inputs": 2, "units": 4},),
    engines=("hoisted", "scan"),
    seeds=4,
    grid={"units": [4, 5, 6, 7, 8], "optimiser.lr": [0.1, 0.2]},
)


@pytest.mark.parametrize("of", [1, 2, 7])
def test_shards_share_nothing_and_leave_nothing_out(of):
    specs = MANY.specs()
    parts = [part(specs, Shard(number, of)) for number in range(1, of + 1)]
    assert sorted(spec.id for piece in parts for spec in piece) == sorted(spec.id for spec in specs)
    whole = [{frozenset(spec.id for spec in group) for group in [*plan(piece, [], "here").train, *plan(piece, [], "here").speed]} for piece in parts]
    everything = plan(specs, [], "here")
    assert set().union(*whole) == {frozenset(spec.id for spec in group) for group in [*everything.train, *everything.speed]}
    if of == 2:
        assert min(map(len, parts)) > 0.2 * len(specs)


def test_a_shard_stays_what_it_is_when_more_is_asked_for_or_less():
    few, many = dataclasses.replace(MANY, seeds=1, cells=("gru",)).specs(), dataclasses.replace(MANY, seeds=9).specs()
    for number in (1, 2, 3):
        mine = {spec.id for spec in part(many, Shard(number, 3))}
        assert {spec.id for spec in part(few, Shard(number, 3))} == {spec.id for spec in few} & mine
    shuffled = random.Random(0).sample(many, len(many))
    assert {spec.id for spec in part(shuffled, Shard(2, 3))} == {spec.id for spec in part(many, Shard(2, 3))}


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "a/b", "-1/2"])
def test_what_is_no_shard_is_said(text):
    assert shard(" 2/3 ") == (2, 3)
    with pytest.raises(ValueError, match=f"a shard is i/n with i from 1 to n, as in 3/8, not '{text}'"):
        shard(text)


@pytest.fixture
def steady(monkeypatch):
    """Groups cost a second for each hundred updates, however many runs share them."""
    monkeypatch.setattr(Estimator, "seconds", lambda self, group: group[0].steps / 100)
    return Estimator({})


def todo(*asked_for, found=()):
    return Plan(train=together([complete(spec)[0] for spec in asked_for]), found=list(found))


def train_spec(cell="rnn", seed=0, steps=100, **more):
    return TrainSpec(task=PARITY, cell=cell, units=4, steps=steps, seed=seed, **more)


def chosen(made_of, seconds, workers, expected):
    return {(spec.cell, spec.seed) for group in within(made_of, seconds, workers, expected).train for spec in group}


def test_every_contestant_gets_two_runs_before_any_gets_three_and_the_cheapest_first(monkeypatch):
    monkeypatch.setattr(Estimator, "seconds", lambda self, group: len(group) * group[0].steps / 100)
    everything = todo(*(train_spec(cell, seed, steps) for cell, steps in (("rnn", 100), ("gru", 200), ("mgu", 400)) for seed in range(5)))
    expected = Estimator({})
    assert chosen(everything, 7.0, 1, expected) == {("rnn", 0), ("gru", 0), ("mgu", 0)}
    assert chosen(everything, 3.0, 1, expected) == {("rnn", 0), ("gru", 0)}
    assert chosen(everything, 14.0, 1, expected) == {(cell, seed) for cell in ("rnn", "gru", "mgu") for seed in (0, 1)}
    assert chosen(everything, 8.0, 2, expected) >= {(cell, seed) for cell in ("rnn", "gru", "mgu") for seed in (0, 1)}
    assert ("mgu", 1) not in chosen(everything, 7.0, 2, expected)  # a second worker does not help one model
    assert chosen(everything, 100.0, 1, expected) == {(cell, seed) for cell in ("rnn", "gru", "mgu") for seed in range(5)}
    left = within(everything, 14.0, 1, expected).left
    assert Counter(spec.cell for spec in left) == {"rnn": 3, "gru": 3, "mgu": 3}


def scored(cell, scores):
    return [ended(train_spec(cell, seed), 0.5).model_copy(update={"score": Score(best_step=1, validation=0.5, test=score)}) for seed, score in enumerate(scores)]


def test_the_widest_interval_is_narrowed_first(monkeypatch):
    monkeypatch.setattr(Estimator, "seconds", lambda self, group: float(len(group)))
    found = [*scored("rnn", [0.5, 0.9, 0.7]), *scored("gru", [0.70, 0.71, 0.70])]
    waiting = [train_spec(cell, seed) for cell in ("rnn", "gru") for seed in (3, 4)]
    assert chosen(todo(*waiting, found=found), 2.0, 1, Estimator({})) == {("rnn", 3), ("rnn", 4)}
    late = [*waiting, train_spec("mgu", 0)]
    assert ("mgu", 0) in chosen(todo(*late, found=found), 1.0, 1, Estimator({}))


def test_the_gain_of_a_run_is_how_much_it_narrows_students_interval():
    values = [0.0, 1.0] * 3
    now, next_ = mean_interval(values), mean_interval([*values, 0.5])
    deviation = np.std(values, ddof=1)
    assert gain(6, deviation) == pytest.approx((now.high - now.low) / 2 - (next_.high - next_.low) / 2 * deviation / np.std([*values, 0.5], ddof=1))
    assert gain(2, 1.0) > gain(3, 1.0) > gain(10, 1.0) > 0


def test_runs_that_share_a_model_are_worth_its_time_once(steady):
    everything = todo(*(train_spec("rnn", seed) for seed in range(6)), *(train_spec("gru", seed) for seed in range(6)))
    assert len(chosen(everything, 2.0, 1, steady)) == 12


def test_a_budget_lists_what_is_not_run_and_leaves_the_rest(monkeypatch, capsys):
    monkeypatch.setattr(prices, "measured", lambda specs, machine: {})
    monkeypatch.setattr("suite.launch.narrow.measured", lambda specs, machine: {})
    monkeypatch.setattr(Estimator, "seconds", lambda self, group: 20.0 * len(group))
    specs = [train_spec(cell, seed) for cell in ("rnn", "gru") for seed in range(3)]
    kept = narrowed(lambda given: (plan(given, [ended(specs[0], 0.5)], where().machine), where()), None, 81.0, 1)(specs)
    assert {(spec.cell, spec.seed) for spec in kept} >= {("rnn", 0), ("rnn", 1), ("gru", 0), ("gru", 1)}  # the first has run
    assert len(kept) == 5
    assert "not run, for want of time: parity(length=4, lengths='fixed', supervision='every')" in capsys.readouterr().err


def test_time_is_expected_to_grow_with_the_shape_and_corrected_by_records():
    spec = complete(train_spec(steps=1000))[0]
    expected = Estimator({})
    one = expected.seconds([spec])
    assert expected.seconds([spec.model_copy(update={"steps": 2000})]) == pytest.approx(2 * one, rel=0.02)
    assert expected.seconds([spec] * 50) > one
    assert expected.bytes([spec.model_copy(update={"units": 512})] * 50) > 2 * expected.bytes([spec])
    here = where()
    point = {"step": 1000, "loss": 0.1, "validation_loss": 0.1, "validation": 0.5}
    took = ended(spec, 0.5)
    took = took.model_copy(update={"curve": (Point(**point),), "costs": took.costs.model_copy(update={"seconds": 3 * one})})
    expected.learn([took], here.machine)
    assert expected.seconds([spec]) == pytest.approx(3 * one)
    assert expected.seconds([complete(train_spec("gru"))[0]]) == Estimator({}).seconds([complete(train_spec("gru"))[0]])
    expected.learn([took], "elsewhere")
    assert expected.seconds([spec]) == one


def test_the_time_of_groups_on_workers():
    assert makespan([5.0, 3.0, 3.0, 3.0], 2) == 8.0
    assert makespan([5.0], 8) == 5.0
    assert makespan([], 2) == 0.0


def test_a_task_that_cannot_be_drawn_is_left_to_its_runs(monkeypatch):
    def broken(text):
        raise RuntimeError(text)

    monkeypatch.setattr("suite.launch.estimate.task_of", broken)
    facts.cache_clear()
    assert facts("parity(length=4)", 8) == Facts(1.0, 0.0, ())
    facts.cache_clear()


def test_speed_is_measured_once_and_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path))
    spec = complete(train_spec(engine="vendor"))[0]
    first = prices.measured([spec, spec.model_copy(update={"seed": 1})], "here")
    assert "measuring how fast 1 cell trains here, once" in capsys.readouterr().err
    ((name, speed),) = first.items()
    assert all(len(each) == len(other) for each, other in zip(speed, COARSE, strict=True))
    assert sum(speed.update) > 0
    assert prices.measured([spec], "here") == {name: speed} == prices.known("here")
    assert capsys.readouterr().err == ""
    assert Estimator(first).seconds([spec]) > 0
    prices.file("here").write_text("{")
    assert prices.known("here") == {}


def test_a_dry_run_says_runs_groups_time_and_memory(monkeypatch):
    monkeypatch.setattr("suite.launch.narrow.measured", lambda specs, machine: {})
    found = asked(SEARCHED)
    lines = shown(plan(found.specs, [], where().machine), where(), 2, found.contestants)
    assert lines[0].startswith("parity(length=4, lengths='fixed', supervision='every') rnn: 6 runs as one model, 20 units, 12 updates, about ")
    assert "then what is chosen in 2 searches: 6 runs in 2 groups" in lines
    assert any(line.startswith("memory: up to about 0.") for line in lines)
    assert lines[-1].startswith("12 runs to do, 0 found, 0 not possible here; 2 groups, about ")


def test_planning_makes_what_specs_share_once(monkeypatch):
    calls = Counter()
    for name in ("digest", "canonical", "network_of"):
        real = getattr(completion, name)
        monkeypatch.setattr(completion, name, lambda *a, real=real, name=name: calls.update([name]) or real(*a))
    specs = made(cells=("rnn", "gru"), grid={"optimiser.lr": [0.1 * k for k in range(1, 21)], "batch": [8, 16]}, recipes=(Recipe(PARITY, {}),), seeds=3).specs()
    assert plan(specs, [], "here").missing == len(specs) == 240
    assert calls == {"digest": 2, "canonical": 1, "network_of": 2 * 2}
    one = Completion()
    assert all(one(spec) == complete(spec) for spec in specs[::40])


def test_mistakes_in_every_name_and_in_every_trial_are_said_at_once():
    three = made(cells=("rrn",), recipes=(Recipe("addin", {}),), settings={"engine": "hosted"})
    with pytest.raises(Mistakes) as raised:
        asked(three)
    assert [line.split(";")[0] for line in raised.value.lines] == ["unknown cell 'rrn'", "unknown engine 'hosted'", "unknown task 'addin'"]
    for path, values, cell in (("units", [4, 7], "lstm97(size=2)"), ("task.length", [10, -1], "rnn")):
        recipe = Recipe("adding(length=4)", {"batch": 8}, place="tasks[0]")
        for varied in ({"grid": {path: values}}, {"search": Search(grid={path: values})}):
            with pytest.raises(Mistakes, match=r"7|-1") as raised:
                asked(made(cells=("gru", cell), recipes=(recipe, Recipe(PARITY, {}, ("rnn",), "tasks[1]")), **(varied | {"grid": varied.get("grid", {})})))
            assert all(line.startswith("tasks[0]: ") for line in raised.value.lines if "parity" not in line)


def test_a_shard_is_the_same_on_machines_with_different_engines(monkeypatch):
    specs = MANY.specs() + MANY.specs(engine="hoisted", speed=False)
    mine = [spec.id for spec in part(specs, Shard(1, 3))]
    completed = [{complete(spec)[0].id for spec in part(specs, Shard(number, 3))} for number in (1, 2, 3)]
    assert len(set.union(*completed)) == sum(map(len, completed))
    monkeypatch.setattr("suite.engines.BEST", ("hoisted",))
    assert [spec.id for spec in part(specs, Shard(1, 3))] == mine
    completed = [{complete(spec)[0].id for spec in part(specs, Shard(number, 3))} for number in (1, 2, 3)]
    assert len(set.union(*completed)) == sum(map(len, completed))


def test_what_is_chosen_fits_into_the_time_as_the_pool_takes_it(steady):
    three = todo(*(train_spec(cell, steps=300) for cell in ("rnn", "gru", "mgu")))
    for seconds, n in ((5.0, 2), (6.0, 3)):
        assert len(chosen(three, seconds, 2, steady)) == n


def test_what_measuring_takes_is_taken_off_the_budget(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("suite.launch.narrow.time.monotonic", lambda: now[0])
    monkeypatch.setattr("suite.launch.narrow.measured", lambda specs, machine: now.__setitem__(0, 50.0) or {})
    monkeypatch.setattr(Estimator, "seconds", lambda self, group: 20.0 * len(group))
    specs = [train_spec(seed=seed) for seed in range(5)]
    assert len(narrowed(lambda given: (plan(given, [], where().machine), where()), None, 100.0, 1)(specs)) == 2


def test_a_budget_and_a_dry_run_count_runs_whose_weights_are_wanted_and_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("suite.launch.narrow.measured", lambda specs, machine: {})
    monkeypatch.setattr(Estimator, "seconds", lambda self, group: 20.0 * len(group))
    path = written(tmp_path, f"question = '?'\ncells = ['rnn']\nseeds = 3\n[[tasks]]\ntask = \"{PARITY}\"\nunits = 4")
    for spec in experiment_of(path).specs():
        Store(tmp_path / "runs").write(ended(spec, 0.5))
    for options, line in (((), "0 runs to do, 3 found"), (("--save-weights",), "3 runs to do, 0 found"), (("--save-weights", "--budget", "50s"), "2 runs to do, 0 found")):
        with pytest.raises(SystemExit):
            main(["run", path, "--out", str(tmp_path), "--workers", "1", "--dry-run", *options])
        assert capsys.readouterr().out.splitlines()[-1].startswith(line)


def test_a_budget_counts_what_only_other_machines_can_run(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("suite.launch.run.prepare", lambda specs, **options: seen.append(options) or (Plan(), where()))
    monkeypatch.setattr("suite.launch.run.launcher", lambda *args, **options: type("There", (), {"elsewhere": True}))
    monkeypatch.setattr("suite.launch.run.searched", lambda of, found, carry_out, keep: keep(found.specs) and Carried(tmp_path, []))
    monkeypatch.setattr("suite.launch.run.framed", lambda *args: None)
    suite.run(made(), out=tmp_path, budget="10m")
    assert seen == [{"out": tmp_path, "elsewhere": True}]


def test_measured_speeds_of_another_form_are_measured_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path))
    prices.file("here").write_text(json.dumps({"old": [[1.0, 1.0], *COARSE[1:]], "short": COARSE[:3], "new": COARSE}))
    assert prices.known("here") == {"new": COARSE}


def test_settings_that_are_lists_can_be_varied_in_a_file(tmp_path):
    head = f"question = '?'\ncells = ['rnn']\nseeds = 1\n[[tasks]]\ntask = \"{PARITY}\"\n"
    found = asked(experiment_of(written(tmp_path, head + "[grid]\nfrozen = [[], ['readout.b']]\nabove = [[], [{ cell = 'gru', units = 4 }]]"))).specs
    assert {(spec.frozen, tuple(layer.cell for layer in spec.above)) for spec in found} == {(f, a) for f in ((), ("readout.b",)) for a in ((), ("gru",))}
    drawn = head + "[sample]\ntrials = 9\nspace.frozen = { choice = [[], ['readout.b']] }"
    assert {spec.frozen for spec in asked(experiment_of(written(tmp_path, drawn))).specs} == {(), ("readout.b",)}


@pytest.mark.parametrize(("limits", "workers", "end"), [
    (Limits(), 1, "of 3.0 GB"),
    (Limits(), 2, "more than there is, give --workers 1"),
    (Limits(memory=10**9), 1, "more than one worker may take"),
    (Limits(memory=2 * 10**9), 2, "more than there is, give --workers 1"),
])
def test_the_memory_of_a_dry_run_is_that_of_a_container_and_a_workers_share(monkeypatch, limits, workers, end):
    monkeypatch.setattr("suite.launch.narrow.measured", lambda specs, machine: {})
    monkeypatch.setattr("suite.launch.memory._controlled", lambda: [3 * 10**9])
    monkeypatch.setattr(Estimator, "bytes", lambda self, group: 1.6e9)
    lines = shown(todo(train_spec(), train_spec("gru")), where(), workers, limits=limits)
    assert next(line for line in lines if line.startswith("memory: ")).endswith(end)
