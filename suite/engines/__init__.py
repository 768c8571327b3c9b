"""Loops that carry a cell through time. `reference` is the definition; the others equal it or refuse in words."""

from suite.engines import compiled, flashrnn, graphed, hoisted, reference, rtrl, scan, vendor
from suite.engines.engine import Engine, Refused
from suite.engines.stream import Stream
from suite.engines.torch_nn import from_torch, to_torch
from suite.engines.unroll import unroll

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (reference.ENGINE, hoisted.ENGINE, vendor.ENGINE, scan.ENGINE, rtrl.ENGINE, compiled.ENGINE, graphed.ENGINE, flashrnn.ENGINE)}

# what "best" tries, the first that does not refuse; resolved when a run is planned, never while it runs
BEST = ("scan", "vendor", "hoisted")
BEST_ON = {"cuda": ("vendor", "hoisted")}  # `scan` joins them once its tests have passed on a GPU

# what `carrousel speed` times only where it is named: the definition, the one whose cost grows with the square of the state,
# and the one that compiles for seconds
UNTIMED = ("reference", "rtrl", "compiled")
ON_CUDA = ("graphed", "flashrnn")  # and what it times on a GPU alone

__all__ = ["BEST", "BEST_ON", "ENGINES", "ON_CUDA", "UNTIMED", "Engine", "Refused", "Stream", "from_torch", "to_torch", "unroll"]
