"""Rows of a data set: from the folder named by CARROUSEL_DATA, else, unless it is licensed, from its public repository or through Hugging Face `datasets`.

The one place that decides, and the only module that imports that package. Its name is also that of our top-level folder, hence the guard.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable
from functools import cache
from http.client import HTTPException
from pathlib import Path
from types import ModuleType
from typing import Any

from suite.data import licensed, repository
from suite.data.manifest import DataError, Manifest, NotAvailable

VARIABLE = "CARROUSEL_DATA"


def local_files(manifest: Manifest, split: str) -> list[Path]:
    """The files of a split under CARROUSEL_DATA, laid out as the manifest says; none where the set is not there."""
    root = os.environ.get(VARIABLE)
    if not root:
        return []
    if not Path(root).is_dir():
        raise DataError(f"{VARIABLE} names '{root}', which is no folder")
    place = Path(root) / manifest.place
    if not place.is_dir():
        return []
    files = licensed.READERS[manifest.name].files(place, split) if manifest.licensed else sorted(place.glob(manifest.splits[split].files))
    if not files:
        raise DataError(f"'{place}' has no '{manifest.splits[split].files}': the {split} split of {manifest.name} is missing")
    return files


def source_key(manifest: Manifest, split: str) -> str:
    """What tells one source from another without decoding it: the bytes of local files, or the pinned revision or commit."""
    files = local_files(manifest, split)
    if manifest.licensed:
        return licensed.key(manifest.name, files)
    if not files:
        return (manifest.revision or repository.pinned(manifest, split)[0])[:16]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def checksum(manifest: Manifest) -> str:
    """One digest of all content, for the specs of runs: what the manifest pins, or the bytes of a licensed copy where it is here and whole."""
    if not manifest.licensed:
        return manifest.checksum
    try:
        files = tuple(file for split in sorted(manifest.splits) for file in local_files(manifest, split))
    except DataError:
        files = ()
    return licensed.content(manifest.name, files, licensed.key(manifest.name, files)) if files else manifest.checksum


def rows(manifest: Manifest, split: str) -> Iterable[dict[str, Any]]:
    """The rows of a split, decoded by `datasets` or from a file of a public repository."""
    files = local_files(manifest, split)
    if manifest.licensed:
        if not files:
            raise NotAvailable(f"{absent(manifest)}; {manifest.licensed}")
        return licensed.READERS[manifest.name].rows(files)
    if manifest.repository and not files:
        try:
            content = repository.fetch(repository.address(manifest, split))
        except (OSError, HTTPException) as error:
            raise NotAvailable(f"{absent(manifest)}, and the download of {repository.address(manifest, split)} failed ({_first_line(error)})") from None
        return repository.rows(manifest, split, content)
    hf = hugging_face()
    if files:
        try:
            return list(hf.load_dataset("parquet", data_files={split: [str(f) for f in files]}, split=split, streaming=True))
        except Exception as error:
            raise DataError(f"{manifest.name}: cannot read '{files[0]}': {_first_line(error)}") from error
    if not reachable():  # what is in the hub's cache still loads, and the rest fails at once
        import huggingface_hub

        hf.config.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        return hf.load_dataset(manifest.hub, manifest.config, revision=manifest.revision, split=split)  # type: ignore[no-any-return]
    except Exception as error:  # whatever a network, a proxy or a hub can throw
        raise NotAvailable(f"{absent(manifest)}, the hub's cache has no copy, and the download failed ({_first_line(error)})") from None


def absent(manifest: Manifest) -> str:
    """The beginning of the sentence for a set that is not under CARROUSEL_DATA."""
    return f"{manifest.name} is not here: {VARIABLE} {'names no folder with ' + manifest.place if os.environ.get(VARIABLE) else 'is not set'}"


@cache
def reachable() -> bool:
    """Whether the hub answers at all. Asked first, because its client retries for half a minute when it does not."""
    import urllib.request
    from urllib.parse import urlsplit

    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    if urllib.request.getproxies().get(parts.scheme):
        return True  # only the proxy knows
    try:
        with socket.create_connection((parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)), timeout=5):
            return True
    except OSError:
        return False


def hugging_face() -> ModuleType:
    """The package `datasets`, and not a folder of that name that shadows it."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    try:
        import datasets
    except ImportError as error:
        raise NotAvailable(f"the package 'datasets' cannot be imported: {' '.join(str(error).split())}") from None
    if not hasattr(datasets, "load_dataset"):
        shadow = next(iter(getattr(datasets, "__path__", [])), "?")
        raise NotAvailable(f"'{shadow}' hides the package 'datasets'; pip install datasets, or start from another folder")
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # what goes wrong is raised, and told in our sentence
    return datasets  # type: ignore[no-any-return]


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0][:160]}"
