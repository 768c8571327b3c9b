"""From specs to jobs, and from what the jobs bring back to records."""

from __future__ import annotations

import hashlib
from pathlib import Path

from suite.launch import describe
from suite.launch.local import Job, Outcome, Pool
from suite.launch.plan import seconds
from suite.runs import Costs, Run, SpeedSpec, TrainSpec, Where
from suite.training.speed import spread

WEIGHED = 3  # processes in which the peak memory of a step is measured


def training(group: list[TrainSpec], out: Path, save_weights: bool) -> Job:
    """The job that trains a group, its checkpoint named after the specs in it."""
    key = hashlib.sha256("".join(spec.id for spec in group).encode()).hexdigest()[:16]
    payload = {"specs": group, "checkpoint": out / "checkpoints" / f"{key}.pt", "keep": out / "weights" if save_weights else None}
    return Job("train", payload, group, seconds(group))


def trained(outcome: Outcome, here: Where) -> list[Run]:
    """A record for every run of a training job, however it ended."""
    group: list[TrainSpec] = outcome.job.about
    there = here.model_copy(update={"threads": group[0].threads, "replicas": len(group)})
    if outcome.kind != "done":
        return [Run(id=s.id, spec=s, status=f"{outcome.kind}: {outcome.value}", where=there) for s in group]
    return [
        Run(id=spec.id, spec=spec, status=status, score=score, curve=curve, costs=costs, where=there)
        for spec, (status, score, curve, costs) in zip(group, outcome.value, strict=True)
    ]


def timed(group: list[SpeedSpec], here: Where) -> list[Run]:
    """Peak memory of each spec in a process of its own, then all their timings interleaved in one."""
    there = here.model_copy(update={"threads": group[0].threads, "replicas": group[0].replicas})
    with Pool(1, group[0].threads) as pool:
        weighed = [o for o in pool.run([Job("peak", {"spec": spec}, spec.id) for spec in group for _ in range(WEIGHED)]) if o.kind == "done"]
        (times,) = (o for o in pool.run([Job("times", {"specs": group})]) if o.kind != "progress")
    runs = []
    for number, spec in enumerate(group):
        result = times.value if times.kind != "done" else times.value[number]
        if isinstance(result, str):
            runs.append(Run(id=spec.id, spec=spec, status=f"failed: {result}", where=there))
            continue
        counted = describe.describe_cell(spec.cell, spec.units, spec.inputs)
        peaks = [o.value for o in weighed if o.job.about == spec.id and o.value is not None]
        state = counted["state"] * (4 if spec.dtype == "float32" else 8)
        costs = Costs(
            parameters=counted["parameters"], multiply_adds=counted["multiply_adds"], state_bytes=state, step=result[0], forward=result[1], peak_bytes=spread(peaks) if peaks else None
        )
        runs.append(Run(id=spec.id, spec=spec, status="done", costs=costs, where=there))
    return runs
