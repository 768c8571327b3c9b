"""What `--dry-run` prints: runs, groups, time and memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from suite.experiments.search import Contestant
from suite.launch.estimate import Estimator, makespan
from suite.launch.limits import SHARE, USUAL, Limits
from suite.launch.memory import allowed
from suite.launch.narrow import expectations
from suite.launch.plan import Plan, plan, timing_seconds
from suite.launch.progress import clock
from suite.runs import SpeedSpec, TrainSpec, Where

GB = 1e9


def shown(todo: Plan, here: Where, workers: int | None = None, searches: Sequence[Contestant] = (), limits: Limits = USUAL) -> list[str]:
    """Lines for a plan; `searches` are those whose choice is run afterwards."""
    later = afterwards(searches, here)
    expected = expectations(Plan(train=[*todo.train, *later.train], found=todo.found), here)
    lines = list(trained(todo.train, expected))
    for group in todo.speed:
        first = group[0]
        about = f"about {clock(timing_seconds(group))}"
        lines.append(f"speed ({first.length}, {first.batch}, {first.inputs}, {first.units}), threads {first.threads}: {', '.join(f'{s.cell} {s.engine}' for s in group)}; {about}")
    if later.train:
        lines.append(f"then what is chosen in {len(searches)} searches: {later.missing} runs in {len(later.train)} groups")
    at_once = workers or max(1, here.cores // max((group[0].threads for group in todo.train), default=1))
    seconds = sum(makespan(map(expected.seconds, each.train), at_once) for each in (todo, later)) + sum(map(timing_seconds, todo.speed))
    counted = f"{todo.missing} runs to do, {len(todo.found)} found, {len(todo.refused)} not possible here; {len(todo.train) + len(todo.speed)} groups"
    return [*lines, *todo.again, *todo.impossible, *memory(todo.train, expected, at_once, limits), f"{counted}, {todo.about} {clock(seconds)} on {at_once} of {here.cores} cores"]


def trained(groups: Iterable[Sequence[TrainSpec]], expected: Estimator) -> Iterable[str]:
    """A line for every task and cell: a study has more groups than anyone reads."""
    together: dict[tuple[str, str], list[Sequence[TrainSpec]]] = {}
    for group in groups:
        together.setdefault((group[0].task, group[0].cell), []).append(group)
    for (task, cell), found in together.items():
        units, steps = ({getattr(group[0], name) for group in found} for name in ("units", "steps"))
        runs = sum(map(len, found))
        several = f" in {len(found)} groups" if len(found) > 1 else " as one model" if runs > 1 else ""
        notes = f"{_range(units)} units, {_range(steps)} updates, {'at most ' * any(group[0].until_solved for group in found)}about {clock(sum(map(expected.seconds, found)))} on one core"
        yield f"{task} {cell}: {runs} run{'s' * (runs > 1)}{several}, {notes}"


def memory(groups: Sequence[Sequence[TrainSpec]], expected: Estimator, workers: int, limits: Limits) -> list[str]:
    """The line of memory: of the largest groups that run at once, beside what a worker and all of them may take."""
    largest = sorted((expected.bytes(group) for group in groups), reverse=True)[:workers]
    if not largest:
        return []
    each, whole = limits.bytes(workers), allowed()
    said = f"memory: up to about {largest[0] / GB:.1f} GB a worker of {each / GB:.1f} GB, {sum(largest) / GB:.1f} GB in all of {whole / GB:.1f} GB"
    if largest[0] > (limits.memory or SHARE * whole):
        return [f"{said}: more than one worker may take"]
    over = largest[0] > each or sum(largest) > whole
    return [f"{said}: more than there is, give --workers {int(SHARE * whole // largest[0]) or 1}" if over else said]


def afterwards(searches: Sequence[Contestant], here: Where) -> Plan:
    """The runs that a search ends with, whichever trial is chosen: those of the first stand for them."""
    specs: list[TrainSpec | SpeedSpec] = [spec for contestant in searches for spec in (contestant.again[0] if contestant.again else ())]
    return plan(specs, [], here.machine)


def _range(values: set[int]) -> str:
    return f"{min(values):,}" if len(values) == 1 else f"{min(values):,} to {max(values):,}"
