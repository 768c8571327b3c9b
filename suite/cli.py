"""The command line. Exit status: 0 finished, 1 a run or check failed, 2 the user's mistake, 130 interrupted."""

from __future__ import annotations

import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

import suite


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(suite.__version__, prog_name="carrousel")
def commands() -> None:
    """Carrousel compares recurrent networks by accuracy and by speed, and never shows a score or a time without its spread."""


def limited(command: Any) -> Any:
    """The options of every command that starts workers."""
    command = click.option("--memory", metavar="SIZE", help="What a worker may take, like 4G.  [default: its share of nine tenths of this machine's]")(command)
    command = click.option("--retries", default=2, show_default=True, type=click.IntRange(min=0), help="How often a group whose worker died or hung is tried again.")(command)
    return click.option("--timeout", default="1h", show_default=True, metavar="TIME", help="How long a worker may say nothing, like 90s, 10m, 2h.")(command)


def _limits(timeout: str, retries: int, memory: str | None) -> Any:
    from suite.launch import limits

    return limits.Limits(limits.seconds(timeout), retries, limits.size(memory) if memory else None)


@commands.command("run")
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
@click.option("--speed/--no-speed", default=None, help="Time cells and engines.  [default: unless --task narrows the experiment]")
@click.option("--budget", metavar="TIME", help="Run what narrows the intervals most within 90s, 10m, 2h or 1d, and list what is not run.")
@click.option("--shard", "part", metavar="I/N", help="Run the i-th of n parts: one command of a job array.")
@click.option("--launch", "launcher", default="local", show_default=True, help="Where runs are carried out: local, or ray (needs carrousel[cluster]).")
@click.option("--address", metavar="HOST:PORT", help="Ray cluster, of which this machine is a node.  [default: a Ray started here for this command]")
@click.option("--gpus-per-run", type=float, help="With --launch ray: GPUs a process, a fraction to share one.  [default: 1 on cuda]")
@click.option("--dry-run", is_flag=True, help="Print what would be run, with time and memory, and stop.")
@limited
def run_command(experiment: str, cells: tuple[str, ...], tasks: tuple[str, ...], engine: str | None, units: int | None, seeds: int | None, trials: int | None, device: str, out: Path | None, workers: int | None, save_weights: bool, speed: bool | None, launcher: str, address: str | None, gpus_per_run: float | None, budget: str | None, part: str | None, dry_run: bool, timeout: str, retries: int, memory: str | None) -> int:
    """Run EXPERIMENT and print the path of its page: a name of `carrousel list experiments`, a FILE.toml or module:attribute of your own."""
    from suite.launch import launchers
    from suite.launch import run as launch
    from suite.launch.asking import asked, experiment_of
    from suite.launch.limits import seconds
    from suite.launch.narrow import narrowed
    from suite.launch.searching import searched
    from suite.launch.shard import shard

    limits, made = _limits(timeout, retries, memory), experiment_of(experiment, trials)
    place = launchers.launcher(launcher, address=address, gpus_per_run=gpus_per_run)
    found = asked(made, cells=cells, tasks=tasks, seeds=seeds, device=device, engine=engine, units=units, speed=speed)
    folder = launch.folder_of(made, out)
    keep = narrowed(partial(launch.prepare, out=folder, save_weights=save_weights, elsewhere=place.elsewhere), shard(part) if part else None, seconds(budget) if budget else None, workers)
    if dry_run:
        return _show(*launch.prepare(keep(found.specs), folder, save_weights, place.elsewhere), limits, workers, found.contestants if made.search else ())
    return _ended(searched(made, found, lambda of, specs: launch.carry_out(of, specs, folder, _command(), workers, save_weights, limits, place), keep))


def _ended(carried: Any) -> int:
    from suite.launch.run import line

    for run in carried.failed:
        click.echo(f"carrousel: {line(run)}", err=True)
    click.echo(str(carried.page))
    return 1 if carried.failed else 0


