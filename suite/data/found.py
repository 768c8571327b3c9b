"""Where a data set lies on this machine, asked without decoding it."""

from __future__ import annotations

from importlib import metadata

from suite import folders
from suite.data.hub import VARIABLE, absent, local_files, source_key
from suite.data.manifest import DataError, Manifest, manifest
from suite.data.repository import address


def found(name: str) -> str:
    """Where it lies; a ValueError says how to get one that is not here, or what is wrong with its folder."""
    about = manifest(name)
    if about.package:
        return _packaged(about)
    files = [file for split in about.splits for file in local_files(about, split)]
    if files:
        return f"{len(files)} files, {sum(file.stat().st_size for file in files):,} bytes, in '{about.place}' under {VARIABLE}"
    if all((folders.cache() / f"{name}-{split}-{source_key(about, split)}.safetensors").exists() for split in about.splits):
        return "decoded in the cache"
    if about.licensed:
        raise DataError(f"{absent(about)}; {about.licensed}")
    source = address(about) if about.repository else f"the Hugging Face hub, {about.hub} at {about.revision[:10]}"
    raise DataError(f"{absent(about)}; its first use downloads it from {source}, or {VARIABLE} names a folder with '{about.place}' in it")


def _packaged(about: Manifest) -> str:
    try:
        return f"comes with {about.package} {metadata.version(about.package)}"
    except metadata.PackageNotFoundError:
        raise DataError(f"pip install {about.package}") from None
