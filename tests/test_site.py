"""The site in a real browser, as a reader uses it: whole without scripts, no outside request, no axe violation, hostile names as text."""

import hashlib
import json
import random
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from suite.report import assets
from suite.report.catalogue import BaselineEntry, CellEntry, ExampleEntry, FigureEntry, TaskEntry
from suite.report.flow import FILE
from suite.report.site import SECTIONS, Options, render
from suite.runs import Costs, Run, Score, SpeedSpec, Timing, TrainSpec, where
from suite.runs.run import Point
from suite.runs.store import Store, write_lines

sync = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")

ROOT = Path(__file__).resolve().parents[1]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "m:<script>alert(1)</script>\"'&$\\frac{1}{2}$"
LONG, HEBREW = "theirs:" + "x" * 5000, "שלום:עולם"
TASKS = ("adding(length=10)", "adding(length=20)", HOSTILE)
LABELS = {TASKS[0]: "adding(10)"}  # as the experiment wrote it


def task(name, **changed):
    figures = [FigureEntry(method="LSTM", measure="test accuracy", value=88.0, unit="%", source="x1997", confidence="seen")]
    example = ExampleEntry(steps=3, inputs=1, x=[[0.1], [0.5], [0.9]], y=1)
    baselines = [BaselineEntry(name="bag", score=0.4, deviation=0.49, n=1000)]
    return TaskEntry(name=name, label=LABELS.get(name, name), about="What is it?", measure="accuracy", better="higher", chance=0.5, solved=0.9, baselines=baselines, figures=figures, example=example, paper="x1997", **changed).model_dump()


def trained(cell, seed, name=TASKS[0], status="done", machine=None, level=0.9):
    spec = TrainSpec(task=name, cell=cell, seed=seed)
    value = min(level + 0.01 * seed, 1.0)
    score = Score(best_step=20, validation=value, test=value) if status == "done" else None
    curve = tuple(Point(step=10 * k, loss=1 / k, validation_loss=1 / k, validation=value * k / 3) for k in (1, 2, 3)) if status == "done" else ()
    place = where() if machine is None else where().model_copy(update={"machine": machine, "processor": "Other"})
    return Run(id=spec.id, spec=spec, status=status, score=score, curve=curve, costs=Costs(parameters=100 + 10 * len(cell[:9]), multiply_adds=90, state_bytes=8 * len(cell[:9]), seconds=2.0), where=place)


def timed(cell, length, seconds):
    spec = SpeedSpec(cell=cell, engine="hoisted", length=length)
    step = Timing(median=seconds, low=0.9 * seconds, high=1.1 * seconds, n=7)
    return Run(id=spec.id, spec=spec, status="done", costs=Costs(parameters=100, step=step, difference={"float64": 1e-12}), where=where())


