"""Do today's cells, trained as today, solve what long short-term memory was made for?

Question: do a simple network, an LSTM and a GRU learn the embedded Reber grammar, temporal order (experiment 6a) and adding
over 100 steps, and after how many updates?

64 units, batches of 32, Adam at one rate a task for all cells, with the long lags a cosine schedule and chrono initialisation
(Tallec & Ollivier 2018) by the longest lag. The conditions are ours; the tasks are those of 1997 (adding: Le et
al. 2015). `hochreiter1997` has the paper's own.
"""

from suite.experiments.experiment import Experiment, Recipe, adam
from suite.runs.spec import Optimiser

SHARED = {"units": 64, "batch": 32, "evaluate_every": 100}

CLASSICS = Experiment(
    name="classics",
    question="Do cells of 64 units solve the classic tasks of long short-term memory, and after how many updates?",
    cells=("rnn", "lstm", "gru"),
    recipes=(
        Recipe("reber(pair=0)", {**SHARED, "optimiser": Optimiser(lr=5e-3), "steps": 3_000}),
        Recipe("temporal-order(length=100)", {**SHARED, "optimiser": adam(1e-3), "steps": 2_000, "init": "chrono(longest=110)"}),
        Recipe("adding(length=100)", {**SHARED, "optimiser": adam(2e-3), "steps": 5_000, "init": "chrono(longest=100)"}),
    ),
    seeds=3,
)
