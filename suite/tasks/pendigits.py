"""Which digit does a pen write? Eight points of its path, resampled evenly, in the order in which they were written.

Input: a point (x, y) a step, 8 steps (I = 2), from 0 to 100 as stored; standardised by training. Answer: the digit, asked at the end
(O = 10); accuracy. 30 writers train, 14 others test; a tenth of the training rows validates (`suite.data.split`).

>>> from suite.data.formats import pen
>>> for row in pen("47,100,27,81,57,37,26,0,0,23,56,53,100,90,40,98,0000000010 0,89,27,100,42,75,29,45,15,15,37,0,69,2,100,6,0010000000"):
...     print(*row["sequence"], "->", row["label"])
[47, 100] [27, 81] [57, 37] [26, 0] [0, 23] [56, 53] [100, 90] [40, 98] -> 8
[0, 89] [27, 100] [42, 75] [29, 45] [15, 15] [37, 0] [69, 2] [100, 6] -> 2

`chance` is the share of the most frequent digit of the test split. No source says what counts as solved: 0.95 is ours. The points
come out of the recorded paths, of any length, as their authors resampled them (Alimoglu and Alpaydin 1996); the whole sequence is
only 16 numbers, so a feed-forward network sees all of it, and the task asks for little memory.
"""

from functools import cache

from suite.tasks.labelled import labelled, part, standardised
from suite.tasks.sequences import Sequences
from suite.tasks.task import Task


@cache
def read() -> Sequences:
    """All trajectories."""
    return standardised(*(part("pendigits", split) for split in ("train", "test")))


def pendigits() -> Task:
    """The digit that a pen writes in eight points."""
    return labelled("pendigits", {}, read, 2, 10, chance=364 / 3498, solved=0.95, paper="alimoglu1996")
