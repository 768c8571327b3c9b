"""The statistics agree with closed forms, hand-worked examples and independent implementations, and refuse what they cannot judge."""

import math
import re
from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import isotonic_regression

from suite import stats as ours
from suite.papers import library
from suite.runs import Run, Score, TrainSpec, where
from suite.runs.run import Point
from suite.stats.best_of import best_weights
from suite.stats.bootstrap import levels
from suite.stats.delay import levels_solved
from suite.stats.intervals import Interval
from suite.stats.ranks import cliques, friedman, signed_ranks
from suite.stats.verdict import power
from suite.stats.welch import below


@pytest.fixture
def rng():
    return np.random.default_rng(7)


# bootstrap, profiles, improvement


@pytest.mark.parametrize("n", [4, 5, 7, 10, 23])
def test_iqm_is_the_trimmed_mean_by_hand(rng, n):
    values = rng.normal(size=n)
    cut = n // 4
    assert ours.iqm(values) == pytest.approx(np.sort(values)[cut : n - cut].mean())
    assert ours.iqm(np.stack([values, values + 1])) == pytest.approx(float(ours.iqm(values)) + np.array([0, 1]))


def test_the_bootstrap_depends_on_its_generator_alone():
    strata = [[0.1, 0.5, 0.3, 0.9], [0.2, 0.8, 0.4, 0.6]]
    first, again, other = (ours.bootstrap_interval(strata, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)
    assert first.center == other.center


def test_the_bootstrap_resamples_within_tasks_only(rng):
    apart = ours.bootstrap_interval([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], rng, lambda scores: scores.mean(axis=-1))
    assert apart == Interval(0.5, 0.5, 0.5, 6)
    mixed = ours.bootstrap_interval([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]], rng, lambda scores: scores.mean(axis=-1))
    assert mixed.high - mixed.low > 0.5


def test_for_a_mean_the_bootstrap_is_students_interval(rng):
    values = rng.normal(size=200)
    found, student = ours.bootstrap_interval([values], rng, lambda scores: scores.mean(axis=-1), resamples=20_000), ours.mean_interval(values)
    assert (found.low, found.high) == pytest.approx((student.low, student.high), abs=0.02 * (student.high - student.low) + 0.005)
    assert levels(10**7, 1)[0] == pytest.approx(0.025, abs=1e-5)
    assert levels(5, 1)[0] == pytest.approx(stats.norm.cdf(-math.sqrt(5 / 4) * 2.7764), rel=1e-3)


def test_a_profile_is_the_share_above_and_falls():
    strata = [[0.1, 0.4, 0.4], [0.2, 0.9, 0.9]]
    found = ours.profile(strata)
    assert found.thresholds == (0.1, 0.2, 0.4, 0.9)
    assert [share.center for share in found.shares] == pytest.approx([5 / 6, 4 / 6, 2 / 6, 0])
    assert all(share.low <= share.center <= share.high and share.high - share.low > 0.1 and share.n == 6 for share in found.shares)
    assert ours.profile([[0.1, 0.4, 0.4]], [0.2]).shares[0] == ours.share_interval(2 / 3, 3)
    assert found.shares[2] == ours.share_interval(2 / 6, 6)


def test_improvement_is_mann_whitneys_u(rng):
    a, b = [rng.integers(0, 5, 6).astype(float) for _ in range(3)], [rng.integers(0, 5, 9).astype(float) for _ in range(3)]
    expected = np.mean([stats.mannwhitneyu(x, y).statistic / 54 for x, y in zip(a, b, strict=True)])
    found = ours.improvement(a, b)
    assert found.center == pytest.approx(expected)
    assert found.n == 45
    turned = ours.improvement(a, b, better="lower")
    assert (turned.center, turned.low, turned.high) == pytest.approx((1 - found.center, 1 - found.high, 1 - found.low))


def test_improvement_keeps_a_width_where_every_run_is_better():
    found = ours.improvement([[4.0, 5.0, 6.0, 7.0, 8.0]], [[1.0, 2.0, 3.0, 3.5, 3.7]])
    assert (found.center, found.high) == (1.0, pytest.approx(1.0))
    assert 0.5 < found.low < 0.9
    # the score equation at its limit, by hand: m = n = 5
    p = found.low
    v = p * (1 - p) / 25 * (1 + 4 * ((1 - p) / (2 - p) + p / (1 + p)))
    assert (1 - p) / math.sqrt(v) == pytest.approx(1.959964, abs=1e-5)


