"""Texts to word numbers: one regular expression, a vocabulary from the training split only."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

import torch
from torch import Tensor

from suite.data.manifest import manifest
from suite.data.tensors import Columns, cached, columns, texts

# a mark-up tag, which is no word, or a run of letters and digits with at most one apostrophe part
WORD = re.compile(r"<[^>]*>|([a-z0-9]+(?:'[a-z]+)?)")
VERSION = 1


def words(text: str) -> list[str]:
    """The words of a text, in lower case and without mark-up.

    >>> words("It isn't<br />GOOD.")
    ['it', "isn't", 'good']
    """
    return [word for word in WORD.findall(text.lower()) if word]


@lru_cache(maxsize=2)
def ranks(name: str) -> Columns:
    """Every word of both splits as its rank in the training split (0 the most frequent, -1 never seen there).

    Ties in frequency go by the alphabet. `<split>` holds ranks end to end, `<split>.ends` where each text ends.
    """
    return cached(f"{name}-words{VERSION}-{manifest(name).checksum}", lambda: _rank(name))


def _rank(name: str) -> Columns:
    split = {s: [words(text) for text in texts(columns(name, s))] for s in ("train", "test")}
    counts = Counter(word for text in split["train"] for word in text)
    rank = {word: k for k, word in enumerate(sorted(counts, key=lambda w: (-counts[w], w)))}
    found: dict[str, Tensor] = {}
    for s, listed in split.items():
        found[s] = torch.tensor([rank.get(word, -1) for text in listed for word in text], dtype=torch.int32)
        found[f"{s}.ends"] = torch.tensor([len(text) for text in listed], dtype=torch.int64).cumsum(0)
    return found
