"""The page of an experiment: one HTML file that opens from disk and asks the network for nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from suite.report import accuracy, learning, ratios, speed
from suite.report.catalogue import Catalogue, read_catalogue
from suite.report.solving import solvings
from suite.report.style import Look, shown, spread
from suite.report.summary import summaries
from suite.report.text import brief, repeats
from suite.report.timings import means, shapes, table
from suite.report.ways import apart, settings
from suite.runs import Run, SpeedSpec
from suite.runs.sources import RECORDS, counted, written
from suite.runs.sources import shown as path_shown
from suite.runs.store import replace, write_lines


def render(folder: Path) -> Path:
    """Write `index.html`, and `speed.csv` if anything was timed, from the records and the catalogue in a folder; return the page's path."""
    catalogue = read_catalogue(folder)
    runs, skipped = records(folder)
    wanted = None if catalogue.runs is None else set(catalogue.runs)
    shown_runs = [run for run, file in runs if wanted is None or {file, run.file} & wanted]
    if len(shown_runs) < len(runs):
        skipped.append(f"{len(runs) - len(shown_runs)} other records of this folder belong to other commands or earlier settings and are not on this page")
    once = counted(shown_runs)
    if len(once) < len(shown_runs):
        skipped.append(f"{len(shown_runs) - len(once)} records are of runs that other machines carried out too; one record of each counts")
    shown_runs = once
    if any(isinstance(run.spec, SpeedSpec) for run in shown_runs):
        replace(folder / "speed.csv", table(shown_runs))
    page = folder / "index.html"
    replace(page, html(catalogue, shown_runs, skipped))
    return page


def publish(folder: Path, target: Path) -> Path:
    """Page, catalogue and records as one sorted JSONL, in a folder to be committed."""
    target.mkdir(parents=True, exist_ok=True)
    catalogue = read_catalogue(folder)
    chosen = [run for run, file in records(folder)[0] if catalogue.runs is None or {file, run.file} & set(catalogue.runs)]
    write_lines(target / RECORDS, chosen)
    described = json.loads((folder / "catalogue.json").read_bytes())
    named = {"runs": sorted(run.file for run in chosen)} if catalogue.runs is not None else {}  # an earlier schema called them otherwise
    replace(target / "catalogue.json", json.dumps(described | named, indent=1, allow_nan=False) + "\n")
    return render(target)


def records(folder: Path) -> tuple[list[tuple[Run, str]], list[str]]:
    """Every record of a folder, one file each or one line each, with the name it was written under, and a sentence for what was skipped."""
    found, skipped = written(folder)
    return found, [f"{path_shown(Path(path.name))}: {reason}" for path, reason in skipped]


def html(catalogue: Catalogue, runs: Sequence[Run], skipped: Sequence[str]) -> str:
    """The whole page."""
    runs = apart(runs, catalogue.drawn)
    ran = {run.spec.cell for run in runs}
    cells = list(dict.fromkeys([*(entry.name for entry in catalogue.cells if entry.name in ran), *(run.spec.cell for run in runs)]))  # a layer above is no contestant
    look = Look(cells, sorted({run.spec.engine for run in runs if isinstance(run.spec, SpeedSpec)}))
    told = summaries(runs, catalogue.tasks, cells)
    tasks = [
        {
            "summary": summary,
            "accuracy": accuracy.draw(summary, look, f"a{number}"),
            "learning": learning.draw(summary, runs, look, f"l{number}"),
            "settings": settings(runs, summary.name),
        }
        for number, summary in enumerate(told)
    ]
    timed = [
        {"title": shape.title, "repeats": repeats(group), "figure": speed.draw(shape, group, look, f"s{number}"), "headings": list(speed.headings(group)), "rows": speed.rows(group)}
        for number, (shape, group) in enumerate(shapes(runs).items())
    ]
    overviews = [{"title": setting, "figure": ratios.draw(setting, group, look, f"r{number}")} for number, (setting, group) in enumerate(ratios.settings(runs).items())]
    environment = Environment(loader=PackageLoader("suite.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"shown": shown, "spread": spread, "brief": brief, "swatches": {name: look.swatch(name) for name in (*cells, *look.engines)}}
    return environment.get_template("page.html").render(
        catalogue=catalogue,
        legend=look.legend(),
        cells=cells,
        tasks=tasks,
        solvings=solvings(runs, told),
        timed=timed,
        overviews=overviews,
        means=means(runs),
        engines=look.engines,
        runs=sorted(runs, key=lambda r: (r.spec.kind, getattr(r.spec, "task", ""), cells.index(r.spec.cell), getattr(r.spec, "seed", 0))),
        not_run=not_run(runs),
        skipped=skipped,
        machines={run.where.machine: run.where for run in runs}.values(),
        css=(Path(__file__).parent / "static" / "page.css").read_text(encoding="utf-8"),
    )


def not_run(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """What has no result, by sentence, with how many runs it concerns."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for run in runs:
        if run.status != "done":
            kind, _, reason = run.status.partition(": ")
            counted[getattr(run.spec, "task", f"speed, engine {run.spec.engine}"), run.spec.cell, reason or kind] += 1
    merged: dict[tuple[str, str], list[str]] = {}
    for (what, cell, reason), n in counted.items():
        merged.setdefault((what, reason), []).append(f"{cell} × {n}")
    return [{"what": what, "cells": ", ".join(cells), "reason": reason} for (what, reason), cells in merged.items()]
