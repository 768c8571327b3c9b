"""What a task is: batches, a loss, a metric, and the three scores between which every result lies.

Axes: T time, R replica, B batch, I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from suite.data import checksum, columns, manifest


class Batch(NamedTuple):
    """x (T, B, I) or integers (T, B); mask (T, B), true where x is; y what is asked.

    y is (B,) where the last step is asked, (T, B) or (T, B, O) where every step is. A class is an integer, -1 where a
    step is not asked; a number or a vector is floating, not a number where a step is not asked.
    """

    x: Tensor
    y: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(*(t.to(device) for t in self))


@dataclass(frozen=True)
class Source:
    """The data set behind a task. `content` is the digest of data in hand that no manifest describes, `own_overlap` how many of their examples stand in two splits."""

    name: str
    splits: tuple[str, ...]
    content: str = ""
    own_overlap: int = 0

    @property
    def checksum(self) -> str:
        """Digest of its decoded content."""
        return self.content or checksum(manifest(self.name))

    @property
    def overlap(self) -> int:
        """How many examples stand in two splits, as declared."""
        return self.own_overlap if self.content else manifest(self.name).overlap

    def load(self) -> None:
        """Read and check all of it; raises DataError or NotAvailable, each one sentence."""
        for split in () if self.content else self.splits:
            columns(self.name, split)


@dataclass(frozen=True)
class Task:
    """One task at one difficulty.

    name         with its arguments, as on the command line
    batches      (split, size, generator) -> one pass over "train", "validation" or "test"; generated examples and
                 the order of training come from the generator, stored examples of the other splits in stored order
    inputs       width of x, or the number of different tokens
    outputs      width of the answer
    loss, metric (output, batch) -> one figure a replica; an output is (R, B, O), or (T, R, B, O) if every step is asked
    oracle       batch -> output with R = 1: the known optimum, or the labels of real data
    chance       what the best constant answer scores; `solved` what counts as solved
    better       which direction of the metric is better
    answer       a class, a number (O = 1), or a vector of O
    per          what the metric is a mean over: answers, whole sequences, or the symbols of labels without times (`suite.tasks.paths`)
    best         what the oracle scores, where that is not 1 (or 0 if lower is better)
    whole        of a task with a smaller training set, the task it is taken from, whose chance it keeps
    measure      the metric's name for people
    supervision  whether the answer is asked at the last valid step or at every step
    tokens       x holds integers
    beyond       the same task at other difficulties, by what differs, whose test splits the trained network is scored on besides
    feedback     at validation and test, x is given up to this step, 0 from there on, and what a network says at one step is its
                 input at the next (free-running); 0: all of x is given
    stateful     row i of a batch goes on in row i of the next, from the beginning of a pass to its end
    version      raised when a change alters any example or score
    data         the data set behind it, None where examples are generated
    paper        citation key
    """

    name: str
    batches: Callable[[str, int, torch.Generator], Iterator[Batch]]
    inputs: int
    outputs: int
    loss: Callable[[Tensor, Batch], Tensor]
    metric: Callable[[Tensor, Batch], Tensor]
    oracle: Callable[[Batch], Tensor]
    chance: float
    solved: float
    better: Literal["higher", "lower"]
    measure: str
    version: int
    data: Source | None
    paper: str
    supervision: Literal["last", "every"] = "last"
    tokens: bool = False
    stateful: bool = False
    answer: Literal["class", "number", "vector"] = "class"
    per: Literal["answer", "sequence", "symbol"] = "answer"
    best: float | None = None
    whole: Task | None = None
    feedback: int = 0
    beyond: Mapping[str, Task] = field(default_factory=dict)

    def solves(self, score: float) -> bool:
        """Whether a score counts as solved."""
        return score >= self.solved if self.better == "higher" else score <= self.solved

    def weight(self, batch: Batch) -> tuple[int, int]:
        """What the loss and the metric of a batch are averaged with: the answers it asks for, the sequences, or the symbols."""
        if self.per == "symbol":
            return (n := int(symbols(batch.y).sum())), n
        answers = int(asked(batch).sum())
        return answers, answers if self.per == "answer" else batch.mask.shape[1]


def asked(batch: Batch) -> Tensor:
    """Where an answer is asked: (B,), or (T, B)."""
    y = batch.y
    known = y >= 0 if not y.is_floating_point() else ~(y.isnan() if y.shape == batch.mask.shape or y.ndim == 1 else y.isnan().any(-1))
    return known & batch.mask if known.shape == batch.mask.shape else known


def symbols(path: Tensor) -> Tensor:
    """Where a path (T, …) of class numbers begins a symbol: no blank (0), no padding (-1), and not what stood a step before.

    >>> symbols(torch.tensor([0, 3, 3, 0, 3, 5, -1])).tolist()
    [False, True, False, False, True, True, False]
    """
    return (path > 0) & (path != torch.cat([torch.zeros_like(path[:1]), path[:-1]]))
