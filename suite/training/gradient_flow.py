"""How far a gradient reaches: the size of dh(T)/ds(t) over the lag, and what the gates do meanwhile.

Both are read off an ordinary run of a cell with its table changed: every new state gets a row of noise that is zero and is
differentiated, and what the logistics of the equations say is made the output. So there is no second loop over time, and
what is measured is the cell's own gradient, truncated where the cell truncates it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from suite.cells import Cell
from suite.engines import ENGINES, unroll
from suite.tasks.task import Batch, asked
from suite.training.gates import Watched, watched
from suite.training.network import Network

ENGINE = ENGINES["hoisted"]
AT_ONCE = 16  # outputs whose gradients are taken in one go, as replicas


@dataclass(frozen=True)
class Flow:
    """One layer, and direction, of a network on a batch, one replica.

    norms      state -> (lags, B): the spectral norm of dh(T)/ds(T - lag), T a sequence's last valid step, the other states
               held (so at lag 0 it is 1 for h and 0 for c); not a number beyond a sequence's beginning
    gates      row -> (T, B, W): what its logistic said, not a number where the mask is false; a gate without a logistic of
               its own is left out
    roles      row -> what the gate does, of those in `gates`
    """

    norms: Mapping[str, Tensor]
    gates: Mapping[str, Tensor]
    roles: Mapping[str, str]

    def saturated(self, row: str, margin: float = 0.1) -> tuple[float, float]:
        """The shares of a gate's values below `margin` and above 1 - `margin`."""
        said = self._said(row)
        said = said[said.isfinite()]
        return float((said < margin).float().mean()), float((said > 1 - margin).float().mean())

    def active(self, row: str) -> float:
        """The mean of a gate over steps, sequences and units."""
        return float(self._said(row).nanmean())

    def _said(self, row: str) -> Tensor:
        if row not in self.gates:
            raise ValueError(f"no gate '{row}'; gates are {', '.join(self.gates) or 'none'}")
        return self.gates[row]

    def time_constants(self, row: str | None = None) -> Tensor:
        """Steps after which a unit has forgotten all but 1/e, (W,): -1 over the mean logarithm of what a gate keeps.

        The gate is the first that keeps the memory, or the one of a row; ValueError where it does not.
        """
        keepers = [name for name, role in self.roles.items() if role in ("keep", "new") and row in (None, name)]
        if not keepers:
            raise ValueError(f"no gate {f'{row!r} that ' if row else ''}keeps the memory; gates are {', '.join(self.gates) or 'none'}")
        said = self.gates[keepers[0]]
        kept = said if self.roles[keepers[0]] == "keep" else 1 - said
        return 1 / kept.clamp(min=torch.finfo(kept.dtype).tiny).log().nanmean((0, 1)).abs()


@dataclass(frozen=True)
class Nudged:
    """The last stage of a cell, its new states moved by rows of noise."""

    cell: Cell

    def step(self, a: Any, s: Any, p: Any) -> Any:
        """States after the step, each plus its row."""
        new = self.cell.stages[-1][1](a, s, p)
        return new._replace(**{name: getattr(new, name) + getattr(a, f"nudge_{name}") for name in self.cell.state})


def nudged(cell: Cell) -> Cell:
    """A cell whose states can be moved at every step, to see what comes of it."""
    affine, _ = cell.stages[-1]
    rows = {f"nudge_{name}": "=noise" for name in cell.state}
    widths = {f"nudge_{name}": width for name, width in cell.state.items()}
    return replace(cell, name=f"{cell.name}, nudged", stages=(*cell.stages[:-1], ({**affine, **rows}, Nudged(cell).step)), width={**cell.width, **widths})