@commands.command("speed")
@click.option("--cell", "cells", multiple=True, help="A cell; module:attribute for your own. Repeatable.  [default: all of the catalogue]")
@click.option("--engine", "engines", multiple=True, help="An engine. Repeatable.  [default: all but reference and rtrl]")
@click.option("--shape", "shapes", multiple=True, metavar="T,B,I,U", help="Steps, batch, inputs, units. Repeatable.  [default: six shapes]")
@click.option("--threads", "threads", multiple=True, type=int, help="Threads of every product. Repeatable.  [default: 1 and all cores]")
@click.option("--dtype", default="float32", show_default=True, help="float32, float64 or bfloat16.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--replicas", default=1, show_default=True, help="Models side by side in one call.")
@click.option("--repeats", default=9, show_default=True, help="Repeats of every timing, taken in turn.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for records, speed.csv and page.  [default: reports/local/speed]")
@click.option("--dry-run", is_flag=True, help="Print what would be timed, and stop.")
@limited
def speed_command(cells: tuple[str, ...], engines: tuple[str, ...], shapes: tuple[str, ...], threads: tuple[int, ...], dtype: str, device: str, replicas: int, repeats: int, out: Path | None, dry_run: bool, timeout: str, retries: int, memory: str | None) -> int:
    """Time cell x engine x shape x threads beside torch.nn; print the table, keep records, speed.csv and a page."""
    from suite.cells import ALIASES, CELLS
    from suite.engines import ENGINES, UNTIMED
    from suite.experiments.speed import timing
    from suite.launch import run as launch
    from suite.report.text import tables
    from suite.runs.machine import cores

    limits = _limits(timeout, retries, memory)
    all_cells, all_engines = [name for name in CELLS if name not in ALIASES], [name for name in ENGINES if name not in UNTIMED]
    settings = {"dtype": dtype, "replicas": replicas, "repeats": repeats}
    made = timing(cells or all_cells, engines or all_engines, shapes, threads or (1, cores()), settings)
    specs, folder = made.specs(device=device), launch.folder_of(made, out)
    if dry_run:
        return _show(*launch.prepare(specs, folder), limits)
    carried = launch.carry_out(made, specs, folder, _command(), limits=limits)
    click.echo(tables(carried.runs))
    return _ended(carried)


def _show(todo: Any, here: Any, limits: Any, workers: int | None = None, searches: Any = ()) -> int:
    from suite.launch.showing import shown

    for line in shown(todo, here, workers, searches, limits):
        click.echo(line)
    return 0


def _command() -> str:
    """The command as it was typed, without the folder of the program or of this machine."""
    import shlex

    words = [re.sub(r"(?:(?<=^)|(?<==))(?:/|[A-Za-z]:\\).*[/\\]", "…/", word) for word in sys.argv[1:]]
    return shlex.join(["carrousel", *words])


@commands.command("list")
@click.argument("what", type=click.Choice(["cells", "tasks", "engines", "experiments"]))
@click.option("--json", "as_json", is_flag=True, help="An array of objects.")
@click.option("--units", default=128, show_default=True, help="Width at which cells are counted.")
@click.option("--inputs", default=28, show_default=True, help="Inputs at which cells are counted.")
def list_command(what: str, as_json: bool, units: int, inputs: int) -> int:
    """List cells (with parameters, multiply-adds a step and state), tasks, engines or experiments."""
    from suite.launch.describe import listing

    entries = listing(what, units, inputs)
    if as_json:
        click.echo(json.dumps(entries, indent=1))
        return 0
    if what == "tasks":
        name, wide = (max(len(entry[column]) for entry in entries) + 2 for column in ("name", "measure"))
        click.echo(f"{'':{name}s}{'measure':{wide}s}{'chance':>10s}{'solved at':>10s}  about")
        for entry in entries:
            click.echo(f"{entry['name']:{name}s}{entry['measure']:{wide}s}{entry['chance']:>10.4g}{entry['solved']:>10.4g}  {entry['about'].replace('`', '')}")
        return 0
    shown = {"cells": ("parameters", "multiply_adds", "state_bytes")}.get(what, ("about",))
    if what == "cells":
        click.echo(f"at {units} units and {inputs} inputs, float32")
        click.echo(f"{'':20s}" + "".join(f"{column.replace('_', '-'):>15s}" for column in shown))
    wide = max(20, *(len(entry["name"]) + 2 for entry in entries))
    for entry in entries:
        cells = [f"{entry[c]:>15,}" if isinstance(entry[c], int) else f"{entry[c]:.4g}" if isinstance(entry[c], float) else str(entry[c]) for c in shown]
        note = f"   (at {entry['inputs']} inputs, as it needs)" if what == "cells" and entry["inputs"] != inputs else ""
        click.echo(f"{entry['name']:{wide}s}" + ("".join(cells) + note if what == "cells" else "  ".join(cells)))
    return 0


@commands.command("check")
@click.argument("name")
def check_command(name: str) -> int:
    """Prove a cell or a task: NAME in the catalogue, or your own as module:attribute. One line a property; status 1 if one fails.

    \b
    A cell:  a callable units -> Cell; gradients, engines, replicas, padding.
             carrousel check their_package.cells:my_cell
    A task:  a callable **difficulty -> Task, or a Task; oracle, chance, shapes,
             seeds, splits.
             carrousel check "their_package.tasks:my_task(length=9)"

    What the attribute makes decides which of the two it is.
    """  # noqa: D301
    from suite import catalogue
    from suite.tasks import Task

    made = catalogue.either(name)
    if isinstance(made, Task):
        from suite.tasks.conformance import check as check_task

        found = check_task(made)
    else:
        from suite.training.check import check

        found = check(made)
    for finding in found:
        click.echo(f"{'ok  ' if finding.holds else 'FAIL'} {finding.name}: {finding.detail}")
    return 0 if all(finding.holds for finding in found) else 1


