"""Figures and tables as files: small and of the same look, deterministic, and nothing of a stranger's that could run."""

import io
import json
import re
import shutil
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from PIL import Image

import suite
from suite.cells import ALIASES, CELLS
from suite.launch.describe import describe_cells
from suite.launch.diagram import diagram
from suite.report import accuracy, example, printed
from suite.report.catalogue import CellEntry, ExampleEntry, TaskEntry
from suite.report.exhibit import Entry, Table
from suite.report.foreign import drawing
from suite.report.pathdata import split
from suite.report.solving import Solving
from suite.report.study.quarter import Trials, strips
from suite.report.style import FAINT, INK, SETTINGS, Look, canvas, logarithmic, powers, svg
from suite.report.summary import CellScore, Summary
from suite.stats import Interval

NAMES = [name for name in CELLS if name not in ALIASES]


def figure():
    """Marks, lines, areas, dashes, opacity, rotated text: what our figures are made of."""
    with mpl.rc_context(SETTINGS):
        made = Figure(figsize=(5, 4), layout="constrained")
        upper, lower = made.subplots(2, 1)
        places = np.linspace(0, 1, 12)
        upper.scatter(places, places**2, c=["#0173b2", "#de8f05"] * 6, alpha=0.4, s=60)
        upper.scatter(places, 1 - places, c="#029e73", marker="^")
        upper.fill_between(places, places - 0.1, places + 0.1, alpha=0.2)
        upper.axhline(0.5, linestyle="--", color="#0173b2")
        upper.plot(places, places, linewidth=3, alpha=0.5)
        upper.set_ylabel("a <label> & more")
        lower.pcolormesh(np.outer(places, places), cmap="vlag")
        lower.bar(places * 12, 3 * places, color="#cc78bc")
        lower.annotate("said $twice$", (3, 4), rotation=30)
    return made


def raw(made):
    text = io.StringIO()
    with mpl.rc_context(SETTINGS):
        made.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue().partition("<svg")[2]


def test_a_path_goes_where_it_went_to_a_hundredth():
    (x, y), said = split("M 10.004 -20 L 13.5 20 L 13.5 19.251 C 1 1 2 2 3.254 4 M 5 5 L 6 5 z")
    assert (x, y) == (1000, -2000)
    assert said == "l3.5 40v-.75c-12.5-18.25-11.5-17.25-10.25-15.25m1.75 1h1z"


def test_figures_are_small_and_the_same_each_time():
    before, after = raw(figure()), svg(figure(), "f", "title", "said")
    assert len(after) < len(before) / 2
    assert after == svg(figure(), "f", "title", "said")
    assert "a &lt;label&gt; &amp; more" in after
    pointed, there = set(re.findall(r'(?:href="|url\()#([\w-]+)', after)), set(re.findall(r' id="([\w-]+)"', after))
    assert pointed <= there
    assert all(name.startswith("f-") for name in there)


def test_a_figure_looks_as_matplotlib_drew_it():
    play, program = pytest.importorskip("playwright.sync_api"), shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no Chromium here: install it, or put it on the PATH")
    before = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", r"font: \1system-ui, sans-serif", f"<svg{raw(figure())}").replace(FAINT, "var(--grid)").replace(INK, "currentColor")
    pages = [f"<style>:root {{ --grid: #ddd; }} svg {{ width: 720px; height: 576px; max-width: none !important }}</style>{drawn}" for drawn in (before, svg(figure(), "f", "", ""))]
    with play.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        shots = [seen(browser.new_page(), page) for page in pages]
        browser.close()
    assert np.ptp(shots[0]) > 200
    assert (np.abs(shots[0] - shots[1]) > 60).mean() < 1e-3


def seen(page, text):
    page.set_content(text)
    with Image.open(io.BytesIO(page.locator("svg").screenshot())) as shot:
        return np.asarray(shot.convert("L"), dtype=float)


