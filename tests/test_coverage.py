"""Intervals at 95 % hold the truth about as often, or as often as the page on statistics says."""

import math
import re

import numpy as np
import pytest

from suite.stats.coverage import RUNS, coverage, searches, situations

KEPT = {  # 93 to 97 % at 5, 10 and 20 runs
    ("mean", "normal"),
    ("interquartile mean, five tasks", "normal"),
    ("interquartile mean, five tasks", "two humps"),
    ("probability of improvement, one task", "normal, 0 deviations apart"),
    ("probability of improvement, five tasks", "normal, 1 deviations apart"),
    ("difference (Welch)", "normal, spreads 1 and 3"),
}


def told(root):
    """(figure, scores, n) or (trials, k) -> per cent, as the page says."""
    lines = (root / "docs" / "explanation" / "statistics.md").read_text(encoding="utf-8").splitlines()
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    table = {(row[0], row[1], n): float(share) for row in rows if len(row) == 5 and re.fullmatch(r"[\d.]+", row[2]) for n, share in zip(RUNS, row[2:], strict=True)}
    return table | {(int(row[0]), int(row[1])): float(row[2]) for row in rows if len(row) == 3 and row[0].isdigit()}


@pytest.mark.parametrize("situation", [s for s in situations() if (s.figure, s.scores) in KEPT], ids=lambda s: f"{s.figure}: {s.scores}")
@pytest.mark.parametrize("n", RUNS)
def test_intervals_cover_what_they_promise(situation, n):
    found = coverage(situation, n, 400, np.random.default_rng(n))
    assert found.low <= 0.97
    assert found.high >= 0.93


def test_a_wrong_interval_is_found_out():
    (situation,) = (s for s in situations() if (s.figure, s.scores) == ("mean", "skewed"))
    assert coverage(situation, 5, 400, np.random.default_rng(0)).high < 0.93


def test_the_page_tells_of_every_situation(root):
    expected = {(s.figure, s.scores, n) for s in situations() for n in RUNS} | {(n, k) for n, k, _ in searches()}
    assert set(told(root)) == expected
    assert all(93 <= told(root)[*pair, n] <= 97 for pair in KEPT for n in RUNS)


@pytest.mark.exhaustive
@pytest.mark.parametrize("situation", list(situations()), ids=lambda s: f"{s.figure}: {s.scores}")
def test_the_page_says_what_is_covered(root, situation):
    for n in RUNS:
        agree(told(root)[situation.figure, situation.scores, n], coverage(situation, n, 2000, np.random.default_rng([1, n])).center)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("n", "k", "situation"), list(searches()))
def test_the_page_says_what_a_search_covers(root, n, k, situation):
    agree(told(root)[n, k], coverage(situation, n, 2000, np.random.default_rng([1, n, k])).center)


def agree(said, found):
    """Within four standard errors of 4000 against 2000 repeats, and the rounding of the page."""
    share = min(max(said / 100, 0.01), 0.99)
    assert abs(said / 100 - found) <= 4 * math.sqrt(share * (1 - share) * (1 / 4000 + 1 / 2000)) + 5e-4
