"""How long an engine takes until its code for a cell stands ready: compiled anew, and found in its cache."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch

from suite import catalogue
from suite.engines import Engine
from suite.runs.spec import SpeedSpec

CACHES = ("CARROUSEL_CACHE", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


def prepares(name: str) -> bool:
    """Whether an engine makes anything ahead of the first unroll."""
    return catalogue.engine(name).prepare is not Engine.prepare


def seconds(spec: SpeedSpec, cache: Path) -> float:
    """Seconds of `prepare` with its caches in a folder; call it in a fresh process, twice for the cold and the warm start."""
    for name in CACHES:
        os.environ[name] = str(cache / name.lower())
        Path(os.environ[name]).mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(spec.threads)
    cell, engine = catalogue.cell(spec.cell, spec.units), catalogue.engine(spec.engine)
    start = time.perf_counter()
    engine.prepare(cell, getattr(torch, spec.dtype), torch.device(spec.device))
    return time.perf_counter() - start
