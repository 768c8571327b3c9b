"""The kernels behind torch.nn for the cells it has: on CPU oneDNN for a float32 LSTM and ATen's loops for the rest, cuDNN on CUDA."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from suite.cells.cell import Cell
from suite.engines.engine import Engine, Noise, Params, Refused, State
from suite.engines.precision import of_rnn
from suite.engines.torch_nn import LAYERS, Layer, flat_weights, layer_of

KERNELS: dict[str, Any] = {"rnn": torch.rnn_tanh, "rnn-relu": torch.rnn_relu, "lstm": torch.lstm, "gru": torch.gru}


def refuses(cell: Cell, device: torch.device) -> str | None:
    """A sentence for every cell that torch.nn does not have."""
    del device
    return None if layer_of(cell) else f"engine 'vendor' has no kernel for '{cell.name}': torch.nn computes {', '.join(LAYERS)} only"


def unroll(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """One call of torch's kernel a replica (it has no replica axis); see `Engine.unroll`."""
    del noise
    layer = layer_of(cell)
    if layer is None:
        raise Refused(refuses(cell, xs.device))
    replicas = len(state["h"])
    runs = []
    for r in range(replicas):
        x, valid = xs[:, min(r, xs.shape[1] - 1)], None if mask is None else mask[:, min(r, mask.shape[1] - 1)]
        runs.append(_one(layer, flat_weights(layer, params, r), x, {name: value[r : r + 1] for name, value in state.items()}, valid))
    final = {name: torch.cat([run[1][name] for run in runs]) for name in cell.state}
    return torch.stack([run[0] for run in runs], 1), final


def _one(layer: Layer, weights: list[Tensor], x: Tensor, state: State, valid: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
    """One replica: x (T, B, I), state (1, B, W) each, valid (T, B)."""
    kernel, start = KERNELS[layer.cell], tuple(t.contiguous() for t in state.values()) if len(state) > 1 else state["h"].contiguous()
    options = (True, 1, 0.0, torch.is_grad_enabled(), False)
    if valid is None:
        y, *final = kernel(x, start, weights, *options, False)
        return y, dict(zip(state, final, strict=True))
    lengths = valid.sum(0)
    if not torch.equal(valid, torch.arange(len(x), device=x.device)[:, None] < lengths) or int(lengths.min()) < 1:
        raise Refused("engine 'vendor' takes masks that are padding at the end of sequences of one step or more, not gaps")
    packed = pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
    order = packed.sorted_indices
    assert order is not None
    begin = tuple(t.index_select(1, order) for t in start) if isinstance(start, tuple) else start.index_select(1, order)
    data, *final = kernel(packed.data, packed.batch_sizes, begin, weights, *options)
    y, _ = pad_packed_sequence(packed._replace(data=data), total_length=len(x))
    back = packed.unsorted_indices
    assert back is not None
    return y, {name: value.index_select(1, back) for name, value in zip(state, final, strict=True)}


ENGINE = Engine("vendor", unroll, refuses, instructions=of_rnn)
