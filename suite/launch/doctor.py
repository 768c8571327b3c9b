"""What this machine can run, and why not the rest: one sentence a thing, found by trying it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from suite.findings import judged
from suite.launch import surroundings
from suite.launch.surroundings import Place

NEEDED = ("python", "packages", "torch", "engine hoisted", "worker", "output")  # without these the main job cannot run
TINY: dict[str, Any] = {"task": "parity(length=4, supervision='every')", "cell": "lstm", "units": 4, "batch": 8, "steps": 4, "evaluate_every": 2, "engine": "hoisted"}


class Answer(NamedTuple):
    """One thing: whether it is there or works, whether the main job needs it, and a sentence."""

    name: str
    ok: bool
    needed: bool
    detail: str


def examine(out: Path) -> list[Answer]:
    """Everything that decides what can be run with this folder for records."""
    found = judged(surroundings.QUESTIONS, Place(out))
    if all(f.holds for f in found if f.name == "torch"):  # without it nothing else can be asked
        found += judged(_questions(), Place(out))
    return [Answer(f.name, f.holds, f.name in NEEDED, f.detail) for f in found]


def healthy(answers: list[Answer]) -> bool:
    """Whether the main job can run."""
    return all(answer.ok for answer in answers if answer.needed)


def text(answers: list[Answer]) -> str:
    """A line a thing, and the verdict.

    >>> print(text([Answer("python", True, True, "3.11.7"), Answer("cuda", False, False, "no CUDA device")]))
    ok    python: 3.11.7
    no    cuda: no CUDA device
    The main job can run here: carrousel run quick
    """
    lines = [f"{'ok' if a.ok else 'LACKS' if a.needed else 'no':5s} {a.name}: {a.detail}" for a in answers]
    lacking = ", ".join(a.name for a in answers if a.needed and not a.ok)
    return "\n".join([*lines, f"The main job cannot run here, for want of: {lacking}" if lacking else "The main job can run here: carrousel run quick"])


def _questions() -> dict[str, Callable[[Place], str]]:
    from suite.data.manifest import folder
    from suite.engines import ENGINES

    sets = sorted(path.parent.name for path in folder().glob("*/manifest.toml"))
    return {
        **{f"engine {name}": partial(_engine, name) for name in ENGINES},
        "compiler": _compiler,
        "streams": _streams,
        "worker": _worker,
        **{f"data {name}": partial(_data, name) for name in sets},
        **{f"extra {name}": partial(surroundings.extra, name) for name in surroundings.extras()},
    }


def _engine(name: str, place: Place) -> str:
    """Which cells of the catalogue an engine runs, on every kind of device that is here."""
    del place
    import torch

    from suite import catalogue
    from suite.cells import ALIASES, CELLS

    said, runs = [], False
    for kind in ("cpu", "cuda")[: 1 + torch.cuda.is_available()]:
        refusals = {cell: catalogue.engine(name).refuses(catalogue.cell(cell, 8), torch.device(kind)) for cell in CELLS if cell not in ALIASES}
        reasons = [reason for reason in refusals.values() if reason]
        runs = runs or len(reasons) < len(refusals)
        said.append(f"{len(refusals) - len(reasons)} of {len(refusals)} cells on {kind}" + (f" (else: {reasons[0]})" if reasons else ""))
    if not runs:
        raise ValueError(reasons[0])
    return ", ".join(said)


def _compiler(place: Place) -> str:
    """A kernel compiled anew, in a process and a folder of its own."""
    del place
    from suite.runs.spec import SpeedSpec

    with tempfile.TemporaryDirectory() as folder:
        seconds = _carried("prepare", {"spec": SpeedSpec(cell="lstm", engine="scan"), "cache": Path(folder)})
    return f"a kernel of the engine 'scan' compiles, in {seconds:.1f} s"


def _streams(place: Place) -> str:
    """Whether the steps of a stream go from Python to the native loop by the short way."""
    del place
    from suite.engines import direct

    sentence = direct.refuses()
    if sentence:
        raise ValueError(f"steps of a stream take the longer way through Python, with the same results: {sentence}")
    return "a step goes from Python to the native loop in one call"


def _worker(place: Place) -> str:
    """A short training run in a process of its own, as every run is carried out."""
    del place
    from suite.launch.completion import complete
    from suite.launch.limits import USUAL, written
    from suite.runs.machine import cores
    from suite.runs.spec import TrainSpec

    spec, sentence = complete(TrainSpec(**TINY))
    if sentence:
        raise ValueError(sentence)
    ((status, *_),), _ = _carried("train", {"specs": [spec], "checkpoint": None, "keep": None})
    if status != "done":
        raise ValueError(f"a short training run ended as '{status}'")
    return f"a process trains; {cores()} at once unless told otherwise, {written(USUAL.bytes(cores()))} of memory each"


def _carried(name: str, payload: dict[str, Any]) -> Any:
    from suite.launch.local import Job, Pool

    with Pool(1) as pool:
        outcome = [o for o in pool.run([Job(name, payload)]) if o.kind != "progress"][-1]
    if outcome.kind != "done":
        raise ValueError(outcome.value)
    return outcome.value


def _data(name: str, place: Place) -> str:
    """Where a data set lies, or how to get it. Nothing is downloaded, and content is checked when it is used."""
    del place
    from suite.data.found import found

    return found(name)
