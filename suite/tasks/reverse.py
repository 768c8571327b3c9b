"""Write a sequence of symbols backwards.

Input: 1 to `length` symbols, every number and every symbol as likely, the go symbol, then the target so far; one-hot
(I = `symbols` + 1). Answer: the symbols from the last to the first, then the end (O = `symbols` + 1), asked from the go symbol on.

    source="forward"      3 1 2 go 2 1 3  ->  . . . 2 1 3 end
    source="reversed"     2 1 3 go 2 1 3  ->  . . . 2 1 3 end

Forwards, the last symbol read is the first to be written: short lags first. Reversed, it is a copy, every symbol at one lag.
Teacher forcing, and why the score is that of greedy decoding: `suite.tasks.source_target`. The task is folklore; encoder,
decoder and the reversed source are those of Sutskever et al. (2014).
"""

from __future__ import annotations

from suite.tasks.source_target import Numbers, Rules, Source, longest, translating, turned
from suite.tasks.source_target import symbols as drawn
from suite.tasks.task import Task


def reverse(length: int = 10, symbols: int = 10, source: Source = "forward") -> Task:
    """Up to `length` of `symbols` symbols, to be written backwards.

    >>> import torch
    >>> x, y, _ = next(reverse(5).batches("train", 1, torch.Generator().manual_seed(4)))
    >>> x[:, 0].argmax(-1).tolist(), y[:, 0].tolist()
    ([0, 2, 3, 1, 10, 1, 3, 2, 0], [-1, -1, -1, -1, 1, 3, 2, 0, 10])
    """
    if not isinstance(symbols, int) or not 2 <= symbols <= 1000:
        raise ValueError(f"reverse needs from 2 to 1,000 symbols, not {symbols!r}")
    rules = Rules(drawn(longest("reverse", length), symbols), turned, Numbers(go=symbols, end=symbols))
    return translating("reverse", {"length": length, "symbols": symbols, "source": source}, rules, symbols + 1, symbols + 1, embedded=False)
