"""What a study's page says follows from its records: planted differences are found, planted equality is a tie, every figure carries n."""

import re

import numpy as np
import pytest

from suite.experiments import EXPERIMENTS, Claim, Experiment, Mistakes, Recipe, Study
from suite.experiments.conditions import studied
from suite.experiments.points import sample
from suite.report.catalogue import Catalogue, TaskEntry
from suite.report.study import sections
from suite.report.study.needed import needed, worded
from suite.report.style import Look
from suite.runs import Costs, Optimiser, Run, Score, TrainSpec, where
from suite.runs.run import Point, Ratio, Timing
from suite.runs.spec import SpeedSpec
from suite.tasks import TASKS

HERE = where()
GREFF = EXPERIMENTS["greff2017"]


def task(name, better="higher", measure="accuracy", chance=0.1, solved=0.9):
    return TaskEntry(name=name, label=name, about="?", measure=measure, better=better, chance=chance, solved=solved)


def run(cell, seed, test, name="t", curve=(), beyond=None, status="done", seconds=None, validation=None, **settings):
    spec = TrainSpec(task=name, cell=cell, seed=seed, **settings)
    score = None if test is None else Score(best_step=1, validation=test if validation is None else validation, test=test, beyond=beyond or {})
    points = tuple(Point(step=s, loss=1.0, validation_loss=1.0, validation=v) for s, v in curve)
    return Run(id=spec.id, spec=spec, status=status, score=score, curve=points, costs=Costs(seconds=seconds), where=HERE)


def told(runs, tasks, **catalogue):
    cells = list(dict.fromkeys(each.spec.cell for each in runs))
    described = Catalogue(experiment="e", question="?", command="c", cells=[], tasks=tasks, **catalogue)
    return {section.title: section for section in sections(described, runs, Look(cells))}


def words(section):
    return " ".join([*section.sentences, *(entry for _, rows in section.tables for row in rows for entry in row)])


def search(effect, n=40, cells=GREFF.cells):
    """Trials of the search, scored by a rule of cell and settings and a little noise."""
    generator, found = np.random.default_rng(0), []
    for cell in cells:
        for seed, point in enumerate(sample(GREFF.sample.model_copy(update={"trials": n}))):
            rule = Optimiser(name="sgd", rescaled=True, lr=point["optimiser.lr"], momentum=point["optimiser.momentum"])
            score = effect(cell, point) + 0.02 * generator.standard_normal()
            found.append(run(cell, seed, score, optimiser=rule, units=point["units"], input_noise=point["input_noise"], seconds=60.0 + seed, validation=score + 0.02 * generator.standard_normal()))
    return found


def searched(runs, task=None, **more):
    return told(runs, [task or JSB], **studied(GREFF) | more)


JSB = task("t", "lower", "nats", 11.0, 8.0)


@pytest.fixture(scope="module")
def planted():
    """Two variants are worse, one is better, the rate decides and momentum does nothing."""
    worse = {"lstm-nfg": 0.8, "lstm-noaf": 0.9, "lstm-cifg": -0.7}
    return searched(search(lambda cell, point: 9.0 + 0.3 * (np.log10(point["optimiser.lr"]) + 1) ** 2 - 0.002 * point["units"] + worse.get(cell, 0.0)))


def test_planted_variants_are_told_from_the_baseline_and_the_rest_are_tied(planted):
    found = planted["The best trials of each variant on t"]
    verdicts = {row[0]: row[-1] for row in found.tables[0][1]}
    assert {cell for cell, verdict in verdicts.items() if verdict == "worse"} == {"lstm-nfg", "lstm-noaf"}
    assert {cell for cell, verdict in verdicts.items() if verdict == "better"} == {"lstm-cifg"}
    assert verdicts["lstm-peephole"] == "baseline"
    assert verdicts["lstm-fgr"] == "tied"
    assert found.tables[0][1][0][0] == "lstm-cifg"  # the best comes first


