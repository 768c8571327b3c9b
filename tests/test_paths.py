"""Labels without times: the loss is the sum over all paths, the error rate is Levenshtein's, and neither hears where an answer puts its symbols."""

import math
from dataclasses import replace
from functools import cache
from itertools import groupby, pairwise, product

import pytest
import torch

import suite
from suite.tasks import Batch, scores
from suite.tasks.baselines import baselines
from suite.tasks.conformance import check
from suite.tasks.paths import collapsed, ctc, distances, path, symbol_errors
from suite.tasks.streams import drawn


def meaning(classes):
    """What a path stands for, by the definition."""
    return [k for k, _ in groupby(classes) if k]


def lines(draw, sizes=(5, 8, 3, 6), kinds=3):
    """Paths of several lengths side by side, as a batch whose x is of no interest."""
    y = torch.full((max(sizes), len(sizes)), -1)
    for k, size in enumerate(sizes):
        y[:size, k] = path(torch.randint(1, kinds + 1, (max(size // 2, 1),), generator=draw).tolist(), size)
    mask = y >= 0
    return Batch(torch.zeros(*y.shape, 1), y, mask)


@pytest.mark.parametrize("classes", list(product((0, 1, 2), repeat=5)))
def test_a_path_collapses_as_defined(classes):
    found, counts = collapsed(torch.tensor(classes)[:, None])
    assert found[: int(counts[0]), 0].tolist() == meaning(classes)


@pytest.mark.parametrize("symbols", [[], [4], [4, 4], [1, 2, 2, 2, 1], list(range(1, 8))])
@pytest.mark.parametrize("more", [0, 1, 5, 40])
def test_a_path_stands_for_its_symbols(symbols, more):
    least = len(symbols) + sum(a == b for a, b in pairwise(symbols))
    found = path(symbols, least + more)
    assert len(found) == least + more
    assert meaning(found.tolist()) == symbols
    if least:
        with pytest.raises(ValueError, match=f"{len(symbols)} symbols need {least} steps, and there are {least - 1}"):
            path(symbols, least - 1)


def test_the_loss_of_a_worked_example():
    """Two steps, the symbol a: the paths aa, -a and a- of probabilities 0.6 · 0.3, 0.4 · 0.3 and 0.6 · 0.7 sum to 0.72."""
    output = torch.tensor([[0.4, 0.6], [0.7, 0.3]]).log()[:, None, None]
    batch = Batch(torch.zeros(2, 1, 1), torch.tensor([[1], [0]]), torch.ones(2, 1, dtype=torch.bool))
    assert float(ctc(output, batch)) == pytest.approx(-math.log(0.72), rel=1e-6)
    assert float(symbol_errors(output, batch)) == 0.0  # a, then the blank
    assert float(symbol_errors(output.flip(-1), batch)) == 0.0  # the blank, then a
    assert float(symbol_errors(output - torch.tensor([0.0, 9.0]), batch)) == 1.0  # nothing


def test_the_loss_is_the_sum_over_all_paths():
    draw = torch.Generator().manual_seed(0)
    batch = lines(draw)
    output = torch.randn(8, 2, 4, 4, generator=draw, dtype=torch.double)
    for replica in range(2):
        total = 0.0
        for k in range(4):
            steps = int(batch.mask[:, k].sum())
            logs, wanted = output[:steps, replica, k].log_softmax(-1), meaning(batch.y[:steps, k].tolist())
            total -= math.log(sum(math.exp(sum(float(logs[t, c]) for t, c in enumerate(classes))) for classes in product(range(4), repeat=steps) if meaning(classes) == wanted))
        symbols = sum(len(meaning(batch.y[batch.mask[:, k], k].tolist())) for k in range(4))
        assert float(ctc(output, batch)[replica]) == pytest.approx(total / symbols, rel=1e-9)


@cache
def levenshtein(one, other):
    """The recursion by which it is defined."""
    if not one or not other:
        return len(one) + len(other)
    return min(levenshtein(one[1:], other[1:]) + (one[0] != other[0]), levenshtein(one[1:], other) + 1, levenshtein(one, other[1:]) + 1)


def test_distances_are_those_of_the_definition():
    draw = torch.Generator().manual_seed(1)
    one, other = (torch.randint(1, 4, (7, 200), generator=draw) for _ in range(2))
    sizes, counts = (torch.randint(0, 8, (200,), generator=draw) for _ in range(2))
    found = distances(one, sizes, other, counts).tolist()
    assert found == [levenshtein(tuple(one[:a, k].tolist()), tuple(other[:b, k].tolist())) for k, (a, b) in enumerate(zip(sizes.tolist(), counts.tolist(), strict=True))]
    assert len(set(found)) > 4


@pytest.mark.parametrize(("said", "wanted", "errors"), [("kitten", "sitting", 3), ("", "ab", 2), ("ab", "a", 1), ("abc", "abc", 0), ("aab", "ab", 1)])
def test_the_error_rate_of_a_worked_example(said, wanted, errors):
    number = {letter: k for k, letter in enumerate(sorted(set(said + wanted)), start=1)}
    y = path([number[letter] for letter in wanted], 20)
    output = scores.certain(len(number) + 1)(path([number[letter] for letter in said], 20)[:, None])
    batch = Batch(torch.zeros(20, 1, 1), y[:, None], torch.ones(20, 1, dtype=torch.bool))
    assert float(symbol_errors(output, batch)) == pytest.approx(errors / len(wanted))


def test_where_the_answer_puts_its_symbols_is_not_heard():
    draw = torch.Generator().manual_seed(2)
    batch = lines(draw, (9, 9))
    output = torch.randn(9, 3, 2, 4, generator=draw)
    late = torch.stack([path(meaning(y), 8) for y in batch.y.T.tolist()], 1)
    other = batch._replace(y=torch.cat([torch.zeros(1, 2, dtype=torch.long), late]))
    assert not torch.equal(batch.y, other.y)
    assert torch.equal(ctc(output, batch), ctc(output, other))
    assert torch.equal(symbol_errors(output, batch), symbol_errors(output, other))


def test_the_gradient_is_that_of_numbers():
    draw = torch.Generator().manual_seed(3)
    batch = lines(draw, (5, 3))
    output = torch.randn(5, 2, 2, 4, generator=draw, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda o: ctc(o, batch), output)


def spelled():
    """Letters drawn as their number for two steps each, with a pause between: what was drawn?"""

    def draw(n, generator):
        letters = torch.randint(1, 4, (4, n), generator=generator)
        x = torch.stack([letters, letters, torch.zeros_like(letters)], 1).flatten(0, 1)
        y = torch.stack([path(column, 12) for column in letters.T.tolist()], 1)
        return Batch(torch.nn.functional.one_hot(x, 4).to(torch.get_default_dtype()), y, torch.ones(12, n, dtype=torch.bool))

    like = suite.task("parity", length=5, supervision="every")
    return replace(like, name="spelled", batches=drawn(draw, {"train": 1280, "validation": 128, "test": 256}), inputs=4, outputs=4, loss=ctc, metric=symbol_errors,
                   oracle=lambda batch: scores.certain(4)(batch.y), chance=1 - (1 - (2 / 3) ** 4) / 4, solved=0.05, better="lower", per="symbol")  # fmt: skip


def test_a_task_of_labels_without_times_has_every_property():
    assert {finding.name: finding.detail for finding in check(spelled()) if not finding.holds} == {}


def test_it_is_weighed_by_symbols():
    task = spelled()
    batch = next(task.batches("train", 7, torch.Generator()))
    assert task.weight(batch) == (28, 28)
    found = {b.name: b for b in baselines(task)}
    assert found["best constant"].n == 256
    assert found["best constant"].score == pytest.approx(task.chance, abs=0.05)


def test_a_small_network_learns_it():
    task = spelled()
    (run,) = suite.fit(suite.network("gru", 12, inputs=4, outputs=4, readout="every"), task, 1, suite.Optimiser(name="adam", lr=0.02), steps=200, evaluate_every=50, until_solved=True)
    assert run.status == "done"
    assert task.solves(run.validation), run.curve
