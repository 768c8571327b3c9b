"""What several commands share: the limits of workers, how a run is shown before and after, the command as it was typed."""

from __future__ import annotations

import re
import sys
from typing import Any

import click


def limited(command: Any) -> Any:
    """The options of every command that starts workers."""
    command = click.option("--memory", metavar="SIZE", help="What a worker may take, like 4G.  [default: its share of nine tenths of this machine's]")(command)
    command = click.option("--retries", default=2, show_default=True, type=click.IntRange(min=0), help="How often a group whose worker died or hung is tried again.")(command)
    return click.option("--timeout", default="1h", show_default=True, metavar="TIME", help="How long a worker may say nothing, like 90s, 10m, 2h.")(command)


def bounds(timeout: str, retries: int, memory: str | None) -> Any:
    from suite.launch import limits

    return limits.Limits(limits.seconds(timeout), retries, limits.size(memory) if memory else None)


def ended(carried: Any) -> int:
    from suite.launch.keeping import line

    for run in carried.failed:
        click.echo(f"carrousel: {line(run)}", err=True)
    click.echo(str(carried.page))
    return 1 if carried.failed else 0


def show(todo: Any, here: Any, limits: Any, workers: int | None = None, searches: Any = ()) -> int:
    from suite.launch.showing import shown

    for line in shown(todo, here, workers, searches, limits):
        click.echo(line)
    return 0


def command() -> str:
    """The command as it was typed, without the folder of the program or of this machine."""
    import shlex

    words = [re.sub(r"(?:(?<=^)|(?<==))(?:/|[A-Za-z]:\\).*[/\\]", "…/", word) for word in sys.argv[1:]]
    return shlex.join(["carrousel", *words])
