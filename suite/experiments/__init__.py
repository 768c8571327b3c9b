"""One question a file."""

from suite.experiments import hochreiter1997
from suite.experiments.classics import CLASSICS
from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.full import FULL
from suite.experiments.guessing import GUESSING
from suite.experiments.quick import QUICK

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in (QUICK, FULL, CLASSICS, hochreiter1997.ONE, hochreiter1997.FOUR, hochreiter1997.SIX, GUESSING)}

__all__ = ["EXPERIMENTS", "Experiment", "Recipe"]
