"""LSTM or GRU: the question that most people have.

Question: of an LSTM and a GRU with as many units, which scores better, which takes less time a step, which gets there sooner, and does
the GRU need less data?

Claims tested: Chung et al. (2014) found both comparable and better than a simple network; that a GRU "needs less data" and "is
faster to train" is often said and rarely measured. The conditions are ours: 64 units and one layer, the rate chosen for each cell,
task and size of training set from the same three by one run each, and runs with fresh seeds reported. Time is that of a training step on
one engine, one thread, at the shape of each task. Each task is learnt from training sets of several sizes, with as many updates from
each; the smaller sets are the beginnings of the larger. Cells of as many units differ in parameters, three quarters in a GRU: `matched`
holds them against each other at equal ones.
"""

from suite.experiments.experiment import Experiment, Recipe, adam
from suite.experiments.search import Search
from suite.experiments.study import Study

SHARED = {"units": 64}
TASKS = (  # task with a place for the size, sizes, settings
    ("jsb({})", (57, 114, 229), {"batch": 8, "steps": 800, "evaluate_every": 40}),
    ("imdb({}, length=80, words=5000)", (1_000, 5_000, 22_000), {"embedding": 64, "batch": 32, "steps": 500, "evaluate_every": 50}),
    ("mnist-rows({})", (500, 2_000, 8_000, 54_000), {"batch": 64, "steps": 1_500, "evaluate_every": 150}),
    ("adding({}, length=50)", (500, 2_000, 8_000, 32_000), {"batch": 32, "steps": 2_000, "evaluate_every": 100, "init": "default+chrono(longest=50)"}),
)

GRU_OR_LSTM = Experiment(
    name="gru-or-lstm",
    question="LSTM or GRU: which scores better, which is faster, and which needs less data?",
    cells=("lstm", "gru"),
    recipes=tuple(Recipe(task.format(f"train={size}"), {**SHARED, "optimiser": adam(3e-3), **settings}) for task, sizes, settings in TASKS for size in sizes),
    shapes=(
        {"length": 60, "batch": 8, "inputs": 88, "units": 64},
        {"length": 80, "batch": 32, "inputs": 64, "units": 64},
        {"length": 28, "batch": 64, "inputs": 28, "units": 64},
        {"length": 50, "batch": 32, "inputs": 2, "units": 64},
    ),
    engines=("scan",),
    search=Search(grid={"optimiser.lr": (1e-3, 3e-3, 1e-2)}),
    seeds=8,
    study=Study(baseline="lstm", sizes="train"),
)
