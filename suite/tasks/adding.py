"""The adding problem: remember two marked numbers among many and give their sum at the end.

Three problems carry this name; `form` says which. Input: a value and a marker a step (I = 2). Answer: one number
(O = 1), asked at the last step.

    "halves"    values U[0, 1], markers 0 and 1, one mark in each half; the sum; mean squared error
    "anywhere"  the same, both marks anywhere, on different steps
    "1997"      values U[-1, 1], markers 1, 0, and -1 at both ends; length T … 1.1 T; one of the first ten pairs is marked,
                then one of the first T/2 - 1 not yet marked; 0.5 + sum / 4; share of sequences within 0.04

    values   .1 .7 .3 .9 .2 .4                    -.3 .7 .3 … -.5 .4
    markers   0  1  0  0  1  0   ->  .9           -1   1  0 …   1 -1   ->  .5 + (.7 - .5) / 4 = .55

Sources: "halves" Le et al. (2015), Arjovsky et al. (2016); "anywhere" Bai et al. (2018), whose print of 0.1767 for the
constant 1 is a slip for 1/6; "1997" Hochreiter & Schmidhuber, experiment 4, where the value of the first pair is 0 in
the rare case that it is marked (its marker stays -1 here) and the output unit is logistic. The other three trained on
stored sets of 50,000 or 100,000; here every sequence is new. Figures of one form say nothing of another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task

FORMS = {"halves": "le2015", "anywhere": "bai2018", "1997": "hochreiter1997"}
TOLERANCE = 0.04  # "processed correctly if the absolute error at the sequence end is below 0.04"
SHORTEST_1997 = 20  # the first ten pairs lie in the first half


def adding(length: int = 100, form: Literal["halves", "anywhere", "1997"] = "halves") -> Task:
    """The adding problem over `length` steps (1997: `length` to 1.1 `length`).

    >>> import torch
    >>> task = adding(6)
    >>> batch = next(task.batches("train", 2, torch.Generator().manual_seed(0)))
    >>> batch.x[..., 1].sum(0), torch.allclose((batch.x[..., 0] * batch.x[..., 1]).sum(0), batch.y)
    (tensor([2., 2.]), True)
    >>> x, y, mask = next(adding(20, form="1997").batches("train", 1, torch.Generator().manual_seed(2)))
    >>> values, marks = x[:, 0].unbind(-1)
    >>> marks[mask[:, 0]].int().tolist(), torch.allclose(0.5 + values[marks == 1].sum() / 4, y)
    ([-1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1], True)
    """
    if not isinstance(length, int) or not 2 <= length <= LONGEST:
        raise ValueError(f"adding needs a length from 2 to {LONGEST:,}, not {length!r}")
    if form not in FORMS:
        raise ValueError(f"adding needs form 'halves', 'anywhere' or '1997', not {form!r}")
    given = {"length": length, "form": form}
    if form == "1997":
        # |X1 + X2| < 4 * 0.04 = a around the centre of a triangle on [-2, 2]: a - a²/4; of X2 alone, around that of a box: a
        a, alone = 4 * TOLERANCE, first_pair_marked("adding", length)
        chance = (1 - alone) * (a - a * a / 4) + alone * a
        return experiment(format_call("adding", given), length, (-1.0, 0.0), scaled_sum, chance, solved=1 - 1 / 2000)  # "the 2000 most recent … correctly"

    def draw(n: int, generator: torch.Generator) -> Batch:
        values = torch.rand(length, n, generator=generator)
        marks = torch.zeros(length, n).scatter_(0, places(form, length, n, generator), 1.0)
        return Batch(torch.stack([values, marks], -1), (values * marks).sum(0), torch.ones(length, n, dtype=torch.bool))

    return Task(
        name=format_call("adding", given),
        batches=drawn(draw),
        inputs=2,
        outputs=1,
        loss=scores.squared_error,
        metric=scores.squared_error,
        oracle=lambda batch: (batch.x[..., 0] * batch.x[..., 1]).sum(0)[None, :, None],
        chance=1 / 6,  # always 1: Var(U + U)
        solved=0.01,  # our threshold: the sources state none
        better="lower",
        measure="mean squared error",
        version=1,
        data=None,
        paper=FORMS[form],
        answer="number",
    )


def places(form: str, length: int, n: int, generator: torch.Generator) -> Tensor:
    """The two marked steps of n sequences: (2, n)."""
    middle = length // 2 if form == "halves" else length
    first = torch.randint(middle, (n,), generator=generator)
    if form == "halves":
        return torch.stack([first, torch.randint(middle, length, (n,), generator=generator)])
    second = torch.randint(length - 1, (n,), generator=generator)
    return torch.stack([first, second + (second >= first)])


def scaled_sum(x: Tensor) -> Tensor:
    """0.5 + (X1 + X2) / 4 of (T, B, 2)."""
    return 0.5 + torch.where(x[..., 1] == 1, x[..., 0], 0.0).sum(0) / 4


def first_pair_marked(name: str, length: int) -> float:
    """How often the first pair is marked, and only one number counts: it is one of ten, or else one of T/2 - 1."""
    if not SHORTEST_1997 <= length <= LONGEST:
        raise ValueError(f"{name} as of 1997 needs a length from {SHORTEST_1997} to {LONGEST:,}, not {length!r}")
    return 0.1 + 0.9 / (length // 2 - 1)


def pairs(length: int, low: float, neutral: float, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences of 1997: x (T, n, 2) with values U[low, 1], and mask. A marked first pair holds the neutral value."""
    longest, every = length + length // 10, torch.arange(n)
    values = low + (1 - low) * torch.rand(longest, n, generator=generator)
    ends = torch.randint(length, longest + 1, (n,), generator=generator)
    first = torch.randint(10, (n,), generator=generator)
    second = torch.randint(length // 2 - 1, (n,), generator=generator)
    second += second >= first
    values[0] = torch.where((first == 0) | (second == 0), neutral, values[0])
    marks = torch.zeros(longest, n)
    marks[first, every], marks[second, every] = 1.0, 1.0
    marks[0], marks[ends - 1, every] = -1.0, -1.0
    mask = torch.arange(longest)[:, None] < ends
    return torch.stack([values, marks], -1).masked_fill_(~mask[..., None], 0.0), mask


def experiment(name: str, length: int, values: tuple[float, float], answer: Callable[[Tensor], Tensor], chance: float, solved: float) -> Task:
    """Experiment 4 or 5 of 1997. `values` are the least value and the neutral one; `answer` makes (B,) of x."""

    def draw(n: int, generator: torch.Generator) -> Batch:
        x, mask = pairs(length, *values, n, generator)
        return Batch(x, answer(x), mask)

    return Task(
        name=name,
        batches=drawn(draw),
        inputs=2,
        outputs=1,
        loss=scores.logistic(scores.squared_error),
        metric=scores.logistic(scores.within(TOLERANCE)),
        oracle=lambda batch: answer(batch.x).logit(eps=1e-6)[None, :, None],
        chance=chance,
        solved=solved,
        better="higher",
        measure=f"share within {TOLERANCE}",
        version=1,
        data=None,
        paper="hochreiter1997",
        answer="number",
        per="sequence",
    )
