"""The definition: one step after another, one product per row and source. Every other engine equals it or refuses."""

from collections.abc import Mapping

import torch
from torch import Tensor

from suite.cells.cell import Cell, Stage
from suite.engines.engine import Engine, Noise, Params, Pre, State, advance, held, noise_steps, steps


def heard(params: Params, x: Tensor, drawn: Mapping[str, Tensor]) -> Pre:
    """How the rows of a step come about: a sum of products and a bias, or a value handed through."""

    def pre(number: int, stage: Stage, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
        del number
        rows = {}
        for row in stage.rows:
            if row.raw:
                rows[row.name] = x if row.raw == "x" else drawn[row.name]
                continue
            sources = {**known, "x": x}
            terms = [sources[link.source] @ params[f"{row.name}.{link.weight}"].mT for link in row.links]
            if row.bias:
                terms.append(params[f"{row.name}.b"])
            rows[row.name] = torch.stack(torch.broadcast_tensors(*terms)).sum(0) if len(terms) > 1 else terms[0]
        return rows

    return pre


def unroll(cell: Cell, params: Params, xs: Tensor, state: State, mask: Tensor | None, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
    """The cell over time, as slow and as plain as can be."""
    extras = cell.extras(**{name: params[name] for name in cell.extra})
    now, outputs = cell.states(**state), []
    for x, valid, drawn in zip(xs.unbind(0), steps(mask, len(xs)), noise_steps(noise, len(xs)), strict=True):
        now, output = held(advance(cell, heard(params, x, drawn), now, extras), now, valid)
        outputs.append(output)
    return torch.stack(outputs), dict(now._asdict())


ENGINE = Engine("reference", unroll)
