"""`carrousel list`, `check`, `doctor`, `schema` and `cite`: what there is."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("list")
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


@click.command("check")
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


@click.command("doctor")
@click.option("--out", type=click.Path(path_type=Path), default=Path("reports/local"), show_default=True, help="Folder that runs would write to.")
@click.option("--json", "as_json", is_flag=True, help="An array of objects.")
def doctor_command(out: Path, as_json: bool) -> int:
    """Say what this machine can run and why not the rest; status 1 if the main job cannot run. Nothing is downloaded."""
    from suite.launch import doctor

    answers = doctor.examine(out)
    click.echo(json.dumps([answer._asdict() for answer in answers], indent=1) if as_json else doctor.text(answers))
    return 0 if doctor.healthy(answers) else 1


@click.command("schema")
@click.argument("what", type=click.Choice(["experiment", "record"]))
@click.option("--path", "as_path", is_flag=True, help="Where the file is, instead of what it says.")
def schema_command(what: str, as_path: bool) -> int:
    """Print the JSON schema of an experiment file, or of a record."""
    from suite.experiments import schema as experiment
    from suite.runs import schema as record

    file = {"experiment": experiment.FILE, "record": record.FILE}[what]
    click.echo(str(file) if as_path else file.read_text(encoding="utf-8"), nl=as_path)
    return 0


@click.command("cite")
@click.argument("keys", nargs=-1)
def cite_command(keys: tuple[str, ...]) -> int:
    """Print BibTeX of the sources of this suite, or of some KEYS, cells or tasks."""
    from suite.launch.describe import cited
    from suite.papers import library

    wanted = [cited(key) for key in keys] or sorted(library())
    click.echo("\n\n".join(library()[key].bibtex for key in dict.fromkeys(wanted)))
    return 0
