"""Memory of processes: what there is, what one holds, and a limit that the system keeps."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from suite.runs.machine import memory

CONTROL, GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def allowed() -> int:
    """Bytes of memory that this process and its children may take: the machine's, or less in a container."""
    total = memory() or 2**40  # where the system does not say, nothing is held back
    return min([total, *_controlled()])


def _controlled() -> list[int]:
    """Limits of the control groups that this process is in."""
    try:
        lines = GROUPS.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, kinds, place = line.split(":", 2)
        if kinds in ("", "memory"):
            base, name = (CONTROL / "memory", "memory.limit_in_bytes") if kinds else (CONTROL, "memory.max")
            here = base / place.strip("/")
            found += [_number(folder / name) for folder in (here, *here.parents) if folder == base or base in folder.parents]
    return [n for n in found if n is not None]


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max"
        return None


def hold(limit: int) -> None:
    """Let the system refuse this process more memory of its own than that, by an error that can be told."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def let_go() -> None:
    """The reverse of `hold`, so that there is room for a last word."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def taken(process: int | None) -> int:
    """Bytes of memory that a process alone holds now; 0 where the system does not say."""
    try:
        resident, shared = Path(f"/proc/{process}/statm").read_text().split()[1:3]
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
