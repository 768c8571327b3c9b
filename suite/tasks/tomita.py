"""Tomita's seven regular languages: is a string of zeros and ones in the language?

Input: bits as -1 and +1, one a step (I = 1). Answer: class 1 where the string is in the language, else 0 (O = 2), asked at
the last step.

    1  1*                                    111 yes     101 no
    2  (10)*                                 1010 yes    100 no
    3  no odd run of 0s anywhere after an    1100 yes    1001110 no
       odd run of 1s
    4  no three 0s in a row                  1001 yes    10001 no
    5  even numbers of 0s and of 1s          0110 yes    011 no
    6  number of 0s minus number of 1s a     0110100 no  000 yes
       multiple of 3
    7  0*1*0*1*                              0010 yes    0101010 no

Training and validation strings have `low` to `high` bits, test strings `test_low` to `test_high`. Half are in the language:
a class is drawn, a length at which the class has strings, and one of those strings, all as likely. The empty string, which
languages 1 to 7 hold, has no step and is left out. Language 1 has one string of each length, so that training soon has seen all.

Source: Tomita (1982). The definition of language 3 is disputed (some read "directly after"); this one rejects the strings
0111001101 and 11011100110, which from memory Tomita lists as counterexamples. Drawn strings instead of his short lists: our
choice. scoring="2001" is that of weight guessing (Schmidhuber et al. 2001): one logistic unit, 1 or 0, right within 0.1; which strings they
used, we do not know. Chance: both classes are as likely. Language 1 asks for no memory of order: a bag of inputs solves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.automaton import LONGEST, Automaton
from suite.tasks.streams import drawn
from suite.tasks.symbols import SURE
from suite.tasks.task import Batch, Task

LANGUAGES = {
    1: Automaton("10 11", (0,)),
    2: Automaton("21 02 22", (0,)),
    3: Automaton("01 20 34 23 44", (0, 1, 3)),
    4: Automaton("10 20 30 33", (0, 1, 2)),
    5: Automaton("12 03 30 21", (0,)),
    6: Automaton("12 20 01", (0,)),
    7: Automaton("01 21 23 43 44", (0, 1, 2, 3)),
}
TOLERANCE = 0.1


def tomita(number: int = 1, low: int = 1, high: int = 10, test_low: int = 11, test_high: int = 20, scoring: Literal["entropy", "2001"] = "entropy") -> Task:
    """Language `number`, 1 to 7; trained on strings of `low` to `high` bits, tested on `test_low` to `test_high`.

    >>> batch = next(tomita(4).batches("train", 3, torch.Generator().manual_seed(5)))
    >>> ["".join("01"[int(bit > 0)] for bit in batch.x[: batch.mask[:, k].sum(), k, 0]) for k in range(3)], batch.y.tolist()
    (['1110110011', '00000', '011011101'], [1, 0, 1])
    """
    ranges = (low, high), (test_low, test_high)
    if not all(isinstance(n, int) for n in (number, *ranges[0], *ranges[1])) or number not in LANGUAGES:
        raise ValueError(f"tomita has the languages 1 to 7, not {number!r}")
    if not all(1 <= least <= most <= LONGEST for least, most in ranges):
        raise ValueError(f"tomita needs lengths from 1 to {LONGEST:,}, low to high and test_low to test_high, not {low!r} to {high!r} and {test_low!r} to {test_high!r}")
    if scoring not in ("entropy", "2001"):
        raise ValueError(f"tomita needs scoring 'entropy' or '2001', not {scoring!r}")
    language, unit = LANGUAGES[number], scoring == "2001"
    lengths = {split: [language.lengths(accepted, *ranges[split == "test"]) for accepted in (0, 1)] for split in ("train", "test")}
    for (least, most), each in zip(ranges, lengths.values(), strict=True):
        if not all(map(len, each)):
            raise ValueError(f"tomita language {number} holds none or all of the strings of {least} to {most} bits: there is nothing to tell apart")

    def batches(split: str, size: int, generator: torch.Generator) -> Iterator[Batch]:
        def draw(n: int, generator: torch.Generator) -> Batch:
            y = torch.randint(2, (n,), generator=generator)
            bits, mask = language.drawn(y, lengths["test" if split == "test" else "train"], generator)
            x = torch.where(mask, 2.0 * bits - 1.0, 0.0).unsqueeze(-1)
            return Batch(x, y.to(x.dtype) if unit else y, mask)

        return drawn(draw)(split, size, generator)

    def oracle(batch: Batch) -> Tensor:
        inside = language.accepts((batch.x[..., 0] > 0).long(), batch.mask)
        return SURE * (2.0 * inside - 1.0)[None, :, None] if unit else scores.certain(2)(inside.long())

    return Task(
        name=format_call("tomita", {"number": number, "low": low, "high": high, "test_low": test_low, "test_high": test_high, "scoring": scoring}),
        batches=batches,
        inputs=1,
        outputs=1 if unit else 2,
        loss=scores.logistic(scores.squared_error) if unit else scores.cross_entropy,
        metric=scores.logistic(scores.within(TOLERANCE)) if unit else scores.accuracy,
        oracle=oracle,
        chance=0.5,
        solved=0.99,  # our threshold
        better="higher",
        measure="strings right" if unit else "accuracy",
        version=1,
        data=None,
        paper="tomita1982",
        answer="number" if unit else "class",
    )