def hostile(folder):
    """One site of everything that goes wrong."""
    runs = [trained(cell, seed, name, level=level) for name in TASKS for cell, level in (("gru", 0.8), ("lstm", 0.95), (HOSTILE, 0.7), (LONG, 0.6), (HEBREW, 0.97)) for seed in range(3)]
    runs += [trained("rnn", 0), trained("mgu", 0, status="failed: <b>it</b> died"), trained("mgu", 1, status="diverged at step 3"), trained("gru1", 0, TASKS[1], status="refused: no such machine")]
    runs += [trained("mgu", 2, status="cut off"), trained("gru1", 1, status="cut off")]
    runs += [trained("lstm", 7, machine="deadbeef"), trained("gru", 1, machine="deadbeef")]
    runs += [timed(cell, length, 0.01 * length * k) for cell, k in (("gru", 1), (HOSTILE, 2)) for length in (10, 20, 40)]
    for run in runs:
        Store(folder / "runs").write(run)
    equations = [["z", ["f", "σ", ["+", ["W", "z", ["t", "x"]], ["U", "z", "", ["before", "h"]], ["sub", "b", "z"]]]], [["t", "h"], ["*", "z", ["before", HOSTILE]]]]
    cells = [CellEntry(name="gru", rows=[("z", "x h b")], states=["h"], typeset=equations, formula="3n²", paper="x1997", source=["def step(): ..."], proofs=[{"says": "is it", "test": "tests/t.py"}], diagram='<svg viewBox="0 0 9 9"><text>&lt;b&gt;</text></svg>').model_dump()]
    cells += [CellEntry(name="lstm", diagram="<svg><script>alert(1)</script></svg>").model_dump()]
    references = [{"key": "x1997", "line": "X (1997). <i>Y</i>.", "bibtex": "@article{x1997,\n}"}]
    catalogue = {"experiment": f"e {HOSTILE}", "question": LONG, "command": "carrousel run '<x>'", "cells": cells, "tasks": [task(name) for name in TASKS], "references": references}
    (folder / "catalogue.json").write_text(json.dumps(catalogue))
    (folder / FILE).write_text(json.dumps({run.id: {"0": {"norms": {"h": [1.0, 0.5, 0.01]}, "gates": {"z": 0.5}}} for run in runs[:6]}))
    results = folder / "history" / "box"
    results.mkdir(parents=True)
    (results.parent / "benchmarks.json").write_text(json.dumps({"time_step": {"unit": "seconds"}, "version": 2}))
    for k in range(8):
        row = [[1.0 + (k > 4)], [], "1", 0, 1.0, [0.9 + (k > 4)], [1.1 + (k > 4)]]
        columns = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b"]
        (results / f"{k}.json").write_text(json.dumps({"commit_hash": f"{k}" * 40, "date": k, "result_columns": columns, "results": {"time_step": row}}))
    return render(folder, Options(downloads=True, history=results.parent)).parent


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return hostile(tmp_path_factory.mktemp("site") / "deep" / "folder") if BROWSER else None


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("there is no Chromium here: install it, or put it on the PATH")
    with sync.sync_playwright() as play:
        made = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-background-networking"])
        yield made
        made.close()


class Opened:
    """A page, and what went wrong on it."""

    def __init__(self, browser, path, width=1280, scheme="light", scripts=True, anchor=""):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts)
        self.page, self.wrong = self.context.new_page(), []
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda asked: None if asked.url.startswith(("file://", "data:", "blob:")) else self.wrong.append(asked.url))
        self.page.on("dialog", lambda dialog: (self.wrong.append("a dialog"), dialog.dismiss()))
        self.page.goto(path.as_uri() + anchor)
        if scripts:
            self.page.wait_for_selector("html[data-ready]")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def axe(self):
        self.page.add_script_tag(path=ROOT / "tests" / "vendor" / "axe.min.js")
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
        return [(each["id"], each["nodes"][0]["html"][:300], each["nodes"][0]["failureSummary"][:300]) for each in found["violations"]]

    def scroll(self):
        self.page.evaluate("async () => { for (let y = 0; y < document.documentElement.scrollHeight; y += 700) { scrollTo(0, y); await new Promise(done => setTimeout(done, 60)); } }")
        self.page.wait_for_function("document.querySelectorAll('figure[data-chart] .drawn:not(.live)').length === 0")

    def wide(self):
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")


def kinds(site):
    """One page of each kind."""
    return [*SECTIONS, next(path.name for path in site.glob("task-m-*.html")), "cell-gru.html"]


def whole(opened):
    opened.scroll()
    assert opened.axe() == []
    assert opened.wrong == []
    assert opened.wide() <= 0


def test_every_kind_of_page_is_whole(browser, site):
    for k, name in enumerate(kinds(site)):
        with Opened(browser, site / name, width=(360, 1280)[k % 2], scheme=("light", "dark")[k // 2 % 2]) as opened:
            whole(opened)


@pytest.mark.exhaustive
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1280, 2560])
def test_all_pages_at_every_width(browser, site, width, scheme):
    for path in sorted(site.glob("*.html")):
        with Opened(browser, path, width, scheme) as opened:
            whole(opened)


@pytest.mark.exhaustive
@pytest.mark.parametrize("folder", sorted(path.parent for path in (ROOT / "reports" / "published").glob("*/catalogue.json")), ids=lambda path: path.name)
def test_published_sites_are_whole(browser, folder):
    kept = [next(folder.glob(f"{kind}-*.html"), None) for kind in ("task", "cell")]
    for path in [folder / file for file in SECTIONS] + [page for page in kept if page]:
        with Opened(browser, path) as opened:
            whole(opened)


