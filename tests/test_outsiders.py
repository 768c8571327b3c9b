"""A cell of somebody else's package: proved by `carrousel check`, run beside ours, its mistakes named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = """
from torch import sigmoid, tanh
from suite import Cell


def step(a, s, p):
    f = sigmoid(a.f + p.p_f * s.h)
    return s._replace(h=(1 - f) * s.h + f * tanh(a.n))


def my_cell(units):
    return Cell("my-cell", (({"f": "x b", "n": "x h b"}, step),), {"h": units}, {"p_f": units})
"""
MIXING = GOOD.replace("tanh(a.n)", "tanh(a.n - a.n.mean())")  # looks at the whole batch
INFINITE = GOOD.replace("tanh(a.n)", "a.n.exp()")
TYPO = GOOD.replace('"x h b"', '"x hh b"')
MISSING = GOOD.replace("a.n)", "a.m)")


@pytest.fixture
def outside(tmp_path):
    """Runs `python -m suite` in a folder that holds the package `theirs` with one file of cells."""
    package = tmp_path / "theirs"
    package.mkdir()
    (package / "__init__.py").touch()

    def run(source, *arguments):
        (package / "cells.py").write_text(source)
        root = str(Path(__file__).parents[1])
        environment = os.environ | {"PYTHONPATH": root, "PYTHONSAFEPATH": "1"}
        return subprocess.run([sys.executable, "-m", "suite", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_good_cell_passes_every_property(outside):
    done = outside(GOOD, "check", "theirs.cells:my_cell")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(line.startswith("ok  ") for line in done.stdout.splitlines())
    assert len(done.stdout.splitlines()) >= 7


@pytest.mark.parametrize(("source", "broken"), [(MIXING, {"replicas together equal replicas alone", "sequences and padding do not mix"}), (INFINITE, {"saturating inputs"})])
def test_a_cell_that_breaks_a_property_is_told_which(outside, source, broken):
    done = outside(source, "check", "theirs.cells:my_cell")
    failed = {line.removeprefix("FAIL ").partition(":")[0] for line in done.stdout.splitlines() if line.startswith("FAIL")}
    assert done.returncode == 1
    assert failed >= broken


@pytest.mark.parametrize(("source", "sentence"), [
    (TYPO, "row 'n' of cell 'my-cell' is fed by 'hh'; it can be fed by x, b, h, '=x' or '=noise'"),
    (MISSING, "has no attribute 'm'; a has f, n, s has h, p has p_f"),
])
def test_a_mistake_in_table_or_equations_is_one_sentence(outside, source, sentence):
    done = outside(source, "check", "theirs.cells:my_cell")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_trains_beside_ours(outside, tmp_path):
    done = outside(GOOD, "run", "quick", "--task", "parity(length=4, supervision='every')", "--cell", "rnn", "--cell", "theirs.cells:my_cell", "--seeds", "1", "--out", "out")
    assert done.returncode == 0, done.stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "out" / "runs").glob("*.json")]
    assert {(record["spec"]["cell"], record["status"]) for record in records} == {("rnn", "done"), ("theirs.cells:my_cell", "done")}


TASK = """
from dataclasses import replace
import suite


def echo(length=4):
    return replace(suite.task("adding", length=length), name="whatever its author calls it")
"""


def test_a_task_of_theirs_is_on_the_page_with_its_results(outside, tmp_path):
    done = outside(TASK, "run", "quick", "--task", "theirs.cells:echo(length=3)", "--cell", "rnn", "--seeds", "2", "--units", "4", "--out", "out")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Best mean: rnn" in page
    assert "best trivial baseline (" in page


THEIRS = """
from dataclasses import replace
import suite
from suite.tasks import Batch

ours = suite.task("parity", length=6)


def echo(length):
    return suite.task("parity", length=length, supervision="every")


def wrong(split, size, generator):
    for batch in ours.batches(split, size, generator):
        yield batch._replace(x=batch.x.roll(1, 0))


def shifted(length=6):
    return replace(suite.task("parity", length=length), batches=wrong, chance=0.4)


def broken(length=6):
    return {}["length"]
"""


@pytest.mark.parametrize("name", ["ours", "echo(length=4)", "echo(length=4, train=64)"])
def test_a_good_task_passes_every_property(outside, name):
    done = outside(THEIRS, "check", f"theirs.cells:{name}")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(line.startswith("ok  ") for line in done.stdout.splitlines())
    assert "ok   the oracle is best: 1 on every split" in done.stdout


def test_a_task_that_breaks_a_property_is_told_which(outside):
    done = outside(THEIRS, "check", "theirs.cells:shifted")
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stdout.splitlines() if line.startswith("FAIL")] == ["FAIL the best constant scores chance"]


@pytest.mark.parametrize(("name", "sentence"), [
    ("echo", "task 'theirs.cells:echo' needs its difficulty, as in theirs.cells:echo(length=…)"),
    ("echo(lenght=3)", "'lenght'"),
    ("missing", "cell or task 'theirs.cells:missing' cannot be imported"),
    ("broken", "task 'theirs.cells:broken' cannot be made: KeyError: 'length'"),
    ("ours(length=3)", "task 'theirs.cells:ours' takes no arguments"),
])
def test_a_mistake_about_a_task_is_one_sentence(outside, name, sentence):
    done = outside(THEIRS, "check", f"theirs.cells:{name}")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
