"""The workflows call nox sessions that exist, and nothing that could not run at home; what a session's exit status means is acted on."""

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from suite.regress.history import within

FILES = ("tests", "regress", "nightly")
ALWAYS = "always()"


@pytest.fixture(scope="module")
def sessions(root):
    tree = ast.parse((root / "noxfile.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and any("session" in ast.unparse(each) for each in node.decorator_list)}


@pytest.fixture(scope="module")
def workflows(root):
    return {name: yaml.safe_load((root / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")) for name in FILES}


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def scripts(workflow):
    return {step.get("name", step["run"]): step["run"] for step in steps(workflow) if "run" in step}


def called(workflow):
    """The nox sessions of a workflow, those of a matrix too."""
    named = set()
    for job in workflow["jobs"].values():
        for script in (step["run"] for step in job["steps"] if "run" in step):
            for session in re.findall(r"nox -s (\$\{\{ matrix\.session \}\}|[\w-]+)", script):
                named |= set(job["strategy"]["matrix"]["session"]) if session.startswith("$") else {session}
    return named


def test_there_are_no_other_workflows(root):
    assert {path.stem for path in (root / ".github" / "workflows").iterdir()} == set(FILES)


@pytest.mark.parametrize(("name", "expected"), [("tests", {"lint", "types", "docs", "tests"}), ("regress", {"regress"}), ("nightly", {"history", "publish"})])
def test_every_session_called_exists(workflows, sessions, name, expected):
    assert called(workflows[name]) == expected
    assert expected <= sessions


@pytest.mark.parametrize("name", FILES)
def test_workflows_may_read_and_know_no_secret(root, workflows, name):
    workflow = workflows[name]

    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in (root / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    assert {job for job, about in workflow["jobs"].items() if about.get("permissions", {}).get("contents") == "write"} <= {"keep"}
    assert not [script for script in scripts(workflow).values() if re.search(r"\$\{\{(?! matrix\.)", script)]  # what others write goes through `env`


@pytest.mark.parametrize("name", FILES)
def test_scripts_are_shell(workflows, name):
    for script in scripts(workflows[name]).values():
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_history_sees_the_whole_history(workflows):
    for name in ("regress", "nightly"):
        assert [step["with"]["fetch-depth"] for step in steps(workflows[name]) if step.get("uses", "").startswith("actions/checkout")] == [0] * (1 + (name == "nightly"))


def test_no_push_cancels_the_tests_of_another(workflows):
    concurrency = workflows["tests"]["concurrency"]

    assert "github.event_name == 'push' && github.sha" in concurrency["group"]
    assert concurrency["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def test_a_night_that_fails_keeps_its_results(workflows):
    ran = workflows["nightly"]["jobs"]["history"]
    uses = [step.get("uses", step.get("name", "")).partition("@")[0] for step in ran["steps"]]
    measured = uses.index("nox -s history")
    after = {name: step.get("if") for name, step in zip(uses, ran["steps"], strict=True) if uses.index(name) > measured}

    assert uses.index("actions/cache/restore") < measured
    assert [after[name] for name in ("actions/cache/save", "results in one file", "actions/upload-artifact")] == [ALWAYS] * 3
    assert workflows["nightly"]["jobs"]["keep"]["if"] == ALWAYS
    assert ran["steps"][measured]["timeout-minutes"] < ran["timeout-minutes"]


def carried_out(script, folder, **environment):
    """A script as a runner starts it."""
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    given = os.environ | {"PATH": path, "GITHUB_STEP_SUMMARY": str(folder / "summary.md"), **environment}
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=given, capture_output=True, text=True, check=False)


@pytest.fixture
def nox(tmp_path):
    """A nox that leaves files and ends with a status."""

    def made(status, *files):
        (tmp_path / "bin").mkdir(exist_ok=True)
        lines = [f"mkdir -p {Path(name).parent}; echo told > {name}" for name in files]
        (tmp_path / "bin" / "nox").write_text("\n".join(["#!/bin/sh", 'echo "$@" > asked', *lines, f"exit {status}\n"]))
        (tmp_path / "bin" / "nox").chmod(0o755)
        return tmp_path

    return made


@pytest.mark.parametrize(
    ("status", "files", "ends", "said"),
    [
        (0, (".asv/steps.md", ".asv/html/index.html"), 0, ""),
        (1, (".asv/steps.md", ".asv/html/index.html"), 0, "::warning::a step"),
        (2, (".asv/html/index.html",), 2, ""),  # asv wrote its pages, and they load from other hosts
        (1, (), 1, "::error::"),  # nox could not install
        (137, (".asv/steps.md", ".asv/html/index.html"), 137, ""),
    ],
)
def test_only_what_was_measured_is_published(workflows, nox, status, files, ends, said):
    folder = nox(status, *files)
    done = carried_out(scripts(workflows["nightly"])["nox -s history"], folder, RANGE="HEAD~3..HEAD")

    assert done.returncode == ends
    assert said in done.stdout
    assert bool(done.stdout) == bool(said)
    assert (folder / "summary.md").exists() == (".asv/steps.md" in files)
    assert (folder / "asked").read_text() == "-s history -- --new --skip-existing HEAD~3..HEAD\n"


@pytest.mark.parametrize(("status", "ends"), [(0, 0), (1, 1), (2, 2), (3, 0)])
def test_what_the_data_cannot_tell_is_a_warning(workflows, nox, status, ends):
    folder = nox(status, ".regress/regress.md")
    done = carried_out(scripts(workflows["regress"])["nox -s regress"].replace('$(git merge-base HEAD "$BASE")', "$BASE"), folder, BASE="aaaa")

    assert done.returncode == ends
    assert ("::warning::" in done.stdout) == (status == 3)
    assert (folder / "summary.md").read_text() == "told\n"
    assert (folder / "asked").read_text() == "-s regress -- aaaa HEAD\n"


def test_results_are_kept_on_a_branch_from_night_to_night(workflows, tmp_path):
    found = scripts(workflows["nightly"])
    git = ["git", "-c", "user.name=n", "-c", "user.email=e", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q", "--bare", "origin"], cwd=tmp_path, check=True)
    for step in (["clone", "-q", "origin", "first"], ["-C", "first", "commit", "-q", "--allow-empty", "-m", "one"], ["-C", "first", "push", "-q", "origin", "HEAD:main"]):
        subprocess.run([*git, *step], cwd=tmp_path, check=True, capture_output=True)
    for night in ("monday", "tuesday"):
        for job, names in (("history", ("what earlier nights measured", "results in one file")), ("keep", ("the branch of results",))):
            folder = tmp_path / f"{night} {job}"
            subprocess.run([*git, "clone", "-q", "origin", str(folder)], cwd=tmp_path, check=True)
            for name in names:
                if name == "results in one file":
                    assert (folder / ".asv" / "steps.json").read_text() == ("{}\n" if night == "monday" else "told on monday")
                    (folder / ".asv" / "results" / night).write_text(night)
                    (folder / ".asv" / "steps.json").write_text(f"told on {night}")
                done = carried_out(found[name], folder, RUNNER_TEMP=str(tmp_path / f"{night} history"))
                assert done.returncode == 0, done.stderr
    kept = subprocess.run([*git, "--git-dir", "origin", "ls-tree", "-r", "--name-only", "asv"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert kept.split() == ["results/monday", "results/tuesday", "steps.json"]


def test_a_night_looks_back_as_far_as_a_step_needs(workflows, tmp_path):
    nightly = workflows["nightly"]
    default = nightly[True]["workflow_dispatch"]["inputs"]["range"]["default"]  # YAML reads `on` as a truth value
    (step,) = (step for step in steps(nightly) if step.get("name") == "nox -s history")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run([*git, "init", "-q"], check=True)
    for number in range(30):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", str(number)], check=True)

    assert f"|| '{default}'" in step["env"]["RANGE"]
    assert len(within(tmp_path, default)) == 20