def test_pages_are_complete_without_scripts(browser, site):
    with Opened(browser, site / "index.html", scripts=False) as opened:
        page = opened.page
        assert page.locator("figure svg[role=img]").count() >= len(TASKS)
        assert page.locator("#results tbody tr").count() == len(TASKS)
        assert page.locator("form[data-controls]").is_hidden()
        assert opened.wide() <= 0
    with Opened(browser, site / "runs.html", scripts=False) as opened:
        rows = opened.page.locator("#runs tbody tr")
        assert rows.count() == len(list((site / "runs").glob("*.json"))) - 1  # one run was carried out on two machines
        assert "carrousel repeat . " in rows.first.inner_text()


def test_the_cost_is_switched_and_published_figures_are_turned_off(browser, site):
    with Opened(browser, site / "index.html") as opened:
        page, figure = opened.page, opened.page.locator("figure[data-chart]").first
        figure.scroll_into_view_if_needed()
        page.wait_for_selector("figure[data-drawn=parameters]")
        assert "parameters" in figure.inner_text()
        marks = figure.locator("svg path[aria-roledescription=point], svg .mark-symbol path").count()
        page.get_by_label("published figures").uncheck()
        page.wait_for_function(f"document.querySelector('figure[data-chart]').querySelectorAll('svg path[aria-roledescription=point], svg .mark-symbol path').length < {marks}")
        page.get_by_label("state", exact=True).check()
        page.wait_for_selector("figure[data-drawn=state_bytes]")
        assert "bytes" in figure.inner_text()
        assert opened.wrong == []


def test_published_figures_beyond_the_axis_do_not_stretch_it(browser, tmp_path):
    music = {"measure": "negative log-likelihood, nats a frame", "better": "lower", "chance": 15.0, "solved": 10.0, "baselines": [BaselineEntry(name="last", score=9.4, deviation=0.1, n=50).model_dump()]}
    figures = [{"method": method, "measure": "test negative log-likelihood", "value": value, "unit": "nats a frame", "confidence": known} for method, value, known in (("TCN", 8.1, "seen"), ("RNN", 9.3, "seen"), ("tanh", 700.0, "unsure"))]
    (tmp_path / "catalogue.json").write_text(json.dumps({"experiment": "e", "question": "?", "command": "c", "cells": [], "tasks": [task(TASKS[1]) | music | {"figures": figures}]}))
    for cell, level in (("gru", 9.2), ("lstm", 9.5)):
        for seed in range(3):
            run = trained(cell, seed, TASKS[1])
            Store(tmp_path / "runs").write(run.model_copy(update={"score": run.score.model_copy(update={"test": level + 0.01 * seed})}))
    render(tmp_path)
    with Opened(browser, tmp_path / "index.html") as opened:
        page, figure = opened.page, opened.page.locator("figure[data-chart]").first
        figure.scroll_into_view_if_needed()
        page.wait_for_selector("figure[data-drawn]")
        said = lambda: figure.locator("svg [aria-label*='published']").evaluate_all("marks => marks.map(mark => mark.getAttribute('aria-label'))")
        assert len(said()) == 2
        ticks = [float(text) for text in figure.locator("svg .role-axis-label text").all_text_contents() if re.fullmatch(r"\d+\.\d+", text)]
        assert ticks
        assert 9 < min(ticks) <= max(ticks) < 10
        assert "lower is better" in figure.locator("svg").text_content()
        assert figure.locator("svg text", has_text=re.compile("^last$")).count() == 1
        page.get_by_label("unsure ones too").check()
        page.wait_for_function("document.querySelectorAll(\"figure[data-chart] svg [aria-label*='published']\").length === 3")
        assert opened.axe() == []
        assert opened.wrong == []