def test_claims_are_held_against_what_was_measured(planted):
    verdicts = {row[0]: row[3] for row in planted["What the paper says, and what was measured on t"].tables[0][1]}
    assert verdicts["No variant is significantly better than the vanilla cell."] == "does not hold here"
    assert verdicts["Without a forget gate, or without output activation, the cell is significantly worse."] == "holds here"
    assert verdicts["Coupling input and forget gate changes nothing significantly."] == "does not hold here"
    assert verdicts["Leaving out peepholes changes nothing significantly."] == "cannot be told from these runs"  # a tie proves no equality
    assert verdicts["Momentum hardly matters."] == "holds here"
    assert len(verdicts) == len(GREFF.study.claims)


def test_the_setting_that_decides_comes_first(planted):
    found = planted["Which settings matter on t"]
    assert found.tables[0][1][0][0] == "rate"
    assert found.sentences[0].startswith("Of the variance of the test score over the searched ranges, rate alone")


def test_the_projected_time_is_that_of_all_trials_of_the_paper(planted):
    (said,) = planted["What the whole search would take"].sentences
    assert "all 1,800 of the source would take 39.8 [" in said  # (60 + 19.5) s a trial


def test_ten_trials_of_nothing_but_noise_separate_no_variant():
    found = searched(search(lambda cell, point: 9.0, n=10))
    assert {row[-1] for row in found["The best trials of each variant on t"].tables[0][1]} == {"baseline", "tied"}
    assert "tied" in found["What k trials find on t"].sentences[0]


def test_trials_that_diverged_do_not_make_the_quarter_smaller():
    runs = search(lambda cell, point: 9.0, n=12, cells=GREFF.cells[:2])
    lost = [each if each.spec.seed < 8 else each.model_copy(update={"score": None, "status": "diverged at step 3"}) for each in runs]
    row = searched(lost)["The best trials of each variant on t"].tables[0][1][0]
    assert row[1] == "8 of 12"
    assert row[2].endswith("n = 3")


def sweep(critical, lengths=(25, 50, 100, 200), seeds=5):
    tasks = [task(f"adding(length={length})") for length in lengths]
    runs = [run(cell, seed, 0.95 if length <= most else 0.2, name=f"adding(length={length})") for length in lengths for cell, most in critical.items() for seed in range(seeds)]
    return runs, tasks


def test_the_critical_delay_is_where_half_of_the_seeds_still_solve_it():
    runs, tasks = sweep({"rnn": 0, "gru": 50, "lstm": 200})
    (found,) = told(runs, tasks, study={"difficulty": "length"}).values()
    assert found.sentences == [
        "rnn solves adding at length 25, the easiest tried, with fewer than half of its seeds: critical is none [none, none], n = 5 seeds each.",
        "gru solves adding at length 50 with at least half of its seeds, and harder ones with fewer: critical is 50 [50, 50], n = 5 seeds each.",
        "lstm solves adding at length 200, the hardest tried, with at least half of its seeds: critical is 200 or more [200, 200 or more], n = 5 seeds each.",
    ]


def test_a_diverged_run_did_not_solve_its_task_and_a_missing_one_is_said():
    runs, tasks = sweep({"gru": 50})
    lost = [each.model_copy(update={"score": None, "status": "diverged at step 2"}) if (each.spec.seed < 3 and "50" in each.spec.task) else each for each in runs]
    (found,) = told(lost, tasks, study={"difficulty": "length"}).values()
    assert found.sentences[0].startswith("gru solves adding at length 25 with")
    (found,) = told(runs[1:], tasks, study={"difficulty": "length"}).values()
    assert found.sentences == ["gru: not every length up to its hardest has the same seeds with a result, so no critical one is given."]


def pairs(lead_few, lead_many, sizes=(100, 1000), n=8):
    generator = np.random.default_rng(1)
    scores = {("gru", sizes[0]): 0.6 + lead_few, ("lstm", sizes[0]): 0.6, ("gru", sizes[1]): 0.8 + lead_many, ("lstm", sizes[1]): 0.8}
    curve = [(10, 0.3), (20, 0.95)]
    runs = [run(cell, seed, mean + 0.01 * generator.standard_normal(), name=f"t(train={size})", curve=[(step * (1 + (cell == "lstm")), value) for step, value in curve]) for (cell, size), mean in scores.items() for seed in range(n)]
    order = sorted(runs, key=lambda each: each.spec.cell, reverse=True)
    return told(order, [task(f"t(train={size})") for size in sizes], study={"baseline": "lstm", "sizes": "train"})


