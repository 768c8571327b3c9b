"""The page says what the records say: ranks only what is whole, shows hostile names as text, asks the network for nothing."""

import json
import re
from pathlib import Path

import pytest

from suite.report.catalogue import BaselineEntry, CellEntry, TaskEntry
from suite.report.site import render
from suite.report.summary import summaries
from suite.runs import Costs, Run, Score, TrainSpec, where
from suite.runs.run import Point
from suite.runs.store import Store

TASK = TaskEntry(name="t", label="t", about="?", measure="accuracy", better="higher", chance=0.5, solved=0.9, baselines=[BaselineEntry(name="bag", score=0.6, deviation=0.49, n=1000)])


def run(cell, seed, test, status="done", task="t"):
    spec = TrainSpec(task=task, cell=cell, seed=seed)
    score = None if test is None else Score(best_step=1, validation=test, test=test)
    curve = () if test is None else (Point(step=1, loss=1.0, validation_loss=1.0, validation=test), Point(step=2, loss=1.0, validation_loss=1.0, validation=test))
    return Run(id=spec.id, spec=spec, status=status, score=score, curve=curve, costs=Costs(parameters=100 + len(cell)), where=where())


def verdict(*runs):
    (summary,) = summaries(runs, [TASK], list(dict.fromkeys(r.spec.cell for r in runs)))
    return summary, " ".join(summary.verdict)


def test_the_best_is_ranked_and_ties_are_named():
    summary, said = verdict(*(run("gru", s, 0.9 + 0.001 * s) for s in range(3)), *(run("rnn", s, 0.9 + 0.002 * s) for s in range(3)), *(run("bad", s, 0.61 + 0.001 * s) for s in range(3)))
    assert (summary.best.cell, summary.tied) == ("rnn", ["gru"])
    assert "gru and rnn beat the best trivial baseline (bag, 60.0 % [57.0 to 63.0 %], n = 1,000); bad is not shown to." in said


def test_a_cell_whose_bad_runs_have_no_score_is_not_ranked_by_its_good_ones():
    summary, said = verdict(*(run("gru", s, 0.8 + 0.001 * s) for s in range(3)), run("rnn", 0, 0.99), run("rnn", 1, 0.99), run("rnn", 2, None, "diverged at step 9"))
    assert summary.best.cell == "gru"
    assert "rnn" not in summary.winners
    assert "1 of 3 runs of rnn" in said


def test_one_seed_is_shown_without_a_rank():
    _, said = verdict(run("gru", 0, 0.9), run("rnn", 0, 0.8))
    assert said == "Too few runs with a score: nothing can be ranked."


def test_a_budget_too_small_is_said_in_words():
    _, said = verdict(*(run("gru", s, 0.4 + 0.2 * s) for s in range(3)))
    assert "This budget is too small to show that any cell beats the best trivial baseline (bag, 60.0 % [57.0 to 63.0 %], n = 1,000)." in said


def test_a_task_that_a_bag_of_inputs_solves_is_flagged(tmp_path):
    solved = TASK.model_copy(update={"baselines": [BaselineEntry(name="bag of inputs", score=0.95, deviation=0.2, n=1000)], "without_order": ["bag of inputs"]})
    runs = [run("gru", s, 0.97 + 0.001 * s) for s in range(3)]
    (summary,) = summaries(runs, [solved], ["gru"])
    assert summary.verdict[-1] == "Solved without hearing the order of its inputs (bag of inputs, 95.0 % [93.8 to 96.2 %], n = 1,000): this task asks for no memory of order."
    assert "asks for no memory of order" in folder(tmp_path / "a", runs, tasks=[solved.model_dump()])
    assert "asks for no memory of order" not in folder(tmp_path / "b", runs)


