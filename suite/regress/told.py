"""What a range of commits shows: its steps, what one figure alone shows, what failed; told, and kept beside asv's results."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from suite.regress.judge import WORSE, finite
from suite.regress.kept import read
from suite.regress.steps import Step, steps, unsettled
from suite.regress.table import figure
from suite.regress.trees import git

PLACE = Path(".asv")
SHORT = 9


class Report(NamedTuple):
    """What a range shows: its steps and those of them that no earlier call told, what one figure alone shows, what failed, how much was measured."""

    steps: list[Step]
    new: list[Step]
    unsettled: list[Step]
    failed: dict[str, list[str]]
    measured: int
    asked: int


def told(report: Report, subjects: Mapping[str, str]) -> str:
    """Markdown: a row a step, which commit it is attributed to; then what is not settled, and what failed."""
    head = ("series", "machine", "before", "after", "change", "commit", "verdict")
    rows = [
        (
            each.series.name,
            each.machine,
            figure(each.before, each.series.unit),
            figure(each.after, each.series.unit),
            each.series.said(each.change),
            f"{each.first[:SHORT]} {subjects.get(each.first, '')}" + (f" (or one of {each.between} before it)" if each.between else ""),
            each.verdict + ("" if each in report.new else ", told before"),
        )
        for each in report.steps
    ]
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in (head, ["---"] * len(head), *rows)] if rows else []
    worse = sum(each.verdict == WORSE for each in report.steps)
    summary = f"**{report.measured} of {report.asked} commits measured: {worse} steps for the worse, {len(report.steps) - worse} for the better.**"
    open_ = [
        f"- not settled: {each.series.name} on {each.machine}, {figure(each.before, each.series.unit)} and at {each.first[:SHORT]} alone {figure(each.after, each.series.unit)}; "
        "the next commit measured will tell"
        for each in report.unsettled
    ]
    broken = [f"- failed: {name} at {', '.join(each[:SHORT] for each in commits)}" for name, commits in report.failed.items()]
    return "\n".join(["## Steps", "", summary, "", *lines, "", *open_, *broken]).rstrip() + "\n"


def reported(repository: Path, inside: Sequence[str], ended: int = 0, new: bool = False) -> int:
    """Print the steps of a range, newest commit first, and keep them as steps.md and steps.json; the exit status."""
    kept, commits = read(repository / PLACE / "results"), ordered(repository, inside[0])
    chosen, path = set(inside), repository / PLACE / "steps.json"
    before = _told(path)
    found = [step for each in kept for step in steps(each, commits) if step.first in chosen]
    open_ = [step for each in kept for step in unsettled(each, commits) if step.first in chosen]
    failed = {f"{each.series.name} on {each.machine}": lost for each in kept if (lost := [name for name in each.failed if name in chosen])}
    measured = len({name for each in kept for name in each.figures} & chosen)
    report = Report(found, [step for step in found if _key(step) not in before], open_, failed, measured, len(chosen))
    text = told(report, {step.first: git(repository, "log", "-1", "--format=%s", step.first) for step in found})
    entries = [step._asdict() | {"series": step.series.name, "unit": step.series.unit, "change": finite(step.change), "new": step in report.new} for step in found]
    broken = [[name, each] for name, commits in failed.items() for each in commits]
    fresh = any(step.verdict == WORSE for step in report.new) or any(tuple(each) not in before for each in broken)
    again = sorted({*before, *map(_key, found), *map(tuple, broken)})
    path.with_name("steps.md").write_text(text, encoding="utf-8")
    path.write_text(json.dumps({"steps": entries, "failed": failed, "told": again}, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(text, end="")
    print(f"pages: {(repository / PLACE / 'html' / 'index.html').resolve()} (to be served: asv preview)", file=sys.stderr)
    if not measured and not failed:
        raise ValueError(f"nothing was measured at any of the {len(chosen)} commits; asv says why above")
    if ended and not failed:
        raise ValueError(f"asv ended with status {ended}, and no benchmark of these commits failed; it says why above")
    return int(fresh) if new else int(bool(failed) or any(step.verdict == WORSE for step in found))


def _key(step: Step) -> tuple[str, ...]:
    return step.series.name, step.machine, step.first


def _told(path: Path) -> set[tuple[str, ...]]:
    """Steps and failures that earlier calls told."""
    try:
        return {tuple(map(str, each)) for each in json.loads(path.read_bytes()).get("told", [])}
    except (OSError, ValueError):
        return set()


def ordered(repository: Path, tip: str = "HEAD") -> list[str]:
    """Commits of the line that ends with one, oldest first. In a shallow clone the older ones are missing, and with them their figures."""
    return git(repository, "rev-list", "--first-parent", "--reverse", tip).split()