@pytest.mark.parametrize(("few", "many", "said"), [(0.1, 0.0, "gru needs less data than lstm"), (-0.1, 0.0, "gru needs more data than lstm"), (0.0, 0.0, "gru is not shown to need less or more data than lstm")])
def test_who_comes_to_a_level_with_fewer_examples_needs_less_data(few, many, said):
    found = pairs(few, many)["How much data t takes"]
    assert said in found.sentences[0]
    assert len(found.tables[0][1]) == 2


def test_one_cell_against_another_in_score_updates_and_time():
    found = pairs(0.0, 0.1)["gru or lstm?"]
    assert found.sentences[0].startswith("Score on t: gru is better (gru minus lstm: +")
    assert "gru gets there sooner (gru 20 [20, 20], 8 of n = 8, lstm 40 [40, 40], 8 of n = 8)" in found.sentences[1]


def test_time_of_a_step_is_a_quotient_of_ratios_taken_in_turn():
    def timed(cell, ratio):
        spec = SpeedSpec(cell=cell, engine="scan")
        timing = Timing(median=ratio, low=0.9 * ratio, high=1.1 * ratio, n=7)
        costs = Costs(step=timing, ratios=(Ratio(against="torch.nn.LSTM", step=timing, forward=timing, seconds=timing),))
        return Run(id=spec.id, spec=spec, status="done", costs=costs, where=HERE)

    found = told([timed("lstm", 1.0), timed("gru", 2.0)], [], study={"baseline": "lstm"})["gru or lstm?"]
    assert "gru is faster (gru takes 0.50 [0.41, 0.61], n = 7 times as long as lstm, scan engine)" in found.sentences[0]


def test_scores_beyond_what_was_trained_on_say_who_keeps_to_the_rule():
    keep, lose = ([run(cell, seed, 0.95, beyond={"length=40": at, "length=160": at}) for seed in range(3)] for cell, at in (("lstm", 0.94), ("rnn", 0.5)))
    (found,) = told([*keep, *lose], [task("t")]).values()
    assert found.sentences[0] == "At the difficulty trained on lstm (95.0 % [95.0 %, 95.0 %], n = 3) and rnn (95.0 % [95.0 %, 95.0 %], n = 3) solve t on average."
    assert found.sentences[2] == "At length=160 lstm (94.0 % [94.0 %, 94.0 %], n = 3) solves t on average."
    assert found.tables[0][0] == ["cell", "as trained", "length=40", "length=160"]


def test_another_difficulty_is_judged_by_what_solves_it_there():
    runs = [run("lstm", seed, 0.95, beyond={"length=40": 0.94}) for seed in range(3)]
    (found,) = told(runs, [task("t").model_copy(update={"beyond": {"length=40": (0.1, 0.99)}})]).values()
    assert found.sentences[1] == "At length=40 no cell solves t on average."


def test_the_size_a_level_is_reached_at_is_exact_on_a_line_and_a_bound_at_the_ends():
    at = {100: [0.4, 0.4], 10_000: [0.8, 0.8]}
    assert needed(at, 0.6, "higher", np.random.default_rng(0))[:4] == pytest.approx((1000, 1000, 1000, 2))
    assert worded(needed(at, 0.3, "higher", np.random.default_rng(0))) == "100 or fewer [100 or fewer, 100 or fewer] examples, n = 2 seeds a size"
    assert worded(needed(at, 0.9, "higher", np.random.default_rng(0))) == "more than 10,000 [more than 10,000, more than 10,000] examples, n = 2 seeds a size"
    lower = {size: [-value for value in values] for size, values in at.items()}
    assert needed(lower, -0.6, "lower", np.random.default_rng(0)).center == pytest.approx(1000)


