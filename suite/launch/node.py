"""What a task of a cluster does on its node: one job in a process of its own, as on this machine, its outcome sent back as bytes.

Nothing is written here but checkpoints, and those only into a folder that the node shares with the driver.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from suite.launch.limits import Limits
from suite.launch.local import Job, Outcome, Pool
from suite.runs.machine import Where, cores, version
from suite.training.group import Result

Said = dict[str, str | bool]  # the plain fields of an outcome
ANSWERS: dict[str, TypeAdapter[Any]] = {
    "train": TypeAdapter(tuple[Said, Where, tuple[list[Result], int] | str]),
    "baselines": TypeAdapter(tuple[Said, Where, list[dict[str, Any]] | str]),
    "sleep": TypeAdapter(tuple[Said, Where, int | str | None]),
}
MARK = ".shared"  # in the folder of checkpoints: who reads the driver's word there sees the same folder


def carried(name: str, payload: dict[str, Any], key: str, threads: int, driver: Mapping[str, str], mark: str, ledger: Any, limits: Limits) -> tuple[bytes, dict[str, bytes]]:
    """The outcome of a job, and the files it wanted to keep by their names.

    `driver` is what the driver has `installed`: ValueError where this node has anything else. `ledger` is an actor that is told
    of progress under `key`. Without a limit a job may take the node's memory by its share of the processors.
    """
    if said := differs(driver, installed()):
        raise ValueError(said)
    ledger.begin.remote(key)
    with tempfile.TemporaryDirectory() as folder, Pool(1, threads, replace(limits, memory=limits.bytes(max(1, cores() // threads)))) as pool:
        there = _where(pool, payload)
        ended = Outcome(Job(name, {}), "refused", "the node has no CUDA device that PyTorch can use")
        jobs = [Job(name, payload | _local(payload, mark, Path(folder)))] if _device(payload) == "cpu" or there.accelerator != "none" else []
        for outcome in pool.run(jobs):
            if outcome.kind == "progress":
                ledger.tell.remote(key, outcome.job.progress)
            else:
                ended = outcome
        return encoded(ended, there), {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def encoded(outcome: Outcome, there: Where) -> bytes:
    """An outcome as strict JSON."""
    said = {name: value for name, value in outcome._asdict().items() if name not in ("job", "value", "where")}
    return ANSWERS[outcome.job.name].dump_json((said, there, outcome.value))


def decoded(job: Job, answer: bytes) -> Outcome:
    """The reverse, for the job that was sent; ValueError for what is no outcome of such a job."""
    said, there, value = ANSWERS[job.name].validate_json(answer)
    return Outcome(job=job, value=value, where=there, **said)


def _local(payload: Mapping[str, Any], mark: str, folder: Path) -> dict[str, Any]:
    """The paths of a payload as they are good here: a checkpoint in a folder that is shared or none, weights in a folder of our own."""
    kept = payload.get("checkpoint")
    return {"checkpoint": kept if kept and _shares(kept.parent, mark) else None, "keep": folder if payload.get("keep") else None}


def _shares(folder: Path, mark: str) -> bool:
    try:
        return (folder / MARK).read_text() == mark
    except OSError:
        return False


def _where(pool: Pool, payload: Mapping[str, Any]) -> Where:
    """This node, asked for in a process of its own, for a GPU's name needs its driver."""
    device = _device(payload)
    if device not in _known:
        (outcome,) = pool.run([Job("where", {"device": device})])
        if outcome.kind != "done":
            raise RuntimeError(f"the node cannot say what it is: {outcome.value}")
        _known[device] = outcome.value
    return _known[device]


_known: dict[str, Where] = {}


def _device(payload: Mapping[str, Any]) -> str:
    return str(payload["specs"][0].device) if "specs" in payload else "cpu"


@cache
def installed() -> dict[str, str]:
    """What must be the same wherever runs of one experiment are carried out; the suite is told apart by a hash of its modules."""
    root = Path(__file__).resolve().parents[1]
    code = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        code.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    torch = (version("torch") or "none").partition("+")[0]  # a build for GPUs computes by the same rules
    return {"torch": torch, "carrousel": f"{version('carrousel') or 'not installed'} (code {code.hexdigest()[:8]})"}


def differs(driver: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """The sentence for a node that has something else installed than the driver.

    >>> differs({"torch": "2.13.0", "carrousel": "1"}, {"torch": "2.11.0", "carrousel": "1"})
    'the node has torch 2.11.0, the driver torch 2.13.0: install the same on all nodes'
    """
    there, here = (", ".join(f"{name} {of.get(name)}" for name in driver if driver[name] != found.get(name)) for of in (found, driver))
    return f"the node has {there}, the driver {here}: install the same on all nodes" if here else None


class Described(NamedTuple):
    """What a node answers when it is first asked: what it has installed, and how it lets others in."""

    installed: dict[str, str]
    authentication: str


DESCRIBED = TypeAdapter(Described)


def described() -> bytes:
    """This node, as JSON."""
    return DESCRIBED.dump_json(Described(installed(), os.environ.get("RAY_AUTH_MODE", "disabled")))
