"""From specs to jobs, and from what the jobs bring back to records."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from suite.launch import describe
from suite.launch.limits import USUAL, Limits
from suite.launch.local import Job, Outcome, Pool
from suite.launch.plan import seconds
from suite.runs import Costs, Run, SpeedSpec, Timing, TrainSpec, Where
from suite.training.group import BYTES
from suite.training.preparing import prepares
from suite.training.speed import Measured, spread

GRADIENTS = "gradients"  # the folder of what `--collect gradients` keeps
WEIGHED = 3  # processes in which the peak memory of a step, or the compile time of a cell, is measured
DAY = 86400.0  # seconds that a checkpoint is kept for whatever command may go on from it


def training(group: list[TrainSpec], out: Path, save_weights: bool, collect: bool = False) -> Job:
    """The job that trains a group, its checkpoint named after the specs in it."""
    payload = {"specs": group, "checkpoint": _checkpoint(group, out), "keep": out / "weights" if save_weights else None, "collect": out / GRADIENTS if collect else None}
    label = f"{group[0].task} {group[0].cell}{f' x {len(group)}' if len(group) > 1 else ''}"
    return Job("train", payload, group, seconds(group), label=label, apart=partial(halves, group, out, save_weights, collect))


def halves(group: list[TrainSpec], out: Path, save_weights: bool, collect: bool = False) -> list[Job]:
    """The jobs a group falls into that failed as a whole; a single run falls into none. Its checkpoint is of no use to them."""
    if len(group) == 1:
        return []
    _checkpoint(group, out).unlink(missing_ok=True)
    middle = len(group) // 2
    return [training(part, out, save_weights, collect) for part in (group[:middle], group[middle:])]


def _checkpoint(group: list[TrainSpec], out: Path) -> Path:
    return out / "checkpoints" / f"{hashlib.sha256(''.join(spec.id for spec in group).encode()).hexdigest()[:16]}.pt"


def forget(jobs: Sequence[Job], out: Path) -> None:
    """Remove checkpoints that none of some jobs goes on from, as of a group that has more seeds now; those of the last day may be another command's."""
    needed = {job.payload.get("checkpoint") for job in jobs}
    for path in (out / "checkpoints").glob("*.pt"):
        if path not in needed and time.time() - path.stat().st_mtime > DAY:
            path.unlink(missing_ok=True)


def trained(outcome: Outcome, here: Where) -> list[Run]:
    """A record for every run of a training job, however it ended."""
    group: list[TrainSpec] = outcome.job.about
    results, threads = outcome.value if outcome.kind == "done" else ([], group[0].threads)
    there = (outcome.where or here).model_copy(update={"threads": threads, "replicas": len(group)})
    if outcome.kind != "done":
        return [Run(id=s.id, spec=s, status=f"{outcome.kind}: {outcome.value}", where=there) for s in group]
    return [
        Run(id=spec.id, spec=spec, status=status, score=score, curve=curve, costs=costs, where=there)
        for spec, (status, score, curve, costs) in zip(group, results, strict=True)
    ]


def timed(group: list[SpeedSpec], here: Where, limits: Limits = USUAL) -> list[Run]:
    """Compile time and peak memory of each spec in processes of their own, then all their timings interleaved in one."""
    there = here.model_copy(update={"threads": group[0].threads, "replicas": group[0].replicas})
    with Pool(max(1, (here.cores or 1) // group[0].threads), group[0].threads, limits) as pool:  # a weight does not mind company
        weighed = [o for o in pool.run([Job("peak", {"spec": spec}, spec.id) for spec in group for _ in range(WEIGHED)]) if o.kind == "done"]
    with Pool(1, group[0].threads, limits) as pool:
        ended = _times(pool, group)
    runs = []
    for spec, (found, sentence) in zip(group, ended, strict=True):
        if sentence:
            runs.append(Run(id=spec.id, spec=spec, status=f"failed: {sentence}", costs=found, where=there))
            continue
        counted = describe.describe_cell(spec.cell, spec.units, spec.inputs)
        peaks = [o.value for o in weighed if o.job.about == spec.id and o.value is not None]
        state = counted["state"] * BYTES[spec.dtype]
        more = {"parameters": counted["parameters"], "multiply_adds": counted["multiply_adds"], "state_bytes": state, "peak_bytes": spread(peaks) if peaks else None}
        costs = found.model_copy(update=more | prepared(spec))
        runs.append(Run(id=spec.id, spec=spec, status="done", costs=costs, where=there))
    return runs


def _times(pool: Pool, group: list[SpeedSpec]) -> list[Measured]:
    """The timings of a group. If its process dies each is tried alone, so that only the one that killed it has no result."""
    (outcome,) = (o for o in pool.run([Job("times", {"specs": group})]) if o.kind != "progress")
    if outcome.kind == "done":
        found: list[Measured] = outcome.value
        return found
    if len(group) == 1:
        return [Measured(Costs(), outcome.value)]
    return [measured for spec in group for measured in _times(pool, [spec])]


_prepared: dict[tuple[str, str, str, str], dict[str, Timing]] = {}


def prepared(spec: SpeedSpec) -> dict[str, Timing]:
    """Seconds of an engine's preparation with an empty cache and with a filled one, each in a fresh process; measured once a
    command for a cell, an engine and a dtype, at the first width that is asked for.
    """
    key = (spec.cell, spec.cell_digest, spec.engine, spec.dtype)
    if key not in _prepared and prepares(spec.engine):
        seconds: dict[str, list[float]] = {"compile": [], "warm": []}
        with Pool(1) as pool:
            for _ in range(WEIGHED):
                with tempfile.TemporaryDirectory() as cache_folder:
                    for values in seconds.values():
                        values += [o.value for o in pool.run([Job("prepare", {"spec": spec, "cache": Path(cache_folder)})]) if o.kind == "done"]
        _prepared[key] = {name: spread(values) for name, values in seconds.items() if values}
    return _prepared.get(key, {})
