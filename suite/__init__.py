"""Carrousel: a benchmark suite and reproducible comparison harness for recurrent networks.

The public face, loaded when it is used:

    cell, unroll, stream, from_torch, to_torch      cells and the engines that run them; Refused is what they raise
    task, task_from, network, fit, gradient_flow    what is learnt, by what, the training loop, how far gradients reach
    Optimiser, run, load, save, score               learning rates, experiments from a notebook, weights on disk, on any task
    load_runs, curves, export                       records as data frames, and in the forms of other programs
"""

import importlib
from typing import Any

__version__ = "0.1.0"

FACE = {
    "cell": "suite.catalogue",
    "task": "suite.catalogue",
    "task_from": "suite.tasks.given",
    "unroll": "suite.catalogue",
    "stream": "suite.catalogue",
    "Cell": "suite.cells",
    "Refused": "suite.engines",
    "from_torch": "suite.engines",
    "to_torch": "suite.engines",
    "network": "suite.training.build",
    "fit": "suite.training.fit",
    "score": "suite.training.scoring",
    "gradient_flow": "suite.training.gradient_flow",
    "Optimiser": "suite.runs.spec",
    "load": "suite.training.weights",
    "save": "suite.training.weights",
    "run": "suite.launch.run",
    "load_runs": "suite.runs.loading",
    "curves": "suite.runs.loading",
    "export": "suite.exports",
}

__all__ = list(FACE)


def __getattr__(name: str) -> Any:
    if name not in FACE:
        raise AttributeError(f"module 'suite' has no attribute {name!r}; it has {', '.join(FACE)}")
    return getattr(importlib.import_module(FACE[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *FACE]
