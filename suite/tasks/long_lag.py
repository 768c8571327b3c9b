"""Noise-free long time lags, experiment 2 of Hochreiter & Schmidhuber (1997): the first relevant symbol comes back at the end.

Input: one symbol a step, one-hot. Answer: the next symbol, one logistic output each; squared error.

    2a   x a1 a2 a3  -> a1 a2 a3 x   p + 1 symbols a1 … a(p-1) x y; p steps, each predicted; two sequences in all
    2b   x a3 a1 a3  ->          x   as 2a, the a's drawn at random: each next symbol is trained, only x or y at the end judged
    2c   b y a7 … a2 e ->        y   p + 4 symbols a1 … ap x y e b; q + k distractors, P(k) = 0.1 · 0.9^k; 2 outputs, x and y

Alphabets are in these orders. In 2a and 2b the `lag` is p, in 2c it is q (the least number of distractors) and `distractors` is p.
The last symbol is never read, only predicted; in 2c nothing is trained or judged before it, y is (T, B, 2) and asked at the trigger e.
A sequence is right if each output asked is nearer than 0.25 (2a, 2b) or 0.2 (2c) to its target.

Chance: a constant cannot fit two different one-hot targets of 2a, nor be near x and y at once; one of x and y it can
fit, so it is right in no sequence of 2a and in half of those of 2b and 2c. Not 5- or 20-step lags: 2a compresses well, which
history compression uses (see `chunker`); 2b and 2c do not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST
from suite.tasks.symbols import at_end, prediction, spelled, sure
from suite.tasks.task import Batch, Task

STOP = 0.1  # probability of the trigger at each step after the first q distractors of 2c


def long_lag_2a(lag: int = 100) -> Task:
    """Experiment 2a: a lag of p steps with local regularities.

    >>> batch = next(long_lag_2a(4).batches("train", 2, torch.Generator().manual_seed(0)))
    >>> [["123xy"[k] for k in row] for row in batch.x.argmax(-1).T], ["123xy"[k] for k in batch.y[-1].argmax(-1)]
    ([['x', '1', '2', '3'], ['y', '1', '2', '3']], ['x', 'y'])
    """
    return _regular("long-lag-2a", lag, shuffled=False)


def long_lag_2b(lag: int = 100) -> Task:
    """Experiment 2b: as 2a, without local regularities; judged at the end.

    >>> batch = next(long_lag_2b(4).batches("train", 1, torch.Generator().manual_seed(0)))
    >>> ["123xy"[k] for k in batch.x[:, 0].argmax(-1)], batch.y[:, 0].isnan().any(-1).tolist(), "123xy"[batch.y[-1, 0].argmax()]
    (['x', '3', '2', '2'], [True, True, True, False], 'x')
    """
    return _regular("long-lag-2b", lag, shuffled=True)


def _regular(name: str, lag: int, shuffled: bool) -> Task:
    if not isinstance(lag, int) or not 2 <= lag <= LONGEST:
        raise ValueError(f"{name} needs a lag from 2 to {LONGEST:,}, not {lag!r}")

    def draw(n: int, generator: torch.Generator) -> Batch:
        first = lag - 1 + torch.randint(2, (1, n), generator=generator)
        a = torch.randint(lag - 1, (lag - 1, n), generator=generator) if shuffled else torch.arange(lag - 1)[:, None].expand(-1, n)
        return Batch(torch.cat([first, a]), first[0], torch.ones(lag, n, dtype=torch.bool))

    def answers(x: Tensor, _: Tensor, mask: Tensor) -> Tensor:
        return at_end(x[0], mask) if shuffled else torch.cat([x[1:], x[:1]])

    return Task(
        name=format_call(name, {"lag": lag}),
        batches=spelled(draw, lag + 1, answers),
        inputs=lag + 1,
        outputs=lag + 1,
        loss=prediction(lambda x: x[0]),
        metric=scores.logistic(scores.within(0.25)),
        oracle=sure,
        chance=0.5 if shuffled else 0.0,
        solved=1 - 1 / 10_000,  # "during 10,000 successive, randomly chosen input sequences"
        better="higher",
        measure="sequences right",
        version=1,
        data=None,
        paper="hochreiter1997",
        supervision="every",
        answer="vector",
        per="sequence",
    )


def long_lag_2c(lag: int = 50, distractors: int = 50) -> Task:
    """Experiment 2c: `lag` + k of `distractors` different symbols between b, x or y, and the trigger e.

    >>> batch = next(long_lag_2c(3, 2).batches("train", 1, torch.Generator().manual_seed(1)))
    >>> "".join("12xyeb"[k] for k in batch.x[:, 0].argmax(-1)), batch.y[-1, 0].tolist()
    ('by221e', [0.0, 1.0])
    """
    if not all(isinstance(n, int) and 1 <= n <= LONGEST for n in (lag, distractors)):
        raise ValueError(f"long-lag-2c needs a lag and a number of distractors from 1 to {LONGEST:,}, not {lag!r} and {distractors!r}")
    x_, e, b = distractors, distractors + 2, distractors + 3

    def draw(n: int, generator: torch.Generator) -> Batch:
        k = (torch.rand(n, generator=generator, dtype=torch.float64).neg_().log1p_() / math.log1p(-STOP)).long()
        which = torch.randint(2, (n,), generator=generator)
        ends = lag + k + 2  # where e stands
        longest = int(ends.max()) + 1
        tokens = torch.randint(distractors, (longest, n), generator=generator)
        tokens[0], tokens[1] = b, x_ + which
        tokens.scatter_(0, ends[None], e)
        return Batch(tokens, which, torch.arange(longest)[:, None] <= ends)

    def answers(x: Tensor, which: Tensor, mask: Tensor) -> Tensor:
        return at_end(torch.eye(2, dtype=x.dtype)[which], mask)

    return Task(
        name=format_call("long-lag-2c", {"lag": lag, "distractors": distractors}),
        batches=spelled(draw, distractors + 4, answers),
        inputs=distractors + 4,
        outputs=2,
        loss=scores.logistic(scores.squared_error),
        metric=scores.logistic(scores.within(0.2)),
        oracle=sure,
        chance=0.5,
        solved=1 - 1 / 10_000,  # "for 10,000 successive, randomly chosen input sequences"
        better="higher",
        measure="sequences right",
        version=1,
        data=None,
        paper="hochreiter1997",
        supervision="every",
        answer="vector",
        per="sequence",
    )
