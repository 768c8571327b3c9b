"""The table of formats, and the one function that writes any of them: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from suite.exports import arrow, huggingface, latex, plain, tensorboard
from suite.names import unknown
from suite.runs import Run
from suite.runs.loading import chosen


class Format(NamedTuple):
    """`suffix` is that of the file, empty for a folder; `write` fills a new file, or an empty folder."""

    about: str
    suffix: str
    write: Callable[[Sequence[Run], Path], None]


FORMATS = {
    "jsonl": Format("one record a line, as published", ".jsonl", plain.jsonl),
    "records": Format("a folder of one file a run, to go on from", "", plain.records),
    "csv": Format("a row a run", ".csv", plain.csv),
    "curves": Format("CSV, a row an evaluation", ".csv", plain.curves),
    "parquet": Format("a row a run with its curve, every field typed", ".parquet", arrow.parquet),
    "huggingface": Format("a data-set folder with its card", "", huggingface.folder),
    "tensorboard": Format("a folder of events, one a training run", "", tensorboard.folder),
    "latex": Format("tables of scores and timings with n and interval", ".tex", latex.tables),
}


def export(*places: str | Path, out: str | Path, format: str | None = None, every: bool = False) -> Path:
    """Write the records of some places as one of FORMATS, by the suffix of `out` if it is not named; return the path.

    Places are what `suite.load_runs` takes, and the records are chosen as it chooses them. ValueError for an unknown
    format, for no records, for a folder that is not empty and for a place that would be written over.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export("reports/published/quick", out=f"{folder}/quick.parquet").name
    'quick.parquet'
    """
    return write(chosen(places, every), Path(out), format_of(Path(out), format), places)


def format_of(out: Path, name: str | None) -> str:
    """The format that was named, or that a suffix stands for."""
    if name is not None and name not in FORMATS:
        raise ValueError(unknown(name, FORMATS, "format"))
    guessed = next((known for known, form in FORMATS.items() if form.suffix and form.suffix == out.suffix), None)
    if (found := name or guessed) is None:
        raise ValueError(f"'{out}' does not say its format; give one of {', '.join(FORMATS)}")
    return found


def write(runs: Iterable[Run], out: Path, name: str, places: Iterable[str | Path] = ()) -> Path:
    """Some runs in a format, sorted; all of it stands in its place, or nothing does."""
    form = FORMATS[name]
    for place in places:
        if out.exists() and out.resolve() == Path(place).resolve():
            raise ValueError(f"'{out}' is read from; give another --out")
    if form.suffix and out.is_dir():
        raise ValueError(f"'{out}' is a folder, and {name} is one file; give '{out / f'runs{form.suffix}'}'")
    if not form.suffix and out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ValueError(f"'{out}' is there already, and {name} is a folder of its own; give a new one")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".", suffix=".part") as scratch:
            made = Path(scratch, "made")
            if not form.suffix:
                made.mkdir()
            form.write(sorted(runs, key=lambda run: run.file), made)
            os.replace(made, out)
    except OSError as error:
        raise OSError(f"cannot write to '{out}': {error.strerror or error}") from None
    return out
