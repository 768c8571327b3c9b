"""One question a file."""

from suite.experiments import hochreiter1997
from suite.experiments.classics import CLASSICS
from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.full import FULL
from suite.experiments.guessing import GUESSING
from suite.experiments.match import Match
from suite.experiments.mistakes import Mistakes
from suite.experiments.points import Distribution, Sample
from suite.experiments.quick import QUICK
from suite.experiments.search import Search

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in (QUICK, FULL, CLASSICS, hochreiter1997.ONE, hochreiter1997.FOUR, hochreiter1997.SIX, GUESSING)}

__all__ = ["EXPERIMENTS", "Distribution", "Experiment", "Match", "Mistakes", "Recipe", "Sample", "Search"]