def test_a_cell_is_not_judged_by_those_of_its_runs_that_went_well():
    lost = [run("gru", seed, 0.99 if seed < 2 else None, status="done" if seed < 2 else "diverged at step 3") for seed in range(8)]
    found = told([*(run("lstm", seed, 0.9 + 0.001 * seed) for seed in range(8)), *lost], [task("t")], study={"baseline": "lstm"})["gru or lstm?"]
    assert found.sentences == ["On t nothing is compared: 6 of 8 runs of gru have no score."]
    sizes = [task(f"t(train={size})") for size in (100, 1000)]
    runs = [run(cell, seed, None if (cell, size, seed) == ("gru", 100, 0) else 0.5 + 0.0003 * size + 0.01 * seed, name=f"t(train={size})", status="diverged at step 3" if (cell, size, seed) == ("gru", 100, 0) else "done") for size in (100, 1000) for cell in ("lstm", "gru") for seed in range(4)]
    found = told(runs, sizes, study={"baseline": "lstm", "sizes": "train"})["How much data t takes"]
    assert found.sentences[-1] == "With 100 examples 1 of 4 runs of gru have no score: not compared there."
    assert [row[0] for row in found.tables[0][1]] == ["1,000"]


def test_a_variant_all_of_whose_trials_diverged_stays_in_the_ranking():
    runs = search(lambda cell, point: 9.0, n=10, cells=GREFF.cells[:3])
    gone = [each.model_copy(update={"score": None, "status": "diverged at step 3"}) if each.spec.cell == "lstm-nfg" else each for each in runs]
    rows = {row[0]: row for row in searched(gone)["The best trials of each variant on t"].tables[0][1]}
    assert rows["lstm-nfg"][1] == "0 of 10"
    assert rows["lstm-nfg"][-1] == "worse"


def test_noise_tells_nothing_of_settings():
    found = searched(search(lambda cell, point: 9.0 + 0.3 * np.random.default_rng(int(1e6 * point["input_noise"]) + len(cell)).standard_normal(), n=10))
    verdicts = {row[0]: row[3] for row in found["What the paper says, and what was measured on t"].tables[0][1]}
    assert verdicts["The rate matters most, then the number of units."] == "cannot be told from these runs"
    assert verdicts["No variant is significantly better than the vanilla cell."] in ("is not contradicted here", "does not hold here")


def test_tasks_whose_names_are_no_calls_and_words_as_difficulties_are_left_alone():
    runs = [run(cell, seed, 0.5, name=name) for name in ("my task (three steps), train=5", "t(train='all')") for cell in ("lstm", "gru") for seed in range(3)]
    told(runs, [task("my task (three steps), train=5"), task("t(train='all')")], study={"baseline": "lstm", "sizes": "train", "difficulty": "train"})


def test_a_search_over_arguments_of_the_cell_has_its_section():
    space = {"cell.drop": {"kind": "uniform", "values": [0.0, 0.9]}, "batch": {"kind": "choice", "values": [8, 16]}}
    runs = [run(f"lstm(drop={k / 40})", k, 0.5 + k / 100, batch=8 * (1 + k % 2)) for k in range(30)]
    assert "Which settings matter on t" in told(runs, [task("t")], searched=space)
    only = {"batch": space["batch"]}
    assert told(runs, [task("t")], searched=only)["Which settings matter on t"].figures == []


def test_no_interval_stands_without_its_n(planted):
    more = [*pairs(0.1, 0.0).values(), *told(*sweep({"gru": 50}), study={"difficulty": "length"}).values(), *planted.values()]
    for section in more:
        for sentence in section.sentences:
            assert re.search(r"\bn = \d", sentence) or not re.search(r"better|worse|tied|solve|need|accounts|\[[-+\d]", sentence) or re.search(r"Of \d+ claims|no cell|not compared|further seeds", sentence), sentence
        for headings, rows in section.tables:
            for row in rows:
                assert not re.search(r"\[[-+\d]", " ".join(row)) or re.search(r"\bn = \d", " ".join([*row, section.note])) or "n" in headings, row


def test_runs_without_a_study_add_nothing():
    assert told([run("gru", seed, 0.5) for seed in range(3)], [task("t")]) == {}


