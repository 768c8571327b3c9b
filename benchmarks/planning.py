"""How long it takes to plan a study of the size of Greff et al. (2017): 9 cells, 3 tasks, 200 trials each."""

from suite.experiments import Experiment, Recipe, Sample
from suite.launch.asking import asked
from suite.launch.plan import plan

CELLS = ("lstm-peephole", "lstm-nig", "lstm-nfg", "lstm-nog", "lstm-niaf", "lstm-noaf", "lstm-cifg", "lstm", "lstm-fgr")
SPACE = {
    "units": {"integer-log-uniform": (20, 200)},
    "optimiser.lr": {"log-uniform": (1e-6, 1e-2)},
    "optimiser.momentum": {"one-minus-log-uniform": (0.01, 1.0)},
    "input_noise": {"uniform": (0.0, 1.0)},
}


class Planning:
    """From an experiment to groups of 5,400 runs, names looked up and checked."""

    version = "1"

    def setup(self) -> None:
        """The study; nothing of it is made yet."""
        recipes = tuple(Recipe(task, {}) for task in ("reber", "parity", "adding"))
        rule = {"name": "sgd", "rescaled": True, "clip_norm": 0.0}
        self.study = Experiment("study", "?", CELLS, recipes, seeds=1, settings={"batch": 1, "optimiser": rule}, sample=Sample(trials=200, space=SPACE))

    def time_plan(self) -> None:
        """Specs asked for and planned."""
        made = plan(asked(self.study).specs, [], "here")
        assert made.missing == 5400

    time_plan.version = "1"  # type: ignore[attr-defined]
