"""Is a cell better, or only bigger? Every cell at equal parameters, at equal multiply-adds, and at equal state, side by side.

Question: how do all cells rank where each has as many parameters as the others, or takes as many multiply-adds a step, or keeps as
many bytes of state, tuned as much as the others?

Three experiments, for a budget is one thing at a time: `matched-parameters`, `matched-multiply-adds`, `matched-state`. Units are solved from the
budget for each cell and task; the rate is chosen for each from the same four by two runs; reported are runs with fresh seeds. The
budgets are those of an LSTM with 32 units on 8 inputs, about. `carrousel report A B C -o OUT` puts them on one site.

Left out are cells that are made for weight guessing, those that take only certain widths (MUT1 and MUT2 want as many inputs as units), real-time
and truncated gradients of 1997, which do not train on every engine, and a second name of a cell. The conditions are ours.
"""

from suite.experiments.experiment import Experiment, Recipe, adam
from suite.experiments.match import Match
from suite.experiments.search import Search

CELLS = (
    "rnn", "rnn-relu", "rnn-logistic", "indrnn",
    "lstm", "lstm-peephole", "lstm-nig", "lstm-nfg", "lstm-nog", "lstm-niaf", "lstm-noaf", "lstm-cifg", "lstm-fgr", "lstm-cifg-noaf", "lstm-nig-noaf",
    "lstm-peephole-forget", "lstm-peephole-full", "lstm-use-gate", "lstm1", "lstm2", "lstm3", "lstm4", "lstm5", "lstm-ln", "lstm-ln-gate", "janet",
    "gru", "gru-cho", "gru-x", "gru1", "gru2", "gru3", "gru-ln", "mgu", "mgu1", "mgu2", "mgu3", "mut3",
    "min-gru", "min-lstm", "gf-rnn", "gf-lstm", "gf-gru",
)  # fmt: skip
TASKS = ("digits-rows", "adding(length=50)", "temporal-order(length=40)")
WITHIN = 0.1  # a unit of a small cell is a large step


def matched(what: str, **budget: int) -> Experiment:
    """All cells at one budget."""
    return Experiment(
        name=f"matched-{what}",
        question=f"How do the cells rank where all have equal {what.replace('-', ' ')}?",
        cells=CELLS,
        recipes=tuple(Recipe(task, {"batch": 32, "optimiser": adam(3e-3), "steps": 2_000, "evaluate_every": 100}) for task in TASKS),
        match=Match(**budget, within=WITHIN),
        search=Search(grid={"optimiser.lr": (1e-3, 3e-3, 1e-2, 3e-2)}, seeds=2),
        seeds=5,
    )


PARAMETERS = matched("parameters", parameters=6_000)
MULTIPLY_ADDS = matched("multiply-adds", multiply_adds=5_000)
STATE = matched("state", state_bytes=256)
