"""pytest-benchmark's record of the machine: torch and threads, no host name; other machines' figures are not compared."""

import torch

from suite.runs import where


def pytest_benchmark_update_machine_info(config, machine_info):
    here = where()
    machine_info.pop("node", None)
    machine_info["carrousel"] = {"machine": here.machine, "processor": here.processor, "torch": torch.__version__, "threads": torch.get_num_threads()}


def pytest_benchmark_compare_machine_info(config, benchmarksession, machine_info, compared_benchmark):
    ours, theirs = machine_info.get("carrousel"), compared_benchmark["machine_info"].get("carrousel")
    assert ours == theirs, f"figures of another machine or torch cannot be compared: {theirs} against {ours}"
