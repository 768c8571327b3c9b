"""The networks whose weights are guessed: one output unit that the hidden units hear. Schmidhuber, Hochreiter & Bengio (2001).

    h = sigma(W x + R h(t-1) + v o(t-1) + b)       the hidden units
    u = w x + r h + q o(t-1) + c,  o = sigma(u)    the output unit hears the hidden units of the same step

    guess-full           A1: all of these but c
    guess-sparse         A2: R is diagonal, and q is missing
    guess-sparse-noself  A2 without self-connections: R is missing too
    guess-one            the latch's single tanh unit: u = W x + R o(t-1) + b, o = tanh(u)

W is (units, inputs), R (units, units), v (units, 1), b (1, units), w (1, inputs), r (1, units), q and c single numbers; `units` counts the
hidden units, and all activations start at 0. The cell gives u, before the logistic or tanh, which tasks apply to outputs themselves,
repeated to the width of the units: a network without a linear readout answers with the first. `guess-one` has no hidden units; of
several, each would hear the others.

That h is heard at once, and not a step later, the source does not say; the figures of parity can be had in no other way: of 620,000
guesses of A1 with h a step late none solved it. A1 is said to have biased hidden units, A2 biased units, so c is missing in A1. Key:
schmidhuber2001. Not `rnn-logistic`, whose units all hear each other a step late.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, sigmoid, tanh

from suite.cells.cell import Cell
from suite.cells.digest import Fixed


@dataclass(frozen=True)
class Guess:
    """A network with an output unit.

    hidden, output   what feeds the hidden units and the output unit; "new" are the hidden units of this step
    own              whether a hidden unit hears itself by a weight of its own, p_h
    """

    name: str
    hidden: str
    output: str
    own: bool = False

    @property
    def recalled(self) -> bool:
        """Whether a hidden unit's activation is heard in the next step."""
        return self.own or "h" in self.hidden.split()

    def hear(self, a: Any, s: Any, p: Any) -> Mapping[str, Tensor]:
        """The hidden units."""
        return {"new": sigmoid(a.hidden + p.p_h * s.h if self.own else a.hidden)}

    def answer(self, a: Any, s: Any, p: Any) -> Any:
        """The output unit."""
        after = s._replace(u=a.output.expand_as(s.u), o=sigmoid(a.output))
        return after._replace(h=a.new) if self.recalled else after

    def __call__(self, units: int) -> Cell:
        """The cell at a number of hidden units."""
        stages = (({"hidden": self.hidden}, self.hear), ({"output": self.output}, self.answer))
        states = {"u": units, **({"h": units} if self.recalled else {}), "o": Fixed(1)}
        return Cell(self.name, stages, states, {"p_h": units} if self.own else {}, width={"output": Fixed(1)}, paper="schmidhuber2001")


def one(units: int) -> Cell:
    """The latch's unit."""

    def step(a: Any, s: Any, p: Any) -> Any:
        return s._replace(u=a.output, o=tanh(a.output))

    return Cell("guess-one", (({"output": "x o b"}, step),), {"u": units, "o": units}, paper="schmidhuber2001")


CELLS: dict[str, Callable[[int], Cell]] = {
    variant.name: variant
    for variant in (
        Guess("guess-full", "x h o b", "x new o"),
        Guess("guess-sparse", "x o b", "x new b", own=True),
        Guess("guess-sparse-noself", "x o b", "x new b"),
    )
}
CELLS["guess-one"] = one
