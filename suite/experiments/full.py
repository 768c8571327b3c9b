"""Every cell on every kind of task, longer and harder than `quick`: days on a laptop, meant for a GPU, a cluster or a `--budget`.

Question: which cell learns which task, when none of them is short of time?

128 units, batches of 64, Adam at one rate for all, none tuned; `matched-parameters` and its neighbours compare cells that are tuned and of equal size.
The conditions are ours. Left out are the cells of `matched` for the same reasons, and tasks whose data are licensed.
"""

from suite.experiments.experiment import Experiment, Recipe, adam
from suite.experiments.matched import CELLS

WIDE = {"units": 128, "batch": 64, "optimiser": adam(1e-3)}


def long(task: str, steps: int, **more: object) -> Recipe:
    """A task with 40 evaluations on the way."""
    return Recipe(task, {**WIDE, "steps": steps, "evaluate_every": steps // 40, **more})


FULL = Experiment(
    name="full",
    question="Which cell learns which task, when none of them is short of time?",
    cells=CELLS,
    recipes=(
        long("digits-rows", 5_000),
        long("digits-pixels", 20_000),
        long("mnist-rows", 12_600, batch=128),
        long("mnist-pixels", 42_000, batch=128),
        long("mnist-permuted", 42_000, batch=128),
        long("imdb(length=400, words=20000)", 3_520, embedding=128),
        long("parity(length=50, lengths='random')", 20_000),
        long("xor-delayed", 20_000),
        long("adding(length=200)", 20_000),
        long("multiplication(length=100)", 20_000),
        long("temporal-order(length=100)", 20_000),
        long("copy(delay=100)", 20_000),
        long("reber", 10_000),
        long("continual-reber", 10_000),
        long("two-sequence", 20_000),
        long("tomita", 10_000),
        long("anbn", 20_000),
        long("anbncn", 20_000),
        long("spike-delay", 20_000),
        long("timed-spikes", 20_000),
        long("ntm-copy", 20_000),
        long("associative-recall", 20_000),
        long("dynamic-n-grams", 20_000),
        long("priority-sort", 20_000),
        long("reverse", 20_000),
        long("sort-digits", 20_000),
        long("jsb", 4_000, batch=8),
        long("nottingham", 8_000, batch=8),
        long("musedata", 8_000, batch=8),
        long("piano-midi", 4_000, batch=8),
        long("spoken-digits", 10_000),
        long("japanese-vowels", 4_000, batch=16),
        long("pendigits", 20_000),
        long("arfima", 4_000),
        long("airline", 2_000, batch=8),
    ),
    shapes=(
        {"length": 28, "batch": 128, "inputs": 28, "units": 128},
        {"length": 784, "batch": 128, "inputs": 1, "units": 128},
        {"length": 100, "batch": 64, "inputs": 64, "units": 256},
    ),
    seeds=5,
)
