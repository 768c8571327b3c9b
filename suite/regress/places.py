"""Where records to compare come from: a folder, or the part of it that one commit or one machine measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from suite.runs import Run
from suite.runs.sources import gather, told


class Place(NamedTuple):
    """Records, what they are called, what is known of their tasks, and lines about what was skipped."""

    name: str
    runs: tuple[Run, ...]
    tasks: dict[str, dict[str, Any]]
    skipped: list[str]

    @classmethod
    def of(cls, name: str) -> Place:
        """`folder`, or `folder@commit` or `folder@machine`, by their first digits. ValueError where there are no such records."""
        folder, part = (name, "") if Path(name).exists() else _parted(name)
        runs, skipped = gather(folder)
        if part:
            runs = _of(part, folder, runs)
        return cls(name, tuple(runs), tasks(Path(folder)), told(skipped))

    @property
    def described(self) -> str:
        """Commits, machines and torch, for people."""
        commits = sorted({run.where.commit[:9] or "no commit" for run in self.runs})
        versions = sorted({run.where.versions.get("torch", "unknown") for run in self.runs})
        return f"{len(self.runs)} records of {_some(commits)} on {_some(sorted({run.where.machine for run in self.runs}))}, torch {_some(versions)}"


def tasks(folder: Path) -> dict[str, dict[str, Any]]:
    """The tasks of a folder's catalogue by name; none where it has no readable one."""
    try:
        found = json.loads((folder / "catalogue.json").read_bytes())["tasks"]
        return {task["name"]: task for task in found}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _parted(name: str) -> tuple[str, str]:
    folder, at, part = name.rpartition("@")
    return (folder, part) if at and part else (name, "")


def _of(part: str, folder: str, runs: Sequence[Run]) -> list[Run]:
    """The records of the one commit or the one machine that `part` begins; ValueError where it begins none or several."""
    commits, machines = ({each for each in found if each.startswith(part)} for found in ({run.where.commit for run in runs}, {run.where.machine for run in runs}))
    if part in commits | machines:
        commits, machines = commits & {part}, machines & {part}
    if not commits | machines:
        raise ValueError(f"no record of '{folder}' is of a commit or machine '{part}'; there are {_known(runs)}")
    if len(commits) + len(machines) > 1:
        candidates = [*(f"commit {each[:12]}" for each in sorted(commits)), *(f"machine {each}" for each in sorted(machines))]
        raise ValueError(f"'{part}' begins several in '{folder}', {_some(candidates)}; give more digits")
    return [run for run in runs if run.where.commit in commits or run.where.machine in machines]


def _known(runs: Sequence[Run]) -> str:
    return _some(sorted({run.where.commit[:9] for run in runs if run.where.commit} | {run.where.machine for run in runs}))


def _some(values: Sequence[str], most: int = 4) -> str:
    return ", ".join(values[:most]) + (f" and {len(values) - most} more" if len(values) > most else "")
