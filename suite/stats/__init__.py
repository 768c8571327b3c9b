"""Intervals and verdicts. Imports runs and nothing else of ours."""

from suite.stats.intervals import Interval, mean_interval, median_interval, normal_interval, share_interval

__all__ = ["Interval", "mean_interval", "median_interval", "normal_interval", "share_interval"]