@commands.command("doctor")
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports/local"), show_default=True, help="Folder that runs would write to.")
@click.option("--json", "as_json", is_flag=True, help="An array of objects.")
def doctor_command(out: Path, as_json: bool) -> int:
    """Say what this machine can run and why not the rest; status 1 if the main job cannot run. Nothing is downloaded."""
    from suite.launch import doctor

    answers = doctor.examine(out)
    click.echo(json.dumps([answer._asdict() for answer in answers], indent=1) if as_json else doctor.text(answers))
    return 0 if doctor.healthy(answers) else 1


@commands.command("report")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--publish", type=click.Path(path_type=Path), help="Also write page and records (one sorted JSONL) to this folder.")
def report_command(folder: Path, publish: Path | None) -> int:
    """Write the page of the records in FOLDER again."""
    from suite.report.site import publish as publish_site
    from suite.report.site import render

    page = render(folder)
    click.echo(str(publish_site(folder, publish) if publish else page))
    return 0


@commands.command("schema")
@click.argument("what", type=click.Choice(["experiment", "record"]))
@click.option("--path", "as_path", is_flag=True, help="Where the file is, instead of what it says.")
def schema_command(what: str, as_path: bool) -> int:
    """Print the JSON schema of an experiment file, or of a record."""
    from suite.experiments import schema as experiment
    from suite.runs import schema as record

    file = {"experiment": experiment.FILE, "record": record.FILE}[what]
    click.echo(str(file) if as_path else file.read_text(encoding="utf-8"), nl=as_path)
    return 0


@commands.command("export")
@click.argument("places", nargs=-1, required=True, metavar="FOLDER...")
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), help="File or folder to write.")
@click.option("--format", "format_name", help="jsonl, records, csv, curves, parquet, huggingface, tensorboard or latex.  [default: by the suffix of --out]")
@click.option("--every", is_flag=True, help="Every machine's record of a run, not the one that counts.")
def export_command(places: tuple[str, ...], out: Path, format_name: str | None, every: bool) -> int:
    """Write the records of every FOLDER, or file of one record a line, in a form for other programs, and print its path.

    \b
    carrousel export results -o runs.parquet
    carrousel export here there -o merged --format records
    carrousel export results -o hub --format huggingface
    """  # noqa: D301
    from suite.exports.export import format_of, write
    from suite.runs.sources import counted, gather, told

    form = format_of(out, format_name)
    runs, skipped = gather(*places)
    for said in told(skipped):
        click.echo(f"carrousel: {said}", err=True)
    click.echo(str(write(counted(runs, every=every), out, form, places)))
    return 0


@commands.command("cite")
@click.argument("keys", nargs=-1)
def cite_command(keys: tuple[str, ...]) -> int:
    """Print BibTeX of the sources of this suite, or of some KEYS, cells or tasks."""
    from suite.launch.describe import cited
    from suite.papers import library

    wanted = [cited(key) for key in keys] or sorted(library())
    click.echo("\n\n".join(library()[key].bibtex for key in dict.fromkeys(wanted)))
    return 0


def main(arguments: list[str] | None = None) -> None:
    """Entry point: turns what went wrong into one sentence and an exit status."""
    try:
        sys.exit(commands.main(arguments, prog_name="carrousel", standalone_mode=False) or 0)
    except click.exceptions.Abort:
        status = 130
        click.echo("carrousel: interrupted; finished runs are kept, and the same command goes on from here", err=True)
    except click.UsageError as error:
        status = 2
        click.echo(f"carrousel: {error.format_message()}", err=True)
    except click.ClickException as error:
        status = 2
        error.show()
    except KeyboardInterrupt:
        status = 130
        click.echo("carrousel: interrupted; finished runs are kept, and the same command goes on from here", err=True)
    except (ValueError, OSError) as error:
        status = 2
        for line in sentences(error):
            click.echo(f"carrousel: {line}", err=True)
    sys.exit(status)


def sentences(error: Exception) -> list[str]:
    """What an error says, a line each: several mistakes of an experiment are said at once."""
    from pydantic import ValidationError

    from suite.experiments import mistakes

    if isinstance(error, ValidationError):
        return mistakes.sentences(error)
    lines: list[str] = getattr(error, "lines", [str(error)])
    return [" ".join(line.split()) for line in lines]
