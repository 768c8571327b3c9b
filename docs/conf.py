"""Sphinx configuration; builds without a network."""

project = "Carrousel"
author = "The Carrousel contributors"
copyright = "2026, the Carrousel contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "Carrousel"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
nitpicky = True
nitpick_ignore_regex = [  # what others define would need a network to look up; the rest is internal, or told in prose
    ("py:.*", r"(?!suite\.).*"),
    ("py:class", r"suite\.(training\.network\.Masks|tasks\.task\.Source|stats\.(forest\.Boxes|axes\.Axis)|report\.style\.Look|experiments\.experiment\.Asked)"),
]


def bullets(app, what, name, thing, options, lines):  # noqa: ANN001, ANN201
    """Our docstrings list fields in two aligned columns; Sphinx gets them as bullets."""
    import re

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
    """The tables of cells and tasks, from the cells and tasks."""
    from suite.launch import tables
    from suite.launch.describe import listing

    for mark, made in (("{{tasks}}", tables.tasks), ("{{figures}}", tables.figures), ("{{marks}}", tables.marks)):
        if mark in source[0]:
            source[0] = source[0].replace(mark, made())
    if "{{cells}}" not in source[0]:
        return

    rows = ["| cell | rows | states | parameters | multiply–adds | source |", "|---|---|---|---:|---:|---|"]
    for cell in listing("cells", 128, 28):
        fed = "; ".join(f"{row} ← {sources}" for row, sources in cell["rows"])
        rows.append(f"| `{cell['name']}` | {fed} | {' '.join(cell['states'])} | {cell['parameters']:,} | {cell['multiply_adds']:,} | {cell['paper']} |")
    source[0] = source[0].replace("{{cells}}", "\n".join(rows))


def setup(app):  # noqa: ANN001, ANN201
    """Register the hooks."""
    app.connect("source-read", catalogue)
    app.connect("autodoc-process-docstring", bullets)
