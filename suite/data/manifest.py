"""What `datasets/<name>/manifest.toml` says of a data set: where it comes from, what it must contain, who to thank."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]


class DataError(ValueError):
    """A data set that is there and is not what its manifest says."""


class NotAvailable(RuntimeError):
    """A data set that cannot be had here; the sentence goes onto the page under "not run"."""


@dataclass(frozen=True)
class Split:
    """Rows and the SHA-256 of every decoded column, whatever file they came in."""

    rows: int
    files: str
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """One data set: on the hub, else in a file of a public repository, else in a package on this machine.

    `overlap` counts the rows that the original has in two splits.
    """

    name: str
    title: str
    hub: str
    config: str
    revision: str
    package: str
    licence: str
    paper: str
    columns: Mapping[str, str]  # column -> "image", "label", "integer", "text" or "roll"
    splits: Mapping[str, Split]
    repository: str = ""  # owner/name on GitHub
    commit: str = ""
    path: str = ""
    md5: str = ""  # of that file, where known; what is decoded from it is checked in any case
    overlap: int = 0
    folder: str = ""  # under CARROUSEL_DATA, where it is not the hub id

    @property
    def place(self) -> str:
        """Its folder under CARROUSEL_DATA."""
        return self.folder or self.hub

    @property
    def checksum(self) -> str:
        """One digest of all decoded content, for the specs of runs."""
        parts = [f"{split}.{column}={digest}" for split, s in sorted(self.splits.items()) for column, digest in sorted(s.sha256.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def folder() -> Path:
    """Where the manifests lie: inside the installed package, or beside it in a checkout."""
    inside = PACKAGE / "_datasets"
    return inside if inside.is_dir() else PACKAGE.parent / "datasets"


@cache
def manifest(name: str) -> Manifest:
    """The manifest of a data set.

    >>> manifest("mnist").splits["test"].rows
    10000
    """
    path = folder() / name / "manifest.toml"
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(p.parent.name for p in folder().glob("*/manifest.toml")))
        raise ValueError(f"no manifest for data set '{name}'; there are {known}") from None
    splits = {split: Split(**fields) for split, fields in raw.pop("splits").items()}
    return Manifest(**{"hub": "", "config": "", "revision": "", "package": "", **raw}, splits=splits)
