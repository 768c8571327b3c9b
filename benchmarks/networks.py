"""The table of `benchmarks.series` as asv's classes: a class a kind, its parameters those of the kind."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asv_runner.benchmarks.mark import SkipNotImplemented

from benchmarks.series import KINDS, Refused

PROCESSES = 3  # samples of what a process can measure once
WORKER = "import sys; sys.path.append(sys.argv[1]); from benchmarks.worker import main; main()"  # last: the package is the commit's, not that of this checkout


@functools.cache
def ready(kind: str, *values: str) -> Callable[..., Any]:
    """A call, made once although asv asks for it before each timing; skipped with the sentence where it is refused."""
    try:
        call = KINDS[kind].make(*values)
        if KINDS[kind].way == "turn":
            call()
    except Refused as refusal:
        raise SkipNotImplemented(str(refusal)) from None
    return call


def samples(values: list[float]) -> dict[str, Any]:
    """What asv takes for samples of a timing, with median, interval and quartiles."""
    return {"samples": values, "number": 1}


def alone(kind: str, *values: str) -> dict[str, Any]:
    """A figure of each of a few fresh processes."""
    found: list[float] = []
    asked = {"series": f"{kind}[{', '.join(values)}]"}
    lines = "".join(f"{json.dumps(each)}\n" for each in ({"do": "make", **asked}, {"do": "once", "round": 0, **asked}))
    for _ in range(PROCESSES):
        done = subprocess.run([sys.executable, "-c", WORKER, str(Path(__file__).resolve().parents[1])], input=lines, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"a worker ended with status {done.returncode}: {done.stderr.strip()[-300:]}")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if refusals := [answer["refused"] for answer in answers if "refused" in answer]:
            raise SkipNotImplemented(refusals[0])
        if failures := [answer["failed"] for answer in answers if "failed" in answer]:
            raise RuntimeError(failures[0])
        found += answers[-1]["values"]
    return samples(found)


class Watched:
    """What every class has: the parameters of its kind."""

    timeout = 300.0

    def __init_subclass__(cls, kind: str) -> None:
        """Names and values of the parameters, from the table."""
        cls.kind, cls.version = kind, KINDS[kind].version
        cls.params, cls.param_names = [list(values) for values in KINDS[kind].params.values()], list(KINDS[kind].params)
        for name in vars(cls):
            if name.startswith(("time_", "track_")):
                getattr(cls, name).version, getattr(cls, name).unit = KINDS[kind].version, KINDS[kind].unit


class Step(Watched, kind="step"):
    """A training step."""

    def setup(self, *values: str) -> None:
        """Made once."""
        self.call = ready(self.kind, *values)

    def time_step(self, *values: str) -> None:
        """Forward, backward and every weight's gradient."""
        self.call()


class Forward(Watched, kind="forward"):
    """A pass that keeps nothing for a gradient."""

    setup = Step.setup

    def time_forward(self, *values: str) -> None:
        """Outputs alone."""
        self.call()


class Stream(Watched, kind="stream"):
    """One step after another."""

    setup = Step.setup

    def time_stream(self, *values: str) -> None:
        """A few hundred steps of one sequence."""
        self.call()


class Harness(Watched, kind="harness"):
    """The training loop around next to nothing."""

    setup = Step.setup

    def time_harness(self, *values: str) -> None:
        """Updates of a network of two units."""
        self.call()


class Memory(Watched, kind="memory"):
    """Peak memory of a training step."""

    def track_memory(self, *values: str) -> dict[str, Any]:
        """Bytes above what was there before, a process each."""
        return alone(self.kind, *values)


class Import(Watched, kind="import"):
    """What importing the package costs."""

    def track_import(self, *values: str) -> dict[str, Any]:
        """Processor seconds, a process each."""
        return alone(self.kind, *values)


class Compile(Watched, kind="compile"):
    """What a generated kernel costs before it runs."""

    def track_compile(self, *values: str) -> dict[str, Any]:
        """Processor seconds from an empty cache, a process each."""
        return alone(self.kind, *values)


class DigitsError(Watched, kind="digits error"):
    """What a short training still gets wrong."""

    def track_error(self, *values: str) -> dict[str, Any]:
        """Share of wrong answers, a sample a seed."""
        return samples(ready(self.kind, *values)(0))


class AddingLoss(Watched, kind="adding loss"):
    """How far a short training comes."""

    def track_loss(self, *values: str) -> dict[str, Any]:
        """Squared error, a sample a seed."""
        return samples(ready(self.kind, *values)(0))
