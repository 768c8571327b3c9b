"""An experiment carried out on this machine: planned, run, recorded, shown."""

from __future__ import annotations

import fcntl
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from suite import names
from suite.experiments import EXPERIMENTS, Experiment
from suite.launch import describe
from suite.launch.jobs import timed, trained, training
from suite.launch.local import Job, Pool
from suite.launch.plan import Plan, canonical, plan, task_of, timing_seconds
from suite.launch.progress import Reporter, clock
from suite.report.catalogue import BASELINES
from suite.runs import Run, SpeedSpec, Store, TrainSpec, Where, frame, where
from suite.runs.machine import cores
from suite.runs.store import replace

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Carried:
    """What came of an experiment: every record that belongs to it, and the page."""

    out: Path
    runs: list[Run]
    page: Path | None = None

    @property
    def failed(self) -> list[Run]:
        """Runs that raised, died or were cut off."""
        return [run for run in self.runs if run.status.startswith(("failed", "cut off"))]


def run(
    experiment: str | Experiment,
    *,
    cells: Sequence[str] = (),
    tasks: Sequence[str] = (),
    seeds: int | None = None,
    device: str = "cpu",
    engine: str | None = None,
    units: int | None = None,
    speed: bool | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
) -> pd.DataFrame:
    """Run an experiment and return a data frame with one row a run; the notebook's way to `carrousel run`."""
    made = experiment_of(experiment)
    specs = made.specs(cells, tasks, seeds, device, engine, units, speed)
    return frame(carry_out(made, specs, folder_of(made, out), f"suite.run({made.name!r})", workers).runs)


def experiment_of(experiment: str | Experiment) -> Experiment:
    """The experiment of a name, or of an outsider's `module:attribute`."""
    made = names.resolve(experiment, EXPERIMENTS, "experiment") if isinstance(experiment, str) else experiment
    if not isinstance(made, Experiment):
        raise ValueError(f"experiment '{experiment}' must be a suite.experiments.Experiment, not a {type(made).__name__}")
    return made


def layers_of(spec: TrainSpec | SpeedSpec) -> list[tuple[str, int]]:
    """The cells of a spec and their units."""
    above = spec.above if isinstance(spec, TrainSpec) else ()
    return [*((layer.cell, layer.units) for layer in above), (spec.cell, spec.units)]


def folder_of(experiment: Experiment, out: str | Path | None) -> Path:
    """Where an experiment writes unless told otherwise."""
    return Path(out) if out is not None else Path("reports") / "local" / experiment.name


def prepare(specs: Sequence[TrainSpec | SpeedSpec], out: Path, save_weights: bool = False) -> tuple[Plan, Where]:
    """The plan of some specs here. Damaged records are named and left alone; a run whose weights are wanted and missing is no result."""
    here = where(accelerator([spec.device for spec in specs]))
    earlier, skipped = Store(out / "runs").read()
    for path, reason in skipped:
        print(f"carrousel: skipped '{path}': {reason}", file=sys.stderr)
    if save_weights:
        earlier = [run for run in earlier if run.spec.kind == "speed" or (out / "weights" / f"{run.id}.safetensors").exists()]
    return plan(specs, earlier, here.machine), here


def accelerator(devices: Sequence[str]) -> str:
    """The name of the GPU in use, or "none"."""
    wanted = [d for d in devices if d.startswith("cuda")]
    return torch.cuda.get_device_name(wanted[0]) if wanted and torch.cuda.is_available() else "none"


