"""What pytest-benchmark keeps of a machine, and that it refuses another's figures."""

import importlib.util
import json
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module")
def hooks(root):
    spec = importlib.util.spec_from_file_location("speed_conftest", root / "tests/speed/conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return SimpleNamespace(update=module.pytest_benchmark_update_machine_info, compare=module.pytest_benchmark_compare_machine_info)


def described(hooks):
    made = {"node": platform.node(), "system": "Linux"}
    hooks.update(None, made)
    return made


def test_the_record_tells_torch_threads_and_graphics_processor_and_no_host(hooks):
    made = described(hooks)

    assert set(made["carrousel"]) == {"machine", "processor", "accelerator", "torch", "cuda", "threads"}
    assert platform.node() not in {str(value) for value in (*made.values(), *made["carrousel"].values())}


@pytest.mark.parametrize("field", ["machine", "accelerator", "torch", "threads"])
def test_figures_of_another_machine_are_refused(hooks, field):
    here, there = described(hooks), described(hooks)
    assert hooks.compare(None, None, here, {"machine_info": there}) is None

    there["carrousel"][field] = "another"
    with pytest.raises(pytest.UsageError, match="cannot be compared"):
        hooks.compare(None, None, here, {"machine_info": there})


def test_the_command_refuses_them_too(root, tmp_path):
    there = {"machine_info": {"carrousel": {"machine": "00000000"}}, "commit_info": {}, "benchmarks": [], "datetime": "2026-01-01T00:00:00", "version": "5.3.1"}
    (tmp_path / "0001_there.json").write_text(json.dumps(there))
    chosen = ["tests/speed/test_groups.py", "-k", "test_engines_that_answer and vendor", "--benchmark-enable", f"--benchmark-compare={tmp_path}/0001_there.json"]
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen], cwd=root, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "figures of another machine or torch cannot be compared" in done.stdout + done.stderr