def test_a_point_leads_to_its_runs(browser, site):
    with Opened(browser, site / "index.html") as opened:
        page = opened.page
        page.locator("figure[data-chart]").first.scroll_into_view_if_needed()
        page.wait_for_selector("figure[data-drawn]")
        page.get_by_label("every run").uncheck()
        page.get_by_label("published figures").uncheck()
        page.wait_for_function("document.querySelectorAll('figure[data-chart]')[0].querySelectorAll('svg .mark-symbol path').length === 6")
        with page.expect_navigation():
            page.locator("figure[data-chart]").first.locator("svg .mark-symbol path").first.click(force=True)
        page.wait_for_selector("html[data-ready]")
        assert "runs.html#task=" in page.url
        chosen = page.locator("#runs tbody tr td:nth-child(3)").all_inner_texts()
        assert len(set(chosen)) == 1
        assert page.locator("#runs tbody tr").count() in (1, 3)


def test_tables_sort_and_filter(browser, site):
    with Opened(browser, site / "runs.html") as opened:
        page = opened.page
        page.get_by_label("cell", exact=True).select_option("gru")
        assert {text.strip() for text in page.locator("#runs tbody tr td:nth-child(3)").all_inner_texts()} == {"gru"}
        page.locator("#runs thead th", has_text="test").click()
        page.locator("#runs thead th[aria-sort=ascending]").wait_for()
        page.wait_for_timeout(300)  # rows follow their heading
        scores = [float(text.split()[0]) for text in page.locator("#runs tbody tr td:nth-child(7)").all_inner_texts() if "%" in text]
        assert scores == sorted(scores)
        assert page.locator("#runs thead th[aria-sort=ascending]").count() == 1
        page.get_by_label("cell", exact=True).select_option(HOSTILE)
        assert page.locator("#runs tbody tr").count() == 12  # nine trained, three timed
        assert opened.wrong == []


def test_a_link_from_what_was_not_run_can_be_taken_back(browser, site):
    with Opened(browser, site / "not-run.html") as opened:
        page = opened.page
        row = page.locator("#not-run tbody tr", has_text="no such machine")
        said = int(row.locator("td").nth(1).inner_text())
        with page.expect_navigation():
            row.locator("td a").click()
        page.wait_for_selector("html[data-ready]")
        rows = page.locator("#runs tbody tr:has(th)")
        assert rows.count() == said == 1
        assert "refused: no such machine" in rows.inner_text()
        assert opened.axe() == []
        page.get_by_role("button", name="status: refused").click()
        assert rows.count() == said + 15  # of its task all that ended otherwise too
        page.get_by_label("status", exact=True).select_option("done")
        page.get_by_label("status", exact=True).select_option("")
        page.get_by_label("task or shape", exact=True).select_option("")
        assert rows.count() == 50  # a page of all
        page.evaluate("location.hash = '#task=' + encodeURIComponent('adding(length=20)') + '&cell=lstm'")
        page.wait_for_function("document.querySelectorAll('#runs tbody tr').length === 3")
        page.evaluate("location.hash = '#cell=lstm'")
        page.wait_for_function("document.querySelectorAll('#runs tbody tr').length === 10")
        assert opened.wrong == []


def test_tables_hide_nothing_below_an_edge_and_commands_are_at_hand(browser, site):
    with Opened(browser, site / "index.html") as opened:
        hidden = opened.page.evaluate("[...document.querySelectorAll('.dt-layout-table, .scroll')].filter(box => box.scrollHeight > box.clientHeight + 20 && getComputedStyle(box).overflowY === 'auto').length")
        assert hidden == 0
    with Opened(browser, site / "runs.html") as opened:
        opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
        row = opened.page.locator("#runs tbody tr").first
        button = row.get_by_role("button", name="copy")
        assert button.bounding_box()["x"] < 400
        button.click()
        assert opened.page.evaluate("navigator.clipboard.readText()") == row.locator("td.command").inner_text()
        opened.page.locator("#runs").evaluate("table => { const box = table.closest('.dt-layout-table'); box.scrollLeft = box.scrollWidth; }")
        assert 0 <= row.locator("th").bounding_box()["x"] < 200


