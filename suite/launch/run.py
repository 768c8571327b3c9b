"""An experiment carried out on this machine: planned, run, recorded, shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from suite.experiments import Experiment
from suite.launch import describe
from suite.launch.asking import asked, experiment_of
from suite.launch.completion import stack
from suite.launch.jobs import GRADIENTS, forget, timed, training
from suite.launch.keeping import Kept, cut_off, keep, key_of, known_baselines, landing, line, write_baselines, write_catalogue
from suite.launch.launchers import Launcher, Workplace, launcher
from suite.launch.limits import USUAL, Limits, seconds
from suite.launch.local import Job
from suite.launch.lookup import canonical
from suite.launch.narrow import narrowed
from suite.launch.plan import Plan, plan, timing_seconds
from suite.launch.progress import Reporter, clock
from suite.launch.searching import Carried, searched
from suite.launch.shard import shard as shard_of
from suite.launch.standing import drawn, renamed, stands
from suite.launch.stopping import room, stoppable, sweep
from suite.launch.supervise import attempts
from suite.launch.worker import accelerator
from suite.runs import Run, SpeedSpec, Store, TrainSpec, Where, where
from suite.runs.loading import framed
from suite.runs.machine import cores
from suite.runs.sources import counted, told
from suite.runs.why import why
from suite.runs.writable import writable

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
        kept_page = stands(out, command if experiment.search else None)
        migrated = Store(out / "runs").migrate()
        renamed(out, migrated)
        for old, new in migrated.items():
            kept_weights = out / "weights" / f"{old}.safetensors"
            if kept_weights.exists() and not kept_weights.with_stem(new).exists():
                kept_weights.rename(kept_weights.with_stem(new))
        todo, here = prepare(specs, out, save_weights, place.elsewhere, collect)
        cells = describe.describe_cells({name: units for spec in specs for name, units in reversed(stack(spec))})  # a cell that cannot be described says so now
        kept = Kept(Store(out / "runs"), here, list(todo.found), known_baselines(out))
        kept.record(Run(id=spec.id, spec=spec, status=f"refused: {sentence}", where=here) for spec, sentence in todo.refused)
        tasks = list(dict.fromkeys(spec.task for spec in specs if isinstance(spec, TrainSpec)))
        jobs = [training(group, out, save_weights, collect) for group in todo.train]
        if jobs or experiment.search is None:  # while its trials are looked up, nobody knows what a search will train
            forget(jobs, out)
        planned = [] if place.elsewhere else [f"{spec.id}-{here.machine}.json" for spec in chain(chain.from_iterable(todo.train), chain.from_iterable(todo.speed))]
        kept.begun = partial(write_catalogue, experiment, command, cells, tasks, kept, out, planned)  # for those who watch, and in case it is cut off
        if kept.measured or (not kept_page and (todo.missing or todo.found)):
            kept.begun()
            kept.begun = None
        alive = {spec.task for spec in (*(group[0] for group in todo.train), *(run.spec for run in todo.found)) if isinstance(spec, TrainSpec)}
        jobs += [Job("baselines", {"task": text}, text, label=f"{text} baselines") for text in tasks if canonical(text) in alive and key_of(text) not in kept.baselines]
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
        write_baselines(kept, out)
        if kept.measured or not kept_page:
            write_catalogue(experiment, command, cells, tasks, kept, out)
        else:
            print(f"carrousel: nothing was measured, and the page in '{out}' stays that of what was measured before", file=sys.stderr, flush=True)
            if drawn(out):
                return Carried(out, kept.runs, out / "index.html")
        from suite.report.site import render

        return Carried(out, kept.runs, render(out))


def _train_all(jobs: Sequence[Job], pool: Workplace, kept: Kept, reporter: Reporter, retries: int) -> None:
    """Every training group and baseline; on Ctrl-C those under way are recorded as cut off."""
    with cut_off(kept, lambda: [spec for _, job in pool.running.values() if job.name == "train" for spec in job.about]), landing(pool, kept, reporter), pool:
        for outcome in attempts(pool, jobs, retries):
            reporter.moved([job for _, job in pool.running.values()])
            if outcome.kind != "progress":
                keep(outcome, kept, reporter)


def _threads(todo: Plan) -> int:
    return max((group[0].threads for group in todo.train), default=1)
