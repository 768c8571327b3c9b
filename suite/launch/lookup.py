"""Tasks, data and devices by what a spec calls them, each looked up once."""

from __future__ import annotations

from functools import cache

import torch

from suite import catalogue, names
from suite.data import NotAvailable
from suite.tasks import Task


@cache
def task_of(text: str) -> Task:
    """A task, made once."""
    return catalogue.task(text)


def canonical(text: str) -> str:
    """A task's name with every argument written out, so that a changed default is another spec."""
    name, given = names.parse_call(text)
    return names.format_call(name, names.arguments(catalogue.task_factory(name), given))

_answers: dict[str, str | None] = {}


def unavailable(task: Task) -> str | None:
    """The sentence why a task's data cannot be had; altered or incomplete data raise DataError."""
    if task.data is None or task.data.content:
        return None
    if task.data.name not in _answers:
        try:
            task.data.load()
            _answers[task.data.name] = None
        except NotAvailable as error:
            _answers[task.data.name] = " ".join(str(error).split())
    return _answers[task.data.name]


def device_of(name: str) -> tuple[torch.device, str | None]:
    """A device, and the sentence why it is not here."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"unknown device '{name}'; known: cpu, cuda, cuda:0 …") from None
    if device.type not in ("cpu", "cuda") or (device.type == "cpu" and device.index):
        raise ValueError(f"unknown device '{name}'; known: cpu, cuda, cuda:0 …")
    if device.type == "cuda" and not torch.cuda.is_available():
        return device, "this machine has no CUDA device that PyTorch can use"
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        return device, f"this machine has {torch.cuda.device_count()} CUDA devices, and no '{name}'"
    return device, None