def gradient_flow(network: Network, batch: Batch, params: Mapping[str, Tensor] | None = None) -> dict[str, Flow]:
    """What each layer does to gradients on a batch: `0` the first, `0r` its reverse direction, `0d` that of a decoder, on the target's steps alone.

    A layer is looked at alone: dh(T)/ds(t) goes through its own states, with the outputs of the layer below held. `params`
    are those of one replica, (1, *shape) each; without them those that `network.start(0)` draws. Takes about as long as a
    training step of as many replicas as the layer has units; a few sequences are enough.

    >>> import suite
    >>> net = suite.network("lstm", 4, inputs=1, outputs=2, init="keep(value=3.0)")
    >>> batch = next(suite.task("parity", length=20).batches("train", 2, torch.Generator().manual_seed(0)))
    >>> flow = suite.gradient_flow(net, batch)["0"]
    >>> flow.norms["c"].shape, round(flow.active("f"), 2)
    (torch.Size([20, 2]), 0.95)
    """
    params = network.start(0) if params is None else params
    if any(len(value) != 1 for value in params.values()):
        raise ValueError("gradient flow is that of one replica; select one first")
    found: list[Flow] = []

    def through(cell: Cell, own: Mapping[str, Tensor], x: Tensor, state: Mapping[str, Tensor], **run: Any) -> tuple[Tensor, dict[str, Tensor]]:
        found.append(_flow(cell, own, x.detach(), state, run["mask"], run["noise"], batch.mask.shape[1]))
        return unroll(cell, own, x, state, **run)

    like = next(iter(params.values()))
    batch = batch.to(like.device)
    with torch.no_grad():
        network.run(params, batch.x if network.embedding else batch.x.to(like.dtype), batch.mask, ENGINE, asked=asked(batch), through=through)
    names = [layer.prefix.removesuffix(".") for ways in network.layers for layer in ways]
    return dict(zip(names, found, strict=True))


def _flow(cell: Cell, params: Mapping[str, Tensor], x: Tensor, state: Mapping[str, Tensor], mask: Tensor | None, noise: Mapping[str, Tensor], batch: int) -> Flow:
    x, noise, state = x[:, :, :batch], {name: value[:, :, :batch] for name, value in noise.items()}, {name: value[:, :batch] for name, value in state.items()}
    valid = torch.ones(len(x), 1, batch, dtype=torch.bool, device=x.device) if mask is None else mask[:, :, :batch]
    seen = watched(cell)
    y, _ = unroll(seen.cell, params, x, state, engine=ENGINE, mask=valid, noise=noise)
    y = torch.where(valid.unsqueeze(-1), y, torch.nan)
    gates = {row: y[:, 0, :, part] for row, part in seen.parts.items()}
    return Flow(_norms(cell, params, x, state, valid, noise), gates, {row: cell.gates[row] for row in gates})


def _norms(cell: Cell, params: Mapping[str, Tensor], x: Tensor, state: Mapping[str, Tensor], valid: Tensor, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Spectral norms by lag. A replica stands for an output: one reverse gives the gradients of as many as there are replicas."""
    length, batch, moved = len(x), x.shape[2], nudged(cell)
    rows: dict[str, list[Tensor]] = {name: [] for name in cell.state}
    for outputs in torch.eye(cell.units, dtype=x.dtype, device=x.device).split(AT_ONCE):
        nudges = {f"nudge_{name}": torch.zeros(length, len(outputs), batch, width, dtype=x.dtype, device=x.device, requires_grad=True) for name, width in cell.state.items()}
        with torch.enable_grad():
            many = {name: value.detach().expand(len(outputs), -1, -1) for name, value in params.items()}
            first = {name: value.detach().expand(len(outputs), -1, -1) for name, value in state.items()}
            _, last = unroll(moved, many, x, first, engine=ENGINE, mask=valid, noise={**noise, **nudges})
            chosen = (next(iter(last.values())) * outputs.unsqueeze(1)).sum()
        gradients = torch.autograd.grad(chosen, list(nudges.values()), materialize_grads=True)
        for name, gradient in zip(cell.state, gradients, strict=True):
            rows[name].append(gradient)
    lag = valid[:, 0].flip(0).cumsum(0).flip(0) - 1  # valid steps still to come
    place = torch.where(valid[:, 0], lag, length)
    return {name: _by_lag(torch.linalg.matrix_norm(torch.cat(parts, 1).movedim(1, 2), 2), place) for name, parts in rows.items()}


def _by_lag(norms: Tensor, place: Tensor) -> Tensor:
    """(T, B) by step -> (T, B) by lag."""
    return norms.new_full((len(norms) + 1, norms.shape[1]), torch.nan).scatter(0, place, norms)[:-1]


__all__ = ["Flow", "Watched", "gradient_flow", "nudged", "watched"]
