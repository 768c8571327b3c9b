"""What can be had without a recurrent network: the best constant, the last input or two, the bag of inputs, the whole sequence at once.

A cell that does not beat those without a memory has shown nothing. A model of the whole sequence needs none, for every input lies
before it with its place: where it does well, the task asks little of whoever may store everything, and it is told beside the others. Every model is fitted on training answers, at most ROWS of them, and scored by
the task's own metric on the test split, or on as much of it as LOOK allows. All are small and seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from suite.tasks import constants, features, models, scores
from suite.tasks.streams import stream_seed
from suite.tasks.task import Batch, Task, asked, symbols

ROWS, TOKENS = 30_000, 3_000_000  # answers used for fitting a model, and for counting
TUNE = 60  # answers of a stored sequence that a model is fitted on, evenly spread over it
LOOK = 2e8  # numbers read, or given as outputs, after which a test split has been seen enough
FIT, TEST = 64, 256  # sequences at a time: test examples are those that cells are scored on

AUTOREGRESSIVE = (1, 5, 10)  # values of a series that its next one is a linear function of

WITHOUT_ORDER = ("bag of inputs",)  # a task that these solve asks for no memory of order; a summary holds the last input too


class Baseline(NamedTuple):
    """The metric's mean over the answers of the test split, their standard deviation and number; `whole` if all inputs lay before it at once."""

    name: str
    score: float
    deviation: float
    n: int
    whole: bool = False


@dataclass(frozen=True)
class Seer:
    """A baseline before it is fitted: what it sees of a batch, and by which model it answers."""

    name: str
    sees: Callable[[Batch], Any]
    fit: models.Fit
    rows: int = ROWS
    whole: bool = False


def baselines(task: Task) -> list[Baseline]:
    """Every trivial baseline of a task, fitted on training examples and scored on the test split."""
    link = constants.link(task, _first(task))
    answering: dict[str, Callable[[Batch], Tensor]] = {"best constant": _constant(task, link)}
    whole = set()
    for seer, model in _fit(task):
        answer: Callable[[Batch], Tensor] = partial(_answer, task, seer, model, link)
        answering[seer.name] = partial(_fed_back, task, answer) if task.feedback else answer
        whole |= {seer.name} if seer.whole else set()
    scored: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in answering}
    looked = 0.0
    for batch in _batches(task, "test", task.version):
        for name, answer in answering.items():
            output = constants.placed(task, batch, answer(batch))
            scored[name].append((by_sequence(task, output, batch), weights(task, batch)))
        looked += batch.x.numel() + output.numel()
        if looked > LOOK:
            break
    return [_baseline(name, pairs, name in whole) for name, pairs in scored.items()]


def without_order(task: Task, found: Iterable[Baseline]) -> list[str]:
    """The baselines that solve a task and do not hear in which order its inputs came: it asks for no memory of order."""
    return [b.name for b in found if b.name in WITHOUT_ORDER and task.solves(b.score)]


def seers(task: Task, longest: int) -> list[Seer]:
    """The baselines that fit a task, whose longest sequence is known; of one that feeds outputs back, those that go on from what they said."""
    lagged = [Seer(f"AR({n})", partial(features.lags, task, steps=n), models.least_squares) for n in AUTOREGRESSIVE] * is_series(task)
    if task.feedback:
        return lagged
    if task.tokens and task.answer == "class":
        counted = [Seer("last input", lambda b: features.tokens(b)[:, :1].numpy(), models.counts, TOKENS), Seer("last two inputs", lambda b: features.tokens(b).numpy(), models.counts, TOKENS)]
        if task.inputs > features.VOCABULARY:
            return counted + [Seer("bag of inputs", partial(features.words, task), models.linear)] * (task.supervision == "last")
    else:
        counted = [Seer("last input", partial(features.last, task), models.linear), Seer("last two inputs", partial(features.last_two, task), models.linear)]
    found = [
        *counted,
        *lagged,
        Seer("bag of inputs", partial(features.bag, task), models.linear),
        Seer("linear on a summary", partial(features.summary, task), models.linear),
        Seer("network on the last two inputs", partial(features.last_two, task), models.network),
    ]
    if task.metric is scores.bernoulli and task.inputs == task.outputs and not task.tokens:
        found.append(Seer("each output from the same input", partial(features.last, task), models.keys, TOKENS))
    if longest * task.inputs <= features.WINDOW:
        found += [Seer(f"{kind} on the whole sequence", partial(features.window, task, steps=longest), fit, whole=True) for kind, fit in (("linear", models.linear), ("network", models.network))]
    return found


def is_series(task: Task) -> bool:
    """Whether a number is asked of numbers of one kind, as the next value of a series is."""
    return task.inputs == task.outputs == 1 and task.answer == "number" and not task.tokens and task.metric is scores.squared_error


