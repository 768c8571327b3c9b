"""Somebody's arrays, lists and labels as sequences end to end, split, encoded and checked: what `suite.task_from` is made of.

A mistake is a ValueError of one sentence that counts sequences from 0, as the list does.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from suite.data.split import held_out, place
from suite.data.words import words
from suite.names import unknown
from suite.tasks.task import Batch

SPLITS = ("train", "validation", "test")
SPECIAL = 2  # padding and unknown stand before the tokens

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sequences:
    """`values` (steps, I), or token numbers (steps,), end to end; where each sequence ends; the answers; the rows of each split."""

    values: Tensor
    ends: Tensor
    answers: Tensor
    rows: Mapping[str, Tensor]
    kinds: tuple[Any, ...] = ()  # what the class numbers stand for
    vocabulary: int = 0

    @property
    def content(self) -> str:
        """The digest of everything in them."""
        hashed = hashlib.sha256(repr((self.kinds, self.vocabulary)).encode())
        for part in (self.values, self.ends, self.answers, *(self.rows[split] for split in SPLITS)):
            hashed.update(f"{tuple(part.shape)} {part.dtype}".encode() + part.numpy().tobytes())
        return hashed.hexdigest()[:16]

    def shared(self) -> dict[str, int]:
        """How many different sequences stand in two splits, as they are encoded."""
        whole, starts = self.values.numpy(), [0, *self.ends.tolist()]
        return shared([whole[start:end].tobytes() for start, end in pairwise(starts)], self.rows)


def shared(content: Sequence[Hashable], rows: Mapping[str, Tensor]) -> dict[str, int]:
    """How many different sequences stand in two splits, by the pair; pairs that share none are left out."""
    seen = {split: {content[k] for k in some.tolist()} for split, some in rows.items()}
    return {f"{one} and {other}": n for one, other in combinations(SPLITS, 2) if (n := len(seen[one] & seen[other]))}


def arrays(x: Any) -> list[Array]:
    """Sequences of numbers, (T, I) each, from (N, T, I), (N, T) or a list of (T_i, I) or (T_i,).

    >>> [part.shape for part in arrays([[1, 2, 3], [4, 5]])]
    [(3, 1), (2, 1)]
    """
    found: list[Array] = []
    for k, one in enumerate(x):
        try:
            part = np.asarray(one, dtype=np.float64)
        except (ValueError, TypeError):
            raise ValueError(f"sequence {k} is ragged or holds what is no number") from None
        part = part[:, None] if part.ndim == 1 else part
        if part.ndim != 2:
            raise ValueError(f"sequence {k} has {part.ndim} axes; it must be (steps, inputs) or (steps,)")
        if found and part.shape[1] != found[0].shape[1]:
            raise ValueError(f"sequence {k} has {part.shape[1]} inputs, and the first has {found[0].shape[1]}")
        if not np.isfinite(part).all():
            raise ValueError(f"sequence {k} has {int((~np.isfinite(part)).sum())} values that are missing or not finite")
        found.append(part)
    return found


def listed(x: Any) -> list[list[Any]]:
    """Sequences of tokens: a text is its words, as IMDB's are."""
    found: list[list[Any]] = []
    for k, one in enumerate(x):
        if not isinstance(one, str | Sequence | np.ndarray | Tensor):
            raise ValueError(f"sequence {k} is {one!r}, and neither a text nor a list of tokens")
        part = words(one) if isinstance(one, str) else np.asarray(one, dtype=object).tolist() if isinstance(one, np.ndarray | Tensor) else list(one)
        if any(token is None or isinstance(token, list | float) for token in part):
            raise ValueError(f"sequence {k} has tokens that are missing, lists or fractions")
        found.append(part)
    return found


def placed(n: int, split: Iterable[Any] | None) -> dict[str, Tensor]:
    """The rows of each split: by the names given, or by the pinned rule; without rows for validation a tenth of training is."""
    if split is None:
        where = place(n)
        masks = {"train": (where >= 0.1) & (where < 0.8), "validation": where < 0.1, "test": where >= 0.8}
        rows = {name: torch.nonzero(mask)[:, 0] for name, mask in masks.items()}
    else:
        names = [str(name) for name in split]
        if len(names) != n:
            raise ValueError(f"there are {n} sequences, and {len(names)} say which split they belong to")
        for name in dict.fromkeys(names):
            if name not in SPLITS:
                raise ValueError(unknown(name, SPLITS, "split"))
        rows = {name: torch.tensor([k for k, other in enumerate(names) if other == name], dtype=torch.int64) for name in SPLITS}
        if not len(rows["validation"]):
            rows["train"], rows["validation"] = (rows["train"][part] for part in held_out(len(rows["train"])))
    for name in SPLITS:
        if not len(rows[name]):
            raise ValueError(f"split '{name}' is empty: there are {n} sequences")
    return rows


def numbered(found: list[Array], rows: Mapping[str, Tensor], standardise: bool) -> Tensor:
    """Sequences of numbers end to end; if asked, every input with mean 0 and deviation 1 over the steps of training."""
    whole = np.concatenate(found)
    if standardise:
        seen = np.concatenate([found[k] for k in rows["train"].tolist()])
        deviation = seen.std(0)
        if not deviation.all():
            raise ValueError(f"input {int(np.argmin(deviation))} is the same at every step of training, and cannot be standardised")
        whole = (whole - seen.mean(0)) / deviation
    with np.errstate(over="ignore"):
        narrow = np.ascontiguousarray(whole, dtype=np.float32)
    if not np.isfinite(narrow).all():
        raise ValueError(f"an input of {whole.flat[int(np.argmin(np.isfinite(narrow)))]:g} is too large for float32: scale it, or say standardise=True")
    return torch.from_numpy(narrow)


