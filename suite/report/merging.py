"""Several folders of records as one, and a folder that is followed while records come in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from suite.report import flow
from suite.report.catalogue import read_catalogue
from suite.runs import Run
from suite.runs.sources import RECORDS
from suite.runs.store import replace, write_lines

EVERY = 2.0  # seconds between two looks at a folder


def merge(folders: Sequence[Path], out: Path) -> Path:
    """Write catalogue and records of some folders into another, whose site `render` then makes; return it.

    A cell or a task that several catalogues describe is described as the first has it; records that lie in several folders
    are there once, those of several machines each. ValueError for a folder without a catalogue and for an `out` that is one
    of them.
    """
    from suite.report.site import records

    if any(folder.resolve() == out.resolve() for folder in folders):
        raise ValueError(f"'{out}' is one of the folders that are merged; give --out another one")
    catalogues = [(read_catalogue(folder), json.loads((folder / "catalogue.json").read_bytes())) for folder in folders]
    runs: dict[str, Run] = {}
    for folder, (catalogue, _) in zip(folders, catalogues, strict=True):
        for run, file in records(folder)[0]:
            if catalogue.runs is None or {file, run.file} & set(catalogue.runs):
                kept = runs.get(run.file)
                runs[run.file] = run if kept is None or (run.done and not kept.done) else kept
    out.mkdir(parents=True, exist_ok=True)
    write_lines(out / RECORDS, list(runs.values()))
    replace(out / "catalogue.json", json.dumps(together([raw for _, raw in catalogues]) | {"runs": sorted(runs)}, indent=1, allow_nan=False) + "\n")
    flows = {run: {name: entry.model_dump() for name, entry in layers.items()} for folder in folders for run, layers in flow.read(folder).items()}
    if flows:
        replace(out / flow.FILE, json.dumps(flows, sort_keys=True) + "\n")
    return out


def together(raws: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One catalogue of several: experiments, questions and commands each once, cells and tasks by name."""
    said = {key: list(dict.fromkeys(str(raw.get(key, "")) for raw in raws)) for key in ("experiment", "question", "command", "conditions")}
    lists = {key: list({entry[name]: entry for raw in reversed(raws) for entry in raw.get(key, [])}.values()) for key, name in (("cells", "name"), ("tasks", "name"), ("references", "key"))}
    ordered = {key: sorted(entries, key=lambda entry, key=key: _place(raws, key, entry)) for key, entries in lists.items()}  # type: ignore[misc]
    drawn = list(dict.fromkeys(path for raw in raws for path in raw.get("drawn", [])))
    merged = {"experiment": " + ".join(said["experiment"]), "question": " ".join(said["question"]), "command": "\n".join(said["command"]), "made": max((str(raw.get("made", "")) for raw in raws), default="")}
    agreed = {key: raws[0][key] for key in ("study", "searched") if key in raws[0] and all(raw.get(key) == raws[0][key] for raw in raws)}  # what a page tells of one study it does not tell of two
    return merged | ordered | agreed | {"drawn": drawn} | ({"conditions": " ".join(filter(None, said["conditions"]))} if any(said["conditions"]) else {})


def _place(raws: Sequence[dict[str, Any]], key: str, entry: dict[str, Any]) -> tuple[int, int]:
    """Where the first catalogue that has an entry has it."""
    name = "key" if key == "references" else "name"
    return next((k, at) for k, raw in enumerate(raws) for at, other in enumerate(raw.get(key, [])) if other[name] == entry[name])


def follow(folders: Sequence[Path], draw: Callable[[], None], wait: Callable[[float], None] = time.sleep) -> None:
    """Draw whenever a record or a catalogue of some folders has changed, until a KeyboardInterrupt."""
    seen: object = None
    while True:
        now = [stamp(folder) for folder in folders]
        if now != seen and all((folder / "catalogue.json").exists() for folder in folders):
            seen = now
            draw()
        wait(EVERY)


def stamp(folder: Path) -> tuple[tuple[str, int], ...]:
    """What tells one state of a folder from another: its records and its catalogue, with when they were written."""
    paths = [*folder.glob("runs/*.json"), *folder.glob("gradients/*.json"), folder / "catalogue.json", folder / RECORDS]
    found = []
    for path in paths:
        try:
            found.append((path.name, path.stat().st_mtime_ns))
        except OSError:  # gone since, or never there
            continue
    return tuple(sorted(found))
