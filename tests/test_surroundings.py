"""What asv installs is pinned and is all that a wheel needs, the user's settings of pip and git are seen, and its benchmarks leave nothing behind."""

import importlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib

import pytest

from suite.regress.surroundings import surroundings


def named(requirements):
    return {re.match(r"[A-Za-z0-9_.-]+", each)[0].lower() for each in requirements}


@pytest.fixture(scope="module")
def matrix(root):
    return json.loads((root / "asv.conf.json").read_text())["matrix"]["req"]


def test_asv_installs_what_the_wheel_needs(root, matrix):
    project = tomllib.loads((root / "pyproject.toml").read_text())

    assert set(matrix) == named(project["project"]["dependencies"]) | named(project["build-system"]["requires"])


def test_what_asv_installs_is_pinned(root, matrix):
    pins = dict(line.split("==") for line in (root / "constraints.txt").read_text().splitlines() if "==" in line)

    assert set(matrix) <= set(pins)
    assert matrix["torch"] == [pins["torch"]]
    assert surroundings(root / ".asv", {})["PIP_CONSTRAINT"] == str(root / "constraints.txt")
    assert "PIP_CONSTRAINT" not in surroundings(root / "tests" / ".asv", {})


def test_pins_given_by_the_user_win(root):
    assert surroundings(root / ".asv", {"PIP_CONSTRAINT": "theirs.txt"})["PIP_CONSTRAINT"] == "theirs.txt"


@pytest.mark.parametrize(("git", "pip"), [(".gitconfig", ".config/pip/pip.conf"), (".config/git/config", ".pip/pip.conf")])
def test_the_users_settings_of_pip_and_git_are_seen(tmp_path, git, pip):
    for name, text in ((git, "[proxy]\n  mark = 1f2e\n"), (pip, "[global]\ntimeout = 4711\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    there = surroundings(tmp_path / "checkout" / ".asv", {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": "elsewhere"})

    def said(*command):
        return subprocess.run(command, env=there, capture_output=True, text=True, check=True).stdout

    assert there["HOME"] == str(tmp_path / "checkout" / ".asv")
    assert "PYTHONPATH" not in there
    assert said("git", "config", "--global", "--get", "proxy.mark").strip() == "1f2e"
    assert "global.timeout='4711'" in said(sys.executable, "-m", "pip", "config", "list")


def test_the_records_lie_where_asv_removes_them(root, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(root))
    records = importlib.import_module("benchmarks.records")
    monkeypatch.setattr(records, "RUNS", 6)
    (tmp_path / "asv").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path / "asv")
    watched = records.Records()
    folder = watched.setup_cache()

    assert len(list((tmp_path / "asv").rglob("*.json"))) == 6
    assert list(tmp_path.iterdir()) == [tmp_path / "asv"]
    watched.time_read(folder)
