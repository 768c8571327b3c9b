"""How long a delay can a cell learn to bridge?

Question: which is the longest delay that at least half of the seeds of a simple network, an LSTM and a GRU solve, on adding
and on temporal order?

No source: the conditions are ours. 32 units, batches of 32, Adam; the rate is chosen for each cell, task and length from the same four by one
run each (the one that solves it in fewest updates), and runs with fresh seeds are reported. All recurrent weights start orthogonal, gates are biased for the length
(chrono initialisation, Tallec & Ollivier 2018), which a cell without gates has no use for. A run ends when its task is solved, or after
3,000 updates: "solves" means within them.
"""

from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.search import Search
from suite.experiments.study import Study

LENGTHS = (25, 50, 100, 200, 400)
TASKS = ("adding", "temporal-order")
SHARED = {"units": 32, "batch": 32, "steps": 3_000, "evaluate_every": 100, "until_solved": True}

CRITICAL_DELAY = Experiment(
    name="critical-delay",
    question="Which is the longest delay that at least half of the runs of a simple network, an LSTM and a GRU learn to bridge?",
    cells=("rnn", "lstm", "gru"),
    recipes=tuple(Recipe(f"{task}(length={length})", {**SHARED, "init": f"orthogonal+chrono(longest={length})"}) for task in TASKS for length in LENGTHS),
    search=Search(grid={"optimiser.lr": (5e-4, 2e-3, 8e-3, 3.2e-2)}),
    seeds=7,
    study=Study(difficulty="length"),
)
