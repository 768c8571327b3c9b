"""Imports go in the directions of the architecture, and nothing is where it does not belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from suite.cells import CELLS
from suite.data import manifest
from suite.papers import library
from suite.tasks import TASKS

ROOT = Path(__file__).resolve().parents[1]
SUITE = ROOT / "suite"

MAY = {  # package -> what of ours it imports besides itself
    "cells": set(),
    "engines": {"cells", "folders"},
    "data": {"folders"},
    "tasks": {"data", "names", "findings", "papers"},
    "runs": set(),
    "stats": {"runs"},
    "report": {"names", "runs", "stats", "regress"},
    "experiments": {"names", "runs", "stats", "report"},
    "exports": {"names", "runs", "stats", "report"},
    "regress": {"runs", "stats"},
    "training": {"names", "findings", "cells", "engines", "tasks", "runs", "stats", "catalogue"},
}


def modules(package):
    return sorted((SUITE / package).rglob("*.py"))


def imported(path):
    """Every dotted name that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", MAY)
def test_import_directions(package):
    assert modules(package)
    for path in modules(package):
        ours = {name.split(".")[1] for name in imported(path) if name.startswith("suite.")}
        assert ours <= MAY[package] | {package}, path


@pytest.mark.parametrize("package", ["runs", "report", "stats", "experiments", "exports", "regress"])
def test_records_and_pages_need_no_torch(package):
    assert not [path for path in modules(package) for name in imported(path) if name.split(".")[0] == "torch"]


def test_only_one_module_imports_the_hub():
    importers = {path.name for path in SUITE.rglob("*.py") for name in imported(path) if name.split(".")[0] in ("datasets", "huggingface_hub")}
    assert importers == {"hub.py"}


def loaded(code):
    done = subprocess.run([sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_report_loads_without_torch():
    found = loaded("import suite.report, suite.report.site, suite.runs, suite.experiments, suite.exports, suite.regress.__main__, suite.regress.compare")
    assert "torch" not in found
    assert "suite.report" in found


def test_cells_and_engines_need_torch_and_nothing_else():
    before, after = loaded("import torch"), loaded("import torch; import suite.cells, suite.engines")
    new = {name for name in after - before if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in new if not name.startswith(("suite", "torch."))} == set()
    ours = {name for name in new if name.startswith("suite")}
    assert {name.split(".")[1] for name in ours if "." in name} == {"cells", "engines", "folders"}


def test_the_public_face_is_lazy_and_whole():
    assert not {name for name in loaded("import suite") if name.startswith(("torch", "suite."))}
    import suite

    assert all(callable(getattr(suite, name)) for name in suite.FACE)
    with pytest.raises(AttributeError, match="has no attribute 'cel'"):
        _ = suite.cel


@pytest.mark.parametrize("folder", ["datasets", "reports"])
def test_no_python_beside_data(folder):
    assert not list((ROOT / folder).rglob("*.py*"))


OURS = {"gru-x", "lstm-peephole-full", "lstm-use-gate"}  # forms without a paper of their own, as their docstrings say


def test_every_source_is_cited_with_an_entry():
    keys = {CELLS[name](4).paper for name in CELLS if name not in OURS} | {factory().paper for factory in TASKS.values()}
    keys |= {manifest(path.parent.name).paper for path in (ROOT / "datasets").glob("*/manifest.toml")}
    assert "" not in keys
    assert keys <= set(library())
    for reference in library().values():
        assert reference.bibtex.count("{") == reference.bibtex.count("}")
        assert "(" in reference.line


def calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, ast.unparse(node.func)


def test_gradients_are_taken_in_training_only():
    assert not [path for path in SUITE.rglob("*.py") for name, _ in calls(path) if name == "backward"]
    takers = {path.relative_to(SUITE) for path in SUITE.rglob("*.py") for _, whole in calls(path) if whole.endswith("autograd.grad")}
    assert takers - {Path("engines", "trace.py")} == {path for path in takers if path.parts[0] == "training"}  # one derives the reverse of a step
    assert takers


def test_nothing_draws_from_a_global_generator():
    drawers = {"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "bernoulli", "multinomial", "manual_seed", "seed", "shuffle", "choice"}
    for path in SUITE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in drawers:
                whole = ast.unparse(node)
                assert "generator=" in whole or "Generator()" in whole, f"{path}: {whole}"


def test_modules_say_what_they_are_for():
    for path in SUITE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
