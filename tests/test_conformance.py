"""The battery of tasks can fail: each property goes red on a task that breaks it, and holds for every kind of answer."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

import suite
from suite.tasks import Batch, Task, scores
from suite.tasks.conformance import PROPERTIES, check
from suite.tasks.streams import contiguous, drawn, stored
from suite.tasks.task import Source, asked

NAN = math.nan


def failed(task):
    return {finding.name: finding.detail for finding in check(task) if not finding.holds}


def remade(task, change, where=("train", "validation", "test")):
    """The task with every batch changed."""

    def batches(split, size, generator):
        for batch in task.batches(split, size, generator):
            yield change(batch) if split in where else batch

    return replace(task, batches=batches)


ECHO = suite.task("parity", length=5, lengths="random", supervision="every")
SUM = suite.task("adding", length=6)


def certain(y):
    return torch.logit(y.clamp(1e-6, 1 - 1e-6))


def numbers(tolerance=0.3):
    """Say at the last step, by a logistic output, whether the first input was positive: 0.1, 0.5 or 1; right within the tolerance."""

    def draw(n, generator):
        x = torch.randint(3, (4, n, 1), generator=generator).float() - 1.0
        y = torch.full((4, n), NAN)
        y[-1] = torch.tensor([0.1, 0.5, 1.0])[(x[0, :, 0] + 1).long()]
        return Batch(x, y, torch.ones(4, n, dtype=torch.bool))

    score = scores.logistic(scores.within(tolerance))
    return replace(SUM, name="numbers", batches=drawn(draw), inputs=1, loss=scores.logistic(scores.squared_error), metric=score,
                   oracle=lambda batch: certain(batch.y.nan_to_num(0.5))[:, None, :, None], chance=2 / 3, solved=0.99, better="higher", supervision="every", per="sequence")  # fmt: skip


def vectors():
    """Bits that copy those of the step before; probabilities from logits, summed over the three."""

    def draw(n, generator):
        x = torch.randint(2, (5, n, 3), generator=generator).float()
        return Batch(x, torch.cat([torch.full((1, n, 3), NAN), x[:-1]]), torch.ones(5, n, dtype=torch.bool))

    return replace(ECHO, name="vectors", batches=drawn(draw), inputs=3, outputs=3, loss=scores.bernoulli, metric=scores.bernoulli, oracle=lambda b: 30 * (2 * b.y.nan_to_num(0.5) - 1).unsqueeze(1),
                   chance=3 * math.log(2), solved=0.1, better="lower", answer="vector")  # fmt: skip


def noisy():
    """A bit that the input tells with probability 0.9: the best is 0.9."""

    def draw(n, generator):
        bit = torch.randint(2, (n,), generator=generator)
        seen = bit ^ (torch.rand(n, generator=generator) < 0.1)
        return Batch(2.0 * seen.float()[None, :, None] - 1, bit, torch.ones(1, n, dtype=torch.bool))

    def oracle(batch):
        return math.log(9) * torch.stack([-batch.x[0, :, 0], batch.x[0, :, 0]], -1)[None] / 2

    return replace(suite.task("parity", length=1), name="noisy", batches=drawn(draw), oracle=oracle, solved=0.85, best=0.9)


def stream(rule=contiguous):
    """The token after this one, of one long sequence a split; scored in nats."""
    text = {split: torch.randint(5, (400 + k,), generator=torch.Generator().manual_seed(k)) for k, split in enumerate(("train", "validation", "test"))}
    y = text["test"][1:]
    shares = torch.bincount(y, minlength=5).double() / len(y)
    entropy = float(-(shares * shares.log()).sum())
    batches = rule(lambda split: (text[split][:-1], text[split][1:]), 7)
    return replace(ECHO, name="stream", batches=batches, inputs=5, outputs=5, loss=scores.cross_entropy, metric=scores.cross_entropy, oracle=lambda b: scores.certain(5)(b.y),
                   chance=entropy, solved=0.2, better="lower", tokens=True, stateful=True, data=Source("mine", ("train",), content="abc"))  # fmt: skip


def shelf(train=range(60), test=range(70, 90), overlap=0, label=lambda k: k % 2):
    """Numbered examples held in arrays."""
    sets = {"train": list(train), "validation": list(range(60, 70)), "test": list(test)}

    def split(name):
        rows = torch.tensor(sets[name])
        return rows, lambda some: Batch(some.float()[None, :, None] + 1, label(some), torch.ones(1, len(some), dtype=torch.bool))

    return replace(suite.task("parity", length=1), name="shelf", batches=stored(split), oracle=lambda b: scores.certain(2)(b.y), data=Source("shelf", ("all",), "abc", overlap))


@pytest.mark.parametrize("make", [lambda: ECHO, lambda: SUM, numbers, vectors, noisy, stream, shelf, lambda: suite.task("parity", length=5, lengths="random", train=50)])
def test_a_whole_task_of_any_kind_has_every_property(make):
    assert failed(make()) == {}


def touching(batch):
    random.random()
    np.random.rand()  # noqa: NPY002
    torch.rand(1)
    return batch


def late(batch):
    """Padding at the front."""
    return Batch(*(t.flip(0) for t in batch))


def shifting(rule):
    """Rows that change places from batch to batch."""

    def made(*given):
        batches = rule(*given)

        def shifted(split, size, generator):
            for k, batch in enumerate(batches(split, size, generator)):
                yield Batch(*(t.roll(k, 1) for t in batch))

        return shifted

    return made


def endless(task):
    def batches(split, size, generator):
        while True:
            yield from task.batches(split, size, generator)

    return replace(task, batches=batches)


def forgiving(task):
    def batches(split, size, generator):
        return task.batches("train" if split == "validate" else split, size, generator)

    return replace(task, batches=batches)


def whole(score):
    """A score that takes every step for asked."""
    return lambda output, batch: score(output, Batch(batch.x, batch.y, torch.ones_like(batch.mask)))


BROKEN = {
    "x of another width": (replace(SUM, inputs=3), "shapes, types and padding", "x must be (6, 7, 3), not (6, 7, 2)"),
    "doubles": (remade(SUM, lambda b: b._replace(x=b.x.double())), "shapes, types and padding", "x must be torch.float32, not torch.float64"),
    "padding in front": (remade(ECHO, late), "shapes, types and padding", "a sequence without a step"),
    "something in the padding": (remade(ECHO, lambda b: b._replace(x=b.x + 1)), "shapes, types and padding", "x is not 0 where it is masked"),
    "a class too many": (remade(ECHO, lambda b: b._replace(y=b.y * 2)), "shapes, types and padding", "classes must lie in 0 … 1"),
    "nothing asked": (remade(ECHO, lambda b: b._replace(y=b.y * 0 - 1)), "shapes, types and padding", "a batch asks for nothing"),
    "a sequence that asks for nothing": (remade(numbers(), lambda b: b._replace(y=torch.where(b.x[0, :, 0] > 0, NAN, b.y))), "shapes, types and padding", "counts as right"),
    "numbers for classes": (remade(ECHO, lambda b: b._replace(y=b.y.float())), "shapes, types and padding", "y must be torch.int64"),
    "an answer a step": (replace(SUM, supervision="every"), "shapes, types and padding", "y must be (6, 7), not (7,)"),
    "no end": (endless(SUM), "splits", "more than 1,000,000 examples"),
    "any split": (forgiving(SUM), "splits", "an unknown split, 'validate', must be a ValueError"),
    "an empty split": (shelf(test=[]), "splits", "test is empty"),
    "one seed": (replace(SUM, batches=lambda split, size, _: SUM.batches(split, size, torch.Generator().manual_seed(3))), "the seed decides the examples", "another seed gives the same"),
    "a global generator": (remade(SUM, touching), "no global generator is touched", "torch, numpy, random"),
    "one figure for all": (replace(SUM, metric=lambda o, b: scores.squared_error(o, b).mean()), "one figure a replica", "the metric of 3 replicas has shape ()"),
    "replicas that hear each other": (replace(SUM, loss=lambda o, b: scores.squared_error(o - o.mean(0), b)), "one figure a replica", "the loss of a replica depends"),
    "a loss that hears the padding": (replace(ECHO, loss=whole(scores.cross_entropy)), "what is not asked does not count", "the loss hears outputs that are masked"),
    "a metric that hears the padding": (replace(ECHO, metric=whole(scores.accuracy)), "what is not asked does not count", "the metric hears outputs that are masked"),
    "a metric that hears what is not asked": (replace(numbers(), metric=lambda o, b: o.sigmoid().mean((0, 2, 3))), "what is not asked does not count", "the metric hears outputs that are not asked"),
    "an oracle that errs": (replace(ECHO, oracle=lambda b: -ECHO.oracle(b)), "the oracle is best", "the oracle scores 0, the best is 1"),
    "an oracle whose loss is high": (replace(ECHO, oracle=lambda b: ECHO.oracle(b) * 1e-9), "the oracle is best", "is above that of a constant"),
    "a best out of reach": (replace(noisy(), best=0.95), "the oracle is best", "and best is 0.95"),
    "solved by chance": (replace(ECHO, solved=0.4), "the oracle is best", "are not in order"),
    "chance too low": (replace(ECHO, chance=0.47), "the best constant scores chance", "chance is 0.47"),
    "chance too high": (replace(SUM, chance=0.2), "the best constant scores chance", "chance is 0.2"),
    "chance of the mean": (replace(numbers(0.05), chance=2 / 3), "the best constant scores chance", "the best constant scores 0.3"),
    "chance of a vector": (replace(vectors(), chance=2.0), "the best constant scores chance", "the best constant scores 2.079"),
    "chance of a finite set, nearly": (replace(shelf(), chance=0.499), "the best constant scores chance", "exact over 20"),
    "an overlap": (shelf(test=range(55, 80)), "splits share no example", "5 in train and test, 10 in validation and test"),
    "an overlap declared too high": (shelf(overlap=3), "splits share no example", "overlap is declared as 3"),
    "rows that change places": (stream(shifting(contiguous)), "stateful rows go on", "4 rows laid end to end are not the one long row"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_task_is_told_which_property(name):
    task, broken, sentence = BROKEN[name]
    found = failed(task)
    assert sentence in found.get(broken, "it holds"), found


def test_every_property_but_the_figure_of_drawing_can_fail():
    assert {broken for _, broken, _ in BROKEN.values()} == set(PROPERTIES) - {"drawing"}


def test_an_overlap_that_is_declared_is_none():
    assert failed(shelf(test=range(56, 80), overlap=14)) == {}


def test_the_overlap_of_imdb_is_the_one_declared(data, monkeypatch):
    data("imdb")
    task = suite.task("imdb", length=80, words=2000)
    assert "splits share no example" not in failed(task)
    monkeypatch.setattr(Source, "overlap", 122)
    assert "123 rows of imdb stand in two stored splits, and its manifest declares 122" in failed(task)["splits share no example"]


def test_what_raises_is_a_finding():
    def broken(batch):
        raise KeyError("left")

    assert failed(replace(SUM, oracle=broken))["the oracle is best"] == "KeyError: 'left'"


def test_asked_steps_of_the_kinds_here():
    assert isinstance(numbers(), Task)
    batch = next(vectors().batches("train", 2, torch.Generator()))
    assert asked(batch).sum(0).tolist() == [4, 4]


def test_stored_examples_without_a_source_are_compared_too():
    task = suite.task_from(x=[[[float(k)], [1.0]] for k in range(60)], y=[k % 2 for k in range(60)])

    def batches(split, size, generator):
        yield from task.batches("test" if split == "validation" else split, size, generator)

    findings = {finding.name: finding for finding in check(replace(task, data=None, batches=batches))}
    assert not findings["splits share no example"].holds
    assert "validation and test" in findings["splits share no example"].detail
