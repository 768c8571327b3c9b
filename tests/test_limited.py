"""Any task at a size of its training set: exactly n examples, the same in every pass and at every seed, in an order of the seed."""

from dataclasses import replace

import pytest
import torch

import suite
from suite.launch.lookup import canonical
from suite.tasks import Batch
from suite.tasks.conformance import check
from suite.tasks.limited import joined, rows
from suite.tasks.streams import contiguous, drawn


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def examples(task, size=8, seed=0, split="train"):
    return [row for batch in task.batches(split, size, seeded(seed)) for row in rows(batch)]


@pytest.mark.parametrize("name", ["adding(length=6)", "parity(length=40, lengths='random', supervision='every')", "temporal-order(length=20)", "digits-rows"])
def test_exactly_n_examples_in_an_order_of_the_seed(name):
    task = suite.task(name, train=40)
    one, other = examples(task), examples(task, seed=1)
    assert len(one) == len(set(one)) == 40
    assert one != other
    assert sorted(one) == sorted(other) == sorted(examples(suite.task(name, train=40), size=40, seed=5))
    assert len(examples(task, size=16)) == 32, "a last incomplete batch is dropped"
    assert len(examples(task, size=64)) == 40, "unless it is the only one"


@pytest.mark.parametrize("name", ["adding(length=6)", "digits-rows"])
def test_smaller_sets_are_the_beginnings_of_larger_ones(name):
    few, more = (set(examples(suite.task(name, train=n), size=1)) for n in (30, 90))
    assert few < more


def test_the_other_splits_are_the_task_s_own():
    for split in ("validation", "test"):
        assert examples(suite.task("adding", length=6, train=5), split=split) == examples(suite.task("adding", length=6), split=split)


def test_more_than_a_pass_is_drawn_further():
    assert len(set(examples(suite.task("adding", length=4, train=20_000), size=100))) == 20_000


def test_all_of_a_stored_set_and_not_one_more():
    whole = examples(suite.task("digits-rows"), size=1)
    assert sorted(examples(suite.task("digits-rows", train=len(whole)), size=1)) == sorted(whole)
    with pytest.raises(ValueError, match=f"task 'digits-rows' has 1,258 training examples, and train={len(whole) + 1} asks for more"):
        examples(suite.task("digits-rows", train=len(whole) + 1))


def test_a_fixed_set_of_drawn_strings_is_not_drawn_twice():
    base = suite.task("adding", length=4)
    fixed = replace(base, batches=lambda split, size, generator: base.batches(split, size, seeded(3)))
    with pytest.raises(ValueError, match="has 12,800 training examples"):
        examples(suite.tasks.limited.limited(fixed, 12_801))


def test_a_set_sorted_by_label_keeps_both_labels(data):
    data("imdb")
    batch = next(suite.task("imdb", length=5, words=9, train=100).batches("train", 100, seeded()))
    assert 30 < int(batch.y.sum()) < 70


def test_of_rows_that_go_on_it_is_the_first_steps():
    long = torch.arange(100)
    base = replace(suite.task("parity", length=4, supervision="every"), batches=contiguous(lambda _: (long, long % 2), 7), stateful=True, tokens=True, inputs=100)
    few = suite.tasks.limited.limited(base, 30)
    assert [batch.x.T.tolist() for batch in few.batches("train", 2, seeded())] == [[list(range(7)), list(range(15, 22))], [list(range(7, 14)), list(range(22, 29))], [[14], [29]]]
    with pytest.raises(ValueError, match="has 100 training steps, and train=101 asks for more"):
        next(suite.tasks.limited.limited(base, 101).batches("train", 2, seeded()))


def test_padding_and_steps_not_asked_stay_so():
    def draw(n, generator):
        ends = torch.randint(1, 9, (n,), generator=generator)
        mask = torch.arange(int(ends.max()))[:, None] < ends
        x = torch.where(mask, 1 + torch.rand(mask.shape, generator=generator), 0.0)
        y = torch.where(x > 1.5, x, torch.nan)
        return Batch(x[..., None], y, mask)

    base = replace(suite.task("adding", length=9), batches=drawn(draw), supervision="every", inputs=1, oracle=lambda b: b.y.nan_to_num(0.0)[:, None, :, None])
    for batch in suite.tasks.limited.limited(base, 200).batches("train", 20, seeded()):
        torch.testing.assert_close(batch.y, torch.where(batch.x[..., 0] > 1.5, batch.x[..., 0], torch.nan), equal_nan=True)
        assert torch.equal(batch.mask, batch.x[..., 0] > 0)
        assert batch.mask.any(1).all(), "a batch is as long as its longest example"


def test_batches_of_other_lengths_are_joined_with_padding_that_asks_nothing():
    for fill, kind in ((-1, torch.long), (torch.nan, torch.float)):
        pieces = [Batch(torch.ones(t, 2, 1), torch.ones(t, 2, dtype=kind), torch.ones(t, 2, dtype=torch.bool)) for t in (3, 1)]
        x, y, mask = joined(pieces)
        assert x[..., 0].T.tolist() == [[1, 1, 1]] * 2 + [[1, 0, 0]] * 2
        assert mask.T.tolist() == [[True] * 3] * 2 + [[True, False, False]] * 2
        torch.testing.assert_close(y[1:, 2:], torch.full((2, 2), fill, dtype=kind), equal_nan=True)
    once = [Batch(torch.ones(t, 2, 1), torch.full((2,), t), torch.ones(t, 2, dtype=torch.bool)) for t in (3, 1)]
    assert joined(once).y.tolist() == [3, 3, 1, 1]


def test_names_carry_it():
    assert suite.task("adding(train=7)", length=6).name == "adding(form='halves', length=6, train=7)"
    assert canonical("adding(train=7)") == suite.task("adding", train=7).name == "adding(form='halves', length=100, train=7)"
    assert suite.task(suite.task("digits-rows", train=9).name).name == "digits-rows(train=9)"


def test_the_battery_holds():
    assert [f for f in check(suite.task("parity", length=8, lengths="random", train=60)) if not f.holds] == []


@pytest.mark.parametrize("given", [0, -1, 2.5, True, "all", 10**7])
def test_a_size_that_is_none_is_one_sentence(given):
    with pytest.raises(ValueError, match="train is the number of training examples, from 1 to 1,000,000, not"):
        suite.task("adding", length=6, train=given)
