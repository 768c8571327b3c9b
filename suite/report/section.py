"""A part of a page that a study adds: what it says in sentences, figures and tables."""

from __future__ import annotations

from dataclasses import dataclass, field

Row = list[str]


@dataclass(frozen=True)
class Section:
    """`figures` are SVG as `suite.report.style.svg` makes it; `tables` pairs of headings and rows, all of them plain text that the page escapes.

    >>> Section("Learning rate", ["lstm is best between 0.01 and 0.1 (n = 5)."]).tables
    []
    """

    title: str
    sentences: list[str]
    figures: list[str] = field(default_factory=list)
    tables: list[tuple[Row, list[Row]]] = field(default_factory=list)
    note: str = ""
