"""`python -m suite.regress.history [RANGE] [asv's options]`: what `nox -s history` starts. asv over a range of commits, the steps it shows, its pages.

Exit status: 0 where no commit made anything worse, 1 where one did or a benchmark failed, 2 for a mistake.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from suite.regress.judge import WORSE
from suite.regress.kept import Kept, read
from suite.regress.pages import offline
from suite.regress.steps import Step, steps
from suite.regress.surroundings import surroundings
from suite.regress.table import figure
from suite.regress.trees import commit, git
from suite.runs import Where, where

PLACE = Path(".asv")
SHORT = 9


def accelerator() -> str:
    """The name of the first graphics processor, or "none"."""
    try:
        found = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return (found.stdout.splitlines() or ["none"])[0].strip()


def described(here: Where) -> dict[str, str]:
    """The machine as asv wants to know it: no host name, and the graphics processor, for which it has no field, in the name."""
    words = re.findall(r"[A-Za-z0-9]+", f"{here.processor} {here.accelerator if here.accelerator != 'none' else ''}")
    return {
        "machine": "-".join([*words, here.machine]),
        "os": platform.system(),
        "arch": platform.machine(),
        "cpu": here.processor + (f" with {here.accelerator}" if here.accelerator != "none" else ""),
        "num_cpu": str(here.cores),
        "ram": str(here.memory_bytes),
    }


def asv(home: Path, *command: str) -> int:
    """asv's exit status."""
    return subprocess.run([sys.executable, "-m", "asv", *command], env=surroundings(home), check=False).returncode  # noqa: S603


def ran(repository: Path, chosen: str, options: Sequence[str]) -> int:
    """Run the range on this machine, and write the pages. ValueError where asv did not run at all."""
    home, machine = repository / PLACE, described(where(accelerator()))
    home.mkdir(exist_ok=True)
    asv(home, "machine", "--yes", *(word for name, value in machine.items() for word in (f"--{name}", value)))
    status = asv(home, "run", "-E", f"virtualenv:{sys.version_info.major}.{sys.version_info.minor}", "--machine", machine["machine"], *options, chosen)
    if status == 1 or not (home / "results" / "benchmarks.json").exists():
        raise ValueError(f"asv did not run (status {status}); it says why above")
    if asv(home, "publish") != 0:
        raise ValueError("asv did not write its pages; it says why above")
    offline(home / "html")
    return status


def ordered(repository: Path) -> list[str]:
    """Commits of the main line, oldest first. In a shallow clone the older ones are missing, and with them their figures."""
    return git(repository, "rev-list", "--first-parent", "--reverse", "HEAD").split()


def within(repository: Path, chosen: str) -> set[str]:
    """The commits of a range as git has it; ValueError where it is none."""
    try:
        return set(git(repository, "rev-list", "--first-parent", *chosen.split()).split())
    except ValueError as error:
        raise ValueError(f"'{chosen}' is no range of commits: {error}; write it as git does, like HEAD~8..HEAD") from None


def told(found: Sequence[Step], failed: Mapping[str, Sequence[str]], subjects: Mapping[str, str], measured: int) -> str:
    """Markdown: a row a step, which commit it is attributed to; then what failed."""
    head = ("series", "machine", "before", "after", "change", "commit", "verdict")
    rows = [
        (
            each.series.name,
            each.machine,
            figure(each.before, each.series.unit),
            figure(each.after, each.series.unit),
            each.series.said(each.change),
            f"{each.first[:SHORT]} {subjects.get(each.first, '')}" + (f" (or one of {each.between} before it that were not measured)" if each.between else ""),
            each.verdict,
        )
        for each in found
    ]
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in (head, ["---"] * len(head), *rows)] if rows else []
    worse = sum(each.verdict == WORSE for each in found)
    summary = f"**{measured} commits measured: {worse} steps for the worse, {len(found) - worse} for the better.**"
    broken = [f"- failed: {name} at {', '.join(each[:SHORT] for each in commits)}" for name, commits in failed.items()]
    return "\n".join(["## Steps", "", summary, "", *lines, "", *broken]).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. The range is the last argument, HEAD^! without one; what is before it goes to `asv run`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen = given.pop() if given and not given[-1].startswith("-") else "HEAD^!"
    repository = Path.cwd()
    try:
        commit(repository, "HEAD")
        inside = within(repository, chosen)
        status = ran(repository, chosen, given)
        sys.exit(reported(repository, inside) or int(status == 2))
    except (ValueError, OSError) as error:
        print(f"history: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def reported(repository: Path, inside: set[str]) -> int:
    """Print the steps of a range and keep them as steps.md and steps.json; the exit status."""
    kept, commits = read(repository / PLACE / "results"), ordered(repository)
    found = [step for each in kept for step in steps(each, commits) if step.first in inside]
    failed = {f"{each.series.name} on {each.machine}": lost for each in kept if (lost := [name for name in each.failed if name in inside])}
    text = told(found, failed, {step.first: git(repository, "log", "-1", "--format=%s", step.first) for step in found}, _measured(kept, inside))
    (repository / PLACE / "steps.md").write_text(text, encoding="utf-8")
    entries = [step._asdict() | {"series": step.series.name, "unit": step.series.unit} for step in found]
    (repository / PLACE / "steps.json").write_text(json.dumps({"steps": entries, "failed": failed}, indent=1) + "\n", encoding="utf-8")
    print(text, end="")
    print(f"pages: {(repository / PLACE / 'html' / 'index.html').resolve()} (to be served: asv preview)", file=sys.stderr)
    return int(bool(failed) or any(step.verdict == WORSE for step in found))


def _measured(kept: Sequence[Kept], inside: set[str]) -> int:
    return len({name for each in kept for name in each.figures} & inside)


if __name__ == "__main__":
    main()