# rankings


def test_friedman_by_hand():
    table = np.array([[3, 2, 1], [3, 2, 1], [3, 1, 2], [2, 3, 1]], dtype=float)
    sums = stats.rankdata(-table, axis=1).sum(axis=0)
    chi = 12 / (4 * 3 * 4) * (sums**2).sum() - 3 * 4 * 4
    assert chi == pytest.approx(4.5)
    assert friedman(table) == pytest.approx(math.exp(-chi / 2))  # two degrees of freedom


def test_signed_ranks_are_exact():
    assert signed_ranks(np.arange(1.0, 7), np.zeros(6)) == pytest.approx(2 / 64)
    difference = np.array([1.0, -2.0, 3.0, 4.0, 5.0])
    signs = [sum(r for r, s in zip((1, 2, 3, 4, 5), each, strict=True) if s) for each in product((0, 1), repeat=5)]
    observed = 1 + 3 + 4 + 5
    assert signed_ranks(difference, np.zeros(5)) == pytest.approx(2 * sum(s >= observed for s in signs) / 32)
    assert signed_ranks(np.ones(4), np.ones(4)) == 1.0


def test_holm_by_its_definition(rng):
    p = rng.random(7) ** 4
    order = np.argsort(p)
    for alpha in (0.01, 0.05, 0.2):
        refused = set()
        for step, k in enumerate(order):
            if p[k] > alpha / (7 - step):
                break
            refused.add(int(k))
        assert {k for k, q in enumerate(ours.holm(p)) if q <= alpha} == refused


def test_cliques_hold_no_pair_that_is_apart_and_are_not_nested(rng):
    for _ in range(50):
        order = list("abcdef")
        apart = {frozenset(pair) for pair in combinations(order, 2) if rng.random() < 0.4}
        found = cliques(order, apart)
        for clique in found:
            assert "".join(clique) in "abcdef"
            assert not any(frozenset(pair) in apart for pair in combinations(clique, 2))
        assert not any(set(x) < set(y) for x, y in product(found, found))
        assert all(frozenset(pair) in apart or any(set(pair) <= set(clique) for clique in found) for pair in pairwise(order))


def test_a_ranking_separates_what_differs_and_says_what_it_cannot(rng):
    base = rng.normal(size=12)
    scores = {"good": base + 1, "also": base + 1 + 0.01 * np.arange(12) * (-1.0) ** np.arange(12), "bad": base - 1}
    found = ours.ranking(scores)
    assert found.cliques == (tuple(sorted(("good", "also"), key=list(found.ranks).index)),)
    assert sum(rank.center for rank in found.ranks.values()) == pytest.approx(6)
    assert all(1 <= rank.low <= rank.center <= rank.high <= 3 for rank in found.ranks.values())
    assert next(iter(ours.ranking(scores, better="lower").ranks)) == "bad"
    few = ours.ranking({name: values[:5] for name, values in scores.items()})
    assert few.least > 0.05
    assert few.cliques == (tuple(few.ranks),)  # five blocks can separate nothing
    assert ours.ranking({"a": [1, 1, 1], "b": [1, 1, 1], "c": [1, 1, 1]}).friedman == 1.0
    assert ours.ranking({"a": [1, 2], "b": [3, 4]}).friedman is None


# Welch


def test_welch_is_scipys(rng):
    for _ in range(20):
        a, b = rng.normal(0, 1, rng.integers(2, 9)), rng.normal(0.5, 3, rng.integers(2, 9))
        found, theirs = ours.welch(a, b), stats.ttest_ind(a, b, equal_var=False)
        assert found.p == pytest.approx(theirs.pvalue)
        interval = theirs.confidence_interval(0.95)
        assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high))
        assert (found.p < 0.05) == (not found.difference.low <= 0 <= found.difference.high)


