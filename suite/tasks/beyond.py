"""Any task scored at other difficulties too: `parity(length=20, beyond={'length': (40, 80)})`.

Training, validation and test are the task's own. The weights that were best on validation are scored on the test splits of the other
difficulties besides: one training run, and a score at each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from suite.names import format_call, parse_call
from suite.tasks.task import Task

SAME = ("inputs", "outputs", "supervision", "tokens", "measure", "better", "feedback", "stateful")


def beyond(task: Task, asked: Any, at: Callable[..., Task]) -> Task:
    """The task with what it is scored on besides; `asked` is argument -> values, `at` makes the task with some arguments changed.

    >>> import suite
    >>> far = suite.task("parity", length=4, beyond={"length": (8, 16)})
    >>> [(label, other.name) for label, other in far.beyond.items()][0]
    ('length=8', "parity(length=8, lengths='fixed', supervision='last')")
    """
    if not isinstance(asked, Mapping) or not asked or not all(isinstance(values, (tuple, list)) and values for values in asked.values()):
        raise ValueError(f"beyond names an argument of the task and the values that it is tested at, as in beyond={{'length': (40, 80)}}, not {asked!r}")
    made = {f"{argument}={value!r}": at(**{argument: value}) for argument, values in asked.items() for value in values}
    for label, other in made.items():
        if any(getattr(other, field) != getattr(task, field) for field in SAME):
            raise ValueError(f"at {label} task '{task.name}' has other inputs, outputs, questions or another measure, so that a network trained on it does not answer it")
    return replace(task, name=named(task.name, {argument: tuple(values) for argument, values in sorted(asked.items())}), beyond=made)


def named(name: str, asked: Mapping[str, Any]) -> str:
    """A task's name with what else it is scored on; an outsider's may not be a call."""
    try:
        base, given = parse_call(name)
    except ValueError:
        return f"{name}, beyond={dict(asked)!r}"
    return format_call(base, given | {"beyond": dict(asked)})
