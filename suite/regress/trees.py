"""The trees that are compared: a commit's files, or the working tree's as they are now, copied so that nothing changes under the measurement."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PACKAGE = ("suite", "datasets")  # what the package needs of a checkout
WORKING = "working tree"
MAINS = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


class Tree(NamedTuple):
    """Files of the package, and what they are called."""

    name: str
    folder: Path


def git(repository: Path, *command: str) -> str:
    """What git prints; a ValueError of one sentence where it refuses."""
    return _git(repository, *command).decode(errors="replace").strip()


def _git(repository: Path, *command: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(repository), *command], capture_output=True, check=True)  # noqa: S603, S607
    except OSError as error:
        raise ValueError(f"git cannot be started: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.decode(errors="replace").splitlines() if line.strip()] or ["it says nothing"]
        raise ValueError(f"git {command[0]}: {said[0].removeprefix('fatal: ')}") from None
    return done.stdout


def commit(repository: Path, name: str) -> str:
    """The hash that a name of a commit stands for; a ValueError for one that is not known."""
    try:
        return git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except ValueError:
        raise ValueError(f"'{name}' is no commit of {repository.resolve().name}; give a branch, a tag or a hash, and fetch the whole history where it is a shallow clone") from None


def merge_base(repository: Path) -> str:
    """Where the working tree left the main branch; the commit it stands on where it is that branch with changes, the one before without."""
    for main in MAINS:
        try:
            tip = commit(repository, main)
        except ValueError:
            continue
        try:
            base = git(repository, "merge-base", "HEAD", tip)
        except ValueError:
            raise ValueError(f"HEAD and {main} have no commit in common here; fetch the whole history, or say which commits, as in: nox -s regress -- HEAD^ HEAD") from None
        if base == commit(repository, "HEAD") and not git(repository, "status", "--porcelain", "--", *PACKAGE):
            return commit(repository, "HEAD^")
        return base
    raise ValueError(f"there is no main branch among {', '.join(MAINS)}; say which commits, as in: nox -s regress -- HEAD^ HEAD")


def exported(repository: Path, name: str, folder: Path) -> Tree:
    """The package of a commit, in a folder of its hash; files that are there already are not written again."""
    found = commit(repository, name)
    place = folder / found[:12]
    if not (place / "suite").is_dir():
        there = set(git(repository, "ls-tree", "--name-only", found).splitlines())
        if "suite" not in there:
            raise ValueError(f"commit {found[:12]} has no package 'suite'")
        packed = _git(repository, "archive", found, *(each for each in PACKAGE if each in there))
        scratch = folder / f"{found[:12]}.part"
        shutil.rmtree(scratch, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(scratch, filter="data")
        scratch.rename(place)
    short = found[:9]
    return Tree(short if found.startswith(name) else f"{name} ({short})", place)


def pruned(folder: Path, kept: Sequence[Tree]) -> None:
    """Remove the trees of earlier comparisons: exporting one anew takes less than a second."""
    for place in folder.iterdir():
        if re.fullmatch(r"[0-9a-f]{12}(\.part)?", place.name) and place not in [tree.folder for tree in kept]:
            shutil.rmtree(place, ignore_errors=True)


def working(repository: Path, folder: Path) -> Tree:
    """The package as it lies in the working tree, new files too, but none that git ignores."""
    place = folder / "working"
    shutil.rmtree(place, ignore_errors=True)
    for name in git(repository, "ls-files", "-co", "--exclude-standard", "-z", "--", *PACKAGE).split("\0"):
        if name and (repository / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(repository / name, place / name)
    if not (place / "suite").is_dir():
        raise ValueError(f"'{repository.resolve().name}' has no package 'suite'")
    dirty = git(repository, "status", "--porcelain", "--", *PACKAGE)
    return Tree(f"{WORKING} ({git(repository, 'rev-parse', '--short=9', 'HEAD')}{' with changes' if dirty else ''})", place)


def benchmarks(repository: Path, folder: Path) -> Path:
    """A folder with a copy of today's benchmarks: both trees are asked the same."""
    place = folder / "asked"
    shutil.rmtree(place, ignore_errors=True)
    if not (repository / "benchmarks" / "worker.py").is_file():
        raise ValueError(f"'{repository.resolve().name}' has no benchmarks/worker.py; start this in a checkout of the project")
    shutil.copytree(repository / "benchmarks", place / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))
    return place
