"""The task of the history compressor (Schmidhuber 1991, 1992): which symbol began the block that ends now?

Input: one of 22 symbols a step, one-hot in the order a x b1 … b20 (I = 22): a stream of blocks a b1 … b20 or x b1 … b20, each
with probability 1/2, without a mark between them. Answer: 0 for a, 1 for x, asked at each block's last step, 20 steps later (O = 2).

    a b1 b2 … b20 x b1 … b20
              0           1

All inputs but a and x are predictable, which is what a chunker compresses. The source has one target unit, 1 for a and 0 for
x, and has the network predict its next input, too; here only the decision is asked, by the largest of two outputs. It gives no stream
an end; here a row is a stream of `blocks` blocks, and nothing is carried from batch to batch. Chance: both are as likely.
"""

from __future__ import annotations

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST
from suite.tasks.symbols import spelled
from suite.tasks.task import Batch, Task


def chunker(lag: int = 20, blocks: int = 5) -> Task:
    """Streams of `blocks` blocks of `lag` + 1 symbols.

    >>> batch = next(chunker(3, blocks=2).batches("train", 1, torch.Generator().manual_seed(0)))
    >>> "".join("ax123"[k] for k in batch.x[:, 0].argmax(-1)), batch.y[:, 0].tolist()
    ('a123x123', [-1, -1, -1, 0, -1, -1, -1, 1])
    """
    if not all(isinstance(n, int) and n >= 1 for n in (lag, blocks)) or (lag + 1) * blocks > LONGEST:
        raise ValueError(f"chunker needs a lag and a number of blocks, 1 or more, with at most {LONGEST:,} symbols in all, not {lag!r} and {blocks!r}")

    def draw(n: int, generator: torch.Generator) -> Batch:
        first = torch.randint(2, (blocks, 1, n), generator=generator)
        rest = torch.arange(2, lag + 2)[:, None].expand(blocks, lag, n)
        nothing = torch.full((blocks, lag, n), -1)
        tokens, y = (torch.cat(parts, 1).flatten(0, 1) for parts in ((first, rest), (nothing, first)))
        return Batch(tokens, y, torch.ones(tokens.shape, dtype=torch.bool))

    def oracle(batch: Batch) -> Tensor:
        began = (batch.x[..., 1] - batch.x[..., 0]).unflatten(0, (blocks, lag + 1))[:, :1]
        return scores.certain(2)((began > 0).long().expand(-1, lag + 1, -1).flatten(0, 1))

    return Task(
        name=format_call("chunker", {"lag": lag, "blocks": blocks}),
        batches=spelled(draw, lag + 2, lambda x, y, mask: y),
        inputs=lag + 2,
        outputs=2,
        loss=scores.cross_entropy,
        metric=scores.accuracy,
        oracle=oracle,
        chance=0.5,
        solved=0.99,  # our threshold: the account at hand says "solved" only
        better="higher",
        measure="accuracy",
        version=1,
        data=None,
        paper="schmidhuber1992",
        supervision="every",
    )
