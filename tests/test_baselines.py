"""Trivial baselines: each finds what it can see and nothing else, is scored by the task's own metric, and is the same again."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import suite
from suite.launch.describe import describe
from suite.tasks import Batch, Task, models, scores
from suite.tasks.baselines import Baseline, baselines, by_sequence, weights, without_order
from suite.tasks.streams import contiguous, drawn
from suite.tasks.task import Source, asked

NEEDY = ["parity(length=8)", "adding(length=6)", "temporal-order(length=20)", "parity(length=8, supervision='every')", "parity(length=8, lengths='random', supervision='every')"]


def made(draw, **more):
    """A task of two classes on drawn examples."""
    plain = Task("made", drawn(draw), 1, 2, scores.cross_entropy, scores.accuracy, lambda b: scores.certain(2)(b.y), 0.5, 0.99, "higher", "accuracy", 1, None, "")
    return replace(plain, **more)


def found(task):
    return {b.name: b.score for b in baselines(task)}


def full(x):
    return torch.ones(x.shape[:2], dtype=torch.bool)


def majority(n, generator):
    x = torch.randint(2, (9, n, 1), generator=generator) * 2.0 - 1.0
    return Batch(x, (x.sum(0)[:, 0] > 0).long(), full(x))


def echo(n, generator):
    x = torch.randn(4, n, 1, generator=generator)
    return Batch(x, (x[-1, :, 0] > 0).long(), full(x))


def doubled(n, generator):
    """Whether the last two inputs are alike: neither tells it alone, nor does a linear model."""
    x = torch.randint(2, (60, n, 20), generator=generator) * 2.0 - 1.0
    return Batch(x, (x[-1, :, 0] == x[-2, :, 0]).long(), full(x))


def peak(n, generator):
    """Whether the largest of the inputs is a large one."""
    x = torch.rand(6, n, 1, generator=generator)
    return Batch(x, (x.amax(0)[:, 0] > 0.9).long(), full(x))


def begun(n, generator):
    """The first of six inputs."""
    x = torch.randint(2, (6, n, 1), generator=generator) * 2.0 - 1.0
    return Batch(x, (x[0, :, 0] > 0).long(), full(x))


def twice(n, generator):
    """The product of the first two of four."""
    x = torch.randint(2, (4, n, 1), generator=generator) * 2.0 - 1.0
    return Batch(x, (x[0, :, 0] * x[1, :, 0] > 0).long(), full(x))


SOLVERS = {
    "bag of inputs": (majority, {}, {"last input", "last two inputs"}),
    "last input": (echo, {}, {"bag of inputs"}),
    "network on the last two inputs": (doubled, {"inputs": 20}, {"last input", "last two inputs", "bag of inputs"}),
    "linear on a summary": (peak, {}, {"last input", "last two inputs", "bag of inputs"}),
    "linear on the whole sequence": (begun, {}, {"last input", "last two inputs", "bag of inputs", "linear on a summary"}),
    "network on the whole sequence": (twice, {}, {"last input", "last two inputs", "bag of inputs", "linear on a summary", "linear on the whole sequence"}),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_each_finds_what_it_can_see_and_the_others_do_not(name):
    draw, more, blind = SOLVERS[name]
    found_here = found(made(draw, **more))
    assert found_here[name] > 0.97
    assert blind <= set(found_here)
    assert all(found_here[other] < 0.9 for other in blind), found_here


@pytest.mark.parametrize("name", NEEDY)
def test_no_baseline_that_sees_no_whole_sequence_solves_a_task_that_needs_memory(name):
    task = suite.task(name)
    scored = {b.name: b for b in baselines(task)}
    best = scored["best constant"]
    assert best.score == pytest.approx(task.chance, abs=4 * best.deviation / math.sqrt(best.n))
    assert all(b.score < task.solved if task.better == "higher" else b.score > task.solved for b in scored.values() if not b.whole)
    assert {n for n, b in scored.items() if b.whole} <= {"linear on the whole sequence", "network on the whole sequence"}
    assert without_order(task, scored.values()) == []


def test_what_a_bag_of_inputs_solves_is_flagged():
    task = made(majority)
    assert "bag of inputs" in without_order(task, baselines(task))
    low = replace(task, better="lower", solved=0.1)
    assert without_order(low, [Baseline("bag of inputs", 0.05, 0.1, 9), Baseline("linear on a summary", 0.2, 0.1, 9), Baseline("last input", 0.0, 0.1, 9)]) == ["bag of inputs"]


def test_they_are_the_same_again():
    task = suite.task("temporal-order", length=20)
    torch.manual_seed(1)
    one = baselines(task)
    torch.manual_seed(2)
    assert baselines(task) == one


def test_only_the_past_is_seen():
    """The parity of the bits to come cannot be had from any prefix."""

    def draw(n, generator):
        bits = torch.randint(2, (6, n), generator=generator)
        y = bits.flip(0).cumsum(0).flip(0) - bits
        return Batch(2.0 * bits[..., None] - 1, torch.cat([(y % 2)[:-1], torch.full((1, n), -1)]), torch.ones(6, n, dtype=torch.bool))

    task = made(draw, supervision="every")
    assert all(abs(b.score - 0.5) < 5 * b.deviation / math.sqrt(b.n) for b in baselines(task))


def logistic_numbers(n, generator):
    x = torch.randint(3, (4, n, 1), generator=generator).float() - 1.0
    y = torch.full((4, n), math.nan)
    y[-1] = torch.tensor([0.1, 0.5, 1.0])[(x[-1, :, 0] + 1).long()]
    return Batch(x, y, full(x))


def test_numbers_through_a_logistic_scored_by_the_sequence():
    task = made(logistic_numbers, answer="number", per="sequence", supervision="every", outputs=1, loss=scores.logistic(scores.squared_error), metric=scores.logistic(scores.within(0.3)))
    here = found(task)
    assert here["best constant"] == pytest.approx(2 / 3, abs=0.05)  # between 0.1 and 0.5; the mean, 0.53, is near to one of the three
    assert here["network on the last two inputs"] > 0.97


def vectors(n, generator):
    """Three bits, each mostly what it was the step before."""
    kept = torch.rand(12, n, 3, generator=generator) < 0.9
    kept[0] = torch.rand(n, 3, generator=generator) < 0.5
    x = torch.where(kept, 0, 1).cumsum(0) % 2
    return Batch(x[:-1].float(), x[1:].float(), full(x[:-1]))


def test_vectors_by_their_own_past():
    here = found(made(vectors, inputs=3, outputs=3, answer="vector", supervision="every", loss=scores.bernoulli, metric=scores.bernoulli, better="lower", oracle=lambda b: 30 * (2 * b.y - 1).unsqueeze(1)))
    floor = -3 * (0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert here["best constant"] == pytest.approx(3 * math.log(2), abs=0.03)
    assert here["each output from the same input"] == pytest.approx(floor, abs=0.03)


@pytest.mark.parametrize("kinds", [5, 300])
def test_tokens_by_what_followed_them(kinds):
    """The next token is a function of the last two; the table of two finds it, that of one does not."""
    generator = torch.Generator().manual_seed(0)
    rule = torch.randint(5, (5, 5), generator=generator)
    text = [0, 1]
    for k in torch.randint(5, (6000,), generator=generator).tolist():
        text.append(int(rule[text[-2], text[-1]]) if k else int(torch.randint(5, (), generator=generator)))
    long = torch.tensor(text)
    task = made(None, batches=contiguous(lambda _: (long[:-1], long[1:]), 50), inputs=kinds, outputs=kinds, tokens=True, stateful=True, supervision="every",
                metric=scores.cross_entropy, better="lower", oracle=lambda b: scores.certain(kinds)(b.y))  # fmt: skip
    here = found(task)
    assert here["last two inputs"] < 0.75 < here["last input"] < here["best constant"]
    assert ("bag of inputs" in here) == (kinds == 5)


def test_what_followed_two_tokens_falls_back_on_one_and_on_none():
    """Witten–Bell by hand: contexts 0 0, 1 0 and 2 1 seen twice, once and once."""
    task = suite.task("parity", length=4)
    task = replace(task, inputs=3)
    context, y = np.array([[0, 0], [0, 0], [0, 1], [1, 2]]), np.array([0, 1, 1, 1])
    usual = np.array([2, 4]) / 6
    one = {0: (np.array([1, 2]) + 2 * usual) / 5, 1: (np.array([0, 1]) + usual) / 2}
    two = {(0, 0): (np.array([1, 1]) + 2 * one[0]) / 4, (0, 1): (np.array([0, 1]) + one[0]) / 2, (1, 0): one[1], (2, 2): usual}
    found = models.counts(task, context, y)(np.array(list(two)))
    np.testing.assert_allclose(found.exp().numpy(), np.array(list(two.values())), rtol=1e-6)
    single = models.counts(task, context[:, :1], y)(np.array([[0], [2]]))
    np.testing.assert_allclose(single.exp().numpy(), np.stack([one[0], usual]), rtol=1e-6)


def test_the_catalogue_says_what_hears_no_order():
    solved = {"name": "bag of inputs", "score": 1.0, "deviation": 0.0, "n": 9}
    described = describe("e", "?", "c", [], ["parity(length=4)", "adding"], {"parity(length=4)": [solved, {**solved, "name": "last input"}], "adding": [solved]})
    assert [task["without_order"] for task in described["tasks"]] == [["bag of inputs"], []]


def test_scores_are_those_of_the_metric():
    """Per sequence and put together again: the metric over the whole batch, for every kind of answer."""
    cases = [
        (suite.task("parity(length=8, lengths='random', supervision='every')"), 2),
        (suite.task("adding", length=6), 1),
        (made(logistic_numbers, answer="number", per="sequence", supervision="every", metric=scores.logistic(scores.within(0.3))), 1),
        (made(vectors, answer="vector", supervision="every", metric=scores.bernoulli), 3),
    ]
    for task, outputs in cases:
        batch = next(task.batches("test", 50, torch.Generator().manual_seed(0)))
        output = torch.randn(*asked(batch).shape[:-1], 1, 50, outputs, generator=torch.Generator().manual_seed(1))
        values, per = by_sequence(task, output, batch), weights(task, batch)
        assert float((values * per).sum() / per.sum()) == pytest.approx(float(task.metric(output, batch)), rel=1e-5)


def test_a_metric_that_looks_at_values_is_asked_one_by_one():
    def metric(output, batch):
        return scores.accuracy(output, batch) if float(output.sum()) > -1e9 else output.sum()

    task = suite.task("parity", length=4)
    batch = next(task.batches("test", 20, torch.Generator().manual_seed(0)))
    output = torch.randn(1, 20, 2, generator=torch.Generator().manual_seed(1))
    assert torch.equal(by_sequence(replace(task, metric=metric), output, batch), by_sequence(task, output, batch))


def test_imdb_is_solved_by_its_words(data):
    data("imdb")
    task = suite.task("imdb", length=200, words=5000)
    scored = {b.name: b for b in baselines(task)}
    assert scored["bag of inputs"].n == 25_000
    assert without_order(task, scored.values()) == ["bag of inputs"]


def test_music_agrees_with_the_figures_derived_from_the_files(data):
    """papers.md, section 5: JSB Chorales, marginal 11.09 and per-key first-order Markov 10.49."""
    data("jsb")
    scored = {b.name: b.score for b in baselines(suite.task("jsb"))}
    assert (round(scored["best constant"], 2), round(scored["each output from the same input"], 2)) == (11.09, 10.49)


def test_a_stored_set_without_a_manifest_is_fitted_too():
    task = replace(suite.task("parity", length=6, supervision="every", train=50), data=Source("mine", ("train",), content="abc"))
    assert found(task)["best constant"] == pytest.approx(0.5, abs=0.05)
