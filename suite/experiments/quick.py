"""Five small tasks and two real data sets in minutes: what `nox -s bench` runs.

Question: on tasks small enough for a laptop, what do gates, peepholes and a separate cell state buy, and at what cost?

All cells of a task share units, optimiser, rate, batches and steps; nothing is tuned for one of them. They are not
matched in parameters: the first figure shows accuracy against parameters for that reason.
"""

from suite.experiments.experiment import Experiment, Recipe, adam

SMALL = {"units": 32, "batch": 32, "optimiser": adam(3e-3)}

QUICK = Experiment(
    name="quick",
    question="On tasks small enough for a laptop, what do gates, peepholes and a separate cell state buy, and at what cost?",
    cells=("rnn", "lstm", "lstm-peephole", "gru"),
    recipes=(
        Recipe("digits-rows", {**SMALL, "steps": 1500, "evaluate_every": 100}),
        Recipe("digits-pixels", {**SMALL, "steps": 3000, "evaluate_every": 200}),
        Recipe("parity(length=16, supervision='every')", {**SMALL, "steps": 1000, "evaluate_every": 50}),
        Recipe("adding(length=50)", {**SMALL, "steps": 3000, "evaluate_every": 200}),
        Recipe("temporal-order(length=40)", {**SMALL, "steps": 3000, "evaluate_every": 200}),
        Recipe("mnist-rows", {"units": 128, "batch": 128, "optimiser": adam(3e-3), "steps": 2000, "evaluate_every": 200}),
        Recipe(
            "imdb(length=200, words=10000)",
            {"units": 64, "embedding": 64, "batch": 64, "optimiser": adam(4e-3), "steps": 800, "evaluate_every": 100},
            cells=("lstm", "gru"),
        ),
    ),
    shapes=(
        {"length": 100, "batch": 32, "inputs": 8, "units": 32},
        {"length": 28, "batch": 128, "inputs": 28, "units": 128},
    ),
)
