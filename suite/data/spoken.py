"""Spoken digits as cepstra: the recordings of `spoken-digits` through `suite.data.mfcc`, computed once and kept beside the decoded tensors."""

from __future__ import annotations

import numpy as np
import torch

from suite.data.formats import RATE
from suite.data.manifest import manifest
from suite.data.mfcc import mfcc, with_slopes
from suite.data.tensors import Columns, cached, columns

VERSION = 1
NAME = "spoken-digits"


def cepstra(coefficients: int) -> Columns:
    """Frames of both splits, `<split>` (frames, 3 coefficients) float32, where each recording ends, `<split>.ends`, and its digit, `<split>.label`."""
    return cached(f"{NAME}-mfcc{VERSION}-{coefficients}-{manifest(NAME).checksum}", lambda: _computed(coefficients))


def _computed(coefficients: int) -> Columns:
    made: Columns = {}
    for split in manifest(NAME).splits:
        found = columns(NAME, split)
        recordings = np.split(found["samples"].numpy(), found["samples.ends"].numpy()[:-1])
        frames = [with_slopes(mfcc(recording, RATE, coefficients)) for recording in recordings]
        made |= {split: torch.from_numpy(np.concatenate(frames)), f"{split}.ends": torch.tensor([len(part) for part in frames]).cumsum(0), f"{split}.label": found["label"]}
    return made
