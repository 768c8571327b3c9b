"""Write the digits of a sequence in ascending order.

Input: 1 to `length` digits, every number and every digit as likely, the go symbol (10), then the target so far; one-hot
(I = 11). Answer: the digits in ascending order, each as often as it came, then the end (10) (O = 11), asked from the go symbol on.

    source="forward"      7 0 7 2 go 0 2 7 7  ->  . . . . 0 2 7 7 end
    source="reversed"     2 7 0 7 go 0 2 7 7  ->  . . . . 0 2 7 7 end

The order of the source does not matter, the counts of the digits do: a bag of the source, kept up to the end, is all that is
needed. Teacher forcing, and why the score is that of greedy decoding: `suite.tasks.source_target`. The task is folklore;
encoder, decoder and the reversed source are those of Sutskever et al. (2014). Not `priority-sort`, which sorts by a number beside.
"""

from __future__ import annotations

import torch
from torch import Tensor

from suite.tasks.source_target import Numbers, Rules, Source, longest, symbols, translating
from suite.tasks.task import Task

DIGITS = 10


def sort_digits(length: int = 10, source: Source = "forward") -> Task:
    """Up to `length` digits, to be sorted.

    >>> x, y, _ = next(sort_digits(5).batches("train", 1, torch.Generator().manual_seed(4)))
    >>> x[:, 0].argmax(-1).tolist(), y[:, 0].tolist()
    ([0, 2, 3, 1, 10, 0, 1, 2, 3], [-1, -1, -1, -1, 0, 1, 2, 3, 10])
    """
    rules = Rules(symbols(longest("sort-digits", length), DIGITS), ascending, Numbers(go=DIGITS, end=DIGITS))
    return translating("sort-digits", {"length": length, "source": source}, rules, DIGITS + 1, DIGITS + 1, embedded=False)


def ascending(source: Tensor, sizes: Tensor) -> Tensor:
    """The first `sizes` digits of each source (S, B), sorted; what follows them is no digit."""
    within = torch.arange(len(source), device=source.device)[:, None] < sizes
    return torch.where(within, source, DIGITS).sort(0).values.clamp(max=DIGITS - 1)
