"""Every source once, in `papers.bib`; the references for what was run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

ENTRY = re.compile(r"@\w+\{(?P<key>[^,]+),\n(?P<fields>.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", re.MULTILINE)


class Reference(NamedTuple):
    """One source: its key, the entry as BibTeX, and one line for people."""

    key: str
    bibtex: str
    line: str


@cache
def library() -> dict[str, Reference]:
    """All entries by key."""
    found = {}
    for match in ENTRY.finditer((Path(__file__).parent / "papers.bib").read_text(encoding="utf-8")):
        fields = dict(FIELD.findall(match["fields"]))
        venue = fields.get("journal") or fields.get("booktitle") or fields.get("howpublished", "")
        found[match["key"]] = Reference(match["key"], match[0], f"{fields['author']} ({fields['year']}). {fields['title']}. {venue}.")
    return found


def references(keys: Iterable[str]) -> list[dict[str, str]]:
    """The entries of some keys, each once, by key.

    >>> [r["key"] for r in references(["hochreiter1997", "cho2014", "cho2014"])]
    ['cho2014', 'hochreiter1997']
    """
    known = library()
    return [known[key]._asdict() for key in sorted(set(keys)) if key in known]
