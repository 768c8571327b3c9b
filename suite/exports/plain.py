"""Forms that need nothing but text: JSON lines, one file a run, CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from suite.runs import Run, Store, frame
from suite.runs import curves as curve_frame
from suite.runs.store import write_lines


def jsonl(runs: Sequence[Run], path: Path) -> None:
    """The published form."""
    write_lines(path, runs)


def records(runs: Sequence[Run], path: Path) -> None:
    """The working form: `runs` of a folder that `carrousel run --out` goes on from."""
    for run in runs:
        Store(path / "runs").write(run)


def csv(runs: Sequence[Run], path: Path) -> None:
    """The frame's columns; what is a sequence stands as JSON."""
    table = frame(runs)
    for name in table:
        if table[name].map(lambda value: isinstance(value, tuple)).any():
            table[name] = table[name].map(_text)
    table.to_csv(path, index=False, lineterminator="\n")


def curves(runs: Sequence[Run], path: Path) -> None:
    """The evaluations of every training run."""
    curve_frame(runs).to_csv(path, index=False, lineterminator="\n")


def _text(value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, tuple) else value
