"""The definition: one step after another, one product per row and source. Every other engine equals it or refuses."""

from collections.abc import Mapping

import torch
from torch import Tensor

from suite.cells.cell import Cell, Stage
from suite.engines.engine import Engine, Noise, Params, State, advance, held, noise_steps, steps


def unroll(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """The cell over time, as slow and as plain as can be."""
    extras = cell.extras(**{name: params[name] for name in cell.extra})
    now, outputs = cell.states(**state), []
    for x, valid, drawn in zip(xs.unbind(0), steps(mask, len(xs)), noise_steps(noise, len(xs)), strict=True):

        def pre(number: int, stage: Stage, known: Mapping[str, Tensor], x: Tensor = x, drawn: dict[str, Tensor] = drawn) -> dict[str, Tensor]:
            del number
            rows = {}
            for row in stage.rows:
                if row.raw:
                    rows[row.name] = x if row.raw == "x" else drawn[row.name]
                    continue
                heard = {**known, "x": x}
                terms = [heard[link.source] @ params[f"{row.name}.{link.weight}"].mT for link in row.links]
                if row.bias:
                    terms.append(params[f"{row.name}.b"])
                rows[row.name] = torch.stack(torch.broadcast_tensors(*terms)).sum(0) if len(terms) > 1 else terms[0]
            return rows

        new, output = held(advance(cell, pre, now, extras), now, valid)
        now = new
        outputs.append(output)
    return torch.stack(outputs), dict(now._asdict())


ENGINE = Engine("reference", unroll)
