r"""Which phone is said in every frame? TIMIT, licensed: the data come from the user's own copy (`suite.data.timit`).

Input: 12 mel-frequency cepstral coefficients and the logarithm of the energy of windows of 25 ms, one every 10 ms, emphasis 0.97, with their first and
second slopes (I = 39); standardised by training. Answer: the phone in the middle of the window, one of 61 (O = 61), asked at every
frame; accuracy, a mean over all frames. 3,696 utterances train, 400 validate, 192 of the core test set test; no speaker is in two.

`phones=39` scores after folding: an answer counts as right if it is in the same of the 39 groups of Lee and Hon (1989) as the
phone. Outputs and loss are of 61 phones all the same, and frames of the glottal stop (q), which is in no group, are read and not asked.

>>> from suite.data.timit import PHONES, folded, said
>>> [PHONES[k] for k in said("0 400 h#\n400 700 sh\n700 1100 ix", 5)]  # frames in whose middle are samples 200, 360, 520 …
['h#', 'h#', 'sh', 'sh', 'ix']
>>> group = dict(zip(PHONES, folded()))
>>> group["ix"] == group["ih"], group["sh"] == group["zh"], group["ix"] == group["sh"], group["q"]
(True, True, False, -1)

Protocol of Greff et al. (2017), who train two bidirectional layers. Networks of one direction see no future here either: no frame is delayed.
`chance` is the share of the most frequent phone, or group, of the test split of the copy; without a copy 1/61 or 1/39 stands for it. No
source says what counts as solved: 0.7 is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from suite.data import DataError, NotAvailable, columns
from suite.data.timit import CEPSTRA, PHONES, folded
from suite.names import format_call
from suite.tasks import scores
from suite.tasks.labelled import Part, standardised
from suite.tasks.sequences import SPLITS, Sequences, batch
from suite.tasks.streams import stored
from suite.tasks.task import Batch, Source, Task


@cache
def read() -> Sequences:
    """All utterances, a phone a frame."""
    parts = {split: Part(found["frames"], found["frames.ends"], found["phones"]) for split in SPLITS for found in [columns("timit", split)]}
    return standardised(parts["train"], parts["test"], parts["validation"])


def asked_of(labels: Tensor, phones: int) -> Tensor:
    """Phones as they are asked: -1 for what is in no group, if groups are scored."""
    return labels if phones == len(PHONES) else torch.where((labels >= 0) & (torch.tensor(folded())[labels] >= 0), labels, -1)


def same_group(output: Tensor, examples: Batch) -> Tensor:
    """Share of frames whose largest output is in the group of the right phone."""
    group = torch.tensor(folded(), device=output.device)
    right = group[output.argmax(-1)] == group[examples.y].unsqueeze(-2)
    return scores.per_replica(right.to(output.dtype), examples)


def majority(phones: int) -> float:
    """The share of the most frequent phone or group among the frames of the test split; one of so many where there is no whole copy."""
    try:
        labels = asked_of(columns("timit", "test")["phones"], phones)
    except (DataError, NotAvailable):
        return 1 / phones
    labels = labels[labels >= 0]
    counts = torch.bincount(labels if phones == len(PHONES) else torch.tensor(folded())[labels])
    return int(counts.max()) / len(labels)


def timit(phones: int = 61) -> Task:
    """The phone said in every frame."""
    if phones not in (39, 61):
        raise ValueError(f"timit scores 61 phones, or 39 groups of them, not {phones}")

    def split(where: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
        found = read()
        return found.rows[where], partial(_batch, found, phones)

    return Task(
        name=format_call("timit", {"phones": phones}),
        batches=stored(split),
        inputs=3 * (CEPSTRA + 1),
        outputs=len(PHONES),
        loss=scores.cross_entropy,
        metric=scores.accuracy if phones == len(PHONES) else same_group,
        oracle=lambda examples: scores.certain(len(PHONES))(examples.y.clamp(min=0)),
        chance=majority(phones),
        solved=0.7,
        better="higher",
        measure="frame accuracy",
        version=1,
        data=Source("timit", SPLITS),
        paper="greff2017",
        supervision="every",
    )


def _batch(found: Sequences, phones: int, chosen: Tensor) -> Batch:
    x, y, mask = batch(found, chosen, every=True)
    return Batch(x, asked_of(y, phones), mask)
