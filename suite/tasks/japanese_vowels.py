"""Which of nine men says /ae/? Utterances of 7 to 29 frames, a public stand-in for speech corpora that are licensed.

Input: 12 LPC cepstrum coefficients a frame of 25.6 ms, one every 6.4 ms (I = 12); standardised by training. Answer: the speaker, asked
at the last frame (O = 9); accuracy. 270 utterances train, 30 a speaker, and 370 others test; a tenth of the training rows
validates (`suite.data.split`). Shorter utterances of a batch are padded at the end and masked.

>>> from suite.data.formats import series
>>> for row in series("@data 1.86,1.89:-0.21,-0.19:0.26,0.24:1  1.42,1.60,1.37:-0.39,-0.40,-0.60:-0.19,-0.12,-0.02:9"):  # 3 of 12 coefficients, of the first frames
...     print(*row["sequence"], "-> class", row["label"])
[1.86, -0.21, 0.26] [1.89, -0.19, 0.24] -> class 0
[1.42, -0.39, -0.19] [1.6, -0.4, -0.12] [1.37, -0.6, -0.02] -> class 8

`chance` is the share of the most frequent speaker of the test split. No source says what counts as solved: 0.95 is ours. The
timbre of a single frame tells the speaker: linear models of the last frame, and of the mean, solve the task, which asks for no memory.
"""

from functools import cache

from suite.tasks.labelled import labelled, part, standardised
from suite.tasks.sequences import Sequences
from suite.tasks.task import Task


@cache
def read() -> Sequences:
    """All utterances."""
    return standardised(*(part("japanese-vowels", split) for split in ("train", "test")))


def japanese_vowels() -> Task:
    """The speaker of an utterance."""
    return labelled("japanese-vowels", {}, read, 12, 9, chance=88 / 370, solved=0.95, paper="kudo1999")
