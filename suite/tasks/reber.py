"""The embedded Reber grammar: predict every next symbol of a string.

Input: one symbol a step, one-hot in the order B T S X P V E (I = 7). Each edge of the grammar has probability 1/2 where
there is a choice.

    inner     B, then   1: T 2 | P 3   2: S 2 | X 4   3: T 3 | V 5   4: X 3 | S 6   5: P 4 | V 6   6: E
    embedded  B T inner T E  or  B P inner P E: the second symbol comes back before the last, after 6 steps or more

    reads    B   T  B   T   X   S E T     string BTBTXSETE; its last symbol, E, is only predicted
    may come TP  B  TP  SX  XS  E T E

`reber` is experiment 1 of Hochreiter & Schmidhuber (1997): 256 training and 256 other test strings, drawn at random; three
such pairs. We take 256 to mean different strings: drawn with repeats, about 100 were left for training. Nets are trained on
the symbol that does come next (squared error of logistic outputs); a string is right if at each step the symbols that
may come are the most active outputs, and all strings must be right. So y (T, B, 7) holds the legal successors and the
loss reads the symbol that came from x. Validation, which the paper lacks, is on 256 strings of neither set.

No constant answers both the first step (T, P) and the second (B), so chance is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import stored, stream_seed
from suite.tasks.symbols import SURE, one_hot, prediction
from suite.tasks.task import Batch, Task

SYMBOLS = "BTSXPVE"
STRINGS = 256  # a set
INNER = ("B1", "T2 P3", "S2 X4", "T3 V5", "X3 S6", "P4 V6", "E7")  # node 7 is left by the outer symbol


def _edges() -> list[list[tuple[int, int]]]:
    """(symbol, next node), two for each of the 19 nodes, equal ones where there is no choice; E leads from 18 back to 0."""
    nodes = ["B1", "T2 P10"]
    for first, outer in ((2, "T"), (10, "P")):
        nodes += [" ".join(f"{edge[0]}{int(edge[1:]) + first}" for edge in node.split()) for node in INNER] + [f"{outer}18"]
    nodes.append("E0")
    edges = [[(SYMBOLS.index(edge[0]), int(edge[1:])) for edge in node.split()] for node in nodes]
    return [(pair * 2)[:2] for pair in edges]


EDGES = _edges()
EMIT, GO = (torch.tensor([[edge[k] for edge in pair] for pair in EDGES]) for k in (0, 1))  # (19, 2)
LEGAL = torch.zeros(len(EDGES), len(SYMBOLS)).scatter_(1, EMIT, 1.0)


def _coins(generator: torch.Generator) -> Iterator[int]:
    while True:
        yield from torch.randint(2, (4096,), generator=generator).tolist()


def _string(coins: Iterator[int]) -> str:
    """One string of the embedded grammar."""
    word, node = "", 0
    while not word or node:
        symbol, node = EDGES[node][next(coins)]
        word += SYMBOLS[symbol]
    return word


@cache
def strings(pair: int) -> dict[str, list[str]]:
    """The pinned sets of a pair: 768 different strings, in the order of their drawing."""
    coins = _coins(torch.Generator().manual_seed(stream_seed("reber", pair)))
    sets: dict[str, list[str]] = {}
    for split in ("train", "test", "validation"):  # in this order, so that the paper's two hold the more frequent strings
        sets[split] = []
        while len(sets[split]) < STRINGS:
            word = _string(coins)
            if not any(word in words for words in sets.values()):
                sets[split].append(word)
    return sets


@cache
def _encoded(pair: int, split: str) -> tuple[Tensor, Tensor, Tensor]:
    """Symbols read (T, N), the nodes they lead to (T, N), and how many there are (N,)."""
    words = strings(pair)[split]
    ends = torch.tensor([len(word) - 1 for word in words])
    tokens, nodes = torch.zeros(2, int(ends.max()), len(words), dtype=torch.int64)
    for column, word in enumerate(words):
        node = 0
        for step, symbol in enumerate(map(SYMBOLS.index, word[:-1])):
            node = dict(EDGES[node])[symbol]
            tokens[step, column], nodes[step, column] = symbol, node
    return tokens, nodes, ends


def reber(pair: int = 0) -> Task:
    """Embedded Reber strings, the pair 0, 1 or 2 of training and test sets.

    >>> batch = next(reber().batches("test", 1, torch.Generator()))
    >>> "".join(SYMBOLS[k] for k in batch.x[:, 0].argmax(-1)), ["".join(SYMBOLS[k] for k in s.nonzero()[:, 0]) for s in batch.y[:4, 0]]
    ('BTBPTVPXTTVVET', ['TP', 'B', 'TP', 'TV'])
    """
    if not isinstance(pair, int) or not 0 <= pair <= 2:
        raise ValueError(f"reber has the pairs 0, 1 and 2 of training and test strings, not {pair!r}")

    def split(name: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
        tokens, nodes, ends = _encoded(pair, name)

        def make(chosen: Tensor) -> Batch:
            longest = int(ends[chosen].max())
            mask = torch.arange(longest)[:, None] < ends[chosen]
            y = torch.where(mask[..., None], LEGAL[nodes[:longest, chosen]], math.nan)
            return Batch(one_hot(tokens[:longest, chosen], mask, len(SYMBOLS)), y, mask)

        return torch.arange(STRINGS), make

    def oracle(batch: Batch) -> Tensor:  # the logit of each symbol's probability
        legal = batch.y > 0.5
        return torch.where(legal, torch.where(legal.sum(-1, keepdim=True) == 1, SURE, 0.0), -SURE).unsqueeze(1)

    return Task(
        name=format_call("reber", {"pair": pair}),
        batches=stored(split),
        inputs=len(SYMBOLS),
        outputs=len(SYMBOLS),
        loss=prediction(_end),
        metric=scores.legal,
        oracle=oracle,
        chance=0.0,
        solved=1 - 1 / (2 * STRINGS),  # "always the most active ones", in all strings of both sets
        better="higher",
        measure="strings right",
        version=1,
        data=None,
        paper="hochreiter1997",
        supervision="every",
        answer="vector",
        per="sequence",
    )


def _end(x: Tensor) -> Tensor:
    """E, after which nothing comes: (B, 7)."""
    return torch.cat([x.new_zeros(x.shape[1], len(SYMBOLS) - 1), x.new_ones(x.shape[1], 1)], -1)
