"""Which notes sound next? Four collections of polyphonic music as piano rolls, in the split of Boulanger-Lewandowski et al.

Input: a frame a step, 88 zeros and ones, key n is MIDI note n + 21 (I = 88). Answer: the next frame (O = 88), asked at every step.

    C3 . . C3 D3 .        a tune of T frames gives T - 1 answers: the first frame is read and not predicted,
    E3 E3 F3 F3 .         the last is predicted and not read
    frames 0 1 2 3  ->  1 2 3 4

Score: negative log-likelihood of a frame in nats. The keys are independent Bernoulli variables given the past, an output is the
logit of one; the 88 log-likelihoods are summed. The mean is over all predicted frames of the split, a long tune counts for more.
This is the convention of Bai et al. (2018, their code). Not RNN-NADE or RNN-RBM, which let the keys of a frame depend on each other.

`length` cuts a tune into pieces of at most that many answers, each read from an empty memory; 0 leaves it whole. The answers
asked for are the same. Batches for training hold tunes of like lengths, which ones is drawn.

`chance` scores the test split with each key's frequency in the training split (`marginal`), `solved` is what a chain of
first order for each key alone scores (`markov`): a network has to hear other keys, or further back. No source says what counts as solved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from suite.data import columns
from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import LONGEST, stored
from suite.tasks.task import Batch, Source, Task, asked

KEYS = 88
PRIOR = 0.01  # frames added to every count, because some keys sound in no training tune; 0.1 would already make MuseData's 11.52 a 11.51
ALIKE = 8  # batches among which tunes are sorted by length

# chance and solved, derived from the files by `marginal` and `markov`
FIGURES = {"jsb": (11.09036, 10.49021), "nottingham": (10.26121, 5.15310), "musedata": (11.51540, 8.56002), "piano-midi": (11.05191, 8.26732)}


def pieces(ends: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Where each piece starts and how many answers it has, for tunes that lie end to end.

    >>> [part.tolist() for part in pieces(torch.tensor([6, 9]), length=2)]  # five answers and two
    [[0, 2, 4, 6], [2, 2, 1, 2]]
    >>> [part.tolist() for part in pieces(torch.tensor([6, 9]), length=0)]
    [[0, 6], [5, 2]]
    """
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    answers = ends - starts - 1
    length = length or max(int(answers.max()), 1)
    counts = (answers + length - 1) // length
    tune = torch.arange(len(ends)).repeat_interleave(counts)
    before = (torch.arange(len(tune)) - (counts.cumsum(0) - counts)[tune]) * length
    return starts[tune] + before, (answers[tune] - before).clamp(max=length)


def frames(roll: Tensor, starts: Tensor, answers: Tensor) -> Batch:
    """Pieces of a roll (N, 88) of zeros and ones: x and y (T, B, 88), y a frame later.

    >>> batch = frames(torch.eye(88)[:5], torch.tensor([0, 3]), torch.tensor([2, 1]))
    >>> batch.x.argmax(-1).T.tolist(), batch.y[batch.mask].argmax(-1).tolist()
    ([[0, 1], [3, 0]], [1, 4, 2])
    """
    place = torch.arange(int(answers.max()) + 1)[:, None]
    where = starts + torch.minimum(place, answers)
    read = roll.index_select(0, where.flatten()).view(*where.shape, KEYS)
    mask = place[:-1] < answers
    gaps = (~mask).flatten().nonzero()[:, 0]  # whole rows of keys: several times faster than a mask of every key
    x, y = (part.flatten(0, 1).to(torch.get_default_dtype(), copy=True).index_fill_(0, gaps, rest) for part, rest in ((read[:-1], 0.0), (read[1:], torch.nan)))
    return Batch(x.view(*mask.shape, KEYS), y.view(*mask.shape, KEYS), mask)