def test_the_tab_of_this_page_is_in_view_and_empty_pages_have_none(browser, site, tmp_path):
    with Opened(browser, site / "references.html", width=360) as opened:
        box, bar = (opened.page.locator(part).bounding_box() for part in ("nav a[aria-current]", "header nav"))
        assert bar["x"] <= box["x"] + 1
        assert box["x"] + box["width"] <= bar["x"] + bar["width"] + 1
    (tmp_path / "catalogue.json").write_text(json.dumps({"experiment": "e", "question": "?", "command": "c", "cells": [], "tasks": [task(TASKS[0])]}))
    Store(tmp_path / "runs").write(trained("gru", 0))
    page = render(tmp_path).read_text()
    assert re.findall(r'<li><a href="(\S+)\.html"', page.partition("</header>")[0]) == ["index", "tasks", "cells", "runs", "machine", "references"]
    assert {"speed.html", "gradients.html", "history.html", "not-run.html"} <= set(re.findall(r'href="(\S+)"', page.partition("<footer>")[2]))


def test_a_figure_can_be_read_on_a_phone_and_a_folded_shape_is_opened_by_its_link(browser, site):
    with Opened(browser, site / "speed.html", width=360) as opened:
        sizes = opened.page.locator("figure.wide svg[role=img] text").evaluate_all("found => found.map(text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a).filter(size => size > 0)")
        assert sizes
        assert min(sizes) > 7.5
        folded = opened.page.locator("#shape-1 figure")
        assert folded.is_hidden()
        opened.page.locator(".contents a[href='#shape-1']").click()
        folded.wait_for(state="visible")
        assert opened.wide() <= 0


def test_no_two_parts_of_a_page_have_one_name(site):
    if site is None:
        pytest.skip("there is no Chromium here: install it, or put it on the PATH")
    for path in site.glob("*.html"):
        names = re.findall(r'\sid="([^"]+)"', path.read_text())
        assert len(names) == len(set(names)), path.name


def test_a_run_opens_with_its_curve_and_its_command_is_copied(browser, site):
    with Opened(browser, site / "runs.html") as opened:
        page = opened.page
        opened.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_label("cell", exact=True).select_option("lstm")
        page.locator("#runs tbody tr a[href^='#run-']").first.click()
        dialog = page.locator("dialog#run")
        dialog.locator("svg.curve").wait_for()
        assert "cell_digest" in dialog.inner_text() or "units" in dialog.inner_text()
        dialog.get_by_role("button", name="copy").first.click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("carrousel repeat . ")
        assert (site / "runs" / f"{copied.split()[-1]}-{where().machine}.json").exists() or "deadbeef" in dialog.inner_text()
        assert opened.axe() == []
        page.keyboard.press("Escape")
        assert dialog.is_hidden()
        assert opened.wrong == []


def test_a_link_to_one_run_opens_it(browser, site):
    file = next(path.stem for path in (site / "runs").glob("*.json"))
    with Opened(browser, site / "runs.html", anchor=f"#run={file}") as opened:
        opened.page.locator("dialog#run h2", has_text=file).wait_for()


def test_the_keyboard_reaches_the_content_and_the_cells(browser, site):
    with Opened(browser, site / "index.html") as opened:
        opened.page.keyboard.press("Tab")
        assert opened.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        button = opened.page.locator("[data-legend] button").first
        button.focus()
        opened.page.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"


def test_an_open_page_follows_a_site_that_is_watched(browser, tmp_path):
    (tmp_path / "catalogue.json").write_text(json.dumps({"experiment": "e", "question": "?", "command": "c", "cells": [], "tasks": [task(TASKS[0])]}))
    store = Store(tmp_path / "runs")
    store.write(trained("gru", 0))
    render(tmp_path, Options(watched=True))
    with Opened(browser, tmp_path / "runs.html") as opened:
        assert opened.page.locator("#runs tbody tr").count() == 1
        store.write(trained("gru", 1))
        render(tmp_path, Options(watched=True))
        opened.page.wait_for_function("document.querySelectorAll('#runs tbody tr').length === 2")
        assert opened.wrong == []


