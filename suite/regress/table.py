"""Verdicts for people and for programs: Markdown, and JSON with the same numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from suite.regress.judge import FAILED, NEW, OPEN, REFUSED, WORSE, Judged, finite, status
from suite.regress.series import UNITS

HEAD = ("series", "before", "after", "ratio", "interval of the change", "pairs", "noise floor", "detectable", "verdict")
SCALES = {"seconds": ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (math.inf, 1.0, "s")), "bytes": ((2.0**20, 2.0**-10, "KiB"), (2.0**30, 2.0**-20, "MiB"), (math.inf, 2.0**-30, "GiB"))}

RECORDS = (
    "Less is better in every series: a share of right answers is shown as the share of wrong ones. Scores are paired by seed, with Student's 99 % interval of",
    "the mean difference. Times and bytes are medians of one machine; their interval goes from the nearest to the farthest ends of both, and the floor is how",
    "far torch.nn moved beside them. A change is called where its interval leaves out no change and its center lies beyond the floor and beyond 5 %, or a point.",
)


def figure(value: float | None, unit: str) -> str:
    """A figure with its unit.

    >>> figure(0.0123, "seconds"), figure(3 * 2**20, "bytes"), figure(0.035, "error"), figure(None, "loss")
    ('12.3 ms', '3 MiB', '3.50 %', '')
    """
    if value is None:
        return ""
    if unit == "error":
        return f"{100 * value:.2f} %"
    if unit == "parameters":
        return f"{value:,.0f}"
    for below, times, name in SCALES.get(unit, ()):
        if value < below:
            return f"{value * times:.3g} {name}"
    return f"{value:.3g}"


def row(judged: Judged) -> list[str]:
    """A series in the order of HEAD."""
    series, change = judged.series, judged.change
    quotient = judged.after / judged.before if judged.before and judged.after is not None else None
    typical = math.exp(change.center) if change and UNITS[series.unit].relative else quotient  # of pairs, which is what is judged
    ratio = f"{typical:.3f}" if typical is not None and math.isfinite(typical) else ""
    spread = f"{series.said(change.low)} to {series.said(change.high)}" if change else ""
    floor, least = ("" if each is None else f"± {series.said(each).lstrip('+')}" for each in (judged.floor, judged.detectable))
    ends = judged.verdict + (f": {judged.reason}" if judged.reason else "")
    return [series.name, figure(judged.before, series.unit), figure(judged.after, series.unit), ratio, spread, str(change.n) if change else "", floor, least, ends]


def markdown(judged: Sequence[Judged], title: str, notes: Sequence[str] = ()) -> str:
    """The table, what it comes to before it, and how to read it after it."""
    rows = [row(each) for each in judged]
    lines = [f"| {' | '.join(each.replace('|', '/') for each in line)} |" for line in (HEAD, ["---"] * len(HEAD), *rows)]
    return "\n".join([f"## {title}", "", f"**{summary(judged)}**", "", *lines, "", *notes]).rstrip() + "\n"


def summary(judged: Sequence[Judged]) -> str:
    """A sentence.

    >>> summary([])
    'There was nothing to compare.'
    """
    if not judged:
        return "There was nothing to compare."
    named = {kind: [each.series.name for each in judged if each.verdict == kind] for kind in (WORSE, FAILED, OPEN, REFUSED, NEW)}
    told = [f"{kind}: {', '.join(names)}" for kind, names in named.items() if names and kind in (WORSE, FAILED)]
    counted = [f"{len(names)} {said}" for kind, said in ((OPEN, "cannot be told"), (REFUSED, "refused"), (NEW, "without a baseline")) if (names := named[kind])]
    return f"{'; '.join(told) or 'No regression was found'}. {len(judged)} series{''.join(f', {each}' for each in counted)}."


def written(judged: Sequence[Judged], **about: Any) -> str:
    """Strict JSON: what is said of the whole, the exit status, and every series with its numbers on the scale of its interval."""
    return json.dumps({**about, "status": status(judged), "series": [entry(each) for each in judged]}, indent=1, allow_nan=False) + "\n"


def entry(judged: Judged) -> Mapping[str, Any]:
    """A series: `change` and the rest are ratios where the unit is relative, differences otherwise."""
    relative = UNITS[judged.series.unit].relative

    def plain(value: float | None) -> float | None:
        return finite(math.exp(value) if relative and value is not None else value)

    change = judged.change
    return {
        "name": judged.series.name,
        "unit": judged.series.unit,
        "scale": "ratio" if relative else "difference",
        "verdict": judged.verdict,
        "reason": judged.reason,
        "before": finite(judged.before),
        "after": finite(judged.after),
        "change": {"center": plain(change.center), "low": plain(change.low), "high": plain(change.high), "pairs": change.n} if change else None,
        "floor": plain(judged.floor),
        "detectable": plain(judged.detectable),
    }
