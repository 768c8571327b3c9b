"""Where a run was carried out: machine, versions, commit. No host name, no user, no path."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from suite.runs.spec import Count, Frozen, Positive

PACKAGES = ("torch", "numpy", "scikit-learn", "datasets", "pandas", "seaborn", "asv", "pytest-benchmark")


class Where(Frozen):
    """`machine` is a short hash of processor, accelerator and system: timings count only where it is the same."""

    machine: str
    processor: str
    cores: Positive
    memory_bytes: Count
    accelerator: str
    system: str
    python: str
    versions: dict[str, str]
    carrousel: str
    commit: str
    clean: bool | None
    threads: Positive = 1
    replicas: Positive = 1


@cache
def where(accelerator: str = "none") -> Where:
    """This machine; `accelerator` is the name of the device in use, or "none"."""
    cpu, system = processor(), f"{platform.system()} {platform.machine()}"
    commit, clean = checkout()
    return Where(
        machine=hashlib.sha256(f"{cpu}|{accelerator}|{system}".encode()).hexdigest()[:8],
        processor=cpu,
        cores=cores(),
        memory_bytes=memory(),
        accelerator=accelerator,
        system=system,
        python=platform.python_version(),
        versions={name: v for name in PACKAGES if (v := version(name))},
        carrousel=version("carrousel") or "not installed",
        commit=commit,
        clean=clean,
    )


def version(package: str) -> str | None:
    """The installed version of a package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor's name and its vector units, as the system gives them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return _asked("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or platform.machine()
    fields = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    units = [name for flag, name in (("amx_tile", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON")) if flag in flags]
    name = fields.get("model name") or " ".join([platform.machine(), fields.get("CPU implementer", ""), fields.get("CPU part", "")]).strip()
    return " ".join([name, *units[:1]])


def memory() -> int:
    """Bytes of memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0


def checkout() -> tuple[str, bool | None]:
    """The commit this code was taken from and whether it was unchanged; ("", None) outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return "", None
    head = _asked("git", "-C", str(root), "rev-parse", "HEAD")
    status = _asked("git", "-C", str(root), "status", "--porcelain")
    return (head, not status) if head and status is not None else ("", None)


def _asked(*command: str) -> str | None:
    """What a program of the system prints; None where there is none."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
