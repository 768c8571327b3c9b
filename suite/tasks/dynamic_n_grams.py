"""Dynamic N-grams of Graves et al. (2014): predict the next bit from a table that is drawn anew for every sequence.

Input: the bit before (I = 1), 0 at the first of `length` steps. Answer: the bit (O = 1), asked at every step. The first `context`
bits are fair coins; each further one is 1 with a probability that depends on the `context` bits before it, drawn for each of their
2 ** `context` values from Beta(1/2, 1/2).

    input       0 0 1 1 0 1 1 0 …        context=2: of the bits after 1 1 both were 0
    answer      0 1 1 0 1 1 0 0 …

Score: bits a sequence, the coins at the beginning among them, as in the paper: its optimum of about 133 for 200 bits and a
context of 5 is 5 and 128.2 here. The best predictor counts: after N0 zeros and N1 ones in this context it says
P(1) = (N1 + 1/2) / (N0 + N1 + 1) (Krichevsky–Trofimov). It is the oracle, and `best` what it scores in the mean: the sum of the
entropies of its predictions, estimated over COUNTED bits from a generator of fixed seed, for no closed form is known; of 133 bits
it is known to 0.3. `chance` is a coin for every bit, `solved` lies a bit above the best.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from suite.tasks.bits import checked, judged_in_bits
from suite.tasks.streams import stream_seed
from suite.tasks.task import Batch, Task

COUNTED = 2_500_000
MARGIN = 1.0  # bits a sequence above the best: our threshold; an LSTM of the paper stays about three above
MOST = 12  # bits of context: of every sequence there is a table of 2 ** MOST numbers
AT_ONCE = 20_000_000  # numbers in the tables of sequences that are counted together


class Seen(NamedTuple):
    """What has been counted before a bit, (n,) each: its zeros and ones in this context."""

    zeros: Tensor
    ones: Tensor

    @property
    def probability(self) -> Tensor:
        """P(1) of the best predictor."""
        return (self.ones + 0.5) / (self.zeros + self.ones + 1)


def dynamic_n_grams(length: int = 200, context: int = 5) -> Task:
    """Sequences of `length` bits that depend on the `context` bits before.

    >>> task = dynamic_n_grams(length=50, context=2)
    >>> x, y, _ = next(task.batches("train", 1, torch.Generator().manual_seed(0)))
    >>> x[:8, 0, 0].int().tolist(), y[:8, 0, 0].int().tolist()
    ([0, 1, 1, 0, 1, 0, 0, 1], [1, 1, 0, 1, 0, 0, 1, 0])
    """
    checked("dynamic-n-grams", length=(length, 2), context=(context, 1))
    if context + 2 > length or context > MOST:
        raise ValueError(f"dynamic-n-grams needs a context of at most {MOST} bits, and two more of length, not {context!r} and {length!r}")

    def draw(n: int, generator: torch.Generator) -> Batch:
        bits = sequences(length, context, n, generator).to(torch.get_default_dtype())[..., None]
        return Batch(torch.cat([torch.zeros_like(bits[:1]), bits[:-1]]), bits, torch.ones(length, n, dtype=torch.bool))

    def oracle(batch: Batch) -> Tensor:
        known = [seen.probability for seen in counted(batch.x[1:, :, 0].long(), context)]
        said = torch.stack([torch.full_like(known[0], 0.5)] * context + known)
        return said.logit().to(batch.x.dtype)[:, None, :, None]

    best = context + optimum(length, context)
    return judged_in_bits(
        "dynamic-n-grams", {"length": length, "context": context}, 1, 1, draw, oracle, chance=float(length), solved=min(best + MARGIN, (best + length) / 2), best=best
    )


def sequences(length: int, context: int, n: int, generator: torch.Generator) -> Tensor:
    """n sequences of bits, (length, n) integers, in double precision: single depends on the processor's vector instructions."""
    table = (torch.rand(2**context, n, generator=generator, dtype=torch.float64) * math.pi / 2).sin().square()  # Beta(1/2, 1/2), the arcsine distribution
    uniform = torch.rand(length, n, generator=generator, dtype=torch.float64)
    bits = list((uniform[:context] < 0.5).long())
    code = coded(torch.stack(bits), context)
    for drawn in uniform[context:]:
        bits.append((drawn < table.gather(0, code[None])[0]).long())
        code = follow(code, bits[-1], context)
    return torch.stack(bits)


def coded(bits: Tensor, context: int) -> Tensor:
    """The first `context` bits as one number, the last of them its lowest digit."""
    powers = torch.tensor([2**k for k in range(context - 1, -1, -1)])
    return (bits[:context] * powers[:, None]).sum(0)


def follow(code: Tensor, bit: Tensor, context: int) -> Tensor:
    """The context after one more bit."""
    return (2 * code + bit).remainder(2**context)


def counted(bits: Tensor, context: int) -> Iterator[Seen]:
    """What is known of the next bit after each of bits (T, n), from the one on that completes the first context."""
    counts = torch.zeros(2, 2**context, bits.shape[1], dtype=torch.float64)
    code = coded(bits, context)
    for bit in bits[context:]:
        yield Seen(*counts.gather(1, code.expand(2, 1, -1))[:, 0])
        counts.scatter_add_(1, code.expand(2, 1, -1), torch.stack([1 - bit, bit]).unsqueeze(1).double())
        code = follow(code, bit, context)
    yield Seen(*counts.gather(1, code.expand(2, 1, -1))[:, 0])


@cache
def optimum(length: int, context: int) -> float:
    """The mean of what the best predictor scores once a context is there, bits a sequence."""
    generator, n = torch.Generator().manual_seed(stream_seed("dynamic-n-grams", context)), max(COUNTED // length, 1)
    together = max(AT_ONCE // 2**context, 1)
    nats = 0.0
    for some in (min(together, n - done) for done in range(0, n, together)):
        said = (seen.probability for seen in counted(sequences(length, context, some, generator)[:-1], context))
        nats += sum(float(-(p.xlogy(p) + (1 - p).xlogy(1 - p)).sum()) for p in said)
    return nats / n / math.log(2)