def test_everything_that_can_be_saved_is_there_and_is_what_it_says(browser, site):
    with Opened(browser, site / "index.html") as opened:
        names = opened.page.locator(".saved a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
        with opened.page.expect_download() as waiting:
            opened.page.locator(".saved a", has_text="CSV").first.click()
        assert waiting.value.suggested_filename.endswith(".csv")
    kinds_of = {name.rpartition(".")[2] for name in names}
    assert kinds_of == {"csv", "json", "tex", "svg", "png", "pdf"}
    begins = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<svg", "tex": b"% \\usepackage", "json": b"{", "csv": b""}
    for name in names:
        content = (site / name).read_bytes()
        assert content.startswith(begins[name.rpartition(".")[2]])
        assert content


def test_what_can_be_saved_of_a_figure_that_pages_share_is_that_figure(site):
    if site is None:
        pytest.skip("there is no Chromium here: install it, or put it on the PATH")
    saved = {path.name: re.findall(r'href="(downloads/[^"]+)"', path.read_text()) for path in site.glob("task-adding-*.html")}
    pages = {page: path for page in saved for path in saved[page] if path.endswith("-lengths.svg")}
    assert len(pages) == 2  # of one sweep
    assert len(set(pages.values())) == 1
    linked = {path for page in site.glob("*.html") for path in re.findall(r'href="(downloads/[^"]+)"', page.read_text())}
    assert {f"downloads/{path.name}" for path in (site / "downloads").iterdir()} - linked == set()


def test_a_name_from_right_to_left_turns_no_sentence_round(site):
    if site is None:
        pytest.skip("there is no Chromium here: install it, or put it on the PATH")
    said = [text for path in site.glob("*.html") for text in re.findall(r"<(?:p|dd|li|td|small|span)\b[^>]*>([^<]*)", path.read_text()) if HEBREW in text and text != HEBREW]
    assert any(text.startswith("Best mean") for text in said)
    assert all(text.count(f"\u2068{HEBREW}\u2069") == text.count(HEBREW) for text in said)


def test_identical_records_give_identical_files(tmp_path):
    runs = [trained(cell, seed) for cell in ("gru", "lstm") for seed in range(2)]
    made = []
    for name in ("one", "other"):
        random.shuffle(runs)
        for run in runs:
            Store(tmp_path / name / "runs").write(run)
        (tmp_path / name / "catalogue.json").write_text(json.dumps({"experiment": "e", "question": "?", "command": "c", "cells": [], "tasks": [task(TASKS[0])]}))
        folder = render(tmp_path / name, Options(downloads=True)).parent
        made.append({path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()})
    assert made[0] == made[1]


def test_nothing_of_a_run_is_lost_for_being_zero(site):
    if site is None:
        pytest.skip("there is no Chromium here: install it, or put it on the PATH")
    told = {name: run["spec"] for path in site.glob("data/runs-*.js") for name, run in json.loads(path.read_text().partition("?? {}, ")[2].rpartition(")")[0]).items()}
    seeds = {path.stem: json.loads(path.read_text())["spec"].get("seed") for path in (site / "runs").glob("*.json")}
    assert 0 in seeds.values()
    assert all(told[name].get("seed") == seeds[name] for name in told)


def test_vendored_libraries_are_what_they_say():
    for folder in (assets.VENDOR, ROOT / "tests" / "vendor"):
        listed = tomllib.loads((folder / "vendor.toml").read_text())
        assert {path.name for path in folder.glob("*.js")} == set(listed)
        for name, about in listed.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == about["sha256"]
            assert about["version"]
            assert about["licence"]


@pytest.mark.exhaustive
def test_no_page_of_five_thousand_runs_takes_more_than_five_megabytes(tmp_path):
    cells, names = [f"cell{k}" for k in range(10)], [f"task{k}" for k in range(20)]
    runs = [trained(cell, seed, name) for name in names for cell in cells for seed in range(25)]
    write_lines(tmp_path / "records.jsonl", runs)
    (tmp_path / "catalogue.json").write_text(json.dumps({"experiment": "e", "question": "?", "command": "c", "cells": [], "tasks": [task(name) for name in names]}))
    folder = render(tmp_path).parent
    for path in folder.glob("*.html"):
        linked = {folder / link for link in re.findall(r'(?:src|href)="((?:assets|data)/[^"]+)"', path.read_text())}
        assert path.stat().st_size + sum(file.stat().st_size for file in linked) <= 5_000_000, path
