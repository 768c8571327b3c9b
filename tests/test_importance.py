"""Functional analysis of variance: exact on trees that can be worked out by hand, near the closed form on forests, and as Optuna's main effects."""

from itertools import combinations

import numpy as np
import pytest

from suite.stats import fanova
from suite.stats.axes import Axis
from suite.stats.forest import Boxes


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def shares(found, **arguments):
    return {each.parameters: each.share for each in found.shares(**arguments)}


def square(value):
    """A tree of four boxes on the unit square, cut at 0.25 and at 0.5."""
    x, y = (0, 0.25, 1), (0, 0.5, 1)
    corners = [(i, j) for i in range(2) for j in range(2)]
    return Boxes(np.array([(x[i], y[j]) for i, j in corners]), np.array([(x[i + 1], y[j + 1]) for i, j in corners]), np.array([value(i, j) for i, j in corners], dtype=float))


def test_an_additive_tree_by_hand():
    tree = square(lambda i, j: 4 * i + 2 * j)
    assert tree.alone(0) == pytest.approx(16 * 3 / 16)
    assert tree.alone(1) == pytest.approx(4 / 4)
    assert tree.together(0, 1) == pytest.approx(0)
    assert tree.variance == pytest.approx(tree.alone(0) + tree.alone(1))


def test_a_tree_of_pure_interaction_by_hand():
    tree = square(lambda i, j: (1 if j else -1) * (1 if i else -3))
    assert tree.alone(0) == pytest.approx(0)
    assert tree.alone(1) == pytest.approx(0)
    assert tree.together(0, 1) == pytest.approx(tree.variance) == pytest.approx(3 / 4 + 9 / 4)


def test_marginals_of_a_fitted_tree_are_those_of_a_fine_grid(rng):
    trials = {name: rng.random(40) for name in "abc"}
    found = fanova(trials, trials["a"] * trials["b"] + trials["c"] ** 2, rng, ranges=dict.fromkeys("abc", (0.0, 1.0)), trees=2)
    at = (np.arange(60) + 0.5) / 60
    for tree in found.trees:
        inside = [tree.holds(k, at) for k in range(3)]
        cube = np.einsum("l,lx,ly,lz->xyz", tree.value, *inside)
        assert inside[0].sum() > 0
        assert (np.einsum("lx,ly,lz->xyz", *inside) == 1).all()  # the boxes fill the cube and do not overlap
        assert tree.volume.sum() == pytest.approx(1)
        assert tree.variance == pytest.approx(cube.var(), rel=0.1)
        for k in range(3):
            assert tree.alone(k) == pytest.approx(cube.mean(axis=tuple({0, 1, 2} - {k})).var(), rel=0.15, abs=2e-3)
        total = tree.variance
        parts = sum(tree.alone(k) for k in range(3)) + sum(tree.together(*pair) for pair in combinations(range(3), 2))
        assert parts <= total * (1 + 1e-9)


def test_forests_come_near_the_closed_form(rng):
    trials = {"x": rng.random(600), "y": rng.random(600)}
    unit = {"x": (0.0, 1.0), "y": (0.0, 1.0)}
    added = shares(fanova(trials, 2 * trials["x"] + trials["y"], rng, ranges=unit))
    assert added["x",] == pytest.approx(4 / 5, abs=0.03)
    assert added["y",] == pytest.approx(1 / 5, abs=0.03)
    assert added["x", "y"] < 0.02
    # x y on the unit square: 3/7, 3/7 and 1/7
    times = shares(fanova(trials, trials["x"] * trials["y"], rng, ranges=unit))
    assert [times["x",], times["y",], times["x", "y"]] == pytest.approx([3 / 7, 3 / 7, 1 / 7], abs=0.04)
    crossed = shares(fanova(trials, np.sign((trials["x"] - 0.5) * (trials["y"] - 0.5)), rng, ranges=unit))
    assert crossed["x", "y"] > 0.85


