"""The copy problem: see ten symbols, wait, and write them down.

Input: 10 symbols drawn from 8 (numbers 1 … 8), `delay` - 1 blanks (0), then the go marker 9: `delay` + 20 steps in all.
Answer: a class at every step, blank (0) for `delay` + 10 steps, then the ten symbols.

    "arjovsky"   one marker, then ten blanks; one-hot (I = 10); nine classes (O = 9)
    "bai"        the marker stays for eleven steps; the bare number 0 … 9 (I = 1); ten classes, of which 9 never comes (O = 10)

With 3 symbols in place of 10, and delay 4:

    4 1 7  0 0 0  9  0 0 0   "arjovsky"        4 1 7  0 0 0  9  9 9 9   "bai"
    0 0 0  0 0 0  0  4 1 7                     0 0 0  0 0 0  0  4 1 7

Cross-entropy in nats, the mean over all `delay` + 20 positions: loss and metric, for it is what both sources plot and
the plateau is known for it. Accuracy would hide the problem: blank everywhere is right at all but 10 positions.
Two lines to read it by: `chance`, the best constant answer (one distribution for all positions), and `plateau`,
10 ln 8 / (delay + 20), for who knows when to answer and remembers nothing. A cell at the plateau has learnt to wait.

Sources: Arjovsky et al. (2016) and Bai et al. (2018), input and output as in their published code; they train on stored
sets of 100,000 and 10,000 sequences, here every sequence is new. Not Graves's copy of vectors of bits (2014).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, drawn
from suite.tasks.task import Batch, Task

SYMBOLS, KINDS, GO = 10, 8, 9
FORMS = {"arjovsky": "arjovsky2016", "bai": "bai2018"}


def copy(delay: int = 100, form: Literal["arjovsky", "bai"] = "arjovsky") -> Task:
    """Ten symbols, to be copied `delay` steps after the last of them.

    >>> import torch
    >>> x, y, _ = next(copy(5, form="bai").batches("train", 1, torch.Generator().manual_seed(0)))
    >>> x[:, 0, 0].int().tolist()
    [5, 4, 8, 7, 2, 3, 3, 6, 6, 6, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]
    >>> y[:, 0].tolist()
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 4, 8, 7, 2, 3, 3, 6, 6, 6]
    """
    if not isinstance(delay, int) or not 1 <= delay <= LONGEST:
        raise ValueError(f"copy needs a delay from 1 to {LONGEST:,}, not {delay!r}")
    if form not in FORMS:
        raise ValueError(f"copy needs form 'arjovsky' or 'bai', not {form!r}")
    length, start = delay + 2 * SYMBOLS, delay + SYMBOLS
    marked = slice(start - 1, start if form == "arjovsky" else length)
    classes = KINDS + 1 if form == "arjovsky" else KINDS + 2

    def draw(n: int, generator: torch.Generator) -> Batch:
        seen, y = torch.zeros(2, length, n, dtype=torch.int64)
        seen[:SYMBOLS] = y[start:] = torch.randint(1, KINDS + 1, (SYMBOLS, n), generator=generator)
        seen[marked] = GO
        x = torch.zeros(length, n, GO + 1).scatter_(2, seen[..., None], 1.0) if form == "arjovsky" else seen[..., None].to(torch.get_default_dtype())
        return Batch(x, y, torch.ones(length, n, dtype=torch.bool))

    def oracle(batch: Batch) -> Tensor:
        seen = batch.x[:SYMBOLS].argmax(-1) if form == "arjovsky" else batch.x[:SYMBOLS, :, 0].long()
        return scores.certain(classes)(functional.pad(seen, (0, 0, start, 0)))

    return Task(
        name=format_call("copy", {"delay": delay, "form": form}),
        batches=drawn(draw),
        inputs=GO + 1 if form == "arjovsky" else 1,
        outputs=classes,
        loss=scores.cross_entropy,
        metric=scores.cross_entropy,
        oracle=oracle,
        chance=constant(delay),
        solved=plateau(delay) / 10,  # our threshold: the sources state none
        better="lower",
        measure="cross-entropy",
        version=1,
        data=None,
        paper=FORMS[form],
        supervision="every",
    )


def plateau(delay: int) -> float:
    """The cross-entropy of who answers blank in time, and then every symbol with 1/8.

    >>> round(plateau(100), 4), round(plateau(1000), 5)
    (0.1733, 0.02039)
    """
    return SYMBOLS * math.log(KINDS) / (delay + 2 * SYMBOLS)


def constant(delay: int) -> float:
    """The best constant is the distribution of the answers, and scores its entropy: blank or not, and then which of 8."""
    p = SYMBOLS / (delay + 2 * SYMBOLS)
    return plateau(delay) - p * math.log(p) - (1 - p) * math.log(1 - p)