def test_a_model_of_the_whole_sequence_stands_beside_what_a_cell_must_beat(tmp_path):
    entry = BaselineEntry(name="linear on the whole sequence", score=0.99, deviation=0.1, n=1000, whole=True)
    task = TASK.model_copy(update={"baselines": [*TASK.baselines, entry]})
    runs = [run("gru", s, 0.8 + 0.001 * s) for s in range(3)]
    (summary,) = summaries(runs, [task], ["gru"])
    assert (summary.baseline[0], summary.whole[0], summary.winners) == ("bag", "linear on the whole sequence", ["gru"])
    assert summary.verdict[-1].endswith("solves it too (linear on the whole sequence, 99.0 % [98.4 to 99.6 %], n = 1,000).")
    page = folder(tmp_path, runs, tasks=[task.model_dump()])
    assert "at once: 99.0 %, linear on the whole sequence" in page
    weak = TASK.model_copy(update={"baselines": [*TASK.baselines, entry.model_copy(update={"score": 0.7})]})
    assert summaries(runs, [weak], ["gru"])[0].laid_out == []


def folder(tmp_path, runs, **changed):
    tmp_path.mkdir(exist_ok=True)
    for each in runs:
        Store(tmp_path / "runs").write(each)
    catalogue = {"experiment": "e", "question": "?", "command": "c", "cells": [CellEntry(name="gru").model_dump()], "tasks": [TASK.model_dump()]}
    (tmp_path / "catalogue.json").write_text(json.dumps(catalogue | changed))
    return "\n".join(path.read_text() for path in sorted(render(tmp_path).parent.glob("*.html")))


def test_hostile_names_are_text_and_nothing_is_fetched(tmp_path):
    hostile = "m:<script>alert(1)</script>$\\frac$\"'"
    page = folder(tmp_path, [run(hostile, s, 0.9) for s in range(2)], experiment="<img src=x onerror=alert(1)>")
    assert "<script>" not in page
    assert "<img" not in page
    assert not [link for link in re.findall(r'(?:src|href)="([^"]*)"', page) if re.match(r"(?!data:,)[a-z]+:|/", link) and "asv.readthedocs" not in link]
    assert "&lt;script&gt;" in page


def test_a_cell_that_the_catalogue_does_not_know_is_shown(tmp_path):
    assert "stranger" in folder(tmp_path, [run("stranger", 0, 0.9)])


def test_what_is_not_run_stands_there_with_its_reason(tmp_path):
    page = folder(tmp_path, [run("gru", 0, None, "refused: there is no such machine"), run("gru", 1, None, "diverged at step 3")])
    assert "there is no such machine" in page
    assert "diverged at step 3" in page


def test_the_same_records_give_the_same_page(tmp_path):
    runs = [run("gru", s, 0.9 + 0.01 * s) for s in range(3)]
    assert folder(tmp_path / "a", runs) == folder(tmp_path / "b", runs)


@pytest.mark.parametrize("damaged", ["{}", "[]", "{", '{"experiment": 1}', "[" * 100_000])
def test_a_damaged_catalogue_is_one_sentence(tmp_path, damaged):
    (tmp_path / "catalogue.json").write_text(damaged)
    with pytest.raises(ValueError, match="is damaged"):
        render(tmp_path)


@pytest.mark.parametrize(("most", "asked", "saved"), [(2, None, True), (1, None, False), (1, True, True), (2, False, False)])
def test_downloads_of_many_runs_are_asked_for(tmp_path, monkeypatch, most, asked, saved):
    from suite.report import site

    monkeypatch.setattr(site, "MANY", most)
    said = []
    folder = tmp_path / "site"
    folder.mkdir()
    for name in ("catalogue.json", "records.jsonl"):
        text = (Path(__file__).resolve().parents[1] / "reports" / "published" / "classics" / name).read_text()
        (folder / name).write_text(text if name == "catalogue.json" else "".join(text.splitlines(True)[:2]))
    site.render(folder, site.Options(downloads=asked, told=said.append))

    assert (folder / "downloads").exists() == saved
    assert any("--downloads does" in line for line in said) == (asked is None and not saved)
