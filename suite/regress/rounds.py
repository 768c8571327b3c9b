"""The measurement: rounds of fresh processes, two of each tree, taking turns; what is decided is measured no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from suite.regress.judge import FAILED, LOOKS, LOST, REFUSED, Judged
from suite.regress.pairs import EVERY, FIRST, PROCESSES, Measured, undecided
from suite.regress.series import Series
from suite.regress.sides import Process, Side

Say = Callable[[str], None]
ROUNDS = FIRST + (LOOKS - 1) * EVERY


@dataclass(frozen=True)
class Plan:
    """How long is measured.

    seconds   after which nothing further is begun; what is open by then stays so
    timeout   seconds after which an answer has failed
    repeats   turns that every process of a round takes at a series
    block     seconds of a turn, about
    """

    seconds: float = 540.0
    timeout: float = 120.0
    repeats: int = 7
    block: float = 0.02


def listed(side: Side, timeout: float) -> list[tuple[Series, str]]:
    """The series that the benchmarks name, each with its place. ValueError where they cannot be asked, or measure another tree."""
    with side.start() as process:
        found = process.ask(timeout, do="list")
    if sentence := found.get(FAILED) or found.get(LOST):
        raise ValueError(f"the benchmarks cannot be read with {side.name}: {sentence}")
    if side.path and not any(found["suite"] == str(folder / "suite") for folder in side.path[:1]):
        raise ValueError(f"{side.name} should be measured in {side.path[0]}, and Python finds the package in {found['suite']}")
    return [(Series(entry["name"], entry["unit"], entry["way"], entry["seeds"], entry["exact"]), entry["place"]) for entry in found["series"]]


def measure(before: Side, after: Side, wanted: Sequence[Series], plan: Plan = Plan(), say: Say = lambda line: None, cores: int = 1) -> list[Judged]:
    """A verdict for every series, in their order; `cores` processes weigh at once, and one at a time is timed."""
    found = [Measured(series) for series in wanted]
    rounds(before, after, found, plan, say, cores)
    return verdicts(found)


def rounds(before: Side, after: Side, found: Sequence[Measured], plan: Plan = Plan(), say: Say = lambda line: None, cores: int = 1) -> None:
    """Measure until all is decided, there were ROUNDS, or time is up; what has been measured stays where this is interrupted."""
    end = time.monotonic() + plan.seconds
    sides = {name: before if name.startswith("before") else after for name in PROCESSES}
    for number in range(ROUNDS):
        left = undecided(found)
        if not left or time.monotonic() > end:
            break
        say(f"round {number + 1}: {len(left)} of {len(found)} series are open")
        _round(sides, left, number, plan, cores, end)
        for each in left:
            if each.due:
                each.look()


def verdicts(found: Sequence[Measured]) -> list[Judged]:
    """What is decided, and a last look at what is not."""
    return [each.judged if each.decided and each.judged else each.look() for each in found]


def _round(sides: Mapping[str, Side], found: Sequence[Measured], number: int, plan: Plan, cores: int, end: float) -> None:
    """Measure every series once more; a series that fails, or for which no time is left, gets no figures of this round."""
    taking_turns = [each for each in found if each.series.way == "turn"]
    if taking_turns:
        _turns(sides, taking_turns, number, plan, end)
    for each in found:
        if each.series.way != "turn" and time.monotonic() < end:
            _alone(sides, each, number, plan, cores if each.series.way == "alone" else 1)


def _turns(sides: Mapping[str, Side], found: Sequence[Measured], number: int, plan: Plan, end: float) -> None:
    """Four processes stand ready, and one at a time calls."""
    with ExitStack() as stack:
        processes = {name: stack.enter_context(side.start()) for name, side in sides.items()}
        for each in found:
            if time.monotonic() > end:
                return
            for name, side in sides.items():
                if not processes[name].alive:  # it died of another series
                    processes[name] = stack.enter_context(side.start())
            figures = _turn(processes, each, number, plan, end)
            if figures:
                each.rounds.append(figures)


def _turn(processes: Mapping[str, Process], each: Measured, number: int, plan: Plan, end: float) -> dict[str, list[float]] | None:
    """One series in all processes; the order changes from repeat to repeat, so that none always follows the same. None where one has no answer, or time is up."""
    asked = {"series": each.series.name}
    for process in processes.values():
        process.send(do="make", **asked)
    late = time.monotonic() + plan.timeout  # for all of them
    answers = {name: process.answer(plan.timeout, late) for name, process in processes.items()}
    if _barred(each, answers):
        return None
    figures: dict[str, list[float]] = {name: [] for name in processes}
    for order in _orders(list(processes), number, plan.repeats):
        if time.monotonic() > end:
            return None
        late = time.monotonic() + plan.timeout
        found = {name: processes[name].ask(plan.timeout, late, do="time", seconds=plan.block, **asked) for name in order}
        if _barred(each, found):
            return None
        for name, answer in found.items():
            figures[name].append(answer["value"])
    return figures


def _orders(names: list[str], number: int, repeats: int) -> Iterator[list[str]]:
    """Every repeat begins with another process, and every second one goes backwards."""
    for k in range(repeats):
        start = (number + k) % len(names)
        order = names[start:] + names[:start]
        yield order[::-1] if (number + k) // len(names) % 2 else order


def _alone(sides: Mapping[str, Side], each: Measured, number: int, plan: Plan, cores: int) -> None:
    """A process for each figure, some of them at once."""
    answers: dict[str, dict[str, object]] = {}
    names = next(_orders(list(sides), number, 1))
    for start in range(0, len(names), cores):
        with ExitStack() as stack:
            group = {name: stack.enter_context(sides[name].start()) for name in names[start : start + cores]}
            for process in group.values():
                process.send(do="make", series=each.series.name)
                process.send(do="once", series=each.series.name, round=number)
            late = time.monotonic() + plan.timeout
            for name, process in group.items():
                made = process.answer(plan.timeout, late)
                answers[name] = process.answer(plan.timeout, late) if "ready" in made else made
    if not _barred(each, answers):
        each.rounds.append({name: [float(value) for value in answers[name]["values"]] for name in sides})  # type: ignore[attr-defined]


def _barred(each: Measured, answers: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether a process failed or refused; its sentence is kept."""
    for name, found in answers.items():
        for kind in (FAILED, LOST, REFUSED):
            if kind in found:
                each.reasons.append((name.partition(" ")[0], kind, str(found[kind])))
    return bool(each.reasons)
