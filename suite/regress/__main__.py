"""`python -m suite.regress [A [B]]`: what `nox -s regress` starts. Exit status: 0 nothing found, 1 a regression or a failure, 2 a mistake, 3 the data cannot tell."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import click

from suite.regress import table, trees
from suite.regress.judge import status
from suite.regress.pairs import Measured
from suite.regress.rounds import Plan, listed, rounds, verdicts
from suite.regress.series import Series
from suite.regress.sides import Side
from suite.runs import where
from suite.runs.machine import cores
from suite.runs.writable import held

NOTES = (
    "Lower is better in every series. Times, bytes and losses change by ratio, shares of wrong answers by points. Intervals are exact 99 % ones from signed",
    "ranks over pairs taken in turn; the noise floor is what pairs of a tree with itself cannot exclude. A change is called where its interval leaves out no",
    "change and its center lies beyond the floor and beyond what matters (5 %, or a point); no change, where the interval lies within what matters.",
    "Detectable is what would have been called four times of five.",
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("before", required=False)
@click.argument("after", required=False)
@click.option("--only", multiple=True, metavar="PATTERN", help="Series by name, like 'step*' or '*scan*'. Repeatable.")
@click.option("--place", default="cpu 1", show_default=True, help="'cpu 1' (one thread), 'cpu 2' or cuda.")
@click.option("--minutes", default=9.0, show_default=True, type=click.FloatRange(min=0.0, min_open=True), help="After which nothing further is begun.")
@click.option("--timeout", default=120.0, show_default=True, type=click.FloatRange(min=0.0, min_open=True), help="Seconds after which a benchmark that does not answer has failed.")
@click.option("--python", "pythons", multiple=True, help="Interpreter, once for both or once for each: trees can be compared under two builds of PyTorch.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(".regress"), show_default=True, help="Folder for regress.md, regress.json and the trees.")
def command(before: str | None, after: str | None, only: Sequence[str], place: str, minutes: float, timeout: float, pythons: Sequence[str], out: Path) -> int:
    """Compare commit BEFORE with AFTER: the working tree unless it is said, its merge base with the main branch unless that is."""
    repository = Path.cwd()
    out.mkdir(parents=True, exist_ok=True)
    with held(out, "comparison"):
        for name in ("regress.md", "regress.json"):  # of another comparison
            (out / name).unlink(missing_ok=True)
        first = trees.exported(repository, before or trees.merge_base(repository), out.resolve())
        second = trees.exported(repository, after, out.resolve()) if after else trees.working(repository, out.resolve())
        trees.pruned(out.resolve(), [first, second])
        sides = sides_of([first, second], trees.benchmarks(repository, out.resolve()), pythons, out.resolve())
        found = [Measured(series) for series in chosen(listed(sides[1], timeout), only, place)]
        told = partial(written, out, found, f"{first.name} against {second.name}", before=first.name, after=second.name, place=place)
        try:
            rounds(*sides, found, Plan(seconds=60 * minutes, timeout=timeout), lambda line: click.echo(f"regress: {line}", err=True), cores())
        except KeyboardInterrupt:
            told(interrupted=True)
            raise
        return told()


def written(out: Path, found: Sequence[Measured], title: str, *, interrupted: bool = False, **about: str) -> int:
    """Print the table, keep it as regress.md and regress.json; the exit status."""
    judged, here = verdicts(found), where()
    text = table.markdown(judged, title + (", interrupted" if interrupted else ""), [*NOTES, f"{here.processor}, {about['place']}."])
    (out / "regress.md").write_text(text, encoding="utf-8")
    (out / "regress.json").write_text(table.written(judged, **about, machine=here.machine, processor=here.processor, interrupted=interrupted), encoding="utf-8")
    click.echo(text, nl=False)
    return status(judged)


def sides_of(pair: Sequence[trees.Tree], asked: Path, pythons: Sequence[str], out: Path) -> tuple[Side, Side]:
    """Both trees, asked by the same benchmarks, with one cache of compiled kernels."""
    if len(pythons) > 2:
        raise ValueError(f"--python is given once for both trees or once for each, not {len(pythons)} times")
    both = [interpreter(python) for python in ([*pythons, *pythons][:2] if pythons else [sys.executable] * 2)]
    cache = {"CARROUSEL_CACHE": os.environ.get("CARROUSEL_CACHE") or str(out / "cache")}
    before, after = (Side(tree.name, (tree.folder, asked), python, environment=cache) for tree, python in zip(pair, both, strict=True))
    return before, after


def interpreter(python: str) -> str:
    """Where an interpreter is, whatever the folder that it is started in; links are left as they are, for a virtual environment's is one."""
    found = shutil.which(python)
    if not found:
        raise ValueError(f"there is no interpreter '{python}'")
    return os.path.abspath(found)


def chosen(known: Sequence[tuple[Series, str]], only: Sequence[str], place: str) -> list[Series]:
    """The series of a place, or those of them whose name a pattern is, or a pattern of the shell's."""
    here = [series for series, at in known if at == place]
    if not here:
        raise ValueError(f"there is no series at '{place}'; there are some at {', '.join(dict.fromkeys(at for _, at in known))}")
    patterns = [pattern.replace("[", "[[]") for pattern in only]  # a bracket is part of a name
    found = [series for series in here if not only or any(fnmatchcase(series.name, pattern) or fnmatchcase(series.name, f"{pattern}[[]*") for pattern in patterns)]
    if not found:
        raise ValueError(f"no series is called {' or '.join(map(repr, only))}; there are {', '.join(series.name for series in here)}")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: a mistake is one sentence and status 2."""
    try:
        sys.exit(command.main(arguments, prog_name="nox -s regress --", standalone_mode=False) or 0)
    except click.exceptions.Abort:
        click.echo("regress: interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        click.echo(f"regress: {error.format_message()}", err=True)
    except (ValueError, OSError) as error:
        click.echo(f"regress: {' '.join(str(error).split())}", err=True)
    except KeyboardInterrupt:
        click.echo("regress: interrupted", err=True)
        sys.exit(130)
    sys.exit(2)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a time limit, or a cancelled job: the same as Ctrl-C
    main()
