"""Measures series of `benchmarks.series` with whatever `suite` its path leads to: a JSON object a line in, one out.

    {"do": "list"}                          -> {"series": [...], "suite": where the package was found}
    {"do": "make", "series": name}          -> {"ready": true}, or {"refused": sentence}
    {"do": "time", "series": name, "seconds": s}   -> {"value": seconds a call}, over about s seconds
    {"do": "once", "series": name, "round": k}     -> {"values": [...]}

What raises answers {"failed": sentence}.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.series import Refused, named

made: dict[str, Callable[..., Any]] = {}


def listed() -> list[dict[str, Any]]:
    """What the other side needs to know of every series."""
    return [{"name": name, "unit": kind.unit, "way": kind.way, "seeds": kind.seeds, "exact": kind.exact, "place": values[-1]} for name, (kind, values) in named().items()]


def make(name: str) -> dict[str, Any]:
    """Ready a series; what is timed is called a few times first."""
    kind, values = named()[name]
    made[name] = kind.make(*values)
    if kind.way == "turn":
        for _ in range(3):
            made[name]()
        gc.collect()
        gc.freeze()  # what is there stays: looking through torch before every turn would take longer than the turns
    return {"ready": True}


def timed(name: str, seconds: float) -> dict[str, Any]:
    """Seconds of a call, the least of several groups of them: what else runs here can only add to it."""
    call = made[name]
    found, end = [], time.perf_counter() + seconds
    gc.collect()
    gc.disable()
    while not found or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    gc.enable()
    return {"value": min(found)}


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """What came of a request."""
    try:
        match asked["do"]:
            case "list":
                import suite

                return {"series": listed(), "suite": os.path.dirname(suite.__file__)}
            case "make":
                return make(asked["series"])
            case "time":
                return timed(asked["series"], asked["seconds"])
            case "once":
                return {"values": made[asked["series"]](asked["round"])}
            case other:
                return {"failed": f"there is no '{other}'"}
    except Refused as refusal:
        return {"refused": " ".join(str(refusal).split())}
    except Exception as error:  # whatever a tree raises, the other series go on
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}


def main() -> None:
    """Until the other side closes its end. What code prints goes to the error stream, not among the answers."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
