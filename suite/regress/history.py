"""`python -m suite.regress.history [RANGE] [asv's options]`: what `nox -s history` starts. asv over a range of commits, the steps it shows, its pages.

Exit status: 0 where no commit made anything worse, 1 where one did or a benchmark failed, 2 for a mistake.
"""

from __future__ import annotations

import platform
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from suite.regress.pages import offline
from suite.regress.surroundings import surroundings
from suite.regress.told import PLACE, reported
from suite.regress.trees import commit, git
from suite.runs import Where, where

FAILURES = 2  # asv's status where a benchmark failed, and for an option that it does not know
NEW = "--new"


def accelerator() -> str:
    """The name of the first graphics processor, or "none"."""
    try:
        found = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=True, timeout=30)  # noqa: S607
    except (OSError, subprocess.SubprocessError):
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
    if status not in (0, FAILURES) or not (home / "results" / "benchmarks.json").exists():
        raise ValueError(f"asv did not run to its end ({f'signal {-status}' if status < 0 else f'status {status}'}); what it measured until then is kept in {home / 'results'}")
    if asv(home, "publish") != 0:
        raise ValueError("asv did not write its pages; it says why above")
    offline(home / "html")
    return status


def within(repository: Path, chosen: str) -> list[str]:
    """The commits of a range as git has it, newest first; ValueError where there is none."""
    try:
        found = git(repository, "rev-list", "--first-parent", *chosen.split(), "--").split()
    except ValueError as error:
        raise ValueError(f"'{chosen}' is no range of commits: {error}; write it as git does, like HEAD~8..HEAD") from None
    if not found:
        raise ValueError(f"there is no commit in '{chosen}'")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. The range is the last argument, HEAD^! without one; what is before it goes to `asv run`, but for `--new`: then only what no earlier call told decides the status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    new = NEW in given
    given = [word for word in given if word != NEW]
    chosen = given.pop() if given and not given[-1].startswith("-") else "HEAD^!"
    repository = Path.cwd()
    try:
        commit(repository, "HEAD")
        inside = within(repository, chosen)
        sys.exit(reported(repository, inside, ran(repository, chosen, given), new))
    except (ValueError, OSError) as error:
        print(f"history: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("history: interrupted; what was measured is kept, and --skip-existing goes on from there", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
