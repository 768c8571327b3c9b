"""Tasks, data and devices by what a spec calls them, each looked up once."""

from __future__ import annotations

from functools import cache

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
