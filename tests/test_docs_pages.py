"""The documentation as it is built: no warning, no dead link, nothing asked of a network, no axe violation in light or dark."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="documentation is built where its dependency group is installed")
pytest.importorskip("furo", reason="documentation is built where its dependency group is installed")

ROOT = Path(__file__).resolve().parents[1]
AXE = ROOT / "tests" / "vendor" / "axe.min.js"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
OPENED = ("index", "tutorial/first-cell", "explanation/family", "reference/tasks")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The HTML, built once with warnings as errors (nitpicky: a link or a reference that leads nowhere is one), through a proxy that is not there."""
    base = tmp_path_factory.getbasetemp()
    out = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "documentation"
    out.mkdir(exist_ok=True)
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker builds, the others find it
        if not (out / "whole").exists():
            build(out)
            (out / "whole").touch()
    return out / "html"


def build(out):
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "doctrees"), str(ROOT / "docs"), str(out / "html")]
    done = subprocess.run(words, env={**os.environ, **nowhere, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_page_is_built_and_asks_the_network_for_nothing(built):
    pages = list(built.rglob("*.html"))
    assert len(pages) >= len([page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts])
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]*src="(?:https?:)?//', text), page
        assert not re.findall(r'<link[^>]*rel="(?:stylesheet|preload|icon)"[^>]*href="(?:https?:)?//', text), page
        assert not re.search(r"\{\{\w", text), page


def test_every_cell_is_drawn(built):
    from suite.cells import ALIASES, CELLS

    assert (built / "reference" / "diagrams.html").read_text(encoding="utf-8").count('role="group"') == 2 * len([name for name in CELLS if name not in ALIASES])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_axe_violation(built, scheme):
    playwright = pytest.importorskip("playwright.sync_api", reason="pages are opened where playwright is installed")
    if not (AXE.exists() and BROWSER):
        pytest.skip("pages are opened where there are tests/vendor/axe.min.js and Chromium")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-background-networking"])
        page = browser.new_page(color_scheme=scheme)
        page.set_default_timeout(120_000)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        for name in OPENED:
            page.goto((built / f"{name}.html").as_uri())
            page.add_script_tag(path=AXE)
            found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
            assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found["violations"]] == [], name
        browser.close()
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
