"""Which digit is said? The Free Spoken Digit Dataset: 3,000 recordings of six speakers, a public stand-in for TIMIT.

Input: mel-frequency cepstral coefficients of windows of 25 ms, one every 10 ms at 8 kHz, emphasis 0.97 (`suite.data.mfcc`), c0 and the
`coefficients` - 1 after it, then their first and second slopes (I = 3 `coefficients`); standardised by training. Answer: the
digit, asked at the last frame (O = 10); accuracy. The official split: recordings 0 to 4 of each digit and speaker test (300), the others
train (2,700), of which a tenth validates (`suite.data.split`). The speakers are the same in all: this is not recognition of
strangers. Recordings last 0.14 to 2.3 s, 12 to 226 frames; shorter ones of a batch are padded at the end and masked.

    0_george_0.wav  ->  28 frames of 39  ->  0
    0_george_1.wav  ->  57 frames of 39  ->  0

`chance` is exact: the test split is balanced. No source says what counts as solved: 0.95 is ours. A linear model on mean, extremes and last
frame solves it too; the last two frames alone do not: sounds must be remembered, their order hardly.

>>> import numpy as np
>>> from suite.data.mfcc import mfcc, with_slopes
>>> [with_slopes(mfcc(np.zeros(samples), 8000, 13)).shape for samples in (2384, 4727)]  # those two
[(28, 39), (57, 39)]
"""

from functools import lru_cache, partial

from suite.data.mfcc import BANDS
from suite.data.spoken import cepstra
from suite.tasks.labelled import Part, labelled, standardised
from suite.tasks.sequences import Sequences
from suite.tasks.task import Task


@lru_cache(maxsize=2)
def read(coefficients: int) -> Sequences:
    """All recordings."""
    found = cepstra(coefficients)
    return standardised(*(Part(found[split], found[f"{split}.ends"], found[f"{split}.label"]) for split in ("train", "test")))


def spoken_digits(coefficients: int = 13) -> Task:
    """The digit that is said."""
    if not 1 <= coefficients <= BANDS:
        raise ValueError(f"spoken-digits needs 1 to {BANDS} coefficients, not {coefficients}")
    return labelled("spoken-digits", {"coefficients": coefficients}, partial(read, coefficients), 3 * coefficients, 10, chance=0.1, solved=0.95, paper="jackson2018")
