"""What does a line of handwriting say? IAM-OnDB, given to who registers: the data come from the user's own copy (`suite.data.iam_ondb`).

Input: a point of a pen stroke a step: its distance in x and y and its time from the point before, standardised by training, and 1 where the
pen is lifted after it (I = 4). Answer: the characters of the line, no character at any certain step: 95 of printable ASCII, one class for every other, and
the blank, class 0 (O = 97). Loss: connectionist temporal classification; score: characters to put in, take out or change, as a share of
those that are right, all lines together, with the most likely class at every step and no dictionary (`suite.tasks.paths`).

`y` holds at every step a class of one path that stands for the line; only what it stands for counts.

>>> from suite.tasks.paths import path
>>> path(classes("Hi!"), steps=9).tolist(), classes(" ~é")
([41, 0, 0, 74, 0, 0, 2, 0, 0], [1, 95, 96])
>>> path(classes("to o"), steps=6).tolist()
[85, 80, 0, 1, 80, 0]

The split of IAM-OnDB-t1: its two validation sets together validate. Protocol of Greff et al. (2017), who train two bidirectional layers. Lines
of too few points for their characters are left out. `chance` is the best that one character, the same at every step, scores on the test
split of the copy; without a copy 1, the score of an empty line, stands for it. No source says what counts as solved: 0.1 is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from suite.data import DataError, NotAvailable, columns
from suite.data.tensors import Columns, texts
from suite.tasks import scores
from suite.tasks.labelled import Part, standardised
from suite.tasks.paths import collapsed, ctc, path, symbol_errors
from suite.tasks.sequences import SPLITS, Sequences, batch
from suite.tasks.streams import stored
from suite.tasks.task import Batch, Source, Task

FIRST, OTHER = 32, 96  # the character of class 1; the class of those that are no printable ASCII
LIFTED = 3  # the input that is standardised by nothing


def classes(text: str) -> list[int]:
    """The class of each character."""
    return [ord(letter) - FIRST + 1 if FIRST <= ord(letter) < FIRST + OTHER - 1 else OTHER for letter in text]


def lines(found: Columns) -> Part:
    """Lines of strokes with a class a step; those of too few points are left out."""
    parts, answers = [], []
    for strokes, text in zip(found["strokes"].tensor_split(found["strokes.ends"][:-1]), texts(found), strict=True):
        try:
            answers.append(path(classes(text), len(strokes)))
        except ValueError:
            continue
        parts.append(strokes)
    if not parts:
        raise DataError("iam-ondb: a split has no line with strokes enough for its words")
    return Part(torch.cat(parts), torch.tensor([len(part) for part in parts]).cumsum(0), torch.cat(answers))


@cache
def read() -> Sequences:
    """All lines."""
    parts = {split: lines(columns("iam-ondb", split)) for split in SPLITS}
    made = standardised(parts["train"], parts["test"], parts["validation"])
    made.values[:, LIFTED] = torch.cat([parts[split].values[:, LIFTED] for split in ("train", "test", "validation")])
    return made


def commonest() -> float:
    """The error rate of the best single character on the test split; 1 where there is no whole copy."""
    try:
        found = lines(columns("iam-ondb", "test"))
    except (DataError, NotAvailable):
        return 1.0
    whole = torch.nn.utils.rnn.pad_sequence(list(found.labels.tensor_split(found.ends[:-1])), padding_value=-1)
    characters, counts = collapsed(whole)
    within = [int((characters == kind).any(0).sum()) for kind in range(1, OTHER + 1)]
    return 1 - max(within) / int(counts.sum())


def iam_ondb() -> Task:
    """The characters of a line of handwriting."""

    def split(where: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
        found = read()
        return found.rows[where], lambda chosen: batch(found, chosen, every=True)

    return Task(
        name="iam-ondb",
        batches=stored(split),
        inputs=4,
        outputs=OTHER + 1,
        loss=ctc,
        metric=symbol_errors,
        oracle=lambda examples: scores.certain(OTHER + 1)(examples.y.clamp(min=0)),
        chance=commonest(),
        solved=0.1,
        better="lower",
        measure="character error rate",
        version=1,
        data=Source("iam-ondb", SPLITS),
        paper="greff2017",
        supervision="every",
        per="symbol",
    )