def test_a_logarithmic_axis_weighs_each_decade_alike(rng):
    rates = 10 ** rng.uniform(-6, -2, 300)
    bad = (rates < 1e-5).astype(float)
    found = fanova({"lr": rates, "noise": rng.random(300)}, bad, rng, ranges={"lr": (1e-6, 1e-2)}, logarithmic=["lr"])
    below, above = found.marginal("lr", [3e-6, 1e-3])
    assert (below.center, above.center) == pytest.approx((1, 0), abs=0.05)
    assert below.low <= below.center <= below.high
    (mean,) = {round(float(tree.volume @ tree.value), 1) for tree in found.trees[:1]}
    assert mean == pytest.approx(0.2, abs=0.1)  # a quarter of the decades; on the plain scale it would be a thousandth


def test_names_are_equal_pieces_and_the_same_seed_gives_the_same_forest():
    trials = {"cell": ["gru", "lstm", "rnn", "gru", "lstm", "rnn"] * 6, "bias": [True, False] * 18}
    scores = [{"gru": 1.0, "lstm": 1.0, "rnn": 0.0}[cell] for cell in trials["cell"]]
    found = fanova(trials, scores, np.random.default_rng(0))
    assert shares(found)["cell",] == pytest.approx(1)
    assert found.fit > 0.9
    assert found.marginal("cell", ["rnn"])[0].center == pytest.approx(0, abs=0.05)
    noisy = np.random.default_rng(2).random(36) + scores
    first, again, other = (fanova(trials, noisy, np.random.default_rng(seed)).shares() for seed in (0, 0, 1))
    assert first == again != other
    assert [each.share for each in first] == sorted((each.share for each in first), reverse=True)


def test_noise_is_told_by_the_fit(rng):
    assert fanova({"x": rng.random(60)}, rng.random(60), rng).fit < 0.1


def test_main_effects_are_optunas(rng):
    optuna = pytest.importorskip("optuna", reason="optuna is not installed: it is the independent implementation of the main effects")
    trials = {name: rng.uniform(0, 1, 200) for name in ("lr", "units", "noise")}
    scores = 3 * (trials["lr"] - 0.4) ** 2 + 0.5 * trials["units"] * trials["lr"] + 0.05 * trials["noise"]
    study = optuna.create_study()
    unit = optuna.distributions.FloatDistribution(0, 1)
    for k, score in enumerate(scores):
        study.add_trial(optuna.trial.create_trial(params={name: values[k] for name, values in trials.items()}, distributions=dict.fromkeys(trials, unit), value=score))
    theirs = optuna.importance.FanovaImportanceEvaluator(seed=0).evaluate(study)
    found = shares(fanova(trials, scores, rng, ranges=dict.fromkeys(trials, (0.0, 1.0))))
    assert {name: found[name,] for name in trials} == pytest.approx({name: float(theirs[name]) for name in trials}, abs=0.02)


@pytest.mark.parametrize(
    ("trials", "scores", "arguments", "said"),
    [
        ({}, [1, 2, 3, 4], {}, "no hyper-parameter"),
        ({"x": [1, 2, 3, 4]}, [1, 1, 1, 1], {}, "all scores are alike"),
        ({"x": [1, 2, 3]}, [1, 2, 3, 4], {}, "x has 3 values for 4 trials"),
        ({"x": [1, 1, 1, 1]}, [1, 2, 3, 4], {}, "x has no range"),
        ({"x": [0, 1, 2, 3]}, [1, 2, 3, 4], {"logarithmic": ["x"]}, "has no logarithm"),
        ({"x": [0, 1, 2, 3]}, [1, 2, 3, 4], {"ranges": {"x": (0, 2)}}, "beyond the range 0 to 2"),
        ({"x": [0, 1, 2, 3]}, [1, 2, 3, 4], {"logarithmic": ["lr"]}, "no hyper-parameter 'lr'; there are x"),
    ],
)
def test_bad_input_is_one_sentence(rng, trials, scores, arguments, said):
    with pytest.raises(ValueError, match=said):
        fanova(trials, scores, rng, **arguments)


def test_places_that_are_not_on_an_axis(rng):
    found = fanova({"x": [0.0, 1, 2, 3]}, [1, 2, 3, 4], rng, trees=2)
    with pytest.raises(ValueError, match="no hyper-parameter 'y'"):
        found.marginal("y", [1])
    with pytest.raises(ValueError, match="outside the range 0 to 3"):
        found.marginal("x", [4])
    with pytest.raises(ValueError, match="'mut' is none of 'gru', 'lstm'"):
        Axis(names=("gru", "lstm")).places(["mut"])
