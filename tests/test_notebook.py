"""`suite.run` from wherever people call it: a script without a guard, a thread, a cell of a notebook, `python -c`."""

import os
import subprocess
import sys

import pytest

BEGIN = """
import suite, suite.report.site
from suite.experiments import Experiment, Recipe
from suite.launch import run as launch

def mine(units):
    settings = {"units": units, "batch": 8, "steps": 12, "evaluate_every": 6}
    return Experiment("mine", "?", ("rnn",), (Recipe("parity(length=4, supervision='every')", settings),), seeds=2)

# neither page nor baselines: tests/test_cli.py asks for both
suite.report.site.render = lambda out: out / "index.html"
launch.known_baselines = lambda out: {launch.key_of(mine(4).recipes[0].task): [{"name": "none", "score": 0.5, "deviation": 0.1, "n": 9}]}

def called(units):
    runs = suite.run(mine(units), out=f"out{units}", workers=2)
    curves = suite.curves(runs[runs["seed"] == 1])
    print(units, runs["status"].tolist(), runs["units"].tolist(), curves["step"].tolist(), type(runs).__name__)

print("begun")
"""
SCRIPT = """
import threading
called(4)
thread = threading.Thread(target=called, args=(5,))
thread.start(); thread.join()
"""
CELL = """
import code
notebook = code.InteractiveInterpreter({"__name__": "__main__", "called": called})
notebook.runsource("called(6)", "<cell 1>")
"""
MISTAKE = """
for wrong in ({"cells": ["lstmm"]}, {"tasks": ["parity(lenght=3)"]}, {"seeds": 0}, {"device": "gpu"}):
    try:
        suite.run(mine(4), out="none", **wrong)
    except ValueError as error:
        print(error)
"""


def ended(*command, cwd):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(path) for path in sys.path if path])}
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == "begun"
    return rest


@pytest.mark.parametrize(("way", "units"), [("script", (4, 5)), ("-c", (6,))])
def test_a_run_is_a_frame_and_its_caller_is_not_run_again_by_workers(tmp_path, way, units):
    whole = BEGIN + (SCRIPT if way == "script" else CELL + MISTAKE)
    (tmp_path / "mine.py").write_text(whole)
    printed = ended(*(["mine.py"] if way == "script" else ["-c", whole]), cwd=tmp_path)
    wanted = [f"{n} ['done', 'done'] [{n}, {n}] [6, 12] DataFrame" for n in units]
    assert printed[: len(wanted)] == wanted
    mistakes = printed[len(wanted) :]
    sentences = [] if way == "script" else ["unknown cell 'lstmm'; did you mean", "unknown argument of task 'parity', 'lenght'", "seeds must be 1 or more", "unknown device 'gpu'"]
    assert len(mistakes) == len(sentences)
    assert all(said.startswith(sentence) for said, sentence in zip(mistakes, sentences, strict=True))
    assert not (tmp_path / "none").exists() or not list((tmp_path / "none" / "runs").iterdir())
