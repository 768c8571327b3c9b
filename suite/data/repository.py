"""Rows from a file or a folder of a public repository, pinned by commit.

    input.txt         the first 90 % of the characters train, the next 5 % validate, the last 5 % test: one row each
    JSB_Chorales.mat  traindata, validdata, testdata: cells of (frames, 88) zeros and ones, one row a tune
    pendigits.tra     a digit a line, see `suite.data.formats`, as is each of the next two
    …_TRAIN.ts        a labelled series a line
    recordings/       sound files, fetched with the whole repository at that commit as one archive
    Airline.csv       a heading, then a row a line; months and passengers
"""

from __future__ import annotations

import csv
import hashlib
import io
import urllib.request
from collections.abc import Callable, Mapping
from urllib.error import HTTPError

import numpy as np

from suite.data import formats
from suite.data.formats import Rows
from suite.data.manifest import DataError, Manifest

ADDRESS = "https://raw.githubusercontent.com"
ARCHIVES = "https://codeload.github.com"
TIMEOUT = 10  # seconds without a byte
CELLS = {"train": "traindata", "validation": "validdata", "test": "testdata"}
LOWEST = 21  # the MIDI note of a roll's first column


def address(manifest: Manifest, split: str = "train") -> str:
    """Where the file of a split lies, or the archive of its repository."""
    commit, path = pinned(manifest, split)
    if path.endswith("/"):
        return f"{ARCHIVES}/{manifest.repository}/tar.gz/{commit}"
    return f"{ADDRESS}/{manifest.repository}/{commit}/{path}"


def pinned(manifest: Manifest, split: str) -> tuple[str, str]:
    """Commit and path of a split: its own, or those of the whole set."""
    own = manifest.splits[split]
    return own.commit or manifest.commit, own.path or manifest.path


def fetch(where: str) -> bytes:
    """The bytes of a file, a few megabytes at most, so that each split fetches it anew; fails as `urllib` does."""
    try:
        with urllib.request.urlopen(where, timeout=TIMEOUT) as answer:  # noqa: S310 - the address is ours
            return answer.read()  # type: ignore[no-any-return]
    except HTTPError as error:
        error.close()  # it holds the connection
        raise


def rows(manifest: Manifest, split: str, content: bytes) -> Rows:
    """The rows of a split of a file, whose bytes are checked first where their checksum is known."""
    where, path = address(manifest, split), pinned(manifest, split)[1]
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if manifest.md5 and found != manifest.md5:
        raise DataError(f"{manifest.name}: the file at {where} is not the published one: expected md5 {manifest.md5}, found {found}")
    try:
        return READERS[path[-1] if path.endswith("/") else path[path.rindex(".") :]](content, split, path)
    except Exception as error:  # whatever a parser makes of bytes that nobody has checked
        raise DataError(f"{manifest.name}: cannot read {where}: {type(error).__name__}: {' '.join(str(error).split())[:160]}") from None


def cut(text: str, split: str) -> str:
    """A split of a text, as the hub's script for tiny-shakespeare cuts it.

    >>> [len(cut("a" * 101, split)) for split in ("train", "validation", "test")]
    [90, 5, 6]
    """
    train = int(len(text) * 0.9)
    validation = train + int((len(text) - train) * 0.5)
    return {"train": text[:train], "validation": text[train:validation], "test": text[validation:]}[split]


def table(text: str, columns: Mapping[str, Callable[[str], str | int]]) -> Rows:
    r"""The rows of a CSV file below its heading, under names of ours and made into what they hold.

    >>> table("Date,Passengers\n1949-01,112\n", {"month": str, "passengers": int})
    [{'month': '1949-01', 'passengers': 112}]
    """
    _, *lines = csv.reader(io.StringIO(text), strict=True)
    return [{name: kind(cell) for (name, kind), cell in zip(columns.items(), line, strict=True)} for line in lines]


def matlab(content: bytes, split: str) -> list[list[list[int]]]:
    """The tunes of a split, each frame as the ascending list of the MIDI notes that sound in it."""
    from scipy.io import loadmat

    rolls = loadmat(io.BytesIO(content), variable_names=[CELLS[split]])[CELLS[split]].ravel()
    if any(roll.ndim != 2 or roll.shape[1] != 88 or not np.isin(roll, (0, 1)).all() for roll in rolls):
        raise ValueError("a cell is no (frames, 88) of zeros and ones")
    return [[(np.flatnonzero(frame) + LOWEST).tolist() for frame in roll] for roll in rolls]


READERS: dict[str, Callable[[bytes, str, str], Rows]] = {
    ".txt": lambda content, split, path: [{"text": cut(content.decode(), split)}],
    ".mat": lambda content, split, path: [{"sequence": tune} for tune in matlab(content, split)],
    ".tra": lambda content, split, path: formats.pen(content.decode()),
    ".tes": lambda content, split, path: formats.pen(content.decode()),
    ".csv": lambda content, split, path: table(content.decode(), {"month": str, "passengers": int}),
    ".ts": lambda content, split, path: formats.series(content.decode()),
    "/": formats.recordings,
}