def carry_out(
    experiment: Experiment, specs: Sequence[TrainSpec | SpeedSpec], out: Path, command: str, workers: int | None = None, save_weights: bool = False
) -> Carried:
    """Run what is missing, one record a run as soon as it ends, then write the page."""
    with writable(out):
        for old, new in Store(out / "runs").migrate().items():
            kept_weights = out / "weights" / f"{old}.safetensors"
            if kept_weights.exists() and not kept_weights.with_stem(new).exists():
                kept_weights.rename(kept_weights.with_stem(new))
        todo, here = prepare(specs, out, save_weights)
        cells = describe.describe_cells({name: units for spec in specs for name, units in layers_of(spec)})  # a cell that cannot be described says so now
        kept = Kept(Store(out / "runs"), here, list(todo.found), _known_baselines(out))
        kept.record(Run(id=spec.id, spec=spec, status=f"refused: {sentence}", where=here) for spec, sentence in todo.refused)
        tasks = list(dict.fromkeys(spec.task for spec in specs if isinstance(spec, TrainSpec)))
        jobs = [training(group, out, save_weights) for group in todo.train]
        alive = {spec.task for spec in (*(group[0] for group in todo.train), *(run.spec for run in todo.found)) if isinstance(spec, TrainSpec)}
        jobs += [Job("baselines", {"task": text}, text) for text in tasks if canonical(text) in alive and _key(text) not in kept.baselines]
        timing = sum(map(timing_seconds, todo.speed))
        guess = sum(job.weight for job in jobs) / (workers or cores()) + timing
        print(f"{todo.missing} runs to do, {len(todo.found)} found, {todo.about} {clock(guess)}; writing to {out}", *todo.impossible, sep="\n", file=sys.stderr, flush=True)
        with Reporter(sum(job.weight for job in jobs) + timing, todo.missing) as reporter:
            _train_all(jobs, workers or max(1, cores() // _threads(todo)), kept, reporter)
            for group in todo.speed:  # alone on the machine
                with cut_off(kept, partial(list, group)):
                    reporter.finish(timing_seconds(group), [line(run) for run in kept.record(timed(group, here))])
        _write_catalogue(experiment, command, cells, tasks, kept, out)
    from suite.report.site import render

    return Carried(out, kept.runs, render(out))


@dataclass
class Kept:
    """What an experiment has come to so far: records on disk and in hand, baselines by task."""

    store: Store
    here: Where
    runs: list[Run]
    baselines: dict[str, Any]

    def record(self, runs: Iterable[Run]) -> list[Run]:
        """Write each at once."""
        ended = list(runs)
        for run in ended:
            self.store.write(run)
        self.runs += ended
        return ended


def _train_all(jobs: Sequence[Job], workers: int, kept: Kept, reporter: Reporter) -> None:
    """Every training group and baseline; on Ctrl-C those under way are recorded as cut off."""
    pool = Pool(workers)
    with cut_off(kept, lambda: [spec for _, job in pool.running.values() if job.name == "train" for spec in job.about]), pool:
        for outcome in pool.run(jobs):
            job = outcome.job
            if outcome.kind == "progress":
                reporter.moved(sum(other.weight * other.progress for _, other in pool.running.values()))
            elif job.name == "baselines":
                kept.baselines[_key(job.about)] = outcome.value if outcome.kind == "done" else []
                if outcome.kind != "done":
                    print(f"carrousel: the trivial baselines of {job.about} are missing: {outcome.value}", file=sys.stderr)
                reporter.finish(job.weight, [])
            else:
                ended = kept.record(trained(outcome, kept.here))
                if outcome.kind == "done":
                    job.payload["checkpoint"].unlink(missing_ok=True)  # the result is safe
                reporter.finish(job.weight, [line(run) for run in ended])


@contextmanager
def cut_off(kept: Kept, under_way: Callable[[], Iterable[TrainSpec | SpeedSpec]]) -> Iterator[None]:
    """On Ctrl-C, a record for every run that was under way."""
    try:
        yield
    except KeyboardInterrupt:
        kept.record(Run(id=spec.id, spec=spec, status="cut off", where=kept.here) for spec in under_way())
        raise


def _write_catalogue(experiment: Experiment, command: str, cells: list[dict[str, Any]], tasks: Sequence[str], kept: Kept, out: Path) -> None:
    """What the page needs beside the records; the baselines apart, for the next run."""
    found = {text: kept.baselines.get(_key(text), []) for text in tasks}
    described = describe.describe(experiment.name, experiment.question, command, cells, tasks, found)
    described["runs"] = sorted(run.file for run in kept.runs)
    replace(out / "catalogue.json", json.dumps(described, indent=1, allow_nan=False) + "\n")
    replace(out / "baselines.json", json.dumps(kept.baselines, indent=1, sort_keys=True, allow_nan=False) + "\n")


def line(run: Run) -> str:
    """A run in one plain line."""
    spec = run.spec
    if isinstance(spec, SpeedSpec):
        shape = f"({spec.length}, {spec.batch}, {spec.inputs}, {spec.units}), threads {spec.threads}"
        figures = f", step {1e3 * run.costs.step.median:.2f} ms" if run.costs.step else ""
        return f"speed {spec.cell} {spec.engine} {shape}: {run.status}{figures}"
    test = "" if run.score is None or run.score.test is None else f", test {task_of(spec.task).measure} {run.score.test:.4f}"
    return f"{spec.task} {spec.cell} seed {spec.seed}: {run.status}{test}"


def _threads(todo: Plan) -> int:
    return max((group[0].threads for group in todo.train), default=1)


def _key(text: str) -> str:
    task = task_of(text)
    return f"{canonical(text)} v{task.version} {task.data.checksum if task.data else ''}".strip()


def _known_baselines(out: Path) -> dict[str, Any]:
    try:
        known = BASELINES.validate_json((out / "baselines.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: [b.model_dump() for b in value] for key, value in known.items() if value}


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """A folder that can be written to and that no other `carrousel run` writes to; OSError in one sentence if not."""
    try:
        (out / "runs").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out / "runs"):
            pass
        lock = (out / ".lock").open("w")
    except OSError as error:
        raise OSError(f"cannot write to '{out}': {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"another run is writing to '{out}'; wait for it, or give --out another folder") from None
        yield


