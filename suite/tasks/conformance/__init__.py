"""The battery that every task must pass, ours in the tests and an outsider's by `carrousel check their_package.tasks:my_task`."""

from __future__ import annotations

from collections.abc import Callable

from suite.data import DataError, NotAvailable
from suite.findings import Finding, judged
from suite.tasks.conformance.batches import rows_go_on, seeds, shapes, splits, untouched
from suite.tasks.conformance.scores import chance, figures, oracle, unasked
from suite.tasks.conformance.stored import disjoint, drawing
from suite.tasks.task import Task

PROPERTIES: dict[str, Callable[[Task], str]] = {
    "shapes, types and padding": shapes,
    "splits": splits,
    "the seed decides the examples": seeds,
    "no global generator is touched": untouched,
    "one figure a replica": figures,
    "what is not asked does not count": unasked,
    "the oracle is best": oracle,
    "the best constant scores chance": chance,
    "splits share no example": disjoint,
    "stateful rows go on": rows_go_on,
    "drawing": drawing,
}


def check(task: Task) -> list[Finding]:
    """Every property of a task, in order; one that raises does not hold. Where its data are not to be had, that alone is said."""
    try:
        if task.data is not None:
            task.data.load()
    except (NotAvailable, DataError) as error:
        return [Finding("its data are here", False, " ".join(str(error).split()))]
    return judged(PROPERTIES, task)