def spelled(found: list[list[Any]], rows: Mapping[str, Tensor], most: int) -> tuple[Tensor, int]:
    """Tokens as numbers, the most frequent of training first after padding and unknown; and how many numbers there are."""
    counts = Counter(token for k in rows["train"].tolist() for token in found[k])
    ranked = sorted(counts, key=lambda token: (-counts[token], str(token)))[:most]
    number = {token: k for k, token in enumerate(ranked, start=SPECIAL)}
    return torch.tensor([number.get(token, 1) for one in found for token in one], dtype=torch.int64), len(ranked) + SPECIAL


def answered(y: Any, sizes: Sequence[int], rows: Mapping[str, Tensor], every: bool, answer: str | None) -> tuple[Tensor, tuple[Any, ...]]:
    """The answers, one a sequence or one a step, end to end: numbers, or classes with what they stand for. A missing one is not asked."""
    nested = [isinstance(one, Sequence | np.ndarray | Tensor) and not isinstance(one, str) and np.ndim(one) > 0 for one in y]
    if len(nested) != len(sizes):
        raise ValueError(f"there are {len(sizes)} sequences and {len(nested)} answers")
    if any(nested) and not every:
        raise ValueError(f"y has an answer a step in sequence {nested.index(True)}; say supervision='every'")
    if every:
        for k, (one, size) in enumerate(zip(y, sizes, strict=True)):
            if not nested[k] or len(one) != size:
                raise ValueError(f"sequence {k} has {size} steps and {len(one) if nested[k] else 'one'} answer{'s' if nested[k] else ''}")
    flat = [value for one in y for value in one] if every else list(y)
    flat = [value.item() if isinstance(value, np.generic | Tensor) else value for value in flat]
    missing = [value is None or value != value for value in flat]  # noqa: PLR0124 (not a number)
    owner = np.repeat(np.arange(len(sizes)), sizes if every else 1)
    if any(missing) and not every:
        raise ValueError(f"the answer of sequence {missing.index(True)} is missing")
    fractions = [v for v, m in zip(flat, missing, strict=True) if isinstance(v, float) and not m]
    if fractions and answer is None and any(missing) and all(value == int(value) for value in fractions if np.isfinite(value)):
        raise ValueError("y holds whole numbers and gaps, which tables keep as fractions: say answer='class' or answer='number'")
    kind = answer or ("number" if fractions else "class")
    return (_numbers if kind == "number" else _classes)(flat, missing, owner, rows)


def _numbers(flat: list[Any], missing: list[bool], owner: Array, rows: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Any, ...]]:
    del rows
    for value, lacking, k in zip(flat, missing, owner, strict=True):
        if not lacking and (isinstance(value, str) or not np.isfinite(value)):
            raise ValueError(f"the answer {value!r} of sequence {k} is no finite number")
    return torch.tensor([float("nan") if lacking else float(value) for value, lacking in zip(flat, missing, strict=True)], dtype=torch.float32), ()


def _classes(flat: list[Any], missing: list[bool], owner: Array, rows: Mapping[str, Tensor]) -> tuple[Tensor, tuple[Any, ...]]:
    flat = [int(value) if isinstance(value, float) and not lacking and value == int(value) else value for value, lacking in zip(flat, missing, strict=True)]
    place_of = dict.fromkeys(rows["train"].tolist())
    seen = {value for value, lacking, k in zip(flat, missing, owner.tolist(), strict=True) if not lacking and k in place_of}
    kinds = tuple(sorted(seen, key=lambda value: (str(type(value)), value)))
    if len(kinds) < 2:
        raise ValueError(f"training holds one class only, {kinds[0]!r}" if kinds else "training asks for no answer")
    number = {value: k for k, value in enumerate(kinds)}
    for value, lacking, k in zip(flat, missing, owner.tolist(), strict=True):
        if not lacking and value not in number:
            hint = "" if isinstance(value, str | bool) else "; say answer='number' if it is one"
            raise ValueError(f"sequence {k} is of class {value!r}, which no sequence of training is{hint}")
    return torch.tensor([-1 if lacking else number[value] for value, lacking in zip(flat, missing, strict=True)], dtype=torch.int64), kinds


def batch(found: Sequences, chosen: Tensor, every: bool) -> Batch:
    """Some sequences side by side, padded at the end."""
    starts = (torch.cat([found.ends.new_zeros(1), found.ends[:-1]]))[chosen]
    sizes = found.ends[chosen] - starts
    step = torch.arange(int(sizes.max()))[:, None]
    mask, where = step < sizes, (starts + step).clamp(max=len(found.values) - 1)
    x = found.values[where]
    x = torch.where(mask, x, 0) if x.ndim == 2 else torch.where(mask[..., None], x, 0.0).to(torch.get_default_dtype())
    y = found.answers.to(torch.get_default_dtype()) if found.answers.is_floating_point() else found.answers
    return Batch(x, torch.where(mask, y[where], torch.nan if y.is_floating_point() else -1) if every else y[chosen], mask)
