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
    """One data set. `hub` is empty where a package on this machine holds the data; `overlap` counts the rows that the original has in two splits."""

    name: str
    title: str
    hub: str
    config: str
    revision: str
    package: str
    licence: str
    paper: str
    columns: Mapping[str, str]  # column -> "image", "label" or "text"
    splits: Mapping[str, Split]
    overlap: int = 0

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