def test_a_name_with_what_xml_has_no_place_for_is_drawn():
    with mpl.rc_context(SETTINGS):
        made = Figure()
        made.text(0.5, 0.5, "a\x07b\ufffe<c>")
    assert "ab&lt;c&gt;" in svg(made, "f", "", "")


def test_an_image_of_many_inputs_takes_no_path_for_each():
    rows = np.random.default_rng(0).integers(0, 2, (60, 88)).tolist()
    task = TaskEntry(name="t", label="t", about="", measure="accuracy", better="higher", chance=0.5, solved=0.9, example=ExampleEntry(steps=60, inputs=88, x=rows))
    assert len(example.draw(task, "e")) < 20_000


@pytest.mark.parametrize("name", NAMES)
def test_every_diagram_is_a_drawing_that_pages_take(name):
    found = drawing(diagram(suite.cell(name, 4)))
    assert found.count("<rect") == diagram(suite.cell(name, 4)).count("<rect") > 2
    assert "currentColor" in found


def test_a_catalogue_holds_the_diagram_of_a_cell():
    (entry,) = describe_cells({"gru": 4})
    assert CellEntry.model_validate_json(json.dumps(entry)).diagram == diagram(suite.cell("gru", 9))


@pytest.mark.parametrize(
    "text",
    [
        "<svg><script>alert(1)</script></svg>",
        '<svg onload="f()"/>',
        '<svg><a href="x"><rect/></a></svg>',
        '<svg><image href="https://x.org/a.png"/></svg>',
        '<svg><rect fill="url(https://x.org/a.svg#b)"/></svg>',
        '<svg><foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject></svg>',
        '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg><text>&a;</text></svg>',
        '<rect width="9"/>',
        "<svg><text>",
        '<svg id="main"/>',
        "",
    ],
)
def test_what_is_no_plain_drawing_is_none(text):
    assert drawing(text) == ""


def test_words_in_a_drawing_are_text():
    assert drawing("<svg style='position:fixed'><text>&lt;script&gt; &amp; 'x'</text></svg>") == "<svg xmlns=\"http://www.w3.org/2000/svg\"><text>&lt;script&gt; &amp; 'x'</text></svg>"


def table(rows):
    return Table("t", "Title $\\frac{1}{2}$ " + "long " * 60, ["cell", "score"], [[Entry("x" * 5000 if k == 3 else f"cell {k} שלום\x07"), Entry(f"{k} %", ("n = 3",))] for k in range(rows)])


def test_a_table_is_a_picture_that_ends_and_says_so():
    made = {rows: printed.printed(table(rows)) for rows in (5, printed.MOST, 20 * printed.MOST)}
    sizes = {rows: Image.open(io.BytesIO(forms["png"])).size for rows, forms in made.items()}
    assert sizes[5][1] < sizes[printed.MOST][1]
    assert sizes[20 * printed.MOST][1] <= sizes[printed.MOST][1] + 60
    assert np.asarray(Image.open(io.BytesIO(made[5]["png"])).convert("L")).min() < 60
    assert all(len(re.findall(rb"/Type /Page\b", forms["pdf"])) == 1 for forms in made.values())
    assert made[5] == printed.printed(table(5))
    said = [word.text for artist in printed._figure(table(20 * printed.MOST)).artists for word in getattr(artist, "words", [])]
    assert any("the first 150 of 3,000 rows" in text for text in said)
    assert not any("cell 150 " in text for text in said)


def test_a_broad_table_is_a_picture_that_ends_and_says_so():
    broad = Table("t", "Scores", [f"column {k}" for k in range(90)], [[Entry("a long entry of a table " * 4) for _ in range(90)] for _ in range(20)])
    with Image.open(io.BytesIO(printed.printed(broad)["png"])) as shot:
        assert shot.size[0] * shot.size[1] <= 1.01 * printed.PIXELS
    long = replace(broad, rows=broad.rows * 8)
    said = [word.text for table in (broad, long) for artist in printed._figure(table).artists for word in getattr(artist, "words", [])]
    assert f"the first {printed.MANY // printed.BROADEST} of 160 rows, the first {printed.BROADEST} of 90 columns" in said
    assert f"the first {printed.BROADEST} of 90 columns" in said
    assert "column 15" in said
    assert "column 16" not in said


