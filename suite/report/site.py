"""The site of an experiment: pages that open from disk and from any folder of a server, and ask the network for nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace as changed
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader
from jinja2.utils import htmlsafe_json_dumps

from suite.report import assets, flow
from suite.report.catalogue import read_catalogue
from suite.report.direction import isolating
from suite.report.downloads import Links, links, remove, save
from suite.report.exhibit import Page, ordered
from suite.report.material import Found, Material, material, runs_link
from suite.report.pages import KINDS
from suite.report.pages.runs import details
from suite.report.style import shown, spread
from suite.report.text import brief
from suite.report.timings import table
from suite.runs import Run, SpeedSpec
from suite.runs.sources import RECORDS, counted, written
from suite.runs.sources import shown as path_shown
from suite.runs.store import replace, write_lines

SECTIONS = {
    "index.html": "Overview",
    "tasks.html": "Tasks",
    "cells.html": "Cells",
    "speed.html": "Speed",
    "gradients.html": "Gradient flow",
    "history.html": "Regressions",
    "runs.html": "Runs",
    "not-run.html": "Not run",
    "machine.html": "Machine",
    "references.html": "References",
}
HOLDS = {"tasks.html": ("listed",), "cells.html": ("listed",), "speed.html": ("timed",), "gradients.html": ("parts",), "history.html": ("latest",), "not-run.html": ("table", "skipped")}  # a page without any of it has no tab
WATCH = "data/watch.js"
OURS = ("task-*.html", "cell-*.html", "data/*.js")  # files of an earlier rendering that may have no successor


class Options(NamedTuple):
    """How a site is written: where its scripts lie as seen from a page, whether everything can be downloaded (None: of no more than MANY runs, for it takes longer than the pages), asv's results if there are any, whether open pages look for a newer site."""

    assets: str = "assets"
    downloads: bool | None = False
    history: Path | None = None
    told: Callable[[str], None] = lambda _: None
    watched: bool = False


PLAIN = Options()
MANY = 2000
SHARED = "../assets"


def render(folder: Path, options: Options = PLAIN, out: Path | None = None) -> Path:
    """Write the site of the records and the catalogue in a folder, and `speed.csv` if anything was timed; return the path of `index.html`."""
    out = out or folder
    found = gathered(folder, options.told)._replace(history=options.history)
    if any(isinstance(run.spec, SpeedSpec) for run in found.runs):
        replace(out / "speed.csv", table(found.runs))
    return write(found, out, options)


def gathered(folder: Path, told: Callable[[str], None] = lambda _: None) -> Found:
    """What a folder holds: the records of its command that count, and a sentence for what is passed over."""
    catalogue = read_catalogue(folder)
    told("reading records")
    runs, skipped = records(folder)
    wanted = None if catalogue.runs is None else set(catalogue.runs)
    shown_runs = [run for run, file in runs if wanted is None or {file, run.file} & wanted]
    if len(shown_runs) < len(runs):
        skipped.append(f"{len(runs) - len(shown_runs)} other records of this folder belong to other commands or earlier settings and are not on this page")
    once = counted(shown_runs)
    if len(once) < len(shown_runs):
        skipped.append(f"{len(shown_runs) - len(once)} records are of runs that other machines carried out too; one record of each counts")
    return Found(catalogue, once, skipped, flow.read(folder), records=RECORDS if (folder / RECORDS).exists() else "")