def alike(answers: Tensor) -> Callable[[Tensor, int, torch.Generator], Tensor]:
    """An order of training rows in which batches hold pieces of like lengths, and come in any order."""

    def arrange(rows: Tensor, size: int, generator: torch.Generator) -> Tensor:
        windows = [window[answers[window].argsort(stable=True)] for window in rows.split(ALIKE * size)]
        batches = [batch for window in windows for batch in window.split(size)]
        return torch.cat([batches[k] for k in torch.randperm(len(batches), generator=generator)])

    return arrange


def tallies(batches: Iterable[Batch]) -> Tensor:
    """How often each key was and then is silent or sounding, (was, is, 88) in double, with the prior."""
    counts = torch.full((2, 2, KEYS), PRIOR, dtype=torch.float64)
    for batch in batches:
        was, now = (t[asked(batch)].double() for t in (batch.x, batch.y))
        both = (was * now).sum(0)
        counts += torch.stack([torch.stack([len(was) - was.sum(0) - now.sum(0) + both, now.sum(0) - both]), torch.stack([was.sum(0) - both, both])])
    return counts


def marginal(batches: Iterable[Batch]) -> Callable[[Batch], Tensor]:
    """Every key by its frequency in these batches alone: batch -> output with R = 1."""
    silent, sounding = tallies(batches).sum(0)
    logit = (sounding.log() - silent.log()).to(torch.get_default_dtype())
    return lambda batch: logit.expand(batch.x.shape).unsqueeze(1)


def markov(batches: Iterable[Batch]) -> Callable[[Batch], Tensor]:
    """Every key by whether it sounds now, with the frequencies of these batches: batch -> output with R = 1."""
    counts = tallies(batches)
    logit = (counts[:, 1].log() - counts[:, 0].log()).to(torch.get_default_dtype())
    return lambda batch: torch.where(batch.x > 0.5, logit[1], logit[0]).unsqueeze(1)


def music(name: str, length: int) -> Task:
    """A task on a collection; the public names are in `TASKS`."""
    if not isinstance(length, int) or not 0 <= length <= LONGEST:
        raise ValueError(f"{name} needs a length from 1 to {LONGEST:,}, or 0 for whole tunes, not {length!r}")

    def split(where: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
        found = columns(name, where)
        starts, answers = pieces(found["sequence.ends"], length)
        return torch.arange(len(starts)), lambda rows: frames(found["sequence"], starts[rows], answers[rows])

    def arrange(rows: Tensor, size: int, generator: torch.Generator) -> Tensor:
        return alike(pieces(columns(name, "train")["sequence.ends"], length)[1])(rows, size, generator)

    chance, solved = FIGURES[name]
    return Task(
        name=format_call(name, {"length": length}),
        batches=stored(split, arrange),
        inputs=KEYS,
        outputs=KEYS,
        loss=scores.bernoulli,
        metric=scores.bernoulli,
        oracle=lambda batch: (60.0 * batch.y.nan_to_num() - 30.0).unsqueeze(1),
        chance=chance,
        solved=solved,
        better="lower",
        measure="negative log-likelihood, nats a frame",
        version=1,
        data=Source(name, ("train", "validation", "test")),
        paper="boulanger2012",
        supervision="every",
        answer="vector",
    )


def jsb(length: int = 0) -> Task:
    """JSB Chorales: 382 chorales of Bach, 25 to 160 frames long, a quarter note a frame."""
    return music("jsb", length)


def nottingham(length: int = 0) -> Task:
    """Nottingham: 1,037 folk tunes with chords, 40 to 1,793 frames long."""
    return music("nottingham", length)


def musedata(length: int = 0) -> Task:
    """MuseData: 783 orchestral and piano pieces, 9 to 4,273 frames long."""
    return music("musedata", length)


def piano_midi(length: int = 0) -> Task:
    """Piano-midi.de: 124 classical piano pieces, 65 to 3,857 frames long."""
    return music("piano-midi", length)
