"""Running text to token numbers: the words of WikiText-2 with an end to every line, the characters of Tiny Shakespeare.

The vocabulary is that of the training split, the most frequent token 0, ties by the alphabet; in both sets no other
split has a token that the training split lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
import torch

from suite.data.manifest import manifest
from suite.data.tensors import Columns, cached, columns, texts

END = "<eos>"
VERSION = 1


def words(line: str) -> list[str]:
    r"""The words of a line of tokenised text, and its end.

    >>> words(" Valkyria <unk> III \n"), words("")
    (['Valkyria', '<unk>', 'III', '<eos>'], ['<eos>'])
    """
    return [*line.split(), END]


SPLITTERS: dict[str, Callable[[str], Iterable[str]]] = {"wikitext2": words, "tiny-shakespeare": str}


@lru_cache(maxsize=2)
def tokens(name: str) -> Columns:
    """Every split of a text as the numbers of its tokens, (N,) int64."""
    return cached(f"{name}-tokens{VERSION}-{manifest(name).checksum}", lambda: _number(name))


def vocabulary(name: str) -> list[str]:
    """The tokens by their numbers."""
    counts = Counter[str]()
    for row in texts(columns(name, "train")):
        counts.update(SPLITTERS[name](row))
    return sorted(counts, key=lambda token: (-counts[token], token))


def _number(name: str) -> Columns:
    number = {token: k for k, token in enumerate(vocabulary(name))}
    return {
        split: torch.from_numpy(np.fromiter((number[token] for row in texts(columns(name, split)) for token in SPLITTERS[name](row)), dtype=np.int64))
        for split in manifest(name).splits
    }
