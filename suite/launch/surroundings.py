"""What `carrousel doctor` asks of the machine around us: interpreter, packages, processors, memory, folders. Needs no torch to ask."""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from suite import folders
from suite.launch.limits import written
from suite.launch.memory import allowed
from suite.runs.machine import checkout, cores, processor, version

OLDEST = (3, 11)
TIGHT = 2**30  # bytes below which a worker with torch and a data set in it has little room


class Place(NamedTuple):
    """Where the command would write."""

    out: Path


def _python(place: Place) -> str:
    del place
    if sys.version_info[:2] < OLDEST:
        raise ValueError(f"this is {platform.python_version()}, and {'.'.join(map(str, OLDEST))} or later is needed")
    return f"{platform.python_version()} ({platform.python_implementation()}) on {platform.system()} {platform.machine()}"


def _carrousel(place: Place) -> str:
    del place
    commit, clean = checkout()
    changed = "" if clean else ", with changes"
    return f"{version('carrousel') or 'not installed as a package'}{f', commit {commit[:10]}{changed}' if commit else ''}"


def _packages(place: Place) -> str:
    del place
    names = [name for name, extra in _required() if not extra]
    lacking = [name for name in names if version(name) is None]
    if lacking:
        raise ValueError(f"{', '.join(lacking)} missing: pip install {' '.join(lacking)}")
    return ", ".join(f"{name} {version(name)}" for name in names) or "carrousel is not installed, so what it needs is not known: pip install ."


def _torch(place: Place) -> str:
    del place
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # a broken installation may raise anything
        raise ValueError(f"cannot be imported ({type(error).__name__}: {' '.join(str(error).split())[:200]}): see pytorch.org") from None
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    told = ", ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ)
    return f"{torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads{f' ({told})' if told else ''}"


def _processors(place: Place) -> str:
    del place
    return f"{processor()}, {cores()} may be used"


def _memory(place: Place) -> str:
    del place
    total = allowed()
    if total / cores() < TIGHT:
        raise ValueError(f"{written(total)} for {cores()} workers at once is little; --workers {max(1, total // TIGHT)} leaves each {written(TIGHT)}")
    return f"{written(total)} may be used"


def _cuda(place: Place) -> str:
    del place
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        raise ValueError("torch cannot be imported") from None
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        raise ValueError("this build of torch is for the CPU alone; pytorch.org has one for CUDA")
    if not torch.cuda.is_available():
        raise ValueError(f"torch is built for CUDA {torch.version.cuda}, and finds no device or no driver that fits")
    (torch.ones(2, 2, device="cuda") @ torch.ones(2, 2, device="cuda")).sum().item()
    devices = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return ", ".join(f"{device.name} with {written(device.total_memory)}" for device in devices)


def _output(place: Place) -> str:
    return _writable(place.out)


def _cache(place: Place) -> str:
    del place
    return f"{_writable(folders.cache())}; CARROUSEL_CACHE names another folder"


def _writable(folder: Path) -> str:
    """Whether a folder can be written to, or made; nothing is left there."""
    here = folder.absolute()
    while not here.exists():
        here = here.parent
    try:
        with tempfile.TemporaryFile(dir=here) as file:
            file.write(b"carrousel")
            file.flush()
    except OSError as error:
        raise ValueError(f"cannot write to '{folder}': {error.strerror}") from None
    return f"'{folder}' can be written to, {written(shutil.disk_usage(here).free)} free"


def _required() -> list[tuple[str, str]]:
    """What the package asks for: names, and the extra they belong to."""
    try:
        lines = metadata.requires("carrousel") or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for line in lines:
        name, extra = re.match(r"[\w.-]+", line), re.search(r"extra\s*==\s*[\"']([\w.-]+)", line)
        found.append((name[0] if name else line, extra[1] if extra else ""))
    return found


def extras() -> list[str]:
    """The extras that the package offers."""
    return list(dict.fromkeys(extra for _, extra in _required() if extra))


def extra(name: str, place: Place) -> str:
    """The packages of an extra, or how to get them."""
    del place
    names = [package for package, belongs in _required() if belongs == name]
    if any(version(package) is None for package in names):
        raise ValueError(f"not installed: pip install 'carrousel[{name}]'")
    return ", ".join(f"{package} {version(package)}" for package in names)


QUESTIONS: dict[str, Callable[[Place], str]] = {
    "carrousel": _carrousel,
    "python": _python,
    "packages": _packages,
    "torch": _torch,
    "processors": _processors,
    "memory": _memory,
    "cuda": _cuda,
    "output": _output,
    "cache": _cache,
}
