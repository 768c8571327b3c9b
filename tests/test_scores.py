"""Losses and metrics by hand: what is not asked does not count, a sequence is right if all of it is."""

import math

import pytest
import torch

from suite.tasks import Batch, scores
from suite.tasks.task import asked

NAN = math.nan
MASK = torch.tensor([[1, 1], [1, 1], [1, 0]]).bool()
X = torch.zeros(3, 2, 1)


def batch(y, mask=MASK):
    return Batch(X, torch.tensor(y), mask)


def test_what_is_asked():
    assert asked(batch([1, 0])).tolist() == [True, True]
    assert asked(batch([[1, -1], [0, 2], [-1, 5]])).tolist() == [[True, False], [True, True], [False, False]]
    assert asked(batch([[0.5, NAN], [0.0, 1.0], [NAN, 1.0]])).tolist() == [[True, False], [True, True], [False, False]]
    vectors = torch.ones(3, 2, 4)
    vectors[0, 1], vectors[2, 0, 3] = NAN, NAN
    assert asked(Batch(X, vectors, MASK)).tolist() == [[True, False], [True, True], [False, False]]


def test_classes_not_asked_do_not_count():
    given = batch([[1, -1], [0, 1], [-1, -1]])
    output = torch.log(torch.tensor([[[0.2, 0.8], [0.9, 0.1]], [[0.4, 0.6], [0.3, 0.7]], [[0.5, 0.5], [0.1, 0.9]]])).unsqueeze(1)
    assert float(scores.cross_entropy(output, given)) == pytest.approx(-math.log(0.8 * 0.4 * 0.7) / 3, rel=1e-6)
    assert float(scores.accuracy(output, given)) == pytest.approx(2 / 3)
    assert float(scores.all_right(output, given)) == 0.5  # the first sequence is wrong at its second step


def test_numbers_and_vectors():
    given = batch([[0.5, NAN], [1.0, 2.0], [NAN, NAN]])
    output = torch.tensor([[[0.0], [9.0]], [[1.5], [2.0]], [[7.0], [7.0]]]).unsqueeze(1)
    assert float(scores.squared_error(output, given)) == pytest.approx((0.25 + 0.25 + 0.0) / 3)
    assert float(scores.within(0.5)(output, given)) == 0.5
    assert float(scores.within(0.51)(output, given)) == 1.0
    whole = Batch(X, torch.tensor([[[1.0, 0.0], [NAN, NAN]], [[0.0, 0.0], [1.0, 1.0]], [[NAN, NAN], [1.0, 0.0]]]), MASK)
    output = torch.zeros(3, 1, 2, 2)
    assert float(scores.squared_error(output, whole)) == pytest.approx((1 + 0 + 2) / 3)
    assert float(scores.bernoulli(output, whole)) == pytest.approx(2 * math.log(2), rel=1e-6)
    assert float(scores.logistic(scores.squared_error)(output, whole)) == pytest.approx(0.5)


def test_last_answers():
    given = batch([1.0, 3.0])
    output = torch.tensor([[[1.5], [3.0]], [[1.0], [3.0]]])
    assert scores.squared_error(output, given).tolist() == pytest.approx([0.125, 0.0])
    assert scores.within(0.2)(output, given).tolist() == [0.5, 1.0]
    assert scores.all_right(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), batch([1, 0])).tolist() == [0.5]


def test_legal_successors_are_larger_than_all_others():
    y = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [[NAN, NAN, NAN], [0.0, 1.0, 0.0]]])
    output = torch.tensor([[[0.3, 0.2, 0.1], [0.1, 0.2, 0.1]], [[0.0, 0.0, 0.1], [0.2, 0.2, 0.1]], [[9.0, 0.0, 0.0], [9.0, 0.0, 0.0]]]).unsqueeze(1)
    assert float(scores.legal(output, Batch(X, y, MASK))) == 0.5  # the second sequence ties at its second step


def test_figures_are_one_a_replica():
    y = torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(0)).round()
    output = torch.randn(3, 5, 2, 4, generator=torch.Generator().manual_seed(1))
    for score in (scores.squared_error, scores.bernoulli, scores.legal, scores.within(0.9), scores.logistic(scores.within(0.9))):
        whole = score(output, Batch(X, y, MASK))
        assert whole.shape == (5,)
        for replica in range(5):
            assert torch.equal(whole[replica : replica + 1], score(output[:, replica : replica + 1], Batch(X, y, MASK)))


def test_logistic_units_that_stand_for_classes():
    given = batch([1, 0])
    logits = torch.logit(torch.tensor([[[0.1, 0.8], [0.6, 0.2]]]))
    assert float(scores.units_squared(logits, given)) == pytest.approx((0.01 + 0.04 + 0.16 + 0.04) / 2, rel=1e-5)
    assert scores.units_within(0.3)(logits, given).tolist() == [0.5]
    assert scores.units_within(0.41)(logits, given).tolist() == [1.0]