def test_hedges_effect_by_hand():
    found = ours.welch([2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0]).effect
    pooled = math.sqrt(5 / 3)
    assert found.center == pytest.approx(1 / pooled * (1 - 3 / (4 * 6 - 1)), rel=0.003)  # the usual approximation of the factor
    assert found.low < 0 < found.high
    many = np.linspace(-1.7, 1.7, 400)
    large = ours.welch(many + 0.5, many).effect
    half = 1.96 * math.sqrt(800 / 400**2 + large.center**2 / 1600)
    assert (large.low, large.high) == pytest.approx((large.center - half, large.center + half), abs=0.005)
    assert below(100.0, 2, -50.0) == 1.0
    assert ours.welch([1e6, 1e6 + 1, 1e6 + 2], [0.0, 1.0, 2.0]).effect.low > 1e5


def test_no_spread_is_no_error():
    assert ours.welch([1.0, 1.0], [1.0, 1.0]).p == 1.0
    assert ours.welch([2.0, 2.0], [1.0, 1.0]) == (Interval(1.0, 1.0, 1.0, 4), None, 0.0, 0.0)


def test_variants_keep_the_best_tenth_by_validation_and_are_corrected(rng):
    validation = rng.random(200)
    assert list(ours.best_share(validation, np.arange(200.0), better="lower")) == [float(k) for k in np.argsort(validation)[:20]]
    trials = {name: (validation, validation + shift) for name, shift in (("lstm", 0.0), ("nfg", -0.5), ("cifg", 0.0), ("np", 0.015))}
    found = ours.variants(trials, "lstm")
    assert set(found) == {"nfg", "cifg", "np"}
    assert found["nfg"].adjusted == pytest.approx(3 * found["nfg"].p)
    assert found["nfg"].difference.n == 40
    assert found["np"].adjusted == pytest.approx(3 * found["np"].p)
    assert 0.01 < found["np"].p < 0.3
    assert (found["nfg"].adjusted < 0.05, found["cifg"].p) == (True, 1.0)


# best of k


@pytest.mark.parametrize(("n", "k"), [(5, 1), (5, 3), (6, 6), (7, 2)])
def test_best_of_k_is_the_mean_over_all_subsets(rng, n, k):
    validation, test = rng.permutation(n).astype(float), rng.random(n)
    chosen = [test[max(subset, key=lambda t: validation[t])] for subset in combinations(range(n), k)]
    assert ours.best_of(validation, rng, test, budgets=[k])[0].score.center == pytest.approx(np.mean(chosen))
    turned = [test[min(subset, key=lambda t: validation[t])] for subset in combinations(range(n), k)]
    assert ours.best_of(validation, rng, test, better="lower", budgets=[k])[0].score.center == pytest.approx(np.mean(turned))


def test_weights_of_best_of_k_are_exact():
    n, k = 40, 11
    exact = [Fraction(math.comb(i - 1, k - 1), math.comb(n, k)) for i in range(1, n + 1)]
    assert best_weights(n, k) == pytest.approx([float(each) for each in exact], abs=1e-12)
    assert best_weights(1800, 900).sum() == pytest.approx(1)


def test_equal_validation_scores_are_drawn_alike(rng):
    assert ours.best_of([1.0, 1.0, 0.0], rng, [4.0, 6.0, 100.0], budgets=[3])[0].score.center == pytest.approx(5)


# time to accuracy


def test_kaplan_and_meier_by_hand():
    """Ten runs: at 3 one of ten, at 5 two of nine, 6 left unfinished, at 8 one of six, 9 left unfinished, at 11 two of four, two at the budget."""
    times = [3, 5, 5, 6, 8, 9, 11, 11, 12, 12]
    reached = [True, True, True, False, True, False, True, True, False, False]
    found = ours.reaching(times, reached)
    left = np.cumprod([9 / 10, 7 / 9, 5 / 6, 2 / 4])
    assert found.times == (3.0, 5.0, 8.0, 11.0)
    assert [1 - share.center for share in found.shares] == pytest.approx(left)
    greenwood = 1 / (10 * 9) + 2 / (9 * 7)
    half = 1.959964 * math.sqrt(greenwood) / abs(math.log(left[1]))
    assert (1 - found.shares[1].high, 1 - found.shares[1].low) == pytest.approx((left[1] ** math.exp(half), left[1] ** math.exp(-half)), rel=1e-5)
    assert found.median == (11.0, 3.0, None, 10, 6)


