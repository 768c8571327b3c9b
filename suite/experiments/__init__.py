"""One question a file."""

from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.full import FULL
from suite.experiments.quick import QUICK

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in (QUICK, FULL)}

__all__ = ["EXPERIMENTS", "Experiment", "Recipe"]
