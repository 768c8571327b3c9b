"""What pages show: tables and figures as data, so that one macro writes them and one writer saves them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One cell of a table: its text, lines in small print below it, where it leads, what it is sorted by if not its text."""

    text: str
    small: tuple[str, ...] = ()
    href: str = ""
    sort: float | str | None = None
    css: str = ""
    mark: str = ""
    code: bool = False


@dataclass(frozen=True)
class Table:
    """A real table; `name` is its id on its page and its file among the downloads, `filters` the columns that can be chosen from.

    `ids` are what rows are linked to by, `chunk` how many of them share a data file.
    """

    name: str
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Entry]]
    css: str = ""
    note: str = ""
    filters: tuple[str, ...] = ()
    ids: Sequence[str] = ()
    chunk: int = 1

    def records(self) -> list[dict[str, Any]]:
        """A mapping a row, as JSON and CSV have it: text and small print as they stand."""
        return [{head: "; ".join([entry.text, *entry.small]) for head, entry in zip(self.headings, row, strict=True)} for row in self.rows]


@dataclass(frozen=True)
class Drawing:
    """A figure: its SVG, and what it shows as a table; `chart` names the interactive form in the page's data, if it has one."""

    name: str
    title: str
    svg: str
    data: Table | None = None
    note: str = ""
    settings: Sequence[str] = ()
    chart: str = ""
    css: str = ""


@dataclass(frozen=True)
class Page:
    """One HTML file: its template and what the template is given; `shows` is what can be downloaded from it."""

    file: str
    title: str
    template: str
    section: str
    given: dict[str, Any] = field(default_factory=dict)
    shows: Sequence[Table | Drawing] = ()
    scripts: Sequence[str] = ()
    data: Sequence[str] = ()


def entries(*texts: object) -> list[Entry]:
    """A row of plain text."""
    return [text if isinstance(text, Entry) else Entry(str(text)) for text in texts]


def ordered(sort: float | str) -> float | str:
    """What a column is sorted by, to seven digits: nobody sees more, and the page is read by people with slow lines too.

    >>> ordered(0.12345678901), ordered(12345678901), ordered("a")
    ('0.1234568', 12345678901, 'a')
    """
    return f"{sort:.7g}" if isinstance(sort, float) else sort


def slug(name: str, most: int = 60) -> str:
    """A name as part of a file's name: letters, digits and hyphens; what that loses comes back as a hash.

    >>> slug("gru"), slug("adding(length=50)")
    ('gru', 'adding-length-50-c14a45')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:most].strip("-")
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}".strip("-")