def test_the_remission_times_of_the_textbooks():
    """6-mercaptopurine (Freireich et al. 1963, in every survival text): median 23, 95 % from 13 on the log-log scale, open above."""
    reached = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    found = ours.reaching(reached + censored, [True] * 9 + [False] * 12)
    assert found.median == (23.0, 13.0, None, 21, 9)


def test_without_censoring_the_median_is_that_of_the_times_and_closes_from_six_runs_on():
    for n in (4, 5, 6, 9):
        found = ours.reaching(list(range(1, n + 1)), [True] * n)
        assert found.median.center == math.ceil(n / 2)
        assert (found.median.high is None) == (n < 6)
        assert found.shares[-1].center == 1.0
        assert found.shares[-1].low < 1.0
    assert ours.reaching([5, 5], [False, False]).median == (None, None, None, 2, 0)


def train(values, **fields):
    spec = TrainSpec(task="t", cell="gru", steps=500, **fields)
    curve = tuple(Point(step=100 * k, loss=1.0, validation_loss=1.0, validation=value) for k, value in enumerate(values, 1))
    return Run(id=spec.id, spec=spec, status="done", score=Score(best_step=1, validation=0.5, test=0.5), curve=curve, where=where())


def test_updates_to_a_level_are_read_from_the_curve():
    run = train([0.2, 0.9, 0.4, 0.95])
    assert ours.updates_to(run, 0.9) == (200, True)
    assert ours.updates_to(run, 0.99) == (500, False)
    assert ours.updates_to(run, 0.3, better="lower") == (100, True)


# critical delay


def test_the_critical_delay_is_that_of_the_isotonic_fit(rng):
    for _ in range(200):
        counts = rng.integers(0, 7, 6)
        fit = isotonic_regression(counts / 6, increasing=False).x
        assert levels_solved(counts, 6) == (fit >= 0.5 - 1e-9).sum()


def test_a_sweep_that_falls_by_itself_is_read_as_it_stands(rng):
    found = ours.critical({10: [True] * 4, 20: [True, True, False, False], 40: [True, False, False, False]}, rng)
    assert (found.center, found.n) == (20, 4)
    assert found.low <= 20 <= found.high
    assert ours.critical({10: [False] * 4, 20: [False] * 4}, rng) == (None, None, None, 4, False)
    assert ours.critical({10: [True] * 4, 20: [True] * 4}, rng) == (20, 20, 20, 4, True)


# verdicts


def test_power_agrees_with_simulation_and_the_tables(rng):
    assert power(0.5, (1.0, 1.0), 64) == pytest.approx(0.80, abs=0.005)  # Cohen 1988, table 2.4.1: d = 0.5 needs 64
    assert power(0.8, (1.0, 1.0), 26) == pytest.approx(0.80, abs=0.01)  # d = 0.8 needs 26
    a, b = rng.normal(1.2, 1, (20_000, 8)), rng.normal(0, 1, (20_000, 8))
    assert power(1.2, (1.0, 1.0), 8) == pytest.approx((stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue < 0.05).mean(), abs=0.015)


def test_further_seeds_are_the_fewest_with_enough_power():
    a, b = [1.0, 2.0, 3.0], [1.5, 2.5, 3.5]
    n = 3 + ours.further_seeds(a, b)
    assert power(0.5, (1.0, 1.0), n) >= 0.8 > power(0.5, (1.0, 1.0), n - 1)
    assert ours.further_seeds(a, a) is None
    assert ours.further_seeds(a, b, difference=5.0) < ours.further_seeds(a, b)


def test_a_verdict_names_the_better_or_says_tied(rng):
    scores = {"gru": rng.normal(0.9, 0.01, 10), "lstm": rng.normal(0.9, 0.01, 10), "rnn": rng.normal(0.5, 0.01, 10)}
    said = {(v.a, v.b): v for v in ours.verdicts(scores)}
    assert said["gru", "lstm"].better == ""
    assert "tied" in said["gru", "lstm"].sentence
    assert said["gru", "rnn"].better == "gru"
    assert "n = 20" in said["gru", "rnn"].sentence
    assert {v.better for v in ours.verdicts(scores, better="lower")} == {"", "rnn"}
    alone = ours.welch(scores["gru"], scores["lstm"]).p
    assert said["gru", "lstm"].p >= alone


