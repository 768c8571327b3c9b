"""A finite automaton over 0 and 1: which strings it accepts, and strings drawn from those it accepts or rejects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

LONGEST = 1000  # steps up to which the number of strings is a finite double


@dataclass(frozen=True)
class Automaton:
    """States from 0, where every string begins; `edges` holds for each the state that 0 leads to and the one that 1 leads to, as two digits.

    >>> odd = Automaton("01 10", accepting=(1,))
    >>> odd.accepts(torch.tensor([[1, 1], [0, 1], [1, 1]]), torch.ones(3, 2, dtype=torch.bool)).tolist()
    [False, True]
    """

    edges: str
    accepting: tuple[int, ...]

    @cached_property
    def go(self) -> Tensor:
        """The next state, (states, 2)."""
        return torch.tensor([[int(digit) for digit in pair] for pair in self.edges.split()])

    @cached_property
    def ways(self) -> Tensor:
        """How many strings of r bits lead from a state to rejection (0) or acceptance (1): (LONGEST + 1, 2, states)."""
        ends = torch.zeros(2, len(self.go), dtype=torch.float64)
        ends[1, list(self.accepting)] = 1.0
        ends[0] = 1.0 - ends[1]
        counted = [ends]
        for _ in range(LONGEST):
            counted.append(counted[-1][:, self.go].sum(-1))
        return torch.stack(counted)

    def accepts(self, bits: Tensor, mask: Tensor) -> Tensor:
        """Whether each string of bits (T, B) is accepted: (B,)."""
        state = torch.zeros_like(bits[0])
        for bit, there in zip(bits, mask, strict=True):
            state = torch.where(there, self.go[state, bit], state)
        return torch.isin(state, torch.tensor(self.accepting))

    def lengths(self, accepted: int, low: int, high: int) -> Tensor:
        """The lengths from low to high at which some string is accepted (1), or rejected (0)."""
        return low + self.ways[low : high + 1, accepted, 0].nonzero()[:, 0]

    def drawn(self, classes: Tensor, lengths: Sequence[Tensor], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Bits and mask (T, B): a length of its class's for each, all as likely, and a string, all of that class and length as likely."""
        chosen = torch.stack([each[torch.randint(len(each), classes.shape, generator=generator)] for each in lengths])
        ends = chosen.gather(0, classes[None])[0]
        steps = int(max(int(each.max()) for each in lengths))
        chances = torch.rand(steps, len(classes), generator=generator, dtype=torch.float64)
        state, bits = torch.zeros_like(classes), torch.zeros(steps, len(classes), dtype=torch.int64)
        for t in range(steps):
            left = (ends - t - 1).clamp(min=0)
            zero, one = (self.ways[left, classes, self.go[state, bit]] for bit in (0, 1))
            bits[t] = (chances[t] * (zero + one) >= zero).long() * (t < ends)
            state = torch.where(t < ends, self.go[state, bits[t]], state)
        return bits, torch.arange(steps)[:, None] < ends
