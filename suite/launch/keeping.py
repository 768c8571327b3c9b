"""What an experiment has come to: records and baselines, kept as each job ends and when it is cut off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.experiments import Experiment
from suite.experiments.conditions import conditions, studied
from suite.launch import describe
from suite.launch.jobs import trained
from suite.launch.launchers import Workplace
from suite.launch.local import Outcome
from suite.launch.lookup import canonical, task_of
from suite.launch.progress import Reporter
from suite.report.catalogue import BASELINES
from suite.runs import Run, SpeedSpec, Store, TrainSpec, Where
from suite.runs.store import CATALOGUE, has_result, replace


@dataclass
class Kept:
    """What an experiment has come to so far: records on disk and in hand, baselines by task; `begun` is called once, at the first result."""

    store: Store
    here: Where
    runs: list[Run]
    baselines: dict[str, Any]
    begun: Callable[[], None] | None = None

    def record(self, runs: Iterable[Run]) -> list[Run]:
        """Write each at once; what is recorded again takes the place of what was."""
        ended = list(runs)
        for run in ended:
            if run.done or not has_result(self.store.folder / run.file):  # where the record of a failure would go
                self.store.write(run)
        again = {run.id for run in ended}
        self.runs = [run for run in self.runs if run.id not in again] + ended
        if self.measured and self.begun:
            begun, self.begun = self.begun, None
            begun()
        return ended

    @property
    def measured(self) -> bool:
        """Whether there is a result."""
        return any(run.done for run in self.runs)


@contextmanager
def landing(pool: Workplace, kept: Kept, reporter: Reporter) -> Iterator[None]:
    """Keep what still came to its result while the pool was being left."""
    try:
        yield
    except BaseException:
        with suppress(OSError):  # nowhere to write: that has been said, or will be
            for outcome in pool.landed:
                keep(outcome, kept, reporter)
        raise


def keep(outcome: Outcome, kept: Kept, reporter: Reporter) -> None:
    """What came of a job, by its kind."""
    (_keep_baselines if outcome.job.name == "baselines" else _keep_runs)(outcome, kept, reporter)


def _keep_runs(outcome: Outcome, kept: Kept, reporter: Reporter) -> None:
    """What came of a training group; of one that is tried again, what it has come to so far."""
    ended, job = kept.record(trained(outcome, kept.here)), outcome.job
    if outcome.kind == "done":
        job.payload["checkpoint"].unlink(missing_ok=True)  # the result is safe
    if outcome.final:
        reporter.finish(job.weight, list(map(line, ended)), sum(run.failed for run in ended), job.weight * (job.begun or 0.0))
    else:
        reporter.say(f"{job.label}: {outcome.value}; it will be tried again")


def _keep_baselines(outcome: Outcome, kept: Kept, reporter: Reporter) -> None:
    job = outcome.job
    kept.baselines[key_of(job.about)] = outcome.value if outcome.kind == "done" else []
    if outcome.final:
        if outcome.kind != "done":
            reporter.say(f"carrousel: the trivial baselines of {job.about} are missing: {outcome.value}")
        reporter.finish(job.weight, [])


@contextmanager
def cut_off(kept: Kept, under_way: Callable[[], Iterable[TrainSpec | SpeedSpec]]) -> Iterator[None]:
    """On Ctrl-C, a record for every run that was under way."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(OSError):  # where nothing can be written they are missing, which says the same
            kept.record(Run(id=spec.id, spec=spec, status="cut off", where=kept.here) for spec in under_way())
        raise


def write_catalogue(experiment: Experiment, command: str, cells: list[dict[str, Any]], tasks: Sequence[str], kept: Kept, out: Path, planned: Sequence[str] = ()) -> None:
    """What the site needs beside the records, of which some may be `planned` yet."""
    found = {text: kept.baselines.get(key_of(text), []) for text in tasks}
    described = describe.describe(experiment.name, experiment.question, command, cells, tasks, found)
    described["runs"] = sorted({*planned, *(run.file for run in kept.runs)})
    described |= {"conditions": conditions(experiment), **studied(experiment)}
    replace(out / CATALOGUE, json.dumps(described, indent=1, allow_nan=False) + "\n")


def write_baselines(kept: Kept, out: Path) -> None:
    """The baselines by themselves, for the next run."""
    replace(out / "baselines.json", json.dumps(kept.baselines, indent=1, sort_keys=True, allow_nan=False) + "\n")


def key_of(text: str) -> str:
    task = task_of(text)
    return f"{canonical(text)} v{task.version} {task.data.checksum if task.data else ''}".strip()


def known_baselines(out: Path) -> dict[str, Any]:
    try:
        known = BASELINES.validate_json((out / "baselines.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: [b.model_dump() for b in value] for key, value in known.items() if value}


def line(run: Run) -> str:
    """A run in one plain line."""
    spec = run.spec
    if isinstance(spec, SpeedSpec):
        shape = f"{spec.length} steps, batch {spec.batch}, {spec.inputs} inputs, {spec.units} units, threads {spec.threads}"
        figures = f", step {1e3 * run.costs.step.median:.2f} ms" if run.costs.step else ""
        return f"speed {spec.cell} {spec.engine} {shape}: {run.status}{figures}"
    test = "" if run.score is None or run.score.test is None else f", test {task_of(spec.task).measure} {run.score.test:.4f}"
    return f"{spec.task} {spec.cell} rate {spec.optimiser.lr:g} seed {spec.seed}: {run.status}{test}"
