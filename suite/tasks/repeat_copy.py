"""Repeat copy of Graves et al. (2014): read a sequence of vectors of bits and a number, then write it down as many times.

Input: a flag, 1 to `longest` random vectors of `bits` bits, the flag again with the number of repeats on a channel of its own,
then nothing; a channel a bit, one for the flag, one for the number (I = `bits` + 2). Answer: the sequence, 1 to `repeats` times
over, then an end marker on an output of its own (O = `bits` + 1), asked at the steps after the number.

    input       <  a b  3  . . . . . . .
    answer      .  . .  .  a b a b a b end

Length and number are drawn apart, each as likely. The number has mean 0 and variance 1 over its range, as in the paper (0 where
there is but one). Score: bits a sequence. Bits and channels are what the printed number of parameters of its LSTM comes to, eight
inputs and seven outputs; which channel is what, the paper's text says of the number and the end marker alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from suite.tasks.bits import at, checked, coins, entropy, flagged, judged_in_bits, room
from suite.tasks.symbols import SURE
from suite.tasks.task import Batch, Task


def repeat_copy(longest: int = 10, repeats: int = 10, bits: int = 6) -> Task:
    """Up to `longest` vectors of `bits` bits, up to `repeats` times.

    >>> x, y, mask = next(repeat_copy(2, repeats=3, bits=1).batches("train", 1, torch.Generator().manual_seed(1)))
    >>> x[mask][:, :2].int().tolist(), round(float(x[3, 0, 2]), 3)
    ([[0, 1], [1, 0], [1, 0], [0, 1], [0, 0], [0, 0], [0, 0]], -1.225)
    >>> y[mask][4:].tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    checked("repeat-copy", longest=(longest, 1), repeats=(repeats, 1), bits=(bits, 1))
    room("repeat-copy", (longest * (repeats + 1) + 3) * (bits + 2))
    step = torch.arange(longest * (1 + repeats) + 3)[:, None]
    centre, spread = (repeats + 1) / 2, math.sqrt((repeats**2 - 1) / 12) or 1.0

    def draw(n: int, generator: torch.Generator) -> Batch:
        vectors = coins((longest, n, bits), generator)
        sizes, times = (torch.randint(1, most + 1, (n,), generator=generator) for most in (longest, repeats))
        said = sizes + 1
        flag = (step == 0) | (step == said)
        x = flagged(at(vectors, step - 1, (step >= 1) & (step < said)), flag, torch.where(step == said, (times - centre) / spread, 0.0))
        return Batch(x, answers(vectors, sizes, times), step <= said + sizes * times + 1)

    def answers(vectors: Tensor, sizes: Tensor, times: Tensor) -> Tensor:
        place, end = step - sizes - 2, sizes * times
        written = flagged(at(vectors, place % sizes, (place >= 0) & (place < end)), place == end)
        return torch.where(((place >= 0) & (place <= end))[..., None], written, torch.nan)

    def oracle(batch: Batch) -> Tensor:
        said = batch.x[1:, :, bits].argmax(0) + 1
        number = batch.x[..., bits + 1].gather(0, said[None])[0]
        return SURE * (2 * answers(batch.x[1:, :, :bits], said - 1, (number * spread + centre).round().long()).nan_to_num() - 1).unsqueeze(1)[: len(batch.x)]

    asked = (longest + 1) * (repeats + 1) / 4 + 1
    chance = asked * (bits * entropy((asked - 1) / asked / 2) + entropy(1 / asked))
    return judged_in_bits("repeat-copy", {"longest": longest, "repeats": repeats, "bits": bits}, bits + 2, bits + 1, draw, oracle, chance=chance)
