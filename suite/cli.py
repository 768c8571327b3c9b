"""The command line. Exit status: 0 finished, 1 a run or check failed or got worse, 2 the user's mistake, 3 the data cannot tell, 130 interrupted."""

from __future__ import annotations

import sys
from importlib import import_module

import click

import suite

RUN, RECORDS, CATALOGUE = (f"suite.commands.{name}" for name in ("run", "records", "catalogue"))
MODULES = {
    "run": RUN, "speed": RUN, "repeat": RUN,
    "report": RECORDS, "compare": RECORDS, "export": RECORDS,
    "list": CATALOGUE, "check": CATALOGUE, "doctor": CATALOGUE, "schema": CATALOGUE, "cite": CATALOGUE,
}  # fmt: skip


class Commands(click.Group):
    """Commands by name, each imported when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order of the table."""
        return list(MODULES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name; None for a name that is none."""
        if name not in MODULES:
            return None
        found: click.Command = getattr(import_module(MODULES[name]), f"{name}_command")
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(suite.__version__, prog_name="carrousel")
def commands() -> None:
    """Carrousel compares recurrent networks by accuracy and by speed, and never shows a score or a time without its spread."""


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
