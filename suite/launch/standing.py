"""The page of what was measured stands until something else is measured: a command of refusals and failures adds its records alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suite.runs.store import CATALOGUE, has_result, replace


def stands(out: Path, search: str | None) -> bool:
    """Whether the catalogue of a folder names a result: one of its records, all of the folder where it names none.

    What the trials of a `search` gave is no page to be kept: it is that of the same command, of which more is to come.
    """
    found = _read(out)
    if not found or (search is not None and found.get("command") == search):
        return False
    named = found.get("runs")
    return any(map(has_result, map((out / "runs").joinpath, named) if isinstance(named, list) else sorted((out / "runs").glob("*.json"))))


def renamed(out: Path, ids: Mapping[str, str]) -> None:
    """Let the catalogue call records by the names that they were given."""
    found = _read(out)
    if ids and isinstance(found.get("runs"), list):
        found["runs"] = [next((name.replace(old, new, 1) for old, new in ids.items() if name.startswith(old)), name) for name in map(str, found["runs"])]
        replace(out / CATALOGUE, json.dumps(found, indent=1, allow_nan=False) + "\n")


def drawn(out: Path) -> bool:
    """Whether the page of a catalogue is there, and not of an earlier one: a command that was cut off leaves none."""
    page = out / "index.html"
    return page.exists() and page.stat().st_mtime_ns >= (out / CATALOGUE).stat().st_mtime_ns


def _read(out: Path) -> dict[str, Any]:
    try:
        found = json.loads((out / CATALOGUE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
