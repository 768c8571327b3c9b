"""An experiment carried out on this machine: planned, run, recorded, shown."""

from __future__ import annotations

import fcntl
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.experiments import Experiment
from suite.experiments.conditions import conditions, studied
from suite.launch import describe
from suite.launch.asking import asked, experiment_of
from suite.launch.jobs import GRADIENTS, forget, timed, trained, training
from suite.launch.launchers import Launcher, Workplace, launcher
from suite.launch.limits import USUAL, Limits, seconds
from suite.launch.local import Job, Outcome
from suite.launch.narrow import narrowed
from suite.launch.plan import Plan, canonical, plan, task_of, timing_seconds
from suite.launch.progress import Reporter, clock
from suite.launch.searching import Carried, searched
from suite.launch.shard import shard as shard_of
from suite.launch.standing import standing
from suite.launch.stopping import room, stoppable, sweep
from suite.launch.supervise import attempts
from suite.launch.worker import accelerator
from suite.report.catalogue import BASELINES
from suite.runs import Run, SpeedSpec, Store, TrainSpec, Where, where
from suite.runs.loading import framed
from suite.runs.machine import cores
from suite.runs.sources import counted, told
from suite.runs.store import one, replace
from suite.runs.why import why

if TYPE_CHECKING:
    import pandas as pd


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
    trials: int | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    limits: Limits = USUAL,
    launch: str = "local",
    address: str | None = None,
    gpus_per_run: float | None = None,
    budget: str | None = None,
    shard: str | None = None,
) -> pd.DataFrame:
    """Run an experiment and return a data frame with one row a run; the notebook's way to `carrousel run`.

    `experiment` is a name, an `Experiment`, a TOML file or module:attribute; `trials` how many points a random search draws, `budget` a time as in "10m", `shard` a part as in "3/8".
    `suite.curves(frame)` are its learning curves. Seconds and bytes; a mistake is a ValueError, and nothing is run.
    """
    place, made = launcher(launch, address=address, gpus_per_run=gpus_per_run), experiment_of(experiment, trials)
    found = asked(made, cells=cells, tasks=tasks, seeds=seeds, device=device, engine=engine, units=units, speed=speed)
    folder = folder_of(made, out)
    keep = narrowed(partial(prepare, out=folder, elsewhere=place.elsewhere), shard_of(shard) if shard else None, seconds(budget) if budget else None, workers)
    carried = searched(made, found, lambda of, specs: carry_out(of, specs, folder, f"suite.run({made.name!r})", workers, limits=limits, place=place), keep)
    return framed(carried.runs, [carried.out])


def layers_of(spec: TrainSpec | SpeedSpec) -> list[tuple[str, int]]:
    """The cells of a spec and their units."""
    above = spec.above if isinstance(spec, TrainSpec) else ()
    return [*((layer.cell, layer.units) for layer in above), (spec.cell, spec.units)]


def folder_of(experiment: Experiment, out: str | Path | None) -> Path:
    """Where an experiment writes unless told otherwise."""
    return Path(out) if out is not None else Path("reports") / "local" / experiment.name


def prepare(specs: Sequence[TrainSpec | SpeedSpec], out: Path, save_weights: bool = False, elsewhere: bool = False, collect: bool = False) -> tuple[Plan, Where]:
    """The plan of some specs here, or for training on other machines. Damaged records are named and left alone; a run whose weights, or gradients, are wanted and missing is no result."""
    here = where(accelerator([spec.device for spec in specs]))
    earlier, skipped = Store(out / "runs").read()
    for said in told(skipped):
        print(f"carrousel: {said}", file=sys.stderr)
    usable = counted(earlier)
    if save_weights:
        usable = [run for run in usable if run.spec.kind == "speed" or (out / "weights" / f"{run.id}.safetensors").exists()]
    if collect:
        usable = [run for run in usable if run.spec.kind == "speed" or (out / GRADIENTS / f"{run.id}.json").exists()]
    made = plan(specs, usable, here.machine, elsewhere)
    missing: list[TrainSpec | SpeedSpec] = [*chain.from_iterable(made.train), *chain.from_iterable(made.speed)]
    asked = {*(spec.id for spec in missing), *(spec.id for spec, _ in made.refused), *(run.id for run in made.found)}
    made.again = why(missing, asked, earlier, skipped)
    return made, here