def publish(folder: Path, target: Path, options: Options = PLAIN) -> Path:
    """Pages, catalogue and records as one sorted JSONL, in a folder to be committed: without downloads, and with the scripts of its neighbours where they share them, as `nox -s report` draws it."""
    target.mkdir(parents=True, exist_ok=True)
    options = options._replace(downloads=False, assets=SHARED if options.assets == PLAIN.assets and (target / SHARED).is_dir() else options.assets)
    catalogue = read_catalogue(folder)
    chosen = [run for run, file in records(folder)[0] if catalogue.runs is None or {file, run.file} & set(catalogue.runs)]
    write_lines(target / RECORDS, chosen)
    if loose := sum(not (run.where.commit and run.where.clean) for run in chosen):
        options.told(f"{loose} of {len(chosen)} records name no clean commit, so nobody can run them again: install with 'pip install -e .', commit, and run anew")
    described = json.loads((folder / "catalogue.json").read_bytes())
    named = {"runs": sorted(run.file for run in chosen)} if catalogue.runs is not None else {}  # an earlier schema called them otherwise
    replace(target / "catalogue.json", json.dumps(described | named, indent=1, allow_nan=False) + "\n")
    if kept := flow.read(folder):
        replace(target / flow.FILE, json.dumps({run: {name: entry.model_dump() for name, entry in layers.items()} for run, layers in sorted(kept.items())}, sort_keys=True) + "\n")
    return render(target, options)


def records(folder: Path) -> tuple[list[tuple[Run, str]], list[str]]:
    """Every record of a folder, one file each or one line each, with the name it was written under, and a sentence for what was skipped."""
    found, skipped = written(folder)
    return found, [f"{path_shown(Path(path.name))}: {reason}" for path, reason in skipped]


def write(found: Found, out: Path, options: Options) -> Path:
    """Every page with its data, the scripts and what can be downloaded."""
    if options.downloads is None:
        options = options._replace(downloads=len(found.runs) <= MANY)
        if not options.downloads:
            options.told(f"{len(found.runs):,} runs: tables and figures are not saved beside the pages; --downloads does")
    made = material(found, options.told)
    pages = [_with_data(page) for kind in KINDS for page in kind(made)]
    files = links(pages) if options.downloads else {}
    options.told(f"{len(pages)} pages")
    new = [out / page.file for page in pages]
    assets.copy(out / options.assets)
    (out / "data").mkdir(parents=True, exist_ok=True)
    new += [_data(out / f"data/runs-{k}.js", "runs", chunk) for k, chunk in enumerate(details(made))]
    new += [_data(out / page.data[0], "page", page.given["charts"]) for page in pages if page.data]
    if options.watched:
        replace(out / WATCH, f"(window.carrousel ??= {{}}).watched?.({time.time_ns()});\n")
    else:
        (out / WATCH).unlink(missing_ok=True)
    environment = _environment(made, options, files)
    environment.globals["empty"] = [page.section for page in pages if page.file in HOLDS and not any(page.given.get(part) for part in HOLDS[page.file])]
    for page in pages:
        replace(out / page.file, environment.get_template(page.template).render(page=page, **page.given))
    for stale in {path for pattern in OURS for path in out.glob(pattern)} - {*new, out / WATCH}:
        stale.unlink()
    if options.downloads:
        save(out, pages, made, options.told)
    else:
        remove(out)
    return out / "index.html"


def _with_data(page: Page) -> Page:
    """A page with charts has their data in a file of its own."""
    return changed(page, data=[f"data/{Path(page.file).stem}.js"]) if page.given.get("charts", {}).get("panels") else page


def _data(path: Path, name: str, value: Any) -> Path:
    """A script that hands data to the page: fetch fails on file://."""
    replace(path, f"(window.carrousel ??= {{}}).{name} = Object.assign(window.carrousel.{name} ?? {{}}, {htmlsafe_json_dumps(value, sort_keys=True, allow_nan=False)});\n")
    return path


def _environment(made: Material, options: Options, files: Links) -> Environment:
    environment = Environment(loader=PackageLoader("suite.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["isolated"] = isolating([*made.described, *made.cells, *(name for s in made.summaries for name in (s.name, s.label))])
    environment.globals |= {
        "shown": shown,
        "ordered": ordered,
        "spread": spread,
        "brief": brief,
        "runs_link": runs_link,
        "catalogue": made.catalogue,
        "look": made.look,
        "cells": made.cells,
        "sprite": made.look.sprite(),
        "navigation": list(SECTIONS.items()),
        "navigation_of": {section: file for file, section in SECTIONS.items()},
        "assets": options.assets,
        "downloads": options.downloads,
        "watched": WATCH if options.watched else "",
        "files": files,
        "total": f"{len(made.runs):,}",
        "records_file": made.found.records,
    }
    return environment
