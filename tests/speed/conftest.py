"""pytest-benchmark's record of the machine: torch, threads and graphics processor, no host name; other machines' figures are not compared."""

import pytest
import torch

from suite.runs import where


def pytest_benchmark_update_machine_info(config, machine_info):
    here = where(torch.cuda.get_device_name() if torch.cuda.is_available() else "none")
    machine_info.pop("node", None)
    machine_info["carrousel"] = {
        "machine": here.machine,
        "processor": here.processor,
        "accelerator": here.accelerator,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
    }


def pytest_benchmark_compare_machine_info(config, benchmarksession, machine_info, compared_benchmark):
    ours, theirs = machine_info.get("carrousel"), compared_benchmark["machine_info"].get("carrousel")
    if ours != theirs:
        raise pytest.UsageError(f"figures of another machine or torch cannot be compared: {theirs} against {ours}")