# what cannot be judged


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda rng: ours.bootstrap_interval([[1.0, float("nan")]], rng), "number 2 is nan"),
        (lambda rng: ours.bootstrap_interval([], rng), "no scores were given"),
        (lambda rng: ours.bootstrap_interval([[1.0]], rng), "at least 2 are needed"),
        (lambda rng: ours.profile([[[1.0]]]), "must be a list of numbers"),
        (lambda rng: ours.improvement([[1, 2]], [[1, 2], [3, 4]]), "on the same tasks"),
        (lambda rng: ours.improvement([[1, 2]], [[1, 2]], better="up"), "'higher' or 'lower'"),
        (lambda rng: ours.ranking({"a": [1, 2]}), "at least two cells"),
        (lambda rng: ours.ranking({"a": [1, 2], "b": [1, 2, 3]}), "the same blocks, and they have 2 or 3"),
        (lambda rng: ours.best_share([1, 2], [1, 2, 3]), "a validation and a test score"),
        (lambda rng: ours.best_share([1, 2], [1, 2], share=0), "a share lies above 0"),
        (lambda rng: ours.variants({"a": ([1, 2], [1, 2])}, "lstm"), "there are no trials of 'lstm'; there are of a"),
        (lambda rng: ours.best_of([1, 2], rng, budgets=[3]), "and 3 was asked for"),
        (lambda rng: ours.best_of([1, 2], rng, [1, 2, 3]), "there are 2 and 3"),
        (lambda rng: ours.reaching([1, 2], [1, 0]), "yes or no"),
        (lambda rng: ours.reaching([-1, 2], [True, True]), "negative"),
        (lambda rng: ours.critical({}, rng), "no difficulty"),
        (lambda rng: ours.critical({1: [0.9, 0.8]}, rng), "True or False"),
        (lambda rng: ours.critical({1: [True, True], 2: [True] * 3}, rng), "the same seeds, and there are 2 or 3"),
        (lambda rng: ours.share_interval(1.5, 3), "between 0 and 1"),
    ],
)
def test_bad_input_is_one_sentence(rng, call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call(rng)


def test_every_source_named_has_an_entry(root):
    authors = {(reference.line.split(",")[0].split(" (")[0], reference.line.partition("(")[2][:4]) for reference in library().values()}
    for path in (root / "suite" / "stats").glob("*.py"):
        for name, year in re.findall(r"\(?([A-Z][\wš]+)(?:(?:, [A-Z]\w+)? (?:& [A-Z][\w-]+|et al\.))? \(?((?:19|20)\d\d)", path.read_text(encoding="utf-8")):
            assert (name, year) in authors, f"{path.name}: {name} {year}"


@pytest.mark.parametrize("value", [0.1, 0.7, 1 / 3])
def test_groups_that_are_all_one_value_are_no_different_whatever_their_sizes(value):
    found = ours.welch([value] * 3, [value] * 10)
    assert (found.difference.center, found.p) == (0.0, 1.0)
    assert ours.welch([value] * 3, [0.5] * 10).p == 0.0


def test_a_run_that_was_cut_off_is_known_up_to_its_last_evaluation():
    spec = TrainSpec(task="t", cell="gru", steps=1000)
    points = tuple(Point(step=step, loss=1.0, validation_loss=1.0, validation=0.1) for step in (100, 200))

    def ended(status, curve):
        return Run(id=spec.id, spec=spec, status=status, curve=curve, where=where())

    assert ours.updates_to(ended("cut off", points), 0.9) == (200, False)
    assert ours.updates_to(ended("failed: x", ()), 0.9) == (0, False)
    assert ours.updates_to(ended("diverged at step 7", points), 0.9) == (1000, False)
    with pytest.raises(ValueError, match="was refused and never ran"):
        ours.updates_to(ended("refused: y", ()), 0.9)
