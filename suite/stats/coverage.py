"""How often the intervals hold the true figure: by simulation, for scores of several shapes and 5, 10 and 20 runs.

`python -m suite.stats.coverage 4000` prints the table of the page on statistics, in so many repeats.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from scipy import stats

from suite.stats.best_of import best_of
from suite.stats.bootstrap import bootstrap_interval, iqm
from suite.stats.delay import critical
from suite.stats.improvement import improvement
from suite.stats.intervals import Interval, mean_interval, median_interval, share_interval
from suite.stats.profiles import profile
from suite.stats.reaching import reaching
from suite.stats.samples import Array
from suite.stats.welch import welch

Draw = Callable[[np.random.Generator, int], Array]
RUNS = (5, 10, 20)
RESAMPLES = 1000

SCORES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "skewed": lambda rng, n: rng.lognormal(0, 0.8, n),  # losses with a long tail
    "near the top": lambda rng, n: rng.beta(20, 1, n),  # accuracies close to 1
    "two humps": lambda rng, n: np.where(rng.random(n) < 0.7, 1.0, 0.5) + rng.normal(0, 0.02, n),  # solved or not
}


class Situation(NamedTuple):
    """A figure, the scores it is of, and whether the interval of n fresh runs holds the truth."""

    figure: str
    scores: str
    holds: Callable[[np.random.Generator, int], bool]


def coverage(situation: Situation, n: int, repeats: int, generator: np.random.Generator) -> Interval:
    """The share of repeats in which the interval of n runs holds the truth, with Wilson's interval of that share."""
    return share_interval(sum(situation.holds(generator, n) for _ in range(repeats)) / repeats, repeats)


def situations() -> Iterator[Situation]:
    """All that the page tells of."""
    for name in SCORES:
        yield Situation("mean", name, partial(_mean, name))
    for tasks in (1, 5):
        for name in SCORES:
            yield Situation(f"interquartile mean, {many(tasks)}", name, partial(_iqm, name, tasks))
    yield Situation("median of timings", "skewed", lambda rng, n: within(median_interval(list(SCORES["skewed"](rng, n))), 1.0))
    for p in (0.5, 0.8, 0.95):
        yield Situation("share of runs", f"true share {p}", partial(_share, p))
    yield Situation("profile, five tasks", "normal", _profile)
    for tasks in (1, 5):
        for gap in (0.0, 1.0, 2.5):
            yield Situation(f"probability of improvement, {many(tasks)}", f"normal, {gap:g} deviations apart", partial(_improvement, gap, tasks))
    yield Situation("difference (Welch)", "normal, spreads 1 and 3", lambda rng, n: within(welch(rng.normal(0, 1, n), rng.normal(0, 3, n)).difference, 0.0))
    yield Situation("difference (Welch)", "skewed against skewed", lambda rng, n: within(welch(SCORES["skewed"](rng, n), SCORES["skewed"](rng, n)).difference, 0.0))
    yield Situation("effect (Hedges)", "normal, 1 deviation apart", lambda rng, n: within(welch(rng.normal(1, 1, n), rng.normal(0, 1, n)).effect, 1.0))
    yield Situation("median time to accuracy", "a fifth unfinished", _reaching)
    yield Situation("critical delay", "seven difficulties, steep or flat", _critical)


def searches() -> Iterator[tuple[int, int, Situation]]:
    """Best-of-k curves: trials, k, and the situation."""
    for n in (20, 50, 200):
        for k in sorted({n // 20, n // 10, n // 4, n // 2}):
            yield n, k, Situation("best of k", "uniform", partial(_best_of, k))


def many(tasks: int) -> str:
    """One task, or five."""
    return {1: "one task", 5: "five tasks"}[tasks]


def within(interval: Interval | None, truth: float) -> bool:
    """Whether an interval holds the truth, to rounding."""
    return interval is not None and interval.low - 1e-12 <= truth <= interval.high + 1e-12


def mean_of(name: str) -> float:
    """The true mean of scores of one shape."""
    return {"normal": 0.0, "skewed": float(np.exp(0.32)), "near the top": 20 / 21, "two humps": 0.85}[name]


@cache
def iqm_of(name: str, tasks: int) -> float:
    """The interquartile mean of very many runs, tasks one apart."""
    drawn = np.concatenate([SCORES[name](np.random.default_rng(k), 2_000_000 // tasks) + k for k in range(tasks)])
    return float(iqm(drawn))


def _mean(name: str, rng: np.random.Generator, n: int) -> bool:
    return within(mean_interval(list(SCORES[name](rng, n))), mean_of(name))


def _iqm(name: str, tasks: int, rng: np.random.Generator, n: int) -> bool:
    return within(bootstrap_interval([SCORES[name](rng, n) + k for k in range(tasks)], rng, iqm, RESAMPLES), iqm_of(name, tasks))


def _share(p: float, rng: np.random.Generator, n: int) -> bool:
    return within(share_interval(rng.binomial(n, p) / n, n), p)


def _best_of(k: int, rng: np.random.Generator, n: int) -> bool:
    return within(best_of(rng.random(n), rng, budgets=[k], resamples=RESAMPLES)[0].score, k / (k + 1))


def _profile(rng: np.random.Generator, n: int) -> bool:
    return within(profile([rng.normal(k - 2, 1, n) for k in range(5)], [0.0]).shares[0], float(np.mean(stats.norm.cdf(np.arange(5) - 2))))


def _improvement(gap: float, tasks: int, rng: np.random.Generator, n: int) -> bool:
    found = improvement([rng.normal(gap, 1, n) for _ in range(tasks)], [rng.normal(0, 1, n) for _ in range(tasks)])
    return within(found, float(stats.norm.cdf(gap / np.sqrt(2))))


def _reaching(rng: np.random.Generator, n: int) -> bool:
    times = rng.exponential(1, n)
    found = reaching(np.minimum(times, np.log(5)), times <= np.log(5)).median
    return (found.low is None or found.low <= np.log(2)) and (found.high is None or found.high >= np.log(2))


def _critical(rng: np.random.Generator, n: int) -> bool:
    difficulty = np.arange(1.0, 8.0)
    solves = 1 / (1 + np.exp(rng.uniform(0.7, 4) * (difficulty - rng.uniform(1.5, 6.5))))
    truth = int((solves >= 0.5).sum())
    table = rng.random((n, 7)) < solves
    found = critical({d: [bool(each) for each in table[:, k]] for k, d in enumerate(difficulty)}, rng, RESAMPLES)
    return (found.low or 0) <= truth <= (found.high or 0)


def main(repeats: int, seed: int = 0) -> None:
    """Print both tables as Markdown."""
    print(f"| figure | scores | {' | '.join(f'n = {n}' for n in RUNS)} |\n|---|---|{'---:|' * len(RUNS)}")
    for situation in situations():
        found = [coverage(situation, n, repeats, np.random.default_rng([seed, n])) for n in RUNS]
        print(f"| {situation.figure} | {situation.scores} | {' | '.join(f'{100 * each.center:.1f}' for each in found)} |", flush=True)
    print("\n| trials | k | covers |\n|---:|---:|---:|")
    for n, k, situation in searches():
        print(f"| {n} | {k} | {100 * coverage(situation, n, repeats, np.random.default_rng([seed, n, k])).center:.1f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
