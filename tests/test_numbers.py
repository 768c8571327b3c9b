"""Every number that the pages print follows from its records: shares of time, intervals around their means, means of what is alike."""

import json
import random

import pytest

from suite.report import accuracy, learning, ratios, reached
from suite.report.catalogue import BaselineEntry, Catalogue, TaskEntry
from suite.report.costs import COSTS, offered, priced
from suite.report.material import Found, material
from suite.report.pages import overview
from suite.report.pages.results import speed_means
from suite.report.site import Options, render
from suite.report.study import answers
from suite.report.style import alike
from suite.report.summary import figured, summaries
from suite.report.text import tables
from suite.report.timings import means
from suite.runs import Costs, Run, Score, SpeedSpec, Timing, TrainSpec, where
from suite.runs.run import Point, Ratio
from suite.stats import Interval

HERE = where()


def task(name="t", **changed):
    return TaskEntry(**({"name": name, "label": name, "about": "?", "measure": "accuracy", "better": "higher", "chance": 0.5, "solved": 0.9, "baselines": [BaselineEntry(name="bag", score=0.6, deviation=0.49, n=1000)]} | changed))


def run(cell, seed, test=0.8, name="t", steps=100, seconds=None, replicas=1, machine="a", status="done", parameters=100, validation=None, **settings):
    spec = TrainSpec(task=name, cell=cell, seed=seed, **settings)
    curve = tuple(Point(step=step, loss=1.0, validation_loss=1.0, validation=test if test is not None else 0.0) for step in sorted({max(1, steps // 2), steps}))
    score = None if test is None else Score(best_step=steps, validation=test if validation is None else validation, test=test)
    return Run(id=spec.id, spec=spec, status=status, score=score, curve=curve, costs=Costs(parameters=parameters, seconds=seconds), where=HERE.model_copy(update={"machine": machine, "replicas": replicas}))


def timed(cell, length=10, ratio=2.0, machine="a", engine="scan"):
    spec = SpeedSpec(cell=cell, engine=engine, length=length)
    step = Timing(median=0.01, low=0.009, high=0.011, n=7)
    times = Timing(median=ratio, low=ratio, high=ratio, n=7)
    costs = Costs(parameters=100, step=step, ratios=(Ratio(against="torch.nn.LSTM", step=times, forward=times, seconds=step),), difference={"float64": 1e-12})
    return Run(id=spec.id, spec=spec, status="done", costs=costs, where=HERE.model_copy(update={"machine": machine}))


def made(runs, tasks=(), **catalogue):
    described = Catalogue(experiment="e", question="?", command="c", cells=[], tasks=list(tasks) or [task()], **catalogue)
    return material(Found(described, runs))


def site(folder, runs, tasks=(), **catalogue):
    """The pages of some records, by file."""
    folder.mkdir(exist_ok=True)
    (folder / "records.jsonl").write_text("".join(" ".join(each.text().split()) + "\n" for each in runs))  # in this order
    described = {"experiment": "e", "question": "?", "command": "c", "cells": [], "tasks": [each.model_dump() for each in tasks or [task()]]}
    (folder / "catalogue.json").write_text(json.dumps(described | catalogue))
    render(folder, Options(assets="../assets"))
    return {str(path.relative_to(folder)): path.read_text() for pattern in ("*.html", "data/*.js") for path in sorted(folder.glob(pattern))}


def price(runs, cell):
    (summary,) = summaries(runs, [task()], list(dict.fromkeys(each.spec.cell for each in runs)))
    return next(each for each in priced(summary, runs) if each.score.cell == cell)


def test_wall_time_of_an_update_is_that_of_the_group_over_all_updates_that_its_runs_made():
    runs = [run("gru", seed, steps=steps, seconds=6.0, replicas=3, until_solved=True) for seed, steps in enumerate((1, 50, 549))]
    assert price(runs, "gru").time == pytest.approx(10.0)  # 6 s over 600 updates
    assert price(runs[::-1], "gru") == price(runs, "gru")
    whole = [run("gru", seed, steps=200, seconds=6.0, replicas=3) for seed in range(3)]
    assert price(whole, "gru").time == pytest.approx(10.0)


def test_a_group_of_which_a_run_is_missing_or_broke_off_has_no_time_of_an_update():
    runs = [run("gru", seed, seconds=6.0, replicas=3) for seed in range(3)]
    assert price(runs[:2], "gru").time is None
    assert price([*runs[:2], runs[2].model_copy(update={"status": "diverged at step 90"})], "gru").time is None


def test_networks_that_trained_in_one_group_share_its_time():
    runs = [run(cell, seed, seconds=6.0, replicas=4) for cell in ("gru", "lstm") for seed in range(2)]
    assert (price(runs, "gru").time, price(runs, "gru").timed) == (pytest.approx(15.0), 1)


def test_the_order_of_records_changes_no_page(tmp_path):
    runs = [run(cell, seed, test=0.6 + 0.003 * seed, steps=7 * seed + k, seconds=5.0 + k, replicas=5, until_solved=True, parameters=100 + seed) for k, cell in enumerate(("b", "a", "c"), start=1) for seed in range(5)]
    first = site(tmp_path / "a", runs)
    random.Random(1).shuffle(runs)
    assert site(tmp_path / "b", runs) == first


def test_wall_time_of_training_is_no_cost_where_cells_were_timed():
    trained = [run("gru", seed) for seed in range(2)]
    assert offered(made(trained).runs) == COSTS
    assert [cost.name for cost in offered(made([*trained, timed("gru")]).runs)] == ["parameters", "multiply_adds", "state_bytes"]
    assert "evaluation included" in COSTS[-1].label


def trials(cell, sizes, level=0.7):
    """Trials of a random search: another size and rate each."""
    return [run(cell, seed, test=level + 0.001 * units, parameters=10 * units, units=units) for seed, units in enumerate(sizes)]


SEARCHED = {"drawn": ["units"], "searched": {"units": {"kind": "choice", "values": [10, 90]}}}


def test_no_mean_is_taken_over_trials_of_different_networks(tmp_path):
    runs = [*trials("gru", (10, 40, 90)), *trials("lstm", (20, 50, 80), level=0.6)]
    found = made(runs, **SEARCHED)
    (summary,) = found.summaries
    assert summary.searched
    assert (summary.best, summary.winners, summary.tied, {score.parameters for score in summary.scores}) == (None, [], [], {None})
    assert priced(summary, runs) == []
    pages = site(tmp_path, runs, **SEARCHED)
    (own,) = (text for name, text in pages.items() if name.startswith("task-"))
    assert "71.0 to 79.0 %" in own
    assert "range of 3 trials" in own
    for name in ("index.html", "tasks.html", next(name for name in pages if name.startswith("task-"))):
        for claim in ("Best mean:", "tied", "further seeds", "Scores and costs<", "Every two cells<", "Time to accuracy<"):
            assert claim not in pages[name], (name, claim)


def test_every_trial_is_drawn_at_its_own_size():
    found = made(trials("gru", (10, 40, 90)), **SEARCHED)
    drawn = accuracy.draw(found.summaries[0], found.look, "a0", found.runs)
    (axes,) = drawn.figure.axes
    assert sorted(x for collection in axes.collections for x, _ in collection.get_offsets()) == [100, 400, 900]


def test_what_is_not_random_on_a_merged_site_keeps_its_means():
    runs = [*trials("gru", (10, 40, 90)), *(run("gru", seed, name="u") for seed in range(2))]
    found = made(runs, [task(), task("u")], drawn=["units"])
    assert [summary.searched for summary in found.summaries] == [True, False]


def swept(cells, lengths=(10, 20, 40)):
    """Runs of a sweep: each cell at the lengths that it was asked, solved or not."""
    tasks = [task(f"adding(length={length})") for length in lengths]
    return [run(cell, seed, test=0.95 if solved else 0.6, name=f"adding(length={length})") for cell, found in cells.items() for length, solved in zip(lengths, found, strict=False) for seed in range(3)], tasks


def test_a_critical_length_is_the_same_on_the_tasks_page_as_in_the_study(tmp_path):
    runs, tasks = swept({"rnn": (True, False), "gru": (True, True, True)})
    pages = site(tmp_path, runs, tasks, study={"difficulty": "length"})
    study = pages["index.html"]
    own = next(text for name, text in pages.items() if name.startswith("task-"))
    for said in ("10 [10, 10], n = 3", "40 or more [40, 40 or more], n = 3"):
        assert said in study
        assert said in own


def test_the_thick_line_of_learning_curves_goes_as_far_as_all_runs(tmp_path):
    runs = [run("gru", seed, test=0.5 + 0.1 * seed, steps=100 * (1 + seed)) for seed in range(3)]
    steps = [(10, 100), (10, 100, 200), (10, 100, 200, 300)]
    runs = [each.model_copy(update={"curve": tuple(Point(step=step, loss=1.0, validation_loss=1.0, validation=0.1 * step + k) for step in at)}) for k, (each, at) in enumerate(zip(runs, steps, strict=True))]
    found = made(runs)
    drawn = learning.draw(found.summaries[0], runs, found.look, "l0")
    (axes,) = drawn.figure.axes
    (thick,) = [line for line in axes.lines if line.get_linewidth() == 2]
    assert list(thick.get_xdata()) == [10, 100]
    assert list(thick.get_ydata()) == pytest.approx([2, 11])
    assert "mean of the n = 3 runs of a cell" in next(text for name, text in site(tmp_path, runs).items() if name.startswith("task-"))


def said(levels, **changed):
    """The verdict on a task whose cells score so, closely."""
    runs = [run(cell, seed, test=level + 0.001 * seed) for cell, level in levels.items() for seed in range(3)]
    (summary,) = summaries(runs, [task(**changed)], list(levels))
    return summary, " ".join(summary.verdict)


def test_a_cell_that_a_baseline_beats_is_not_one_that_is_not_shown_to_beat_it():
    bag = "the best trivial baseline (bag, 60.0 % [57.0 to 63.0 %], n = 1,000)"
    assert f"The{bag[3:]} beats gru and rnn." in said({"gru": 0.5, "rnn": 0.4})[1]
    assert f"The{bag[3:]} beats rnn; gru is not told apart from it." in said({"gru": 0.6, "rnn": 0.4})[1]
    assert f"gru beats {bag}; rnn is worse than it; mgu is not shown to beat it." in said({"gru": 0.8, "mgu": 0.6, "rnn": 0.4})[1]
    for levels in ({"gru": 0.5, "rnn": 0.4}, {"gru": 0.6, "rnn": 0.4}):
        assert "too small" not in said(levels)[1]


def test_a_perfect_baseline_cannot_be_beaten_whatever_the_budget():
    perfect = [BaselineEntry(name="bag", score=1.0, deviation=0.0, n=1000)]
    found = said({"gru": 0.998}, baselines=perfect)[1]
    assert "is perfect: no cell can beat it" in found
    assert "too small" not in found


LOOSE = {"better": "lower", "measure": "nats", "chance": 0.9, "solved": 0.7, "baselines": [BaselineEntry(name="bag", score=0.5, deviation=0.01, n=1000)]}


def test_nothing_is_called_solved_at_a_level_that_a_trivial_baseline_passes(tmp_path):
    summary, _ = said({"gru": 0.55}, **LOOSE)
    assert summary.solves(0.55)
    assert not summary.solved(summary.scores[0])
    assert said({"gru": 0.55}, **LOOSE | {"solved": 0.5})[0].task.telling
    runs = [run("gru", seed, test=0.45 + 0.001 * seed) for seed in range(3)]
    assert reached.goal(summary, runs) == (0.5, "the test score of the best trivial baseline, 0.5")
    pages = site(tmp_path, [run("gru", seed, test=0.55 + 0.001 * seed) for seed in range(3)], [task(**LOOSE)])
    assert "n = 3, solved" not in "".join(pages.values())
    assert "0.7, which the best trivial baseline passes" in next(text for name, text in pages.items() if name.startswith("task-"))


def test_a_study_waits_for_no_level_that_a_trivial_baseline_passes():
    lowered = task(**LOOSE)
    runs = {cell: [run(cell, seed, test=0.55 + 0.01 * seed) for seed in range(10)] for cell in ("gru", "lstm")}
    assert answers.level("gru", "lstm", runs, lowered) == (pytest.approx(0.63), "what nine tenths of all runs reach")
    better = {cell: [run(cell, seed, test=0.45) for seed in range(10)] for cell in ("gru", "lstm")}
    assert answers.level("gru", "lstm", better, lowered) == (0.5, "the test score of the best trivial baseline")


def test_tasks_that_differ_in_an_argument_are_one_block_of_the_ranking():
    names = ["adding(length=10)", "adding(length=20)", "parity(length=5)", "latch(length=5)"]
    runs = [run(cell, seed, test=level + 0.001 * seed, name=name) for name in names for cell, level in (("gru", 0.8 if name == names[0] else 0.6), ("lstm", 0.7)) for seed in range(2)]
    found = overview.ranks(made(runs, [task(name) for name in names]))
    assert found.n == 3
    assert [rank.n for rank in found.ranks.values()] == [3, 3]
    assert found.ranks["gru"].center == pytest.approx((1.5 + 2 + 2) / 3)  # in the mean of the two lengths they are alike
    assert overview.ranks(made(runs, [task(name) for name in names[:3]])) is None


def test_a_page_says_how_many_kinds_of_task_its_tasks_are(tmp_path):
    names = ["adding(length=10)", "adding(length=20)", "parity(length=5)"]
    (page,) = overview.pages(made([run("gru", 0, name=name) for name in names], [task(name) for name in names]))
    assert ("3", "tasks of 2 kinds") in page.given["numbers"]


@pytest.mark.parametrize(
    ("center", "low", "high", "share", "text"),
    [
        (0.9991, 0.998, 1.0, True, "99.91 % [99.80 to 100.00 %]"),
        (0.812, 0.807, 0.817, True, "81.2 % [80.7 to 81.7 %]"),
        (0.91234, 0.91229, 0.91239, True, "91.23 % [91.23 to 91.24 %]"),
        (9.2, 8.99, 9.42, False, "9.20 [8.99 to 9.42]"),
        (10.04, 9.3, 10.8, False, "10.0 [9.3 to 10.8]"),
        (7.15e-5, 3.9e-5, 1.04e-4, False, "0.000072 [0.000039 to 0.000104]"),
    ],
)
def test_a_mean_is_written_with_the_digits_of_its_interval(center, low, high, share, text):
    assert figured(Interval(center, low, high, 3), share) == f"{text}, n = 3"


@pytest.mark.parametrize("share", [True, False])
def test_no_mean_is_printed_outside_its_interval(share):
    generator = random.Random(0)
    for _ in range(500):
        low, center, high = sorted(generator.random() ** generator.choice((1, 4, 9)) for _ in range(3))
        numbers = [float(text.removesuffix(" %").replace(",", "")) for text in alike(center, low, high, share=share)]
        assert numbers[1] <= numbers[0] <= numbers[2]


def test_shares_are_per_cent_whatever_their_measure_is_called(tmp_path):
    reber = task(measure="right sequences", chance=0.0, solved=1.0, baselines=[])
    pages = site(tmp_path, [run(cell, seed, test=0.569 + 0.001 * seed) for cell in ("gru", "lstm") for seed in range(2)], [reber])
    own = next(text for name, text in pages.items() if name.startswith("task-"))
    for text in (own, pages["index.html"], pages["tasks.html"]):
        assert "56.9" in text
        assert "0.569<" not in text
    assert "points" in own
    assert ">57.0 %<" in pages["runs.html"]


def test_means_over_shapes_are_of_one_machine_and_say_how_many_shapes_they_are_of():
    runs = [timed("gru", length, ratio, machine) for machine, ratio in (("a", 2.0), ("b", 4.0)) for length in (10, 20, 40)]
    runs += [timed("mut1", 10, 9.0, "a")]
    found = means(runs)
    assert [(m.cell, m.machine, round(m.value, 9), m.n, m.of) for m in found] == [("gru", "a", 2.0, 3, 3), ("mut1", "a", 9.0, 1, 3), ("gru", "b", 4.0, 3, 3)]
    rows = speed_means(made(runs)).records()
    assert [(row["cell"], row["machine"]) for row in rows] == [("gru", "a"), ("mut1", "a"), ("gru", "b")]
    assert rows[0]["× nn.LSTM"] == "2.00; range 2.00 to 2.00; all 3 shapes"
    assert rows[1]["× nn.LSTM"] == "9.00; range 9.00 to 9.00; 1 of 3 shapes"
    assert "1 of 3" in tables(runs)


def test_the_heat_map_ranks_no_cell_by_other_shapes_than_the_rest():
    runs = [timed(cell, length, ratio) for cell, ratio in (("gru", 2.0), ("lstm", 3.0)) for length in (10, 20)] + [timed("mut1", 10, 9.0)]
    found = made(runs)
    drawn = ratios.draw("x", runs, found.look, "r0")
    axes = drawn.figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["lstm", "gru", "mut1"]
    assert sum(annotation.get_text() == "9.00" for annotation in axes.texts) == 1  # at its shape, and not as a mean
    alone = [timed("gru", 10, 2.0), timed("lstm", 20, 3.0)]
    assert "<svg" in ratios.draw("x", alone, made(alone).look, "r0")


def test_a_weak_level_that_a_bag_of_inputs_passes_says_nothing_of_order():
    both = [BaselineEntry(name="bag", score=0.6, deviation=0.01, n=1000), BaselineEntry(name="last two inputs", score=0.5, deviation=0.01, n=1000)]
    assert "no memory of order" not in said({"gru": 0.4}, **LOOSE | {"baselines": both, "without_order": ["bag"]})[1]
    assert "no memory of order" in said({"gru": 0.4}, **LOOSE | {"baselines": both[:1], "without_order": ["bag"]})[1]
