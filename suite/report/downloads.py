"""Every table as PNG, PDF, CSV, JSON and LaTeX, every figure as SVG, PNG and PDF with its data, in a folder beside the pages."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

from suite.report.exhibit import Drawing, Page, Table
from suite.report.latex import tabular
from suite.report.material import Material
from suite.report.printed import printed
from suite.report.style import FAINT, INK, can_save, saved
from suite.runs.store import replace

FOLDER = "downloads"
DATA, PICTURES = ("csv", "json", "tex"), ("png", "pdf")
Links = dict[tuple[str, str], list[tuple[str, str]]]


def stems(pages: Sequence[Page]) -> dict[int, str]:
    """The file of each exhibit, without its suffix, by its id: of one that several pages share, after the first of them."""
    made: dict[int, str] = {}
    for page in pages:
        for each in page.shows:
            made.setdefault(id(each), f"{Path(page.file).stem}-{each.name}")
    return made


def links(pages: Sequence[Page]) -> Links:
    """What can be saved of each exhibit, by its page and name: the form and where it lies."""
    named = stems(pages)
    return {(page.file, each.name): [(form.upper(), f"{FOLDER}/{name}") for name, form in _files(named[id(each)], each)] for page in pages for each in page.shows}


def _files(name: str, each: Table | Drawing) -> Iterator[tuple[str, str]]:
    if isinstance(each, Drawing):
        yield f"{name}.svg", "svg"
    if isinstance(each, Table) or can_save(each.svg):
        yield from ((f"{name}.{form}", form) for form in PICTURES)
    if isinstance(each, Table) or each.data:
        yield from ((f"{name}.{form}", form) for form in DATA)


def save(out: Path, pages: Sequence[Page], material: Material, told: Callable[[str], None]) -> None:
    """Write all of it, and a page that lists it."""
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    named = stems(pages)
    every = [(page, each, named[id(each)]) for page in pages for each in page.shows if named[id(each)] == f"{Path(page.file).stem}-{each.name}"]
    new = {out / FOLDER / "index.html", out / FOLDER / "references.bib"}
    for number, (_, each, name) in enumerate(every, start=1):
        if number % 25 == 0:
            told(f"downloads: {number} of {len(every)}")
        new |= _saved(out / FOLDER / name, each)
    replace(out / FOLDER / "references.bib", "\n\n".join(reference.get("bibtex", "") for reference in material.catalogue.references) + "\n")
    replace(out / FOLDER / "index.html", _listed(every))
    for stale in set((out / FOLDER).iterdir()) - new:
        stale.unlink()


def remove(out: Path) -> None:
    """Take away what an earlier rendering wrote to be downloaded, which no page links to."""
    if (out / FOLDER / "references.bib").exists():
        shutil.rmtree(out / FOLDER)


def _saved(place: Path, each: Table | Drawing) -> set[Path]:
    written = set()
    for form, content in _contents(each).items():
        path = place.with_name(f"{place.name}.{form}")
        replace(path, content) if isinstance(content, str) else path.write_bytes(content)
        written.add(path)
    return written


def _contents(each: Table | Drawing) -> dict[str, str | bytes]:
    """Every form of one exhibit."""
    if isinstance(each, Table):
        return {**printed(each), **_data(each)}
    figure = each.svg.replace("currentColor", INK).replace("var(--grid)", FAINT)
    return {"svg": figure, **{form: saved(each.svg, form) for form in PICTURES if can_save(each.svg)}, **(_data(each.data) if each.data else {})}


def _data(table: Table) -> dict[str, str]:
    return {"csv": _csv(table), "json": json.dumps({"title": table.title, "rows": table.records()}, indent=1, ensure_ascii=False) + "\n", "tex": latex(table)}


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.headings)
    writer.writerows(["; ".join([entry.text, *entry.small]) for entry in row] for row in table.rows)
    return text.getvalue()


def latex(table: Table) -> str:
    """The table for a paper; it needs the package booktabs."""
    return "% \\usepackage{booktabs}\n" + tabular(table.title, table.headings, [["; ".join([entry.text, *entry.small]) for entry in row] for row in table.rows])


def _listed(every: Sequence[tuple[Page, Table | Drawing, str]]) -> str:
    """One plain page of links."""
    items = []
    for page, each, stem in every:
        forms = " ".join(f'<a href="{name}" download>{form.upper()}</a>' for name, form in _files(stem, each))
        items.append(f"<li>{escape(page.title)}: {escape(each.title)} {forms}</li>\n")
    head = '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Downloads</title></head>'
    back = '<p><a href="../index.html">Back to the pages</a>, <a href="references.bib">references.bib</a></p>'
    return f'<!doctype html>\n<html lang="en">{head}\n<body><main><h1>Downloads</h1>{back}<ul>\n{"".join(items)}</ul></main></body></html>\n'
