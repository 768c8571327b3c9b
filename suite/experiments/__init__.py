"""One question a file."""

from suite.experiments import greff2017, hochreiter1997
from suite.experiments.classics import CLASSICS
from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.full import FULL
from suite.experiments.guessing import GUESSING
from suite.experiments.match import Match
from suite.experiments.mistakes import Mistakes
from suite.experiments.points import Distribution, Sample
from suite.experiments.quick import QUICK
from suite.experiments.search import Search

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        QUICK, FULL, CLASSICS, hochreiter1997.ONE, hochreiter1997.FOUR, hochreiter1997.SIX, GUESSING,
        greff2017.JSB, greff2017.PEN, greff2017.SPEECH,
    )
}  # fmt: skip

__all__ = ["EXPERIMENTS", "Distribution", "Experiment", "Match", "Mistakes", "Recipe", "Sample", "Search"]