def test_a_table_without_rows_is_its_headings():
    assert printed.printed(Table("t", "Empty", ["a"], []))["png"].startswith(b"\x89PNG")


@pytest.mark.parametrize(("low", "high"), [(1.1, 9.0), (3.0, 40.0), (0.02, 700.0)])
def test_a_log_axis_has_labels_to_read(low, high):
    figure, axes = canvas()
    axes.plot([0, 1], [low, high])
    axes.set_yscale("log")
    powers(axes.yaxis)
    figure.draw_without_rendering()
    bottom, top = axes.get_ylim()
    assert 2 <= sum(bool(label.get_text()) and bottom <= label.get_position()[1] <= top for label in axes.get_yticklabels()) <= 9


@pytest.mark.parametrize(("low", "high"), [(350_000, 351_000), (3, 3), (52, 700), (9_000, 212_000)])
def test_no_two_ticks_of_parameters_say_the_same(low, high):
    _, axes = canvas()
    logarithmic(axes, low / 1.3, high * 1.3, EngFormatter(sep=""))
    said = [label.get_text() for label in axes.get_xticklabels()]
    assert len(said) == len(set(said)) > 0
    assert not any(text.startswith("0.") for text in said)


def scored(name, scores, baseline):
    made = tuple(CellScore(cell, (value, 1.1 * value), 100, None, ()) for cell, value in zip("abc", scores, strict=False))
    task = TaskEntry(name=name, label=name, about="", measure="mean squared error", better="lower", chance=0.2, solved=0.01)
    return Summary(task, made, (("always 1", Interval(baseline, baseline, baseline, 9)),))


def test_tasks_of_a_family_have_one_scale_and_baselines_count():
    easy, hard = scored("adding(length=5)", (0.0001, 0.0002), 0.17), scored("adding(length=9)", (0.1, 0.12), 0.17)
    other, none = scored("sine(length=5)", (0.1, 0.12), 0.17), scored("adding(length=7)", (0.0, 0.1), 0.17)
    assert [accuracy.stretched(each, (easy, hard, other)) for each in (easy, hard, other)] == [True, True, False]
    assert not accuracy.stretched(easy, (easy, none))  # nothing is 0 on a log axis
    drawn = accuracy.draw(hard, Look("ab"), "a", (), (easy, hard))
    assert drawn.figure.axes[0].get_yscale() == "log"
    assert "lower is better" in drawn


def test_intervals_of_the_best_trials_lie_on_the_axis():
    task = TaskEntry(name="t", label="t", about="", measure="mean squared error", better="lower", chance=20, solved=0)
    found = {"lstm": Trials([9.0, 9.1, 12], [9.0, 9.1, 12], 0, [9.0, 9.1])}
    drawn = strips(task, found, {"lstm": Interval(9.05, 8.4, 9.7, 2)}, ["lstm"], Look(["lstm"]))
    left, right = drawn.figure.axes[0].get_xlim()
    assert left < 8.4
    assert right > 12


def test_no_engine_looks_like_a_cell():
    look = Look([f"cell {k}" for k in range(43)], ["hoisted", "scan", "vendor"])
    seen = {(look.colours[cell], look.marks[cell]) for cell in look.cells}
    assert all((look.colours[engine], look.marks[engine]) not in seen for engine in look.engines)
    assert len({look.colours[engine] for engine in look.engines} - {look.colours[cell] for cell in look.cells}) == 3


def test_a_mean_of_one_run_says_that_it_has_no_spread():
    assert Solving("t", "gru", (1200,), 2, ()).words[:2] == ["1 of 3", "1,200, n = 1, no spread"]
    assert "[" in Solving("t", "gru", (1200, 1300), 1, ()).words[1]
