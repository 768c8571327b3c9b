"""Specs, records, and the folder that holds them. Imports nothing of ours, and not torch."""

from suite.runs.frame import curves, frame
from suite.runs.machine import Where, where
from suite.runs.run import Costs, Point, Ratio, Run, Score, Timing
from suite.runs.spec import Optimiser, SpeedSpec, TrainSpec
from suite.runs.store import Skipped, Store

__all__ = ["Costs", "Optimiser", "Point", "Ratio", "Run", "Score", "Skipped", "SpeedSpec", "Store", "Timing", "TrainSpec", "Where", "curves", "frame", "where"]
