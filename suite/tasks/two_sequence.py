"""The two-sequence problem, experiment 3 of Hochreiter & Schmidhuber (1997): noise and signal on one channel.

Input: one number a step (I = 1), `length` to 1.1 `length` steps. The first `relevant` are 1 in class 1, -1 in class 2;
the others are noise, N(0, `variance`). Answer: one logistic output at the end (O = 1), squared error.

    3a    1  1  1  .3 -.7 …  ->  1    class 2: 0
    3b   .8 1.4 .9 .3 -.7 …  ->  1    the same noise on the signal
    3c    1  1  1  .3 -.7 …  ->  0.2 + N(0, variance 0.1)    class 2: 0.8 + noise; the signal is clean
    2001  1 .3 -.7 .1 .2  …  ->  1    as 3a, for weight guessing (Schmidhuber et al. 2001): to 1.2 `length` steps

A sequence is right if the output is within 0.2 of its target; in 3c within 0.1 of the target without its noise; in 2001
within 0.1. The papers print a variance of 0.2; the trials that guessing is said to need are those of a deviation of 0.2
(variance 0.04), for which see `suite.experiments.guessing`.

Chance: a constant fits one class of the two, never both (0.4 and 0.2 wide, 1 and 0.6 apart). The optimum of 3b: the
sum of the first N has the wrong sign with probability Φ(-√(N / variance)), 0.0127 for N = 1 and 0.2. The loss of 3c cannot fall below 0.1, the
noise; the best output is the target without it. The paper's second criterion, a mean error below 0.01 (3a), 0.04 (3b) or
0.015 (3c), is not asked. Bengio et al. (1994) also allow sequences of half the length.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.symbols import SURE
from suite.tasks.task import Batch, Task

NOISE, TARGET_NOISE = 0.2, 0.1  # variances
SOLVED = {"3a": 1 - 1 / 256, "3b": 1 - 6 / 256, "3c": 1 - 1 / 256, "2001": 1 - 1 / 100}  # misclassified: "none of 256", "fewer than 6 of 256", "none of 256", none of 100


def two_sequence(variant: Literal["3a", "3b", "3c", "2001"] = "3a", length: int = 100, relevant: int = 3, variance: float = NOISE) -> Task:
    """The two-sequence problem with `length` to 1.1 `length` steps, of which the first `relevant` tell the class.

    >>> batch = next(two_sequence(length=10).batches("train", 2, torch.Generator().manual_seed(0)))
    >>> batch.x[:3, :, 0].T.tolist(), batch.y.tolist(), batch.mask.sum(0).tolist()
    ([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]], [0.0, 1.0], [11, 10])
    """
    if variant not in SOLVED:
        raise ValueError(f"two-sequence has the variants '3a', '3b', '3c' and '2001', not {variant!r}")
    if not all(isinstance(n, int) for n in (length, relevant)) or not 1 <= relevant < length <= LONGEST:
        raise ValueError(f"two-sequence needs 1 or more relevant steps, fewer than its length of at most {LONGEST:,}, not {relevant!r} and {length!r}")
    sized("two-sequence", variance)
    longest = length + length // (5 if variant == "2001" else 10)

    def draw(n: int, generator: torch.Generator) -> Batch:
        sign = 2.0 * torch.randint(2, (n,), generator=generator) - 1.0
        mask = torch.arange(longest)[:, None] < torch.randint(length, longest + 1, (n,), generator=generator)
        x = noise(variance, (longest, n), generator)
        x[:relevant] = x[:relevant] + sign if variant == "3b" else sign
        y = _clean(sign) + noise(TARGET_NOISE, (n,), generator) if variant == "3c" else (1.0 + sign) / 2.0
        return Batch(torch.where(mask, x, 0.0).unsqueeze(-1), y, mask)

    def oracle(batch: Batch) -> Tensor:
        sign = batch.x[:relevant, :, 0].sum(0).sign()
        return (_clean(sign).logit() if variant == "3c" else SURE * sign)[None, :, None]

    def without_noise(output: Tensor, batch: Batch) -> Tensor:
        return scores.logistic(scores.within(0.1))(output, batch._replace(y=_clean(batch.x[0, :, 0])))

    return Task(
        name=format_call("two-sequence", {"variant": variant, "length": length, "relevant": relevant, "variance": variance}),
        batches=drawn(draw),
        inputs=1,
        outputs=1,
        loss=scores.logistic(scores.squared_error),
        metric=without_noise if variant == "3c" else scores.logistic(scores.within(0.1 if variant == "2001" else 0.2)),
        oracle=oracle,
        chance=0.5,
        solved=SOLVED[variant],
        better="higher",
        measure="sequences right",
        version=1,
        data=None,
        paper="schmidhuber2001" if variant == "2001" else "hochreiter1997",
        answer="number",
        best=1 - math.erfc(math.sqrt(relevant / variance / 2)) / 2 if variant == "3b" else None,
    )


def sized(name: str, variance: float) -> None:
    """Raise ValueError for what is no variance."""
    if isinstance(variance, bool) or not isinstance(variance, int | float) or not 0 < variance < math.inf:
        raise ValueError(f"{name} needs a variance above 0, not {variance!r}")


def noise(variance: float, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Gaussian numbers, drawn in double precision: in single precision they depend on the processor's vector instructions."""
    return torch.randn(shape, generator=generator, dtype=torch.float64).mul_(math.sqrt(variance)).to(torch.get_default_dtype())


def _clean(sign: Tensor) -> Tensor:
    """The targets of 3c without their noise: 0.2 for class 1, 0.8 for class 2."""
    return 0.5 - 0.3 * sign
