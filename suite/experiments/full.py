"""Every cell on every task, longer and harder than `quick`: hours on a laptop, meant for a GPU or a night.

Question: which cell learns which task, when none of them is short of time?
"""

from suite.experiments.experiment import Experiment, Recipe, adam

WIDE = {"units": 128, "batch": 64, "optimiser": adam(1e-3)}

FULL = Experiment(
    name="full",
    question="Which cell learns which task, when none of them is short of time?",
    cells=("rnn", "rnn-relu", "lstm", "lstm-peephole", "gru", "gru-cho"),
    recipes=(
        Recipe("digits-rows", {**WIDE, "steps": 5_000, "evaluate_every": 250}),
        Recipe("digits-pixels", {**WIDE, "steps": 20_000, "evaluate_every": 500}),
        Recipe("parity(length=50, lengths='random')", {**WIDE, "steps": 20_000, "evaluate_every": 500}),
        Recipe("adding(length=200)", {**WIDE, "steps": 20_000, "evaluate_every": 500}),
        Recipe("temporal-order(length=100)", {**WIDE, "steps": 20_000, "evaluate_every": 500}),
        Recipe("mnist-rows", {**WIDE, "batch": 128, "steps": 12_600, "evaluate_every": 420}),
        Recipe("imdb(length=400, words=20000)", {**WIDE, "embedding": 128, "steps": 3_500, "evaluate_every": 175}),
    ),
    shapes=(
        {"length": 28, "batch": 128, "inputs": 28, "units": 128},
        {"length": 784, "batch": 128, "inputs": 1, "units": 128},
        {"length": 100, "batch": 64, "inputs": 64, "units": 256},
    ),
    seeds=5,
)
