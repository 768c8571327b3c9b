"""Source and target in one sequence: how tasks from sequence to sequence are written, and how they are judged.

    source      s1 s2 s3  go t1 t2        x: the source, the go symbol, then the target so far
    answers      .  .  .  t1 t2 end       y: the target and its end, asked from the go symbol on

The network is fed the true target so far (teacher forcing). Score: the share of sequences whose every answer is right. It is
also the share that is right when the network is fed its own answers (greedy decoding): up to the first wrong answer both read
the same, so both are wrong first at the same place, or nowhere.

`source="reversed"` gives the source from its last symbol to its first, as Sutskever et al. (2014) do; the target stays as it is.
The published networks have an encoder and a decoder (`decoder=True`); any network that answers at every step may try.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, Batches, drawn
from suite.tasks.symbols import spelled
from suite.tasks.task import Batch, Task

Source = Literal["forward", "reversed"]
Rule = Callable[[Tensor, Tensor], Tensor]  # source (S, B) and sizes (B,) -> target (S, B) of the same sizes
SOLVED = 0.99  # our threshold: no source states one


class Numbers(NamedTuple):
    """How symbols are numbered: target symbol k is k + `shift` in x; the go symbol in x, the end in y."""

    go: int
    end: int
    shift: int = 0


class Rules(NamedTuple):
    """What draws n sources, (S, n) and their sizes; what makes targets of them; and the numbers of both."""

    sources: Callable[[int, torch.Generator], tuple[Tensor, Tensor]]
    target: Rule
    numbers: Numbers


def turned(source: Tensor, sizes: Tensor) -> Tensor:
    """The first `sizes` symbols of each source (S, B) from the last to the first; what follows them is no symbol.

    >>> turned(torch.tensor([[1, 1], [2, 2], [3, 0]]), torch.tensor([3, 2])).T.tolist()[0]
    [3, 2, 1]
    """
    return source.gather(0, (sizes - 1 - torch.arange(len(source), device=source.device)[:, None]).clamp(min=0))


def written(source: Tensor, target: Tensor, sizes: Tensor, numbers: Numbers, length: int) -> Batch:
    """Sources and targets of as many symbols as one batch of `length` steps; x holds symbol numbers (T, B)."""
    step = torch.arange(length, device=sizes.device)[:, None] - sizes  # from 0 on in the target
    mask = step <= sizes
    last = len(target) - 1
    symbols = torch.where(step < 0, source.gather(0, (step + sizes).clamp(max=last)), target.gather(0, (step - 1).clamp(0, last)) + numbers.shift)
    x = torch.where(step == 0, numbers.go, symbols)
    y = torch.where(step == sizes, numbers.end, target.gather(0, step.clamp(0, last)))
    return Batch(torch.where(mask, x, 0), torch.where(mask & (step >= 0), y, -1), mask)


def read(tokens: Tensor, numbers: Numbers) -> tuple[Tensor, Tensor]:
    """The sources of a batch's symbol numbers (T, B), and their sizes."""
    sizes = (tokens == numbers.go).to(torch.uint8).argmax(0)
    return tokens[: int(sizes.max())], sizes


def translating(name: str, given: dict[str, Any], rules: Rules, inputs: int, outputs: int, embedded: bool) -> Task:
    """A task from sequence to sequence; symbols are one-hot, or tokens to be embedded. The public names are in `TASKS`."""
    order = given["source"]
    if order not in ("forward", "reversed"):
        raise ValueError(f"{name} needs source 'forward' or 'reversed', not {order!r}")

    def draw(n: int, generator: torch.Generator) -> Batch:
        source, sizes = rules.sources(n, generator)
        shown = turned(source, sizes) if order == "reversed" else source
        return written(shown, rules.target(source, sizes), sizes, rules.numbers, 2 * int(sizes.max()) + 1)

    def oracle(batch: Batch) -> Tensor:
        shown, sizes = read(batch.x if embedded else batch.x.argmax(-1), rules.numbers)
        source = turned(shown, sizes) if order == "reversed" else shown
        return scores.certain(outputs)(written(shown, rules.target(source, sizes), sizes, rules.numbers, len(batch.x)).y.clamp(min=0))

    batches: Batches = drawn(draw) if embedded else spelled(draw, inputs, lambda x, y, mask: y)
    return Task(
        name=format_call(name, given),
        batches=batches,
        inputs=inputs,
        outputs=outputs,
        loss=scores.cross_entropy,
        metric=scores.all_right,
        oracle=oracle,
        chance=0.0,  # no constant is both the first symbol and the end
        solved=SOLVED,
        better="higher",
        measure="sequences right",
        version=1,
        data=None,
        paper="sutskever2014",
        supervision="every",
        tokens=embedded,
        per="sequence",
    )


def longest(name: str, length: int) -> int:
    """The length, or a ValueError."""
    if not isinstance(length, int) or not 1 <= length <= LONGEST // 2:
        raise ValueError(f"{name} needs a length from 1 to {LONGEST // 2:,}, not {length!r}")
    return length


def symbols(length: int, kinds: int) -> Callable[[int, torch.Generator], tuple[Tensor, Tensor]]:
    """Sources of 1 to `length` symbols, each of `kinds` as likely."""

    def draw(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return torch.randint(kinds, (length, n), generator=generator), torch.randint(1, length + 1, (n,), generator=generator)

    return draw
