"""One trained network scored at several difficulties: the same weights, the test split of each, nothing else changed."""

import pytest

import suite
from suite.experiments import EXPERIMENTS, Experiment, Recipe
from suite.launch.asking import experiment_of

SHORT = {"units": 8, "steps": 12, "evaluate_every": 6, "batch": 8}


def test_scores_at_other_difficulties_are_those_of_the_weights_in_hand():
    far = suite.task("parity", length=4, supervision="every", beyond={"length": (8, 16)})
    network = suite.network("gru", 8, inputs=1, outputs=2, readout="every")
    (run,) = suite.fit(network, far, steps=12, evaluate_every=6, batch=8)
    assert run.beyond == {f"length={n}": suite.score(network, run.weights, suite.task("parity", length=n, supervision="every"))[0] for n in (8, 16)}


def test_training_and_the_test_score_are_those_of_the_task_without_it():
    plain, far = ("parity(length=4, supervision='every')", "parity(length=4, supervision='every', beyond={'length': (8,)})")
    network = suite.network("rnn", 8, inputs=1, outputs=2, readout="every")
    (a,), (b,) = (suite.fit(network, suite.task(name), steps=12, evaluate_every=6, batch=8) for name in (plain, far))
    assert (a.test, a.curve, a.beyond) == (b.test, b.curve, {})


def test_records_and_tables_carry_every_score(tmp_path):
    made = Experiment("e", "?", ("rnn", "gru"), (Recipe("parity(length=4, supervision='every', beyond={'length': (8, 16)})", SHORT),), seeds=2)
    frame = suite.run(made, out=tmp_path)
    assert frame[["beyond.length=8", "beyond.length=16"]].notna().all().all()
    assert "Beyond what was trained on: parity" in (tmp_path / "index.html").read_text()


def test_it_goes_with_a_smaller_training_set_and_names_stay_canonical():
    one = suite.task("adding(length=6, train=32, beyond={'length': [12, 24]})")
    other = suite.task("adding", length=6, beyond={"length": (12, 24)}, train=32)
    assert one.name == other.name == "adding(beyond={'length': (12, 24)}, form='halves', length=6, train=32)"
    assert suite.task(one.name).name == one.name


@pytest.mark.parametrize("asked", [3, {}, {"length": ()}, {"length": 8}, "length"])
def test_what_names_no_values_is_one_sentence(asked):
    with pytest.raises(ValueError, match="beyond names an argument"):
        suite.task("parity", length=4, beyond=asked)


def test_a_difficulty_that_a_trained_network_does_not_answer_is_refused():
    with pytest.raises(ValueError, match="other inputs, outputs, questions"):
        suite.task("ntm-copy", longest=4, beyond={"bits": (4,)})


def test_another_number_of_trials_begins_with_the_same_ones():
    few, many = (experiment_of("greff2017", n).specs() for n in (2, 3))
    assert len(few) == 18
    assert len(many) == 27
    assert {spec.id for spec in few} < {spec.id for spec in many}
    with pytest.raises(ValueError, match="'quick' draws no trials at random"):
        experiment_of("quick", 3)
    with pytest.raises(ValueError, match="trials must be 1 or more, not 0"):
        experiment_of("greff2017", 0)


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name != "guessing"])
def test_every_experiment_can_be_asked_for(name):
    assert EXPERIMENTS[name].specs()
