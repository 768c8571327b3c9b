"""Go on with a sine wave: its next value from its values so far, or a long way from what was said oneself.

Input: one value a step (I = 1), sin(2 π t / P + φ), the period P from U[10, 40] steps and the phase φ from U[0, 2 π), another for
every sequence. Answer: the next value (O = 1), asked from the tenth on, when period and phase are known; mean squared error.

    mode="next"    every value is given; is the next one right?
    mode="free"    trained in the same way; at validation and test the first half is given, and from there on the input is the
                   output of the step before (free-running): is the wave still right at the end?

Three values of a wave tell its period, 2 cos(2 π / P) = (s(t-1) + s(t+1)) / s(t): the oracle takes all that it is given. So little
memory is needed for the next value that one linear filter of ten values, AR(10), gives it for all periods; fed back, its small
errors grow, and it is right no longer. `chance` is the variance of a sine, 1/2. No source says what counts as solved. Jaeger (2002)
trains on a wave that is given and tests on one fed back; his is one wave of one period, here every sequence has its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, Batches, drawn
from suite.tasks.task import Batch, Task

SHORTEST, PERIODS, KNOWN = 20, (10.0, 40.0), 10
SOLVED = {"next": 1e-4, "free": 0.05}  # our thresholds: an error of 0.01 a step; a tenth of what silence scores


def sine(length: int = 100, mode: Literal["next", "free"] = "next") -> Task:
    """Waves of `length` steps.

    >>> x, y, _ = next(sine(20).batches("train", 1, torch.Generator().manual_seed(0)))
    >>> [round(v, 2) for v in x[9:13, 0, 0].tolist()], [round(v, 2) for v in y[8:12, 0].tolist()]
    ([0.45, 0.3, 0.14, -0.02], [nan, 0.3, 0.14, -0.02])
    >>> free = sine(20, mode="free")
    >>> free.feedback, (next(free.batches("test", 1, torch.Generator().manual_seed(0))).x[7:13, 0, 0] != 0).tolist()
    (10, [True, True, True, False, False, False])
    """
    if not isinstance(length, int) or not SHORTEST <= length <= LONGEST:
        raise ValueError(f"sine needs a length from {SHORTEST} to {LONGEST:,}, not {length!r}")
    if mode not in SOLVED:
        raise ValueError(f"sine needs mode 'next' or 'free', not {mode!r}")
    given = length // 2 if mode == "free" else length
    asked = torch.arange(length) >= KNOWN - 1

    def draw(n: int, generator: torch.Generator) -> Batch:
        least, most = PERIODS
        period, phase = (torch.rand(n, generator=generator, dtype=torch.float64) for _ in range(2))
        step = torch.arange(length + 1)[:, None]
        wave = (2 * math.pi * (step / (least + (most - least) * period) + phase)).sin().to(torch.get_default_dtype())
        y = torch.where(asked[:, None], wave[1:], torch.nan)
        return Batch(wave[:-1, :, None], y, torch.ones(length, n, dtype=torch.bool))

    return Task(
        name=format_call("sine", {"length": length, "mode": mode}),
        batches=half_given(drawn(draw), given) if mode == "free" else drawn(draw),
        inputs=1,
        outputs=1,
        loss=scores.squared_error,
        metric=scores.squared_error,
        oracle=lambda batch: continued(batch.x[..., 0].double(), given).to(batch.x.dtype)[:, None, :, None],
        chance=0.5,
        solved=SOLVED[mode],
        better="lower",
        measure="mean squared error, free-running" if mode == "free" else "mean squared error",
        version=1,
        data=None,
        paper="jaeger2002",
        supervision="every",
        answer="number",
        feedback=given if mode == "free" else 0,
    )


def half_given(batches: Batches, given: int) -> Batches:
    """The same, of which validation and test give the first steps of x alone and ask for the answers from the last of these on."""

    def cut(split: str, size: int, generator: torch.Generator) -> Iterator[Batch]:
        for x, y, mask in batches(split, size, generator):
            before, after = torch.arange(len(x)) < given - 1, torch.arange(len(x)) >= given
            yield Batch(x, y, mask) if split == "train" else Batch(x.masked_fill(after[:, None, None], 0.0), y.masked_fill(before[:, None], torch.nan), mask)

    return cut


def continued(x: Tensor, given: int) -> Tensor:
    """The next value after each step of waves (T, B), from the values up to it and of these the first `given` alone; 0 for the first steps."""
    products = torch.zeros_like(x), torch.zeros_like(x)
    products[0][2:], products[1][2:] = x[1:-1] * (x[:-2] + x[2:]), x[1:-1].square()
    shared, power = (part.cumsum(0) for part in products)
    step = torch.arange(len(x))
    last = step.clamp(2, given - 1)
    angle = (shared / power.clamp(min=1e-12) / 2).clamp(-1, 1).acos()[last]
    ahead = (step - last + 1)[:, None]
    value = (x[last] * ((ahead + 1) * angle).sin() - x[last - 1] * (ahead * angle).sin()) / angle.sin()
    return torch.where(step[:, None] < KNOWN - 1, 0.0, value)