def test_studies_name_cells_settings_and_tasks_that_they_have():
    for experiment in EXPERIMENTS.values():
        study = experiment.study
        assert not study.baseline or study.baseline in experiment.cells
        paths = set(experiment.sample.space) if experiment.sample else set()
        for claim in study.claims:
            assert set(claim.of) <= {*experiment.cells, *paths}, claim.says
        assert {recipe.name for recipe in experiment.recipes} <= set(TASKS)


def test_claims_without_a_search_are_held_against_seeds_a_section_for_each_way_of_training():
    claims = [{"says": "As good.", "mark": "seen", "kind": "alike", "of": ["gru1"]}, {"says": "Worse.", "mark": "seen", "kind": "worse", "of": ["gru3"]}]
    means = {"gru-cho": 0.9, "gru1": 0.9, "gru3": 0.5}
    runs = [run(f"{cell}, rate {rate}", seed, mean + 0.001 * seed, optimiser=Optimiser(lr=rate)) for cell, mean in means.items() for rate in (0.1, 0.01) for seed in range(4)]
    found = told(runs, [task("t")], study={"baseline": "gru-cho", "claims": claims})
    for rate in (0.1, 0.01):
        rows = found[f"What the paper says, and what was measured on t, rate {rate}"].tables[0][1]
        assert [row[3] for row in rows] == ["cannot be told from these runs", "holds here"]
        assert f"gru1, rate {rate} or gru-cho, rate {rate}?" in found


def test_time_to_a_score_is_updates_times_the_step_at_the_shape_of_the_runs():
    step = Timing(median=0.5, low=0.4, high=0.6, n=7)
    spec = SpeedSpec(cell="gru", engine="scan", batch=32, units=32, inputs=3)
    timed = [Run(id=s.id, spec=s, status="done", costs=Costs(step=step), where=HERE) for s in (spec, spec.model_copy(update={"cell": "lstm"}))]
    runs = [run(cell, seed, 0.95, curve=[(10, 0.2), (20, 0.95)]) for cell in ("lstm", "gru") for seed in range(8)]
    found = told([*runs, *timed], [task("t").model_copy(update={"inputs": 3})], study={"baseline": "lstm"})["gru or lstm?"]
    assert "In time of training steps on t: gru 10 s [8, 12], n = 8 runs and 7 timings, lstm 10 s [8, 12], n = 8 runs and 7 timings." in found.sentences


@pytest.mark.parametrize(
    ("study", "sentence"),
    [
        ({"baseline": "lsmt"}, "study.baseline: unknown cell 'lsmt'; did you mean 'lstm'?"),
        ({"difficulty": "delay"}, "study.difficulty: no two tasks differ in 'delay'; they differ in length"),
        ({"sizes": "amount"}, "study.sizes: no two tasks differ in 'amount'"),
        ({"claims": (Claim(says="?", mark="seen", kind="alike", of=("gruu",)),)}, "study.claims: unknown cell or setting 'gruu'; did you mean 'gru'?"),
    ],
)
def test_a_study_that_names_what_is_not_there_is_a_sentence_before_anything_is_run(study, sentence):
    tasks = tuple(Recipe(f"adding(length={length})", {}) for length in (10, 20))
    with pytest.raises(Mistakes, match=re.escape(sentence)):
        Experiment("e", "?", ("lstm", "gru"), tasks, study=Study(**study)).specs()
    assert Experiment("e", "?", ("lstm", "gru"), tasks, study=Study(baseline="lstm", difficulty="length")).specs()


def test_what_was_chosen_at_the_end_of_its_range_is_said():
    runs = [run(cell, seed, 0.5, optimiser=Optimiser(lr=rate)) for cell, rate in (("lstm", 0.1), ("gru", 0.01)) for seed in range(2)]
    found = told(runs, [task("t")], tried={"optimiser.lr": [0.001, 0.01, 0.1]})["What was chosen"]
    assert found.sentences == ["The chosen rate is the largest tried (0.1) in n = 1 of 2 searches: there the range may be too narrow."]
    assert found.tables[0][1] == [["t", "lstm", "rate", "0.1"], ["t", "gru", "rate", "0.01"]]
