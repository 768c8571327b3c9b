"""Rows of data sets that are kept as text or as sound.

    88,92,2,99,16,66,94,37,70,0,0,24,42,65,100,100,0000000010    pen: eight points x,y, and a 1 at the digit's place
    1.6,1.5,1.6:0.02,0.01,-0.2:1                                 series: a channel after the other, and the class from 1
    recordings/7_jackson_32.wav                                  recordings: digit, speaker and number of the recording
"""

from __future__ import annotations

import io
import tarfile
from typing import Any

import numpy as np

from suite.data.sound import samples

Rows = list[dict[str, Any]]

RATE = 8_000  # samples a second of the recordings
TESTED = 5  # recordings below this number test


def pen(text: str) -> Rows:
    """Digits as points (x, y) along the path of a pen.

    >>> pen("88,92,2,99,16,66,94,37,70,0,0,24,42,65,100,100,0000000010")[0]["sequence"][:2], pen("1,2,01")
    ([[88, 92], [2, 99]], [{'sequence': [[1, 2]], 'label': 1}])
    """
    found: Rows = []
    for line in text.split():
        *numbers, digit = line.split(",")
        if len(numbers) % 2 or digit.count("1") != 1 or set(digit) > {"0", "1"}:
            raise ValueError(f"line {len(found)} is no points and a digit")
        found.append({"sequence": [[int(x), int(y)] for x, y in zip(numbers[::2], numbers[1::2], strict=True)], "label": digit.index("1")})
    return found


def series(text: str) -> Rows:
    r"""Labelled series of several channels, of any length, a row a step; what stands before `@data` is a description.

    >>> series("@data\n1,2,3:4,5,6:2")
    [{'sequence': [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]], 'label': 1}]
    """
    _, mark, body = text.partition("@data")
    if not mark:
        raise ValueError("there is no @data")
    found: Rows = []
    for line in body.split():
        *channels, label = line.split(":")
        numbers = [[float(number) for number in channel.split(",")] for channel in channels]
        found.append({"sequence": [list(step) for step in zip(*numbers, strict=True)], "label": int(label) - 1})
    return found


def recordings(content: bytes, split: str, path: str) -> Rows:
    """Spoken digits from the archive of a repository, by digit, speaker and number; those of numbers 0 to 4 test, the others train."""
    found: Rows = []
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            inside = member.name.partition("/")[2]
            if not (member.isfile() and inside.startswith(path) and inside.endswith(".wav")):
                continue
            digit, speaker, index = inside[len(path) : -len(".wav")].split("_")
            if (int(index) < TESTED) == (split == "test"):
                sound = archive.extractfile(member)
                found.append({"samples": _at_rate(b"" if sound is None else sound.read()), "label": int(digit), "speaker": speaker, "index": int(index)})
    number = {speaker: k for k, speaker in enumerate(sorted({row["speaker"] for row in found}))}
    found.sort(key=lambda row: (row["label"], row["speaker"], row["index"]))
    return [row | {"speaker": number[row["speaker"]]} for row in found]


def _at_rate(content: bytes) -> np.ndarray[Any, Any]:
    rate, sound = samples(content)
    if rate != RATE:
        raise ValueError(f"a recording has {rate} samples a second, not {RATE}")
    return sound
