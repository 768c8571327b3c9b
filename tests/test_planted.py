"""Commits planted in a throw-away clone are called for what they are: the real benchmarks, for minutes (`nox -s exhaustive -- -k planted`)."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from suite.regress.trees import git

ENGINE, IMAGES = "suite/engines/hoisted.py", "suite/tasks/images.py"
BEFORE_ENGINE = '\nENGINE = Engine("hoisted", unroll)\n'

SLOWER = '''
def slower(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """A training step takes a tenth longer: the forward part, which is two fifths of it, a quarter."""
    import time

    start = time.perf_counter()
    found = unroll(cell, params, xs, state, mask, noise)
    if torch.is_grad_enabled() and len(xs) > 50 and any(value.requires_grad for value in params.values()):
        end = time.perf_counter() + 0.27 * (time.perf_counter() - start)
        while time.perf_counter() < end:
            pass
    return found


ENGINE = Engine("hoisted", slower)
'''

LARGER = '''
def larger(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """A training step holds a fifth more: some 20 values a row of the output, and as many again for four gates."""
    outputs, last = unroll(cell, params, xs, state, mask, noise)
    if outputs.requires_grad and len(xs) > 50:
        held = torch.empty(4, *outputs.shape)
        held.view(-1)[:: 1024] = 1.0  # every page of it
        outputs.register_hook(lambda gradient, held=held: None)
    return outputs, last


ENGINE = Engine("hoisted", larger)
'''

LABELS = 'return Batch(x, found["label"][chosen], torch.ones'
WORSE_LABELS = 'wrong = (chosen % 45 == 0) & (name == "digits") & (split == "test")\n        return Batch(x, torch.where(wrong, 9 - found["label"][chosen], found["label"][chosen]), torch.ones'

PLANTED = {
    "slower": (ENGINE, BEFORE_ENGINE, SLOWER, "step"),
    "larger": (ENGINE, BEFORE_ENGINE, LARGER, "memory"),
    "wrong": (IMAGES, LABELS, WORSE_LABELS, "digits error"),
}
WATCHED = ("step[lstm, hoisted*", "step[lstm, scan*", "forward[lstm, hoisted*", "memory[lstm, hoisted*", "digits error[gru*")


@pytest.fixture(scope="module")
def clone(root, tmp_path_factory):
    if not (root / ".git").exists():
        pytest.skip("this is no checkout")
    folder = tmp_path_factory.mktemp("planted") / "clone"
    subprocess.run(["git", "clone", "-q", str(root), str(folder)], check=True)
    for name in ("suite", "benchmarks", "datasets"):  # as they lie here, committed or not
        shutil.rmtree(folder / name)
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "config", "user.name", "n")
    git(folder, "config", "user.email", "e")
    commit(folder, "as it is here")
    return folder


def commit(folder, subject):
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


def plant(folder, name):
    path, old, new, _ = PLANTED[name]
    text = (folder / path).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (folder / path).write_text(text.replace(old, new), encoding="utf-8")
    return commit(folder, f"plant {name}")


def regress(folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, "-m", "suite.regress", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    return done.returncode, json.loads((folder / ".regress" / "regress.json").read_text())


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_commit_is_called_in_its_own_series_only(clone, name):
    base = git(clone, "rev-parse", "HEAD")
    try:
        status, found = regress(clone, base, plant(clone, name), "--minutes", "3", *(word for pattern in WATCHED for word in ("--only", pattern)))
    finally:
        git(clone, "reset", "-q", "--hard", base)
    called = {entry["name"]: entry for entry in found["series"] if entry["verdict"] not in ("no change", "cannot tell")}

    assert status == 1
    assert called
    assert {entry["verdict"] for entry in called.values()} == {"regression"}
    assert {each.partition("[")[0] for each in called} == {PLANTED[name][3]}


@pytest.mark.exhaustive
def test_a_commit_planted_five_back_is_found_by_history(clone):
    if not shutil.which("virtualenv") and not __import__("importlib.util").util.find_spec("virtualenv"):
        pytest.skip("asv needs virtualenv")
    base = git(clone, "rev-parse", "HEAD")
    try:
        for number in range(4):
            commit(clone, f"before {number}")
        planted = plant(clone, "larger")
        for number in range(4):
            commit(clone, f"after {number}")
        command = ["-m", "suite.regress.history", "--bench", "Memory.*lstm.*hoisted.*cpu 1", f"{base}..HEAD"]
        done = subprocess.run([sys.executable, *command], cwd=clone, env=os.environ | {"PYTHONPATH": str(clone)}, capture_output=True, text=True, check=False)
    finally:
        git(clone, "reset", "-q", "--hard", base)
    print(done.stdout, done.stderr)
    steps = json.loads((clone / ".asv" / "steps.json").read_text())["steps"]

    assert done.returncode == 1
    assert [(step["series"], step["first"], step["verdict"]) for step in steps] == [("networks.Memory.track_memory[lstm, hoisted, cpu 1]", planted, "regression")]


HALF = "import time\nwhile True:\n    end = time.perf_counter() + 0.5\n    while time.perf_counter() < end:\n        pass\n    time.sleep(0.5)\n"


@pytest.mark.exhaustive
def test_twenty_comparisons_of_a_commit_with_itself_raise_no_alarm(clone):
    """With one core loaded half of the time; two minutes each. The second commit has the same files, in a folder of its own."""
    base, verdicts = git(clone, "rev-parse", "HEAD"), []
    again = commit(clone, "the same again")
    load = subprocess.Popen([sys.executable, "-c", HALF])
    try:
        for _ in range(20):
            _, found = regress(clone, base, again, "--minutes", "2", "--only", "step[lstm, hoisted*", "--only", "forward[gru, scan*", "--only", "memory[lstm, vendor*")
            verdicts += [entry["verdict"] for entry in found["series"]]
    finally:
        load.kill()
        load.wait()
        git(clone, "reset", "-q", "--hard", base)

    print({verdict: verdicts.count(verdict) for verdict in verdicts})
    assert len(verdicts) == 60
    assert set(verdicts) <= {"no change", "cannot tell"}
    assert verdicts.count("no change") >= 5
