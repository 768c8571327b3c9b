"""The installed wheel works without the repository."""

import os
import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip(["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, root])
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """`installed(…)` runs `python -m suite …` from the wheel, in a folder that is no checkout."""
    target, elsewhere = tmp_path_factory.mktemp("target"), tmp_path_factory.mktemp("elsewhere")
    pip(["install", "--no-deps", "--no-compile", "--target", target, wheel])
    environment = {name: value for name, value in os.environ.items() if name != "CARROUSEL_DATA"} | {"PYTHONPATH": str(target)}

    def run(*arguments, module=("-m", "suite")):
        return subprocess.run([sys.executable, *module, *arguments], cwd=elsewhere, capture_output=True, text=True, env=environment, check=False)

    run.target, run.elsewhere = target, elsewhere
    return run


def pip(arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wheel_carries_all_that_is_read_at_run_time(wheel, root):
    names = zipfile.ZipFile(wheel).namelist()
    wanted = {f"suite/_datasets/{path.parent.name}/manifest.toml" for path in (root / "datasets").glob("*/manifest.toml")}
    wanted |= {"suite/papers.bib", "suite/proofs.toml", "suite/runs/schema.json", "suite/experiments/schema.json"}
    wanted |= {str(path.relative_to(root)) for kind in ("templates", "static", "vendor") for path in (root / "suite" / "report" / kind).rglob("*") if path.is_file()}
    wanted |= {str(path.relative_to(root)) for path in (root / "suite").rglob("*.py")}
    assert len(wanted) > 60
    assert wanted <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"suite"}
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_tests_run_the_wheel_and_not_the_checkout(installed):
    done = installed(module=("-c", "import suite; print(suite.__file__)"))
    assert done.stdout.strip() == str(installed.target / "suite" / "__init__.py")


def test_it_lists_tasks(installed):
    done = installed("list", "tasks")
    assert (done.returncode, done.stderr) == (0, "")
    assert "digits-rows" in done.stdout


def test_it_plans_an_experiment(installed):
    done = installed("run", "quick", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "runs to do" in done.stdout
    assert not list(installed.elsewhere.iterdir())


def test_it_carries_out_a_run(installed):
    done = installed("run", "quick", "--task", "digits-rows", "--cell", "rnn", "--seeds", "1")
    assert done.returncode == 0, done.stderr
    page = installed.elsewhere / done.stdout.splitlines()[-1]
    assert page.name == "index.html"
    assert "digits-rows" in page.read_text(encoding="utf-8")
    (record,) = (page.parent / "runs").glob("*.json")
    assert '"status": "done"' in record.read_text(encoding="utf-8")
    assert '"commit": ""' in record.read_text(encoding="utf-8")