def carry_out(
    experiment: Experiment,
    specs: Sequence[TrainSpec | SpeedSpec],
    out: Path,
    command: str,
    workers: int | None = None,
    save_weights: bool = False,
    limits: Limits = USUAL,
    place: Launcher | None = None,
    collect: bool = False,
) -> Carried:
    """Run what is missing at a `place`, on this machine unless told otherwise, one record a run as soon as it ends, then write the page.

    Where nothing was measured, the page of what was measured before stays.
    """
    place = place or launcher()
    with room(out), writable(out), stoppable():
        sweep(out)
        for old, new in Store(out / "runs").migrate().items():
            kept_weights = out / "weights" / f"{old}.safetensors"
            if kept_weights.exists() and not kept_weights.with_stem(new).exists():
                kept_weights.rename(kept_weights.with_stem(new))
        todo, here = prepare(specs, out, save_weights, place.elsewhere, collect)
        cells = describe.describe_cells({name: units for spec in specs for name, units in layers_of(spec)})  # a cell that cannot be described says so now
        kept = Kept(Store(out / "runs"), here, list(todo.found), _known_baselines(out))
        kept.record(Run(id=spec.id, spec=spec, status=f"refused: {sentence}", where=here) for spec, sentence in todo.refused)
        tasks = list(dict.fromkeys(spec.task for spec in specs if isinstance(spec, TrainSpec)))
        jobs = [training(group, out, save_weights, collect) for group in todo.train]
        if jobs or experiment.search is None:  # while its trials are looked up, nobody knows what a search will train
            forget(jobs, out)
        planned = [] if place.elsewhere else [f"{spec.id}-{here.machine}.json" for spec in chain(chain.from_iterable(todo.train), chain.from_iterable(todo.speed))]
        with standing(out, lambda: any(run.done for run in kept.runs)) as stays:
            if todo.missing or todo.found:
                _write_catalogue(experiment, command, cells, tasks, kept, out, planned)  # for those who watch, and in case it is cut off
            alive = {spec.task for spec in (*(group[0] for group in todo.train), *(run.spec for run in todo.found)) if isinstance(spec, TrainSpec)}
            jobs += [Job("baselines", {"task": text}, text, label=f"{text} baselines") for text in tasks if canonical(text) in alive and _key(text) not in kept.baselines]
            timing = sum(map(timing_seconds, todo.speed))
            guess = sum(job.weight for job in jobs) / (workers or cores()) + timing
            guessed = "" if place.elsewhere else f", {todo.about} {clock(guess)}"
            print(f"{todo.missing} runs to do, {len(todo.found)} found{guessed}; writing to {out}", *todo.again, *todo.impossible, sep="\n", file=sys.stderr, flush=True)
            with Reporter(sum(job.weight for job in jobs) + timing, todo.missing) as reporter:
                _train_all(jobs, place.pool(workers, _threads(todo), limits), kept, reporter, limits.retries)
                if todo.speed and place.elsewhere:
                    reporter.say("carrousel: timings are taken on this machine, not on the cluster")
                for group in todo.speed:  # alone on the machine
                    with cut_off(kept, partial(list, group)):
                        ended = kept.record(timed(group, here, limits))
                        reporter.finish(timing_seconds(group), list(map(line, ended)), sum(run.failed for run in ended))
            if stays():
                print(f"carrousel: nothing was measured, and the page in '{out}' stays that of what was measured before", file=sys.stderr, flush=True)
                return Carried(out, kept.runs, out / "index.html")
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
        """Write each at once; what is recorded again takes the place of what was."""
        ended = list(runs)
        for run in ended:
            if run.done or not self._has_result(run):
                self.store.write(run)
        again = {run.id for run in ended}
        self.runs = [run for run in self.runs if run.id not in again] + ended
        return ended

    def _has_result(self, run: Run) -> bool:
        """Whether a result stands where the record of a failure would go."""
        try:
            return one(self.store.folder / run.file).done
        except (OSError, ValueError):
            return False


def _train_all(jobs: Sequence[Job], pool: Workplace, kept: Kept, reporter: Reporter, retries: int) -> None:
    """Every training group and baseline; on Ctrl-C those under way are recorded as cut off."""
    with cut_off(kept, lambda: [spec for _, job in pool.running.values() if job.name == "train" for spec in job.about]), landing(pool, kept, reporter), pool:
        for outcome in attempts(pool, jobs, retries):
            reporter.moved([job for _, job in pool.running.values()])
            if outcome.kind != "progress":
                _keep(outcome, kept, reporter)


@contextmanager
def landing(pool: Workplace, kept: Kept, reporter: Reporter) -> Iterator[None]:
    """Keep what still came to its result while the pool was being left."""
    try:
        yield
    except BaseException:
        with suppress(OSError):  # nowhere to write: that has been said, or will be
            for outcome in pool.landed:
                _keep(outcome, kept, reporter)
        raise


def _keep(outcome: Outcome, kept: Kept, reporter: Reporter) -> None:
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
    kept.baselines[_key(job.about)] = outcome.value if outcome.kind == "done" else []
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


def _write_catalogue(experiment: Experiment, command: str, cells: list[dict[str, Any]], tasks: Sequence[str], kept: Kept, out: Path, planned: Sequence[str] = ()) -> None:
    """What the site needs beside the records, of which some may be `planned` yet; the baselines apart, for the next run."""
    found = {text: kept.baselines.get(_key(text), []) for text in tasks}
    described = describe.describe(experiment.name, experiment.question, command, cells, tasks, found)
    described["runs"] = sorted({*planned, *(run.file for run in kept.runs)})
    described |= {"conditions": conditions(experiment), **studied(experiment)}
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


