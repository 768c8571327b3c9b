"""What training costs on this machine, cell by cell and engine by engine: measured once, kept in the cache."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from suite import __version__, folders
from suite.launch.local import Job, Pool
from suite.runs import TrainSpec
from suite.runs.store import replace
from suite.training.calibrate import Speed

COARSE = Speed((4e-4, 1.3e-4, 0.0, 3.6e-10, 6e-9), (1e-4, 4e-5, 0.0, 1.2e-10, 0.0), (4e8, 12.0, 32.0), (4e8, 4.0, 8.0))  # orders groups where nothing is known


def key(spec: TrainSpec) -> str:
    """Everything that decides how fast a completed spec's cell trains on this machine, its shape apart."""
    device = torch.cuda.get_device_name(spec.device) if spec.device.startswith("cuda") and torch.cuda.is_available() else spec.device
    return " ".join(["rowwise", spec.cell, spec.cell_digest, spec.engine, spec.dtype, device, f"threads {spec.threads}", f"torch {torch.__version__}", f"carrousel {__version__}"])


def file(machine: str) -> Path:
    """Where they are kept."""
    return folders.cache() / f"speeds-{machine}.json"


def known(machine: str) -> dict[str, Speed]:
    """What has been measured on a machine; nothing where the file cannot be read, and nothing of an entry with other prices than today's."""
    try:
        found = json.loads(file(machine).read_bytes())
        return {name: Speed(*(tuple(map(float, prices)) for prices in each)) for name, each in found.items() if lengths(each) == lengths(COARSE)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def lengths(prices: Iterable[Sequence[float]]) -> list[int]:
    """How many prices there are of each kind."""
    return list(map(len, prices))


def measured(specs: Iterable[TrainSpec], machine: str) -> dict[str, Speed]:
    """The same, with what some specs need and has not been measured; each cell in a process of its own. What fails there is left out."""
    speeds = known(machine)
    missing = {name: spec for spec in specs if (name := key(spec)) not in speeds}
    if missing:
        print(f"carrousel: measuring how fast {len(missing)} {'cells train' if len(missing) > 1 else 'cell trains'} here, once", file=sys.stderr, flush=True)
    for threads in {spec.threads for spec in missing.values()}:
        jobs = [Job("calibrate", {"spec": spec}, name) for name, spec in missing.items() if spec.threads == threads]
        with Pool(1, threads) as pool:
            speeds |= {outcome.job.about: outcome.value for outcome in pool.run(jobs) if outcome.kind == "done"}
    if missing:
        _keep(speeds, machine)
    return speeds


def _keep(speeds: dict[str, Speed], machine: str) -> None:
    try:
        file(machine).parent.mkdir(parents=True, exist_ok=True)
        replace(file(machine), json.dumps(known(machine) | speeds, indent=1, sort_keys=True) + "\n")
    except OSError as error:  # measured again next time
        print(f"carrousel: how fast cells train here cannot be kept: {error.strerror}", file=sys.stderr)
