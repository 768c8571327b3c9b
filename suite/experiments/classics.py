"""Do today's cells, trained as today, solve what long short-term memory was made for?

Question: how many updates do a simple network, an LSTM and a GRU need for the embedded Reber grammar, for temporal order
(experiment 6a) and for adding over 100 steps?

64 units, Adam at one rate for all, batches of 32, gate biases of chrono initialisation (Tallec & Ollivier 2018) by the
longest lag of each task, until solved. The conditions are ours; the tasks are those of 1997 (adding: Le et al. 2015).
"""

from suite.experiments.experiment import Experiment, Recipe
from suite.runs.spec import Optimiser

SHARED = {"units": 64, "batch": 32, "optimiser": Optimiser(lr=1e-3), "until_solved": True}

CLASSICS = Experiment(
    name="classics",
    question="How many updates do cells of 64 units need for the classic tasks of long short-term memory?",
    cells=("rnn", "lstm", "gru"),
    recipes=(
        Recipe("reber(pair=0)", {**SHARED, "steps": 6_000, "evaluate_every": 200, "init": "chrono(longest=10)"}),
        Recipe("temporal-order(length=100)", {**SHARED, "steps": 6_000, "evaluate_every": 200, "init": "chrono(longest=110)"}),
        Recipe("adding(length=100)", {**SHARED, "steps": 10_000, "evaluate_every": 200, "init": "chrono(longest=100)"}),
    ),
    seeds=3,
)
