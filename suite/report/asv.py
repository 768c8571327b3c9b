"""History of speed, memory and error from asv's results folder, read as `nox -s history` reads it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from suite.regress.kept import Kept, read
from suite.regress.series import UNITS
from suite.regress.steps import Step, steps
from suite.report.style import INK, SETTINGS, Drawn, svg

FAILURE = "#d55e00"


class History(NamedTuple):
    """A series on a machine in an environment: its commits, oldest first, whatever became of them there, and its steps."""

    kept: Kept
    commits: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def measured(self) -> tuple[str, ...]:
        """Commits that have a figure."""
        return tuple(commit for commit in self.commits if commit in self.kept.figures)

    @property
    def name(self) -> str:
        """The benchmark with its parameters."""
        return self.kept.series.name.removesuffix("[]")


def history(folder: Path) -> list[History]:
    """Every series of a results folder, by machine and name. ValueError where asv has not run."""
    found = read(folder)
    dates = {commit: date for each in found for commit, date in each.dates.items()}
    commits = sorted(dates, key=lambda commit: (dates[commit], commit))
    return [History(each, tuple(commit for commit in commits if commit in each.dates), _steps(each, commits)) for each in found]


def sought() -> bool:
    """Whether steps can be looked for: asv, which fits them, is installed."""
    return find_spec("asv") is not None


def _steps(kept: Kept, commits: Sequence[str]) -> tuple[Step, ...]:
    return tuple(steps(kept, commits)) if sought() and len(kept.figures) > 1 else ()


def draw(found: History, name: str) -> Drawn:
    """One series over its commits: steps as lines with their commits, failures as crosses. What was skipped has no place."""
    series, kept = found.kept.series, found.kept
    commits = [commit for commit in found.commits if commit not in kept.skipped]
    places = {commit: place for place, commit in enumerate(commits)}
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(8.4, 2.3), layout="constrained")
        axes = figure.subplots()
        for commit, ends in kept.intervals.items():
            axes.plot([places[commit]] * 2, ends, color="#0173b2", linewidth=1.4, alpha=0.6)
        axes.plot([places[commit] for commit in found.measured], [kept.figures[commit] for commit in found.measured], marker="o", markersize=4.5, linewidth=1.2, color="#0173b2")
        lost = [places[commit] for commit in kept.failed]
        axes.plot(lost, [0] * len(lost), linestyle="none", marker="x", markersize=7, color=FAILURE, clip_on=False)
        for step in found.steps:
            axes.axvline(places[step.first] - 0.5, color=INK, linewidth=1, linestyle="--")
            axes.annotate(step.first[:8], (places[step.first] - 0.5, 1), xycoords=("data", "axes fraction"), fontsize=8, xytext=(3, -9), textcoords="offset points")
        every = max(1, len(commits) // 12)
        axes.set_xticks(range(0, len(commits), every), [commit[:8] for commit in commits[::every]], rotation=30, ha="right")
        axes.set_ylabel(UNITS[series.unit].name)
        axes.set_ylim(bottom=0)
    words = "; ".join(f"{commit[:8]} {f'{kept.figures[commit]:.4g}' if commit in kept.figures else 'failed'}" for commit in commits)
    return svg(figure, name, f"{found.name} over commits, {series.unit}", words)
