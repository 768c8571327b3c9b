"""Intervals, rankings, tests, importance and verdicts: a file a family. Imports runs and nothing else of ours."""

from suite.stats.best_of import BestOf, best_of
from suite.stats.bootstrap import bootstrap_interval, iqm
from suite.stats.delay import Critical, critical
from suite.stats.importance import Fanova, Importance, fanova
from suite.stats.improvement import improvement
from suite.stats.intervals import Interval, covers, mean_interval, median_interval, normal_interval, share_interval
from suite.stats.profiles import Profile, profile
from suite.stats.ranks import Pair, Ranking, holm, ranking
from suite.stats.reaching import Median, Reaching, reaching, updates_to
from suite.stats.signed_rank import signed_rank_interval
from suite.stats.verdict import Verdict, further_seeds, verdicts
from suite.stats.welch import Welch, best_share, variants, welch

__all__ = [
    "BestOf",
    "Critical",
    "Fanova",
    "Importance",
    "Interval",
    "Median",
    "Pair",
    "Profile",
    "Ranking",
    "Reaching",
    "Verdict",
    "Welch",
    "best_of",
    "best_share",
    "bootstrap_interval",
    "covers",
    "critical",
    "fanova",
    "further_seeds",
    "holm",
    "improvement",
    "iqm",
    "mean_interval",
    "median_interval",
    "normal_interval",
    "profile",
    "ranking",
    "reaching",
    "share_interval",
    "signed_rank_interval",
    "updates_to",
    "variants",
    "verdicts",
    "welch",
]
