"""IAM-OnDB from a registered copy: lines of handwriting as pen strokes, and what they say.

    trainset.txt                                        a form a line, a01-000u; likewise testset_v.txt, testset_t.txt, testset_f.txt
    ascii/a01/a01-000/a01-000u.txt                      what was to be written (OCR:), and, after CSR:, what was, line by line
    lineStrokes/a01/a01-000/a01-000u-01.xml             the strokes of the first line: points of x, y and time in seconds

The split is that of the benchmark's first task, IAM-OnDB-t1: testset_v and testset_t validate, testset_f tests. A line without strokes or
without words is left out. A step (4) is a point: its distance in x and y and its time from the point before, 0 at the first, and 1 where the pen is
lifted after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from suite.data.manifest import DataError

LISTS = {"train": ("trainset.txt",), "validation": ("testset_v.txt", "testset_t.txt"), "test": ("testset_f.txt",)}
FORM = re.compile(r"(([a-z]\d\d)-\d{3})[a-z]?")


def files(place: Path, split: str) -> list[Path]:
    """Of every form of a split its words, and after them its lines of strokes."""
    found: list[Path] = []
    for form in forms(place, split):
        matched = FORM.fullmatch(form)
        if not matched:
            raise DataError(f"iam-ondb: '{form}' in {' or '.join(LISTS[split])} is no form, as a01-000u is")
        inside = Path(matched[2]) / matched[1]
        words = _folder(place, "ascii") / inside / f"{form}.txt"
        if not words.is_file():
            raise DataError(f"iam-ondb: there is no '{words}'")
        found += [words, *sorted((_folder(place, "lineStrokes") / inside).glob(f"{form}-[0-9][0-9].xml"))]
    return found


def forms(place: Path, split: str) -> list[str]:
    """The forms that the lists of a split name."""
    named: list[str] = []
    for name in LISTS[split]:
        lists = [*place.glob(name), *place.glob(f"*/{name}")]
        if not lists:
            raise DataError(f"iam-ondb: '{place}' has no {name}")
        named += lists[0].read_text(encoding="latin-1").split()
    return named


def _folder(place: Path, name: str) -> Path:
    """A folder of the copy, which may lie one deeper."""
    return next((one for one in (place / name, *place.glob(f"*/{name}")) if one.is_dir()), place / name)


def rows(found: list[Path]) -> Iterator[dict[str, Any]]:
    """The lines of some files: steps (T, 4) float32, and their words."""
    lines: list[str] = []
    for file in found:
        if file.suffix == ".txt":
            lines = written(file.read_text(encoding="latin-1"))
            continue
        number = int(file.stem[-2:])
        text = lines[number - 1] if 1 <= number <= len(lines) else ""
        try:
            steps = points(file.read_bytes())
        except (ET.ParseError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"iam-ondb: cannot read '{file}': {type(error).__name__}: {error}") from None
        if text and len(steps):
            yield {"strokes": steps, "text": text}


def written(text: str) -> list[str]:
    r"""What was written, line by line.

    >>> written("OCR:\n\nA MOVE to\n\nCSR:\n\nA MOVE\nto stop\n")
    ['A MOVE', 'to stop']
    """
    _, _, found = text.partition("CSR:")
    return [line.strip() for line in found.splitlines() if line.strip()]


def points(content: bytes) -> np.ndarray[Any, Any]:
    """The steps of a line.

    >>> stroke = '<Stroke><Point x="10" y="20" time="1.5"/><Point x="13" y="19" time="1.75"/></Stroke>'
    >>> points(f"<Session><StrokeSet>{stroke}</StrokeSet></Session>".encode()).tolist()
    [[0.0, 0.0, 0.0, 0.0], [3.0, -1.0, 0.25, 1.0]]
    """
    strokes = [list(stroke.iter("Point")) for stroke in ET.fromstring(content).iter("Stroke")]  # noqa: S314 (the user's own copy)
    where = np.array([[float(point.attrib[name]) for name in ("x", "y", "time")] for stroke in strokes for point in stroke]).reshape(-1, 3)
    if not np.isfinite(where).all():
        raise ValueError("a point is not finite")
    lifted = np.array([float(point is stroke[-1]) for stroke in strokes for point in stroke])
    return np.column_stack([np.diff(where, axis=0, prepend=where[:1]), lifted]).astype(np.float32)
