"""Every folder of published results is whole, can be read, was made from a commit, and says nothing of whose machine it was."""

import json
import re
from pathlib import Path

import pytest

from suite.runs.sources import gather

PUBLISHED = Path(__file__).resolve().parents[1] / "reports" / "published"
FOLDERS = sorted(path.name for path in PUBLISHED.iterdir() if path.is_dir() and path.name != "assets")  # those are what pages share
PARTS = ("index.html", "catalogue.json", "records.jsonl")
LARGEST = 10_000_000
PRIVATE = re.compile(r"/(?:home|Users|root)/|[A-Za-z]:\\\\|@[\w-]+\.\w")


def faults(folder):
    """What keeps a folder from being published, a sentence each."""
    missing = [f"{part} is missing" for part in PARTS if not (folder / part).is_file()]
    if missing:
        return missing
    found = [f"{path.name} is Python" for path in folder.rglob("*.py*")]
    found += [f"{path.name} is larger than {LARGEST:,} bytes" for path in folder.rglob("*") if path.stat().st_size > LARGEST]
    text = (folder / "records.jsonl").read_text(encoding="utf-8")
    found += [f"records.jsonl names a place or a person: {match[0]}" for match in PRIVATE.finditer(text)]
    runs, skipped = gather(folder)
    found += [f"{skip.path.name}, {skip.reason}" for skip in skipped]
    found += [f"{run.id} was not made from a clean commit" for run in runs if not (run.where.commit and run.where.clean)]
    files = [run.file for run in runs]
    found += [f"{file} stands there twice" for file in sorted({file for file in files if files.count(file) > 1})]
    about = json.loads((folder / "catalogue.json").read_text(encoding="utf-8"))
    found += [f"catalogue.json has no {field}" for field in ("question", "command") if not about.get(field)]
    cells, tasks = ({entry["name"] for entry in about[part]} for part in ("cells", "tasks"))
    found += [f"catalogue.json has no cell '{name}'" for name in sorted({run.spec.cell for run in runs if not run.spec.cell.startswith("torch.nn")} - cells)]
    return found + [f"catalogue.json has no task '{name}'" for name in sorted({run.spec.task for run in runs if run.spec.kind == "train"} - tasks)]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_published_folder_has_no_fault(name):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert faults(PUBLISHED / name) == []


@pytest.fixture
def folder(tmp_path):
    for part in PARTS:
        (tmp_path / part).write_bytes((PUBLISHED / "classics" / part).read_bytes())
    assert faults(tmp_path) == []
    return tmp_path


def test_a_file_that_is_not_there_is_a_fault(folder):
    (folder / "index.html").unlink()
    assert faults(folder) == ["index.html is missing"]


def test_a_score_that_was_changed_is_a_fault(folder):
    path = folder / "records.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    record = json.loads(lines[0])
    record["score"]["test"] = 0.123
    path.write_text("\n".join([json.dumps(record), *lines[1:]]), encoding="utf-8")
    assert len(faults(folder)) >= 1


@pytest.mark.parametrize(("old", "new", "said"), [('"clean": true', '"clean": false', ""), ('"commit": "', '"commit": "/home/me/', "names a place or a person")])
def test_a_tree_that_nobody_has_and_a_path_are_faults(folder, old, new, said):
    path = folder / "records.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    assert any(said in fault for fault in faults(folder))


def test_a_cell_without_its_equations_is_a_fault(folder):
    path = folder / "catalogue.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(about | {"cells": about["cells"][1:], "command": ""}), encoding="utf-8")
    assert faults(folder) == ["catalogue.json has no command", f"catalogue.json has no cell '{about['cells'][0]['name']}'"]


def test_publishing_says_which_records_name_no_clean_commit(tmp_path):
    """As those of a copy installed without its checkout do; said before anybody writes a pull request."""
    from suite.report.site import PLAIN, publish
    from suite.runs import Store

    runs, _ = gather(PUBLISHED / "classics")
    for number, run in enumerate(runs):
        Store(tmp_path / "mine" / "runs").write(run if number else run.model_copy(update={"where": run.where.model_copy(update={"commit": "", "clean": None})}))
    (tmp_path / "mine" / "catalogue.json").write_bytes((PUBLISHED / "classics" / "catalogue.json").read_bytes())
    said = []
    publish(tmp_path / "mine", tmp_path / "published", PLAIN._replace(told=said.append, downloads=False))

    assert [line for line in said if "clean commit" in line] == [f"1 of {len(runs)} records name no clean commit, so nobody can run them again: install with 'pip install -e .', commit, and run anew"]
