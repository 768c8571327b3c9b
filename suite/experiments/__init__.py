"""One question a file."""

from suite.experiments import dey2017, greff2017, hochreiter1997, matched
from suite.experiments.classics import CLASSICS
from suite.experiments.critical_delay import CRITICAL_DELAY
from suite.experiments.experiment import Experiment, Recipe
from suite.experiments.full import FULL
from suite.experiments.gru_or_lstm import GRU_OR_LSTM
from suite.experiments.guessing import GUESSING
from suite.experiments.length_generalisation import LENGTH_GENERALISATION
from suite.experiments.match import Match
from suite.experiments.mistakes import Mistakes
from suite.experiments.points import Distribution, Sample
from suite.experiments.quick import QUICK
from suite.experiments.search import Search
from suite.experiments.study import Claim, Study

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        QUICK, FULL, GRU_OR_LSTM, CRITICAL_DELAY, LENGTH_GENERALISATION, matched.PARAMETERS, matched.MULTIPLY_ADDS, matched.STATE,
        greff2017.JSB, greff2017.PEN, greff2017.SPEECH, dey2017.SHORT, dey2017.PAPER,
        CLASSICS, hochreiter1997.ONE, hochreiter1997.FOUR, hochreiter1997.SIX, GUESSING,
    )
}  # fmt: skip

__all__ = ["EXPERIMENTS", "Claim", "Distribution", "Experiment", "Match", "Mistakes", "Recipe", "Sample", "Search", "Study"]
