"""What a machine can run is said, and why not the rest; nothing is left behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from suite import folders
from suite.cli import main
from suite.data import manifest
from suite.data.hub import VARIABLE
from suite.data.manifest import folder
from suite.engines import ENGINES, direct
from suite.launch import doctor, surroundings
from suite.launch.doctor import NEEDED


@pytest.fixture
def asked(capsys):
    """`asked(…)` -> exit status, answers by name."""

    def called(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["doctor", "--json", *map(str, arguments)])
        return left.value.code, {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}

    return called


def test_a_machine_that_runs_these_tests_can_run_the_main_job(asked, tmp_path, monkeypatch):
    monkeypatch.delenv("CARROUSEL_DATA", raising=False)
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "cache"))
    status, answers = asked("--out", tmp_path / "out")
    assert status == 0
    assert all(answers[name]["ok"] and answers[name]["needed"] for name in NEEDED)
    assert {f"engine {name}" for name in ENGINES} < set(answers)
    assert {f"data {path.parent.name}" for path in folder().glob("*/manifest.toml")} < set(answers)
    assert answers["engine vendor"]["ok"]
    assert "has no kernel for" in answers["engine vendor"]["detail"]
    assert answers["streams"]["ok"] == (direct.refuses() is None)
    assert answers["data digits"]["detail"].startswith("comes with scikit-learn")
    assert answers["data mnist"] == {
        "name": "data mnist",
        "ok": False,
        "needed": False,
        "detail": f"mnist is not here: CARROUSEL_DATA is not set; its first use downloads it from the Hugging Face hub, ylecun/mnist at {manifest('mnist').revision[:10]}, or {VARIABLE} names a folder with 'ylecun/mnist' in it",
    }
    assert answers["data japanese-vowels"]["detail"].endswith(f"or {VARIABLE} names a folder with 'local/japanese_vowels' in it")  # the longest, said to its end
    assert not (tmp_path / "out").exists()


def test_what_is_lacking_is_said_and_decides_the_status(asked, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path / "none"))
    monkeypatch.setattr(doctor, "_worker", lambda place: 1 / 0)
    status, answers = asked("--out", tmp_path / "file" / "below")
    assert status == 1
    assert answers["output"]["detail"] == f"cannot write to '{tmp_path / 'file' / 'below'}': Not a directory"
    assert answers["streams"]["detail"].startswith("steps of a stream take the longer way through Python, with the same results: ")
    assert answers["worker"]["detail"] == "ZeroDivisionError: division by zero"
    assert "cannot run the C++ compiler 'no-such-compiler'" in answers["engine scan"]["detail"]
    assert answers["data mnist"]["detail"] == f"CARROUSEL_DATA names '{tmp_path / 'none'}', which is no folder"
    assert [name for name, entry in answers.items() if entry["needed"] and not entry["ok"]] == ["output", "worker"]
    verdict = doctor.text([doctor.Answer(**entry) for entry in answers.values()]).splitlines()[-1]
    assert verdict == "The main job cannot run here, for want of: output, worker"


def test_without_torch_it_says_so():
    code = "import sys; sys.modules['torch'] = None; from suite.cli import main; main(['doctor', '--json'])"
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).resolve().parents[1], capture_output=True, text=True)
    answers = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert (done.returncode, done.stderr) == (1, "")
    assert answers["torch"]["detail"].startswith("cannot be imported (ModuleNotFoundError")
    assert answers["python"]["ok"]


@pytest.mark.parametrize(("lines", "packages", "extras"), [(["torch>=2.10", "no-such-package>=1"], "no-such-package missing: pip install no-such-package", []), (["torch", "no-such-package ; extra == 'cluster'"], "torch ", ["cluster"])])
def test_packages_and_extras_are_those_that_the_package_asks_for(monkeypatch, tmp_path, lines, packages, extras):
    monkeypatch.setattr(surroundings.metadata, "requires", lambda name: lines)
    (found,) = doctor.judged({"packages": surroundings.QUESTIONS["packages"]}, surroundings.Place(tmp_path))
    assert found.detail.startswith(packages)
    assert surroundings.extras() == extras
    for name in extras:
        with pytest.raises(ValueError, match=rf"not installed: pip install 'carrousel\[{name}\]'"):
            surroundings.extra(name, surroundings.Place(tmp_path))


def test_a_set_in_the_cache_is_found(tmp_path, monkeypatch):
    from suite.data.found import found

    monkeypatch.delenv("CARROUSEL_DATA", raising=False)
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path))
    about = manifest("mnist")
    for split in about.splits:
        (folders.cache() / f"mnist-{split}-{about.revision[:16]}.safetensors").write_text("")
    assert found("mnist") == "decoded in the cache"
