"""Times, memory and counts of two places: medians that records carry with their intervals, of one machine only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from suite.regress.judge import FAILED, NEW, OPEN, REFUSED, SAME, Judged, detectable, verdict
from suite.regress.scores import exact
from suite.regress.series import Series
from suite.runs import Run
from suite.runs.run import Timing
from suite.stats import Interval

FIGURES = {"step": "seconds", "forward": "seconds", "peak_bytes": "bytes", "compile": "seconds"}
COUNTS = {"parameters": "parameters", "state_bytes": "bytes"}


def timed(name: str, before: Sequence[Run], after: Sequence[Run]) -> list[Judged]:
    """The verdicts on a contestant, machine by machine; figures of different machines are not compared, and that is said."""
    first, second = ({run.where.machine: run for run in runs} for runs in (before, after))
    if not before or not after:
        return [_alone(f"time[{name}]", "seconds", bool(after))]
    shared, machines = first.keys() & second.keys(), sorted(first.keys() | second.keys())
    if not shared:
        reason = f"measured on different machines, {', '.join(sorted(first))} and {', '.join(sorted(second))}: their times and bytes are not compared"
        return [Judged(Series(f"time[{name}]", "seconds"), OPEN, reason=reason), *counted_figures(name, before, after, tuple(COUNTS))]
    found: list[Judged] = []
    for machine in machines:
        called = name if len(machines) == 1 else f"{name}, {machine}"
        found += _pair(called, first[machine], second[machine]) if machine in shared else [_alone(f"time[{called}]", "seconds", machine in second)]
    return [*found, *counted_figures(name, before, after, tuple(COUNTS))]


def _alone(name: str, unit: str, new: bool) -> Judged:
    """What only one of the two has. What is gone is no "no change"."""
    return Judged(Series(name, unit), NEW if new else OPEN, reason=f"only {'after' if new else 'before'} has it")


def _pair(name: str, before: Run, after: Run) -> Iterator[Judged]:
    barred = {side: run.status for side, run in (("before", before), ("after", after)) if run.status != "done"}
    if barred:
        kind = NEW if "after" not in barred else REFUSED if len(barred) == 2 and all(status.startswith("refused") for status in barred.values()) else FAILED
        yield Judged(Series(f"time[{name}]", "seconds"), kind, reason="; ".join(f"{side}: {status}" for side, status in barred.items()))
        return
    drift = floor(before, after)
    for field, unit in FIGURES.items():
        one, other = getattr(before.costs, field), getattr(after.costs, field)
        series = Series(f"{field.replace('_', ' ')}[{name}]", unit)
        if one and other:
            yield itself(series, one) if before == after else against(series, one, other, drift if unit == "seconds" else None)
        elif one or other:
            yield _alone(series.name, unit, bool(other))


def itself(series: Series, found: Timing) -> Judged:
    """A record beside itself."""
    return Judged(series, SAME, found.median, found.median, Interval(0.0, 0.0, 0.0, found.n), None, series.matters, "the same record")


def against(series: Series, before: Timing, after: Timing, drift: float | None) -> Judged:
    """Two medians. The interval goes from the ends that lie nearest to those farthest apart, so it holds at least as often as both of theirs together."""
    if series.unit == "bytes" and before == after:
        return Judged(series, SAME, before.median, after.median, Interval(0.0, 0.0, 0.0, before.n), None, series.matters)
    center, low, high = (_logarithm(a, b) for a, b in ((after.median, before.median), (after.low, before.high), (after.high, before.low)))
    change = Interval(center, low, high, min(before.n, after.n))
    if not all(map(math.isfinite, (center, low, high))):
        return Judged(series, OPEN, before.median, after.median, reason="an end of an interval is 0, and has no ratio to another")
    reason = "" if drift is not None or series.unit != "seconds" else "no floor: nothing that both timed is the same code"
    held = drift or 0.0
    return Judged(series, verdict(change, held, series.matters), before.median, after.median, change, drift, detectable(change, held, series.matters), reason)


def floor(before: Run, after: Run) -> float | None:
    """How far the layers of torch.nn moved that ran beside both: the same code where torch is the same, so that is the machine's doing."""
    if before.where.versions.get("torch") != after.where.versions.get("torch"):
        return None
    first, second = ({ratio.against: ratio.seconds.median for ratio in run.costs.ratios} for run in (before, after))
    moved = [abs(_logarithm(second[name], first[name])) for name in first.keys() & second.keys()]
    return max(moved, default=None)


def counted_figures(name: str, before: Sequence[Run], after: Sequence[Run], fields: Sequence[str]) -> list[Judged]:
    """Counts that are the same for every run of a contestant."""
    found = []
    for field in fields:
        one, other = (next((value for run in runs if (value := getattr(run.costs, field)) is not None), None) for runs in (before, after))
        if one is not None and other is not None:
            found.append(exact(f"{field.replace('_', ' ')}[{name}]", COUNTS[field], one, other))
        elif (one is None) != (other is None) and all(any(run.status == "done" for run in runs) for runs in (before, after)):
            found.append(_alone(f"{field.replace('_', ' ')}[{name}]", COUNTS[field], other is not None))
    return found


def _logarithm(a: float, b: float) -> float:
    return math.log(a / b) if a > 0 and b > 0 else math.inf