def _fit(task: Task) -> Iterator[tuple[Seer, models.Model]]:
    """Every baseline with its fitted model."""
    longest = max(len(batch.x) for split in ("train", "validation", "test") for batch in islice(_batches(task, split, 0), 8))
    wanted = seers(task, longest)
    seen: dict[str, list[Any]] = {seer.name: [] for seer in wanted}
    answers: dict[str, list[Any]] = {seer.name: [] for seer in wanted}
    going, looked = set(seen), 0.0
    for batch in _batches(task, "train", 0):
        y, looked = constants.answers(batch).numpy(), looked + batch.x.numel()
        for seer in (each for each in wanted if each.name in going):
            some = slice(None, None, len(y) // TUNE + 1 if _tunes(task) and seer.rows == ROWS else 1)
            seen[seer.name].append(seer.sees(batch)[some])
            answers[seer.name].append(y[some])
            if sum(map(len, answers[seer.name])) >= seer.rows:
                going.remove(seer.name)
        if not going or looked > LOOK:
            break
    for seer in wanted:
        x, y = _stacked(seen.pop(seer.name))[: seer.rows], np.concatenate(answers.pop(seer.name))[: seer.rows]
        yield seer, seer.fit(task, x, y)


def _stacked(parts: list[Any]) -> Any:
    if sparse.issparse(parts[0]):
        return sparse.vstack(parts).tocsr()
    return np.concatenate([np.asarray(part) for part in parts])


def _answer(task: Task, seer: Seer, model: models.Model, link: constants.Link, batch: Batch) -> Tensor:
    seen = seer.sees(batch)
    found = model(seen.numpy() if isinstance(seen, Tensor) else seen)
    return found if task.answer == "class" else link(found)


def _fed_back(task: Task, answer: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
    """What a baseline answers that is given x up to a step and then what it said itself."""
    x = batch.x.clone()
    for step in range(task.feedback, len(x)):
        x[step] = constants.placed(task, batch, answer(batch._replace(x=x)))[step - 1, 0]
    return answer(batch._replace(x=x))


def _constant(task: Task, link: constants.Link) -> Callable[[Batch], Tensor]:
    """The constant that scores best on the first training batches."""
    found = torch.cat([constants.answers(b) for b in _enough(task)])
    outputs = constants.constants(task, found, link)
    counted = constants.counted(task, found, outputs) if task.answer == "class" else None
    values, weighed = counted or constants.tried(task, islice(_batches(task, "train", 0), 16), outputs)
    best = outputs[constants.best(task, values.T @ weighed)]
    return lambda batch: best.expand(len(constants.answers(batch)), -1)


def _enough(task: Task) -> Iterator[Batch]:
    left, looked = TOKENS, 0.0
    for batch in _batches(task, "train", 0):
        yield batch
        left -= int(asked(batch).sum())
        looked += batch.x.numel()
        if left <= 0 or looked > LOOK:
            return


def _batches(task: Task, split: str, seed: int) -> Iterator[Batch]:
    sizes = (32, 32) if task.stateful else (1, 16) if _tunes(task) else (FIT, TEST)
    size = sizes[split == "test"]
    return iter(task.batches(split, size, torch.Generator().manual_seed(stream_seed(split, seed))))


def _tunes(task: Task) -> bool:
    """Whether sequences are stored, of any length, and asked at every step: one at a time none is dropped, a few at a time are padded less."""
    return task.data is not None and task.supervision == "every" and not task.stateful


def _first(task: Task) -> Batch:
    return next(_batches(task, "train", 0))


def by_sequence(task: Task, output: Tensor, batch: Batch) -> Tensor:
    """The metric of every sequence of a batch alone, of an output of one replica: (B,)."""

    def alone(o: Tensor, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        return task.metric(o.unsqueeze(-2), Batch(x.unsqueeze(1), y.unsqueeze(axis), mask.unsqueeze(1)))[0]

    axis = 1 if asked(batch).ndim == 2 else 0
    try:
        return torch.func.vmap(alone, in_dims=(output.ndim - 2, 1, axis, 1))(output, *batch)
    except RuntimeError:  # a metric of somebody's that looks at values: one after another
        rows = range(batch.mask.shape[1])
        return torch.stack([alone(output.select(-2, k), batch.x[:, k], batch.y.select(axis, k), batch.mask[:, k]) for k in rows])


def weights(task: Task, batch: Batch) -> Tensor:
    """What every sequence counts for in the metric's mean: its answers, its symbols, or 1."""
    wanted = symbols(batch.y) if task.per == "symbol" else asked(batch)
    return torch.ones(batch.mask.shape[1]) if task.per == "sequence" or wanted.ndim == 1 else wanted.sum(0)


def _baseline(name: str, pairs: list[tuple[Tensor, Tensor]], whole: bool) -> Baseline:
    """The answers of one sequence hang together: where there are several, a sequence counts once, weighted by their number."""
    values, per = (torch.cat(parts).double() for parts in zip(*pairs, strict=True))
    values, per = values[per > 0], per[per > 0]
    mean = (values * per).sum() / per.sum()
    apart = (values - mean) * per / per.mean()
    return Baseline(name, float(mean), float(apart.square().mean().sqrt()), len(per), whole)
