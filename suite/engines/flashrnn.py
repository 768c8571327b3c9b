"""FlashRNN's kernels (Pöppel, Beck and Hochreiter 2024), where its package is installed: a further contestant on a GPU.

Its heads are blocks of a block-diagonal recurrent matrix, each a model of its own: they are our replicas. What x contributes
is one product before, as its authors' own layers have it.
"""

from __future__ import annotations

import importlib.util
from typing import NamedTuple

import torch
from torch import Tensor

from suite.cells.cell import Cell
from suite.engines.engine import Engine, Noise, Params, Refused, State
from suite.engines.torch_nn import layer_of

BACKEND = "cuda_fused"  # it takes "cuda" by itself where a function has no fused kernel


class Gates(NamedTuple):
    """A function of FlashRNN: our rows in the order of its inputs, recurrent matrices and biases."""

    function: str
    from_input: tuple[str, ...]
    from_state: tuple[str, ...]
    biases: tuple[str, ...]


GATES = {
    "rnn": Gates("elman", ("a",), ("a",), ("a",)),
    "lstm": Gates("lstm", ("i", "f", "z", "o"), ("i", "f", "z", "o"), ("i", "f", "z", "o")),
    "gru": Gates("gru", ("r", "z", "n"), ("m", "r", "z"), ("m", "r", "z", "n")),
}


def refuses(cell: Cell, device: torch.device) -> str | None:
    """A sentence where the package is not installed, for another device than a CUDA GPU, and for cells that it has no kernel for."""
    if layer_of(cell) is None or cell.name not in GATES:
        return f"engine 'flashrnn' has no kernel for '{cell.name}': it computes {', '.join(GATES)} only"
    if importlib.util.find_spec("flashrnn") is None:
        return f"engine 'flashrnn' cannot run '{cell.name}': its package is not installed (`pip install flashrnn`; it compiles its kernels with a CUDA toolkit)"
    return None if device.type == "cuda" else f"engine 'flashrnn' runs on CUDA and not on {device.type}: '{cell.name}' is left to another engine"


def lacks(cell: Cell, dtype: torch.dtype, device: torch.device) -> str | None:
    """A sentence for float64."""
    del device
    return None if dtype != torch.float64 else f"engine 'flashrnn' computes in float32, bfloat16 and float16, not in float64: '{cell.name}' is left to another engine"


def unroll(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """One call of its kernel; see `Engine.unroll`."""
    import flashrnn

    del noise
    if mask is not None:
        raise Refused(f"engine 'flashrnn' takes no mask: '{cell.name}' over sequences of several lengths is left to another engine")
    gates = GATES[cell.name]
    wx = torch.stack([torch.einsum("trbi,roi->btro", xs.expand(-1, len(state["h"]), -1, -1), params[f"{row}.x"]) for row in gates.from_input], 2)
    recurrent = torch.stack([params[f"{row}.h"] for row in gates.from_state])
    bias = torch.stack([params[f"{row}.b"].squeeze(1) for row in gates.biases])
    start = torch.stack([state[name] for name in cell.state]).permute(0, 2, 1, 3).unsqueeze(2)  # (states, B, 1, R, units)
    found, last = flashrnn.flashrnn(wx, recurrent, bias, states=start, function=gates.function, backend=BACKEND, dtype=str(xs.dtype).removeprefix("torch."))
    ends = {name: last[k, :, 0].transpose(0, 1) for k, name in enumerate(cell.state)}
    return found[0].permute(1, 2, 0, 3), ends


ENGINE = Engine("flashrnn", unroll, refuses, instructions=lambda dtype, device: "", lacks=lacks)
