"""Sets that nobody may pass on: each is read from the user's copy, in the folder under CARROUSEL_DATA that its manifest names.

No content is pinned. What a copy holds is told from its bytes, so that runs on different copies are different runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from suite.data import iam_ondb, timit


class Reader(NamedTuple):
    """The files of a split of a copy, and the rows of such files; `version` is raised when a change alters any row."""

    files: Callable[[Path, str], list[Path]]
    rows: Callable[[list[Path]], Iterator[dict[str, Any]]]
    version: int


READERS = {"timit": Reader(timit.files, timit.rows, 1), "iam-ondb": Reader(iam_ondb.files, iam_ondb.rows, 1)}


def key(name: str, files: Sequence[Path]) -> str:
    """What tells a copy from another without reading it: reader, and names, sizes and times of its files."""
    hashed = hashlib.sha256(f"{name} {READERS[name].version}".encode())
    for file in files:
        state = file.stat()
        hashed.update(f"{file} {state.st_size} {state.st_mtime_ns}\n".encode())
    return hashed.hexdigest()[:16]


@lru_cache(maxsize=16)
def content(name: str, files: tuple[Path, ...], state: str) -> str:
    """The digest of the bytes of a copy as the reader takes them, wherever they lie; `state` is their key."""
    del state
    hashed = hashlib.sha256(f"{name} {READERS[name].version}".encode())
    for file in files:
        hashed.update(hashlib.sha256(file.read_bytes()).digest())
    return hashed.hexdigest()[:16]
