"""How long a delay can a cell learn to bridge?

Question: which is the longest delay that at least half of the seeds of a simple network, an LSTM and a GRU solve, on adding
and on temporal order?

No source: the conditions are ours. 32 units, batches of 32, Adam; the rate is chosen for each cell, task and length from the same five by one
run each (the one that solves it in fewest updates), and runs with fresh seeds are reported. All recurrent weights start orthogonal, gates are biased for the length
(chrono initialisation, Tallec & Ollivier 2018), which a cell without gates has no use for. A run ends when its task is solved, or after
3,000 updates: "solves" means within them. The simple network is not tried beyond 400 steps.
"""

from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.search import Search
from suite.experiments.study import Study

CELLS = ("rnn", "lstm", "gru")
LENGTHS = {10: CELLS, 25: CELLS, 50: CELLS, 100: CELLS, 200: CELLS, 400: CELLS, 800: CELLS[1:], 1_600: CELLS[1:]}
TASKS = {"adding": 10, "temporal-order": 25}  # the shortest that is tried
SHARED = {"units": 32, "batch": 32, "steps": 3_000, "evaluate_every": 100, "until_solved": True}

CRITICAL_DELAY = Experiment(
    name="critical-delay",
    question="Which is the longest delay that at least half of the runs of a simple network, an LSTM and a GRU learn to bridge?",
    cells=CELLS,
    recipes=tuple(Recipe(f"{task}(length={length})", {**SHARED, "init": f"orthogonal+chrono(longest={length})"}, cells) for task, shortest in TASKS.items() for length, cells in LENGTHS.items() if length >= shortest),
    search=Search(grid={"optimiser.lr": (1.25e-4, 5e-4, 2e-3, 8e-3, 3.2e-2)}),
    seeds=7,
    study=Study(difficulty="length"),
)
