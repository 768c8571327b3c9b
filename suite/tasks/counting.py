"""Languages that ask for counting: predict at every step which symbols may come next.

Input: one symbol a step, one-hot: S, which begins a string, its letters, and T, which ends it and is only predicted. Answer: the legal
successors, (T, B, I) zeros and ones, one logistic output each; squared error against that set.

    anbn      S a b T      aaabbb      how many a's come is open; then the b's are counted, and the end is known
    anbmBmAn  S a b B A T  aabbbBBBAA  two counters, one within the other
    anbncn    S a b c T    aabbcc      one counter read twice: no context-free language

    reads     S  a  a  b  b      S  a  b  b  B  B  A
    may come  a  ab ab b  T      a  ab bB bB B  A  T

All counts are 1 or more, so that a alone follows S. Training strings have counts from `low` to `high`, test strings from
`test_low` to `test_high`; both ranges hold each string once, anbmBmAn every pair, and training draws them again and again. Validation holds the
counts between the two ranges, so that a network is chosen by neither. Generalisation to other lengths is the same task asked
with another test range.

A string is accepted only if at every step all legal symbols, and no others, have an output above 0.5 (within 0.49 of 1, or of
0). Source: Gers & Schmidhuber (2001), who train on counts from 1 to 10 and more and report the largest counts up to which every string is
accepted; the threshold, S and T and the ranges of anbmBmAn are from memory. No constant answers both the first step (a) and the last (T), so chance is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import product

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import DRAWN, stored
from suite.tasks.symbols import one_hot, sure
from suite.tasks.task import Batch, Task

LANGUAGES = {"anbn": "a0 b0", "anbmBmAn": "a0 b1 B1 A0", "anbncn": "a0 b0 c0"}  # letters, and which count says how often each comes
MOST = 50_000_000  # symbols of a set, padding too


def letters(language: str) -> str:
    """The symbols in their order."""
    return f"S{''.join(block[0] for block in LANGUAGES[language].split())}T"


def string(language: str, counts: tuple[int, ...]) -> list[tuple[str, str]]:
    """Every symbol read, with those that may follow.

    >>> [f"{symbol}>{legal}" for symbol, legal in string("anbn", (2,))]
    ['S>a', 'a>ab', 'a>ab', 'b>b', 'b>T']
    """
    blocks = LANGUAGES[language].split()
    after = [block[0] for block in blocks[1:]] + ["T"]
    made, known = [("S", blocks[0][0])], set()
    for block, following in zip(blocks, after, strict=True):
        letter, number = block[0], block[1]
        times = counts[int(number)]
        open_ended = [letter + following] * times  # nothing yet says how many will come
        made += zip(letter * times, [letter] * (times - 1) + [following] if number in known else open_ended, strict=True)
        known.add(number)
    return made


@cache
def _encoded(language: str, low: int, high: int) -> tuple[Tensor, Tensor, Tensor]:
    """Symbols (T, N), the sets that may follow (T, N, I), and lengths (N,), of all strings with counts in a range."""
    kinds = letters(language)
    counters = len({block[1] for block in LANGUAGES[language].split()})
    words = [string(language, counts) for counts in product(range(low, high + 1), repeat=counters)]
    ends = torch.tensor([len(word) for word in words])
    tokens = torch.zeros(int(ends.max()), len(words), dtype=torch.int64)
    legal = torch.full((*tokens.shape, len(kinds)), math.nan)
    sets = {each: torch.tensor([float(kind in each) for kind in kinds]) for each in {legal for word in words for _, legal in word}}
    for column, word in enumerate(words):
        tokens[: len(word), column] = torch.tensor([kinds.index(symbol) for symbol, _ in word])
        legal[: len(word), column] = torch.stack([sets[each] for _, each in word])
    return tokens, legal, ends


def _language(name: str, low: int, high: int, test_low: int, test_high: int) -> Task:
    bounds = (low, high, test_low, test_high)
    if not all(isinstance(n, int) for n in bounds) or not (1 <= low < high < test_low - 1 and test_low <= test_high):
        raise ValueError(f"{name} needs counts from 1, two or more from low to high, then one or more for validation, then test_low to test_high, not {', '.join(map(repr, bounds))}")
    ranges = {"train": (low, high), "validation": (high + 1, test_low - 1), "test": (test_low, test_high)}
    blocks = LANGUAGES[name].split()
    strings = {split: (most - least + 1) ** len({block[1] for block in blocks}) for split, (least, most) in ranges.items()}
    if any(n * len(blocks) * ranges[split][1] > MOST for split, n in strings.items()):
        raise ValueError(f"{name} with counts up to {test_high:,} has {max(strings.values()):,} strings in a split, more than {MOST:,} symbols in all: take a narrower range")
    kinds = len(letters(name))

    def split(which: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
        tokens, legal, ends = _encoded(name, *ranges[which])

        def make(chosen: Tensor) -> Batch:
            longest = int(ends[chosen].max())
            mask = torch.arange(longest)[:, None] < ends[chosen]
            return Batch(one_hot(tokens[:longest, chosen], mask, kinds), legal[:longest, chosen], mask)

        rows = torch.arange(len(ends))
        return rows.repeat(-(-DRAWN["train"] // len(rows)) if which == "train" else 1), make

    return Task(
        name=format_call(name, dict(zip(("low", "high", "test_low", "test_high"), bounds, strict=True))),
        batches=stored(split),
        inputs=kinds,
        outputs=kinds,
        loss=scores.logistic(scores.squared_error),
        metric=scores.logistic(scores.within(0.49)),
        oracle=sure,
        chance=0.0,
        solved=1 - 1 / (2 * max(strings["validation"], strings["test"])),  # every string
        better="higher",
        measure="strings accepted",
        version=1,
        data=None,
        paper="gers2001",
        supervision="every",
        answer="vector",
        per="sequence",
    )


def anbn(low: int = 1, high: int = 10, test_low: int = 21, test_high: int = 50) -> Task:
    """As many b's as there were a's, predicted symbol by symbol.

    >>> batch = next(anbn().batches("test", 1, torch.Generator()))
    >>> "".join("SabT"[k] for k in batch.x[:, 0].argmax(-1)) == "S" + 21 * "a" + 21 * "b"
    True
    """
    return _language("anbn", low, high, test_low, test_high)


def anbmbman(low: int = 1, high: int = 10, test_low: int = 16, test_high: int = 25) -> Task:
    """n a's, m b's, as many B's as b's, as many A's as a's, predicted symbol by symbol.

    >>> batch = next(anbmbman(1, 2, 4, 5).batches("test", 4, torch.Generator()))
    >>> ["".join("SabBAT"[k] for k in row[there].argmax(-1)) for row, there in zip(batch.x.unbind(1), batch.mask.T)]
    ['SaaaabbbbBBBBAAAA', 'SaaaabbbbbBBBBBAAAA', 'SaaaaabbbbBBBBAAAAA', 'SaaaaabbbbbBBBBBAAAAA']
    """
    return _language("anbmBmAn", low, high, test_low, test_high)


def anbncn(low: int = 1, high: int = 10, test_low: int = 21, test_high: int = 50) -> Task:
    """As many b's and c's as there were a's, predicted symbol by symbol.

    >>> batch = next(anbncn(1, 2, 4, 4).batches("test", 1, torch.Generator()))
    >>> ["".join("SabcT"[k] for k in legal.nonzero()[:, 0]) for legal in batch.y[:, 0]]
    ['a', 'ab', 'ab', 'ab', 'ab', 'b', 'b', 'b', 'c', 'c', 'c', 'c', 'T']
    """
    return _language("anbncn", low, high, test_low, test_high)
