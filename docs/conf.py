"""Sphinx configuration; builds without a network."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import changes

project = "Carrousel"
author = "The Carrousel contributors"
copyright = "2026, the Carrousel contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "Carrousel"
exclude_patterns = ["_build"]
html_static_path = ["_static"]
html_show_sourcelink = False
html_copy_source = False
html_css_files = ["figures.css"]
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
autodoc_typehints = "description"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
nitpicky = True
nitpick_ignore_regex = [  # what others define would need a network to look up; the rest is internal, or told in prose
    ("py:.*", r"(?!suite\.).*"),
    ("py:class", r"suite\.(engines\.engine\.Step|training\.network\.Masks|tasks\.task\.Source|stats\.(forest\.Boxes|axes\.Axis)|report\.style\.Look|experiments\.experiment\.Asked|runs\.(run\.(Score|Point|Costs)|machine\.Where|spec\.Above))"),
]


def bullets(app, what, name, thing, options, lines):  # noqa: ANN001, ANN201
    """Our docstrings list fields in two aligned columns; Sphinx gets them as bullets."""
    made, inside = [], False
    for line in lines:
        line = line if line.lstrip().startswith((">>>", "...")) else re.sub(r"(?<![*`])\*(?=\w)", r"\\*", line)  # noqa: PLW2901
        field = re.match(r"^([\w, ]*\w)\s{2,}(\S.*)$", line)
        if field:
            made += ([] if inside else [""]) + [f"* ``{field[1]}``: {field[2]}"]
            inside = True
        elif inside and re.match(r"^\s{4,}\S", line):
            made.append(f"  {line.strip()}")
        else:
            made += [""] * (inside and bool(line.strip())) + [line]
            inside = False
    lines[:] = made


def catalogue(app, name, source):  # noqa: ANN001, ANN201
    """Tables of the catalogue for `{{cells}}`, a drawing for `{{diagram lstm}}`, equations for `{{equations lstm}}`."""
    from suite.cells import ALIASES, CELLS
    from suite.launch import tables
    from suite.launch.diagram import diagram, legend
    from suite.launch.typeset import equations
    from suite.report import mathml

    def drawn(cell):  # noqa: ANN001, ANN202
        return f'<div class="diagram" tabindex="0" role="group" aria-label="{cell}, drawn">{diagram(CELLS[cell](8))}</div>'

    def written(cell):  # noqa: ANN001, ANN202
        return f'<div class="equations" tabindex="0" role="group" aria-label="{cell}, written">{mathml.equations(equations(CELLS[cell](8)))}</div>'

    def every():  # noqa: ANN202
        return "\n\n".join(f"## `{cell}`\n\n{drawn(cell)}\n\n{written(cell)}" for cell in CELLS if cell not in ALIASES)

    made = {mark: getattr(tables, mark) for mark in ("cells", "tasks", "engines", "experiments", "statuses", "records", "figures", "marks")}
    made["unreleased"] = changes.unreleased
    made |= {"legend": legend, "diagrams": every, "diagram": drawn, "equations": written}
    source[0] = re.sub(r"\{\{(\w+) ?([\w-]*)\}\}", lambda mark: made[mark[1]](*[mark[2]] * bool(mark[2])), source[0])


ACCESS = {  # what the theme leaves out for those who use a keyboard or a reader
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}


def accessible(app, failed):  # noqa: ANN001, ANN201
    """Every page that was written, mended."""
    for page in [] if failed or app.builder.format != "html" else Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        mended = re.sub("|".join(map(re.escape, ACCESS)), lambda found: ACCESS[found[0]], text)
        if mended != text:
            page.write_text(mended, encoding="utf-8")


def setup(app):  # noqa: ANN001, ANN201
    """Register the hooks."""
    app.connect("source-read", catalogue)
    app.connect("autodoc-process-docstring", bullets)
    app.connect("build-finished", accessible)
