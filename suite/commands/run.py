"""`carrousel run`, `speed` and `repeat`: what starts workers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from suite.commands.shared import bounds, command, ended, limited, show


@click.command("run")
@click.argument("experiment")
@click.option("--cell", "cells", multiple=True, help="A cell instead of the experiment's; module:attribute for your own. Repeatable.")
@click.option("--task", "tasks", multiple=True, help="One task of the experiment, or one at another difficulty: 'adding(length=200)'. Repeatable.")
@click.option("--engine", help="Engine that trains, and the only one timed.  [default: the best of those that have the cell trains, all are timed]")
@click.option("--units", type=int, help="Units of every cell instead of each task's own.")
@click.option("--seeds", type=int, help="Runs a cell and task.")
@click.option("--trials", type=int, help="Points drawn of an experiment that searches at random; the first ones are always the same.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for records and page.  [default: reports/local/EXPERIMENT]")
@click.option("--workers", type=click.IntRange(min=1), help="Processes at once.  [default: one a core]")
@click.option("--save-weights", is_flag=True, help="Keep the weights of the best step of every run (safetensors).")
@click.option("--collect", type=click.Choice(["gradients"]), help="Keep how far gradients reach in every trained network, for the page of gradient flow.")
@click.option("--speed/--no-speed", default=None, help="Time cells and engines.  [default: unless --task narrows the experiment]")
@click.option("--budget", metavar="TIME", help="Run what narrows the intervals most within 90s, 10m, 2h or 1d, and list what is not run.")
@click.option("--shard", "part", metavar="I/N", help="Run the i-th of n parts: one command of a job array.")
@click.option("--launch", "launcher", default="local", show_default=True, help="Where runs are carried out: local, or ray (needs carrousel[cluster]).")
@click.option("--address", metavar="HOST:PORT", help="Ray cluster, of which this machine is a node.  [default: a Ray started here for this command]")
@click.option("--gpus-per-run", type=float, help="With --launch ray: GPUs a process, a fraction to share one.  [default: 1 on cuda]")
@click.option("--dry-run", is_flag=True, help="Print what would be run, with time and memory, and stop.")
@limited
def run_command(experiment: str, cells: tuple[str, ...], tasks: tuple[str, ...], engine: str | None, units: int | None, seeds: int | None, trials: int | None, device: str, out: Path | None, workers: int | None, save_weights: bool, collect: str | None, speed: bool | None, launcher: str, address: str | None, gpus_per_run: float | None, budget: str | None, part: str | None, dry_run: bool, timeout: str, retries: int, memory: str | None) -> int:
    """Run EXPERIMENT and print the path of its page: a name of `carrousel list experiments`, a FILE.toml or module:attribute of your own."""
    from suite.launch import launchers
    from suite.launch import run as launch
    from suite.launch.asking import asked, experiment_of
    from suite.launch.limits import seconds
    from suite.launch.narrow import narrowed
    from suite.launch.searching import searched
    from suite.launch.shard import shard

    limits, made = bounds(timeout, retries, memory), experiment_of(experiment, trials)
    place = launchers.launcher(launcher, address=address, gpus_per_run=gpus_per_run)
    if collect and place.elsewhere:
        raise ValueError("gradients are collected on this machine alone: leave out --collect, or --launch")
    found = asked(made, cells=cells, tasks=tasks, seeds=seeds, device=device, engine=engine, units=units, speed=speed)
    folder = launch.folder_of(made, out)
    keep = narrowed(partial(launch.prepare, out=folder, save_weights=save_weights, elsewhere=place.elsewhere, collect=bool(collect)), shard(part) if part else None, seconds(budget) if budget else None, workers)
    if dry_run:
        return show(*launch.prepare(keep(found.specs), folder, save_weights, place.elsewhere, bool(collect)), limits, workers, found.contestants if made.search else ())
    return ended(searched(made, found, lambda of, specs: launch.carry_out(of, specs, folder, command(), workers, save_weights, limits, place, bool(collect)), keep))


@click.command("speed")
@click.option("--cell", "cells", multiple=True, help="A cell; module:attribute for your own. Repeatable.  [default: all of the catalogue]")
@click.option("--engine", "engines", multiple=True, help="An engine. Repeatable.  [default: all but reference, rtrl and compiled; graphed and flashrnn on cuda only]")
@click.option("--shape", "shapes", multiple=True, metavar="T,B,I,U", help="Steps, batch, inputs, units. Repeatable.  [default: six shapes]")
@click.option("--threads", "threads", multiple=True, type=int, help="Threads of every product. Repeatable.  [default: 1 and all cores; on cuda 1]")
@click.option("--dtype", default="float32", show_default=True, help="float32, float64, bfloat16 or float16.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--replicas", default=1, show_default=True, help="Models side by side in one call.")
@click.option("--repeats", default=9, show_default=True, help="Repeats of every timing, taken in turn.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for records, speed.csv and page.  [default: reports/local/speed]")
@click.option("--dry-run", is_flag=True, help="Print what would be timed, and stop.")
@limited
def speed_command(cells: tuple[str, ...], engines: tuple[str, ...], shapes: tuple[str, ...], threads: tuple[int, ...], dtype: str, device: str, replicas: int, repeats: int, out: Path | None, dry_run: bool, timeout: str, retries: int, memory: str | None) -> int:
    """Time cell x engine x shape x threads beside torch.nn; print the table, keep records, speed.csv and a page."""
    from suite.cells import ALIASES, CELLS
    from suite.engines import ENGINES, ON_CUDA, UNTIMED
    from suite.experiments.speed import timing
    from suite.launch import run as launch
    from suite.report.text import tables
    from suite.runs.machine import cores

    limits = bounds(timeout, retries, memory)
    all_cells, all_engines = [name for name in CELLS if name not in ALIASES], [name for name in ENGINES if name not in UNTIMED and (device != "cpu" or name not in ON_CUDA)]
    settings = {"dtype": dtype, "replicas": replicas, "repeats": repeats}
    made = timing(cells or all_cells, engines or all_engines, shapes, threads or ((1, cores()) if device == "cpu" else (1,)), settings)
    specs, folder = made.specs(device=device), launch.folder_of(made, out)
    if dry_run:
        return show(*launch.prepare(specs, folder), limits)
    carried = launch.carry_out(made, specs, folder, command(), limits=limits)
    click.echo(tables(carried.runs))
    return ended(carried)


@click.command("repeat")
@click.argument("place", type=click.Path(path_type=Path))
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports/local/repeat"), show_default=True, help="Folder for the new records and their site.")
@limited
def repeat_command(place: Path, ids: tuple[str, ...], out: Path, timeout: str, retries: int, memory: str | None) -> int:
    """Do runs again from their records in PLACE, a folder or a file of one record a line; say how they ended then and now.

    An ID may be shortened as long as it stands for one run.
    """
    from suite.launch.repeat import repeat

    carried, lines = repeat(place, ids, out, command(), bounds(timeout, retries, memory))
    for line in lines:
        click.echo(f"carrousel: {line}", err=True)
    return ended(carried)
