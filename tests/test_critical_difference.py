"""The critical-difference diagram shows every cell, bars where nothing is separated, and says the same in words."""

import re

import numpy as np
import pytest

from suite.report.critical_difference import described, draw
from suite.report.style import Look
from suite.stats import ranking

CELLS = ["gru", "lstm", "rnn <b>"]


@pytest.fixture
def found():
    base = np.random.default_rng(0).normal(size=12)
    wave = 0.01 * np.arange(12) * (-1.0) ** np.arange(12)
    return ranking(dict(zip(CELLS, (base, base + wave, base - 1), strict=True)))


def test_it_has_a_name_and_says_ranks_ties_and_n(found):
    figure = draw(found, Look(CELLS), "c0")
    assert 'role="img" aria-labelledby="c0-t c0-d"' in figure
    assert "Mean ranks over 12 tasks" in figure
    words = described(found)
    assert "gru and lstm are not separated" in words
    assert "n = 12 tasks" in words
    assert re.search(r"lstm 1\.\d\d \[\d\.\d\d, \d\.\d\d\]", words)
    assert "Friedman's test: p = " in words
    assert "cannot separate" not in words


def bars(figure):
    return sum(path.count("M") for path in re.findall(r'<path d="([^"]*)" style="[^"]*stroke-width:3.5"', figure))


def test_a_bar_stands_for_each_clique_and_only_there(found):
    assert bars(draw(found, Look(CELLS), "c0")) == 1
    assert bars(draw(found._replace(cliques=()), Look(CELLS), "c0")) == 0
    assert "all cells are separated" in described(found._replace(cliques=()))
    both = found._replace(cliques=(tuple(found.ranks)[:2], tuple(found.ranks)[1:]))
    assert bars(draw(both, Look(CELLS), "c0")) == 2


def test_names_are_text_and_the_same_data_give_the_same_bytes(found):
    first, again = (draw(found, Look(CELLS), "c0", "seeds") for _ in range(2))
    assert first == again
    assert "<b>" not in first
    assert "12 seeds" in first


def test_too_few_tasks_are_told(found):
    assert "So few tasks cannot separate any two" in described(ranking({name: [1.0, 2.0, 3.0 + k] for k, name in enumerate(CELLS)}))
