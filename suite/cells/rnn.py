"""The simple recurrent network: h = f(W x + U h(t-1) + b), W (units, inputs), U (units, units), b (1, units). Key: elman1990.

With the logistic for f it is the fully recurrent network of Williams & Zipser (williams1989), whose outputs are some of its
units. Not `indrnn`, whose units hear only themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, relu, sigmoid, tanh

from suite.cells.cell import Cell


@dataclass(frozen=True)
class RNN:
    """One member of the family: its name, its non-linearity f and its source."""

    name: str
    f: Callable[[Tensor], Tensor]
    paper: str = "elman1990"

    def step(self, a: Any, s: Any, p: Any) -> Any:
        """The new state is f of the one pre-activation."""
        return s._replace(h=self.f(a.a))

    def __call__(self, units: int) -> Cell:
        """The cell at a width."""
        return Cell(self.name, (({"a": "x h b"}, self.step),), {"h": units}, paper=self.paper)


CELLS = {
    variant.name: variant
    for variant in (
        RNN("rnn", tanh),  # equals torch.nn.RNN
        RNN("rnn-relu", relu),  # equals torch.nn.RNN(nonlinearity="relu"); nothing bounds its state
        RNN("rnn-logistic", sigmoid, "williams1989"),
    )
}
