"""What the pages are made of: equations, formulas, proofs, costs and fronts, growth, history; folders merged and watched; gradients kept."""

import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import suite
from suite import proofs
from suite.cells import ALIASES, CELLS
from suite.launch.counting import formula
from suite.launch.example import example
from suite.launch.repeat import chosen, told
from suite.launch.typeset import equations
from suite.report import asv, flow, mathml, scaling
from suite.report.catalogue import read_catalogue
from suite.report.merging import follow, merge
from suite.report.pages import history as regressions
from suite.report.site import Options, gathered, publish, render
from suite.runs import Costs, Run, SpeedSpec, Timing, where
from suite.tasks import TASKS

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT / "reports" / "published"
NAMES = [name for name in CELLS if name not in ALIASES]


def evaluated(tree, values):
    """The number that a typeset tree stands for, of cells of one unit and one input."""
    if isinstance(tree, str):
        return values[tree] if tree in values else float(tree)
    kind, *rest = tree
    if kind in ("t", "before", "sub"):
        return values[kind, *rest]
    if kind in ("W", "U"):
        which = (rest[1] or values["only", rest[0]]) if kind == "U" else "x"
        return values["weight", rest[0], which] * evaluated(rest[-1], values)
    parts = [evaluated(part, values) for part in (rest[1:] if kind == "f" else rest)]
    if kind == "f":
        of = {"σ": torch.sigmoid, "log σ": torch.nn.functional.logsigmoid, "mean": lambda v: v}
        return float(of.get(rest[0], getattr(torch, rest[0].replace(" ", "_"), None))(torch.tensor(parts[0], dtype=torch.float64)))
    made = {"+": sum(parts), "neg": -parts[0]}
    return made[kind] if kind in made else {"-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b, "^": lambda a, b: a**b}[kind](*parts)


@pytest.mark.parametrize("name", NAMES)
def test_typeset_equations_compute_what_the_cell_computes(name):
    cell = suite.cell(name, 1)
    inputs = cell.takes or 1
    generator = torch.Generator().manual_seed(3)
    params = {key: torch.randn(1, *shape, generator=generator, dtype=torch.float64) for key, shape in cell.shapes(inputs).items()}
    start = {key: torch.randn(1, 1, width, generator=generator, dtype=torch.float64) for key, width in cell.state.items()}
    x = torch.randn(1, 1, 1, inputs, generator=generator, dtype=torch.float64)
    _, last = suite.unroll(cell, params, x, start)
    values = {("t", "x"): float(x)} | {("before", key): float(value) for key, value in start.items()}
    for key, value in params.items():
        row, _, weight = key.partition(".")
        letter, _, below = key.partition("_")
        own = ("sub", f"{letter}{'′' * (letter == 'b' and f'{below}.b' in params)}", below) if below else key
        values[("sub", "b", row) if weight == "b" else ("weight", row, weight) if weight else own] = float(value)
    values |= {("only", row.name): link.weight for stage in cell.table for row in stage.rows for link in row.links if link.source != "x"}
    lines = equations(cell)
    assert lines
    for left, right in lines:
        values[left if isinstance(left, str) else tuple(left)] = evaluated(right, values)
    for key, value in last.items():
        assert values["t", key] == pytest.approx(float(value), rel=1e-9)


def test_a_cell_that_runs_on_no_symbols_has_no_typeset_equations():
    def step(a, s, p):
        return s._replace(h=a.a if float(a.a.sum()) > 0 else -a.a)

    assert equations(suite.cells.Cell("mine", (({"a": "x h b"}, step),), {"h": 2})) == []


@pytest.mark.parametrize("name", NAMES)
def test_formulas_count_what_shapes_hold(name):
    said = formula(CELLS[name])
    n, m = 12, (12 if CELLS[name](12).takes else 9)
    parts = said.replace("n²", f"*{n * n}").replace("nm", f"*{n * m}").replace("m²", f"*{m * m}").replace("n", f"*{n}").replace("m", f"*{m}").split(" + ")
    assert sum(int(a or 1) * int(b or 1) for a, _, b in (part.partition("*") for part in parts)) == CELLS[name](n).costs(m)["parameters"]


def test_every_cell_is_proved_by_tests_that_are_there():
    assert set(proofs.library()) == set(NAMES)
    claimed = {proof.test for cell in NAMES for proof in proofs.proofs(cell)}
    files = sorted({test.partition("::")[0] for test in claimed})
    done = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    there = set(done.stdout.splitlines())
    functions = {test.partition("[")[0] for test in there}
    assert {test for test in claimed if test not in there | functions} == set()
    assert all(len(proofs.proofs(name)) > 2 for name in NAMES)


class Names(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)


@pytest.mark.parametrize("damaged", [[["h"]], [1], [["h", None]], [["h", ["W"]]], [["h", ["?", "x"]]], "text"])
def test_a_damaged_tree_is_no_equation(damaged):
    assert mathml.equations(damaged) == ""


def test_names_in_equations_are_text():
    parser = Names()
    parser.feed(mathml.equations([["<script>", ["f", "<img>", ["sub", "<b>", "&"]]]]))
    assert parser.seen <= {"math", "mtable", "mtr", "mtd", "mi", "mo", "mn", "mrow", "msub", "msup", "msubsup", "mfrac"}


@pytest.mark.parametrize("name", ["adding(length=6)", "parity(length=5, supervision='every')", "temporal-order(length=20)"])
def test_an_example_is_the_tasks_own(name):
    task = suite.task(name)
    found = example(task)
    assert len(found["x"]) == found["steps"]
    assert found == example(suite.task(name))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_every_task_that_needs_no_data_has_an_example():
    drawn = [name for name in TASKS if name in ("adding", "parity", "reber", "latch", "copying", "sine", "xor-delayed")]
    assert drawn
    assert all(example(suite.task(name)) for name in drawn)


def test_exponents_are_recovered_with_their_interval():
    runs = []
    for length, wobble in ((10, 1.02), (20, 0.98), (40, 1.01), (80, 0.99)):
        spec = SpeedSpec(cell="gru", engine="scan", length=length)
        seconds = 1e-3 * length**1.5 * wobble
        runs.append(Run(id=spec.id, spec=spec, status="done", costs=Costs(step=Timing(median=seconds, low=seconds, high=seconds, n=7)), where=where()))
    (found,) = scaling.growths(runs)
    assert (found.size, len(found.points)) == ("length", 4)
    assert found.low < 1.5 < found.high
    (two,) = scaling.growths(runs[:2])
    assert (two.low, "no interval" in two.said) == (None, True)


COLUMNS = ["result", "params", "version", "stats_ci_99_a", "stats_ci_99_b"]


@pytest.fixture
def asvs(tmp_path):
    """asv's results on one machine: for a commit, its figures of gru and lstm, the version of the benchmark and of torch."""

    def written(entries, version="1"):
        box = tmp_path / "results" / "box"
        box.mkdir(parents=True)
        (tmp_path / "results" / "benchmarks.json").write_text(json.dumps({"n.time_b": {"unit": "seconds", "type": "time", "version": version}, "version": 2}))
        for k, (values, made, build) in enumerate(entries):
            row = [values, [["'gru'", "'lstm'"]], made, values, values]
            found = {"commit_hash": f"{k:x}" * 40, "date": 86400000 * k, "env_name": f"py-torch{build}", "result_columns": COLUMNS, "results": {"n.time_b": row}}
            (box / f"{9 - k}-py-torch{build}.json").write_text(json.dumps(found))
        return tmp_path / "results"

    return written


def shown(folder):
    said = []
    material = SimpleNamespace(found=SimpleNamespace(history=folder), told=said.append)
    (page,) = regressions.pages(material)
    return page.given, {entry["series"]: entry for entry in page.given["latest"].records()} if page.given["latest"] else {}, said


def test_asv_results_are_read_and_what_is_damaged_is_passed_over(asvs):
    folder = asvs([([value, math.nan], "1", "2.13") for value in (1, 1, 1, 2, 2, 2)])
    (folder / "box" / "x-y.json").write_text("{")
    (folder / "box" / "y-z.json").write_text('{"commit_hash": 1}')
    found, refused = asv.history(folder)

    assert [found.kept.figures[commit] for commit in found.commits] == [1, 1, 1, 2, 2, 2]
    assert (found.name, found.kept.series.unit, refused.measured) == ("n.time_b[gru]", "seconds", ())
    pytest.importorskip("asv", reason="asv is not installed: it finds the steps")
    assert [(step.first, step.verdict) for step in found.steps] == [("3" * 40, "regression")]


def test_another_version_of_a_benchmark_or_of_torch_is_no_step(asvs):
    given, latest, _ = shown(asvs([([1.0, 1.0], "1", "2.13")] * 3 + [([2.0, 2.0], "2", "2.13")] * 3 + [([4.0, 4.0], "2", "2.14")] * 3, version="2"))

    assert given["steps"] is None
    assert len(given["drawings"]) == 4
    assert {drawing.note for drawing in given["drawings"]} == {"machine box, environment py-torch2.13", "machine box, environment py-torch2.14"}
    assert {entry["value"] for entry in latest.values()} == {"4 s"}


def test_what_is_refused_or_fails_is_said_and_is_no_number(asvs):
    given, latest, _ = shown(asvs([([1.0, math.nan], "1", "2.13")] * 2 + [([None, math.nan], "1", "2.13"), (None, "1", "2.13")]))

    assert (latest["n.time_b[gru]"]["value"], latest["n.time_b[gru]"]["failed at"]) == ("failed", f"{'2' * 12}, {'3' * 12}")
    assert (latest["n.time_b[lstm]"]["value"], latest["n.time_b[lstm]"]["failed at"]) == ("failed", "3" * 12)
    assert [drawing.title for drawing in given["drawings"]] == ["n.time_b[gru]"]
    assert [entry["value, seconds"] for entry in given["drawings"][0].data.records()] == ["1", "1", "failed", "failed"]
    assert "nan" not in repr((given["latest"], [(drawing.svg, drawing.data) for drawing in given["drawings"]])).lower()


def test_what_is_refused_at_the_last_commit_is_skipped(asvs):
    _, latest, _ = shown(asvs([([1.0, math.nan], "1", "2.13")]))

    assert {name: entry["value"] for name, entry in latest.items()} == {"n.time_b[gru]": "1 s", "n.time_b[lstm]": "skipped"}


def test_a_folder_in_which_asv_has_not_run_is_said(tmp_path):
    given, _, said = shown(tmp_path)

    assert given["latest"] is None
    assert "asv has not run yet" in said[0]


def test_folders_merge_and_no_run_is_counted_twice(tmp_path):
    merge([PUBLISHED / "quick", PUBLISHED / "classics", PUBLISHED / "quick"], tmp_path / "out")
    both = gathered(tmp_path / "out")
    parts = [gathered(PUBLISHED / name) for name in ("quick", "classics")]
    assert len(both.runs) == sum(len(part.runs) for part in parts)
    assert {task.name for task in both.catalogue.tasks} == {task.name for part in parts for task in part.catalogue.tasks}
    with pytest.raises(ValueError, match="is one of the folders"):
        merge([tmp_path / "out"], tmp_path / "out")


def test_what_is_published_is_what_is_drawn_again(tmp_path):
    folder = tmp_path / "mine"
    merge([PUBLISHED / "classics"], folder)
    render(folder, Options(downloads=True))
    assert (folder / "downloads" / "index.html").exists()
    (tmp_path / "published" / "assets").mkdir(parents=True)
    page = publish(folder, tmp_path / "published" / "mine", Options(downloads=True))
    before = {path: path.read_bytes() for path in (tmp_path / "published").rglob("*") if path.is_file()}
    assert not (page.parent / "downloads").exists()
    render(page.parent, Options(assets="../assets"))
    assert {path: path.read_bytes() for path in (tmp_path / "published").rglob("*") if path.is_file()} == before
    render(folder)
    assert not (folder / "downloads").exists()


@pytest.mark.parametrize(("name", "first"), [("guessing", ["solved", "accuracy", "verdicts"]), ("gru-or-lstm", ["study", "accuracy", "verdicts", "more"])])
def test_the_answer_stands_first(name, first, tmp_path):
    for file in ("catalogue.json", "records.jsonl"):
        (tmp_path / file).write_bytes((PUBLISHED / name / file).read_bytes())
    page = render(tmp_path).read_text()
    assert re.findall(r'<section id="(\w+)"', page)[: len(first)] == first
    assert re.findall(r'<li><a href="#(\w+)"', page)[: len(first)] == first
    before = page.partition('<section id="accuracy"')[0]
    assert all("<details>" in part for part in before.split('<ul class="sentences">')[:-1])


def test_a_watched_folder_is_drawn_again_when_a_record_comes(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "catalogue.json").write_text("{}")
    drawn, looks = [], iter(range(5))

    def wait(_):
        k = next(looks)
        if k == 2:
            (tmp_path / "runs" / "a.json").write_text("{}")
        if k == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow([tmp_path], lambda: drawn.append(len(list((tmp_path / "runs").iterdir()))), wait)
    assert drawn == [0, 1]


def test_a_run_to_repeat_is_found_by_how_its_id_begins():
    (run,) = chosen(PUBLISHED / "classics", ["0737327e"])
    assert run.id == "0737327ef409f808"
    with pytest.raises(ValueError, match="unknown run 'zzz'"):
        chosen(PUBLISHED / "classics", ["zzz"])
    with pytest.raises(ValueError, match="begins the ids of"):
        chosen(PUBLISHED / "classics", [""])
    assert told(run, []).endswith("are others today")
    assert "then" in told(run, [run])


def test_gradients_are_kept_beside_the_records_and_shown(tmp_path):
    experiment = tmp_path / "flow.toml"
    experiment.write_text('question = "?"\ncells = ["rnn", "gru"]\n[[tasks]]\ntask = "parity(length=6)"\nunits = 4\nsteps = 4\nevaluate_every = 2\n')
    done = subprocess.run([sys.executable, "-m", "suite", "run", experiment, "--seeds", "2", "--no-speed", "--workers", "1", "--collect", "gradients", "--out", tmp_path / "out"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = flow.read(tmp_path / "out")
    assert set(found) == {run.id for run in gathered(tmp_path / "out").runs}
    assert all(layers["0"].norms["h"][0] == pytest.approx(1, abs=1e-3) for layers in found.values())
    page = (tmp_path / "out" / "gradients.html").read_text()
    assert "lag at which a tenth is left" in page
    assert "Gradients were not collected" not in page


def test_damaged_gradients_are_passed_over(tmp_path):
    (tmp_path / "gradients").mkdir()
    for name, text in {"a": "{", "b": '{"0": {"norms": 1}}', "c": "[]", "d": '{"0": {"norms": {"h": [1.0, null]}}}'}.items():
        (tmp_path / "gradients" / f"{name}.json").write_text(text)
    assert set(flow.read(tmp_path)) == {"d"}


@pytest.mark.parametrize("name", ["classics", "guessing", "quick", "speed"])
def test_older_catalogues_are_read(name, tmp_path):
    raw = json.loads((PUBLISHED / name / "catalogue.json").read_text())
    for entry in raw["cells"]:
        for key in ("typeset", "formula", "proofs"):
            entry.pop(key, None)
    for entry in raw["tasks"]:
        for key in ("figures", "example", "inputs", "outputs", "supervision", "answer", "source", "version", "paper"):
            entry.pop(key, None)
    (tmp_path / "catalogue.json").write_text(json.dumps(raw))
    assert read_catalogue(tmp_path).experiment == raw["experiment"]


def test_an_empty_experiment_has_every_page(tmp_path):
    (tmp_path / "catalogue.json").write_text(json.dumps({"experiment": "e", "question": "?", "command": "c", "cells": [], "tasks": []}))
    folder = render(tmp_path).parent
    assert "No record of this experiment has a result" in (folder / "index.html").read_text()
    assert (folder / "references.html").exists()

