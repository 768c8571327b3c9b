"""The page an experiment is opened with: its question, accuracy against cost, who is ranked where, what a study says."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from suite.report import accuracy, critical_difference
from suite.report.costs import offered
from suite.report.exhibit import Drawing, Entry, Page, Table, entries
from suite.report.material import Material
from suite.report.pages.charts import chart, looks
from suite.report.pages.results import cost_table, result_table, speed_means
from suite.report.section import Section
from suite.report.solving import solvings
from suite.report.study.asked import parsed
from suite.report.style import Drawn
from suite.report.summary import Summary
from suite.stats import Ranking, ranking

STUDY = "suite.report.study"
CONTENTS = (
    ("solved", "Updates until solved", "first_solved"),
    ("study", "What the study says", "studied"),
    ("accuracy", "Accuracy against cost", "drawings"),
    ("verdicts", "Task by task", "verdicts"),
    ("more", "More of the study", "more"),
    ("by-task", "Results", "results"),
    ("ranking", "Ranking", "ranked"),
    ("solved", "Updates until solved", "last_solved"),
    ("speed", "Speed", "timing"),
    ("by-cost", "Scores and costs", "costs"),
)
ROOMY = 360.0  # points
FEWEST = 3  # kinds of task that a ranking is over
LONG = 24  # characters from which a text in a table may be broken


def pages(material: Material) -> list[Page]:
    """One page, `index.html`."""
    averaged = [s for s in material.summaries if not s.searched]  # a mean over random settings, and the size of one of them, say nothing of a cell
    drawings = [_accuracy(material, number) for number, s in enumerate(material.summaries) if s in averaged]
    shown = [drawing for drawing in drawings if drawing.svg]
    ranked = _ranked(material)
    costs = cost_table(material, material.summaries)
    solved = _solved(material)
    studied = [_section(number, section) for number, section in enumerate(_study(material))]
    results = result_table(material) if averaged or (material.summaries and not studied) else None  # the study has a table of its own
    timing = speed_means(material)
    panels = {drawing.chart: panel for summary, drawing in zip(averaged, drawings, strict=True) if (panel := chart(material, summary))}
    given = {
        "results": results,
        "averaged": bool(averaged),
        "verdicts": [(material.task_entry(s.name), " ".join(s.verdict)) for s in averaged],
        "drawings": shown,
        "ranked": ranked,
        "costs": costs if costs.rows else None,
        "solved": solved,
        "first_solved": solved if not studied else None,  # where runs end when they solve their task, that is the answer
        "last_solved": solved if studied else None,
        "studied": studied[:1],
        "more": studied[1:],
        "timing": timing,
        "charts": {"panels": panels, "looks": looks(material), "costs": [cost._asdict() for cost in offered(material.runs)]},
        "numbers": _numbers(material),
    }
    given["contents"] = [(anchor, title) for anchor, title, key in CONTENTS if given[key]]
    every = [results, *shown, ranked, ranked and ranked.data, given["costs"], solved, timing, *(each for section in studied for each in (*section["figures"], *section["tables"]))]
    scripts = ["vega.min.js", "vega-lite.min.js", "vega-embed.min.js"] if panels else []
    return [Page("index.html", "Overview", "overview.html", "Overview", given, [each for each in every if each], [*scripts, "dataTables.min.js"])]


def _accuracy(material: Material, number: int) -> Drawing:
    s = material.summaries[number]
    svg = material.once(("accuracy", s.name), lambda: accuracy.draw(s, material.look, f"a{number}", material.trained(s.name), material.summaries))
    return Drawing(f"accuracy-{number}", s.label, svg, cost_table(material, [s], f"accuracy-{number}"), s.task.about, chart=f"accuracy-{number}")


def _numbers(material: Material) -> list[tuple[str, str]]:
    """The experiment in a few counts."""
    done = sum(run.status == "done" for run in material.runs)
    machines = {run.where.machine for run in material.runs}
    kinds, tasks = len(families(material.summaries)), len(material.summaries)
    found = [
        (f"{tasks}", "task" if tasks == 1 else "tasks" if kinds == tasks else f"tasks of {kinds} kind{'s' * (kinds > 1)}"),
        (f"{len(material.cells)}", "cell" if len(material.cells) == 1 else "cells"),
        (f"{len(material.runs):,}", "runs"),
        (f"{len(material.runs) - done:,}", "without a result"),
        (f"{len(machines)}", "machine" if len(machines) == 1 else "machines"),
    ]
    return [(value, name) for value, name in found if value != "0" or name == "without a result"]


def _ranked(material: Material) -> Drawing | None:
    """The critical-difference diagram over tasks that every cell finished."""
    found = ranks(material)
    if found is None:
        return None
    over = "tasks" if len(families(material.summaries)) == len(material.summaries) else "kinds of task"
    table = Table("ranks", f"Mean ranks over {over}", ["cell", "mean rank", "low", "high", "n"], [[material.cell_entry(cell), *entries(*(f"{x:.2f}" for x in rank[:3]), rank.n)] for cell, rank in found.ranks.items()])
    return Drawing("ranking", f"Ranking over {over}", critical_difference.draw(found, material.look, "cd", over), table, critical_difference.described(found, over), css="wide")


def families(summaries: Sequence[Summary]) -> dict[str, list[Summary]]:
    """Tasks by kind: those that differ in an argument alone, a length or the number of examples, are no sample of tasks."""
    found: dict[str, list[Summary]] = {}
    for s in summaries:
        found.setdefault(parsed(s.name)[0], []).append(s)
    return found


def ranks(material: Material) -> Ranking | None:
    """Ranks over the kinds of task that all cells of the page have whole results on; None for fewer than FEWEST of them or one cell.

    The score on a kind is the mean over its tasks, on each between chance (0) and solved (1).
    """
    rows = [row for family in families(material.summaries).values() if (row := _placed(material, family))]
    if len(rows) < FEWEST or len(material.cells) < 2:
        return None
    return ranking({cell: [row[k] for row in rows] for k, cell in enumerate(material.cells)})


def _placed(material: Material, family: Sequence[Summary]) -> list[float]:
    """The mean score of every cell over the tasks of a kind that all of them finished; nothing where there is none."""
    found = []
    for s in family:
        whole = {score.cell: float(np.mean(score.values)) for score in s.scores if score.values and not score.other}
        if not s.searched and set(whole) == set(material.cells) and s.task.solved != s.task.chance:
            found.append([(whole[cell] - s.task.chance) / (s.task.solved - s.task.chance) for cell in material.cells])
    return [round(float(np.mean(scores)), 12) for scores in zip(*found, strict=True)]  # equal means are ties


def _solved(material: Material) -> Table | None:
    found = solvings(material.runs, material.summaries)
    rows = [[Entry(row.task, css="wrap name"), material.cell_entry(row.cell), *entries(*row.words), Entry(row.published[0] if row.published else "–", row.published[1:], css="wrap")] for row in found]
    return Table("until-solved", "Updates until solved", ["task", "cell", "solved", "mean", "median", "fewest to most", "published"], rows) if rows else None


def _study(material: Material) -> list[Section]:
    """What the statistics of a study say, where this installation has them."""
    if find_spec(STUDY) is None:
        return []
    made: list[Section] = import_module(STUDY).sections(material.catalogue, material.runs, material.look)
    return made


def wide(svg: str) -> bool:
    """Whether a figure is drawn for the whole width of a page."""
    box = svg.partition('viewBox="')[2].partition('"')[0].split()
    return len(box) == 4 and float(box[2]) > ROOMY


def _section(number: int, section: Section) -> dict[str, Any]:
    tables = [
        Table(f"study-{number}-table-{k}", _told_apart(section.title, k, len(section.tables)), headings, [[Entry(text, css="wrap" if len(text) > LONG else "") for text in row] for row in rows])
        for k, (headings, rows) in enumerate(section.tables)
    ]
    figures = [Drawing(f"study-{number}-figure-{k}", _told_apart(section.title, k, len(section.figures)), svg if isinstance(svg, Drawn) else Drawn(svg), css="wide" if wide(svg) else "") for k, svg in enumerate(section.figures)]
    return {"title": section.title, "sentences": section.sentences, "figures": figures, "tables": tables, "note": section.note}


def _told_apart(title: str, place: int, of: int) -> str:
    """The title of one of several figures or tables of a part: no two regions of a page are called the same."""
    return title if of == 1 else f"{title}, {place + 1} of {of}"
