"""Decoded columns of a data set as tensors: checked against the manifest, cached by content."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from suite import folders
from suite.data import hub
from suite.data.manifest import DataError, Manifest, NotAvailable, manifest

Columns = dict[str, Tensor]


@lru_cache(maxsize=8)
def columns(name: str, split: str) -> Columns:
    """Every column of a split; texts are their UTF-8 bytes end to end (`<column>`) and where each ends (`<column>.ends`), whatever has steps likewise."""
    about = manifest(name)
    if about.package:
        return check(about, split, PACKAGED[about.name]())
    return cached(f"{name}-{split}-{hub.source_key(about, split)}", lambda: decode(about, split), lambda c: check(about, split, c))


def cached(key: str, make: Callable[[], Columns], verify: Callable[[Columns], Columns] = lambda c: c) -> Columns:
    """Tensors made once and kept on disk; a damaged or unwritable cache costs time and nothing else."""
    path = folders.cache() / f"{key}.safetensors"
    try:
        return verify(_unchanged(path))
    except Exception:  # absent, cut in half, or altered: make it again
        made = {k: v.contiguous() for k, v in verify(make()).items()}
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
        save_file(made, scratch, {"sha256": _sum(made)})
        os.replace(scratch, path)
    except (OSError, SafetensorError):
        if scratch:
            Path(scratch).unlink(missing_ok=True)
    return made


def _unchanged(path: Path) -> Columns:
    """The tensors of a cache file whose content is what was written."""
    found: Columns = load_file(path)
    with safe_open(str(path), framework="pt") as opened:
        if (opened.metadata() or {}).get("sha256") != _sum(found):
            raise ValueError("altered")
    return found


def _sum(found: Columns) -> str:
    hashed = hashlib.sha256()
    for name, value in sorted(found.items()):
        hashed.update(name.encode())
        hashed.update(value.numpy().tobytes())
    return hashed.hexdigest()


def decode(about: Manifest, split: str) -> Columns:
    """Rows to tensors: images (N, height, width) uint8, labels and integers int64, texts as bytes, piano rolls (frames, 88) uint8 of zeros and ones.

    A signal is int16 (samples,), a series float64 (steps, I), frames are float32 (steps, I), classes int64 (steps,).
    """
    rows = list(hub.rows(about, split))
    decoded: Columns = {}
    for column, kind in about.columns.items():
        try:
            values = [row[column] for row in rows]
            decoded |= DECODERS[kind](column, values)
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise DataError(f"{about.name}, {split}: column '{column}' cannot be decoded as {kind}: {' '.join(str(error).split())}") from None
    return decoded


def _images(column: str, values: list[Any]) -> Columns:
    return {column: torch.from_numpy(np.stack([np.asarray(v, dtype=np.uint8) for v in values]))}


def _labels(column: str, values: list[Any]) -> Columns:
    return {column: torch.tensor(values, dtype=torch.int64)}


def _texts(column: str, values: list[Any]) -> Columns:
    encoded = [value.encode() for value in values]
    ends = torch.tensor([len(e) for e in encoded], dtype=torch.int64).cumsum(0)
    return {column: torch.frombuffer(bytearray(b"".join(encoded)), dtype=torch.uint8), f"{column}.ends": ends}


def _rolls(column: str, values: list[Any]) -> Columns:
    """Tunes, each a list of frames, each the MIDI notes that sound in it; column n of a roll is note n + 21."""
    counts = torch.tensor([len(frame) for tune in values for frame in tune], dtype=torch.int64)
    notes = torch.tensor([note - 21 for tune in values for frame in tune for note in frame], dtype=torch.int64)
    if len(notes) and not 0 <= int(notes.min()) <= int(notes.max()) < 88:
        raise ValueError("a note outside 21 … 108")
    roll = torch.zeros(len(counts), 88, dtype=torch.uint8)
    roll[torch.arange(len(counts)).repeat_interleave(counts), notes] = 1
    return {column: roll, f"{column}.ends": torch.tensor([len(tune) for tune in values], dtype=torch.int64).cumsum(0)}


def _joined(kind: type[np.generic]) -> Callable[[str, list[Any]], Columns]:
    """Sequences of numbers, or of rows of numbers, end to end."""

    def decoded(column: str, values: list[Any]) -> Columns:
        parts = [np.asarray(value, dtype=kind) for value in values]
        ends = torch.tensor([len(part) for part in parts], dtype=torch.int64).cumsum(0)
        return {column: torch.from_numpy(np.concatenate(parts)), f"{column}.ends": ends}

    return decoded


DECODERS: dict[str, Callable[[str, list[Any]], Columns]] = {
    "image": _images,
    "label": _labels,
    "integer": _labels,
    "text": _texts,
    "roll": _rolls,
    "signal": _joined(np.int16),
    "series": _joined(np.float64),
    "frames": _joined(np.float32),
    "classes": _joined(np.int64),
}


def texts(found: Columns, column: str = "text") -> Iterable[str]:
    """The strings of a text column."""
    whole, start = found[column].numpy().tobytes(), 0
    for end in found[f"{column}.ends"].tolist():
        yield whole[start:end].decode()
        start = end


def digest(found: Columns, column: str) -> str:
    """SHA-256 of a decoded column; of what has steps, also of where each ends."""
    hashed = hashlib.sha256()
    for key in (column, f"{column}.ends"):
        if key in found:
            hashed.update(found[key].numpy().tobytes())
    return hashed.hexdigest()


def check(about: Manifest, split: str, found: Columns) -> Columns:
    """The same columns, or a DataError that says what was expected and what was found."""
    expected = about.splits[split]
    for column in about.columns:
        rows = len(found[f"{column}.ends"] if f"{column}.ends" in found else found[column]) if column in found else 0
        if expected.rows and rows != expected.rows:
            raise DataError(f"{about.name}, {split}: expected {expected.rows} rows of '{column}', found {rows}")
        got = digest(found, column)
        wanted = expected.sha256.get(column, got)  # of a licensed set nothing is pinned
        if got != wanted:
            raise DataError(f"{about.name}, {split}: the content of '{column}' is not the published one: expected sha256 {wanted[:16]}…, found {got[:16]}…")
    return found


def _digits() -> Columns:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise NotAvailable(f"scikit-learn, which bundles the digits, cannot be imported: {error}") from None
    bunch = load_digits()
    return {"image": torch.from_numpy(bunch.images).to(torch.uint8), "label": torch.from_numpy(bunch.target).to(torch.int64)}


PACKAGED: dict[str, Callable[[], Columns]] = {"digits": _digits}
