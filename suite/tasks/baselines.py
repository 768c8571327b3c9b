"""What can be had without a memory: the best constant, the last input alone, the bag of inputs, each fitted by scikit-learn.

A cell that does not beat these has shown nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse

from suite.tasks.streams import stream_seed
from suite.tasks.task import Batch, Task, asked

ROWS = 30_000  # answers used for fitting; enough for models this small


class Baseline(NamedTuple):
    """The metric's mean over the answers of the test split, their standard deviation and number."""

    name: str
    score: float
    deviation: float
    n: int


def baselines(task: Task) -> list[Baseline]:
    """Every trivial baseline of a task, fitted on training examples and scored on the test split."""
    features = {"last input": _last, "bag of inputs": _bag}
    seeds = {"train": 0, "test": task.version}  # the test examples are those that cells are scored on
    train, test = (list(task.batches(split, 256, torch.Generator().manual_seed(stream_seed(split, seed)))) for split, seed in seeds.items())
    per = np.concatenate([asked(batch).sum(0).numpy() for batch in test]) if task.supervision == "every" else None
    y, y_test = _answers(task, train), _answers(task, test)
    found = [_scored(task, "best constant", np.full(len(y_test), _constant(task, y)), y_test, per)]
    for name, of in features.items():
        x, x_test = (_stack([of(task, batch) for batch in batches]) for batches in (train, test))
        model = _model(task).fit(x[:ROWS], y[:ROWS])
        found.append(_scored(task, name, model.predict(x_test), y_test, per))
    return found


def _model(task: Task) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    if task.answer == "number":
        return Ridge()
    model = LogisticRegression(solver="liblinear", C=0.1 if task.tokens else 10.0)
    return make_pipeline(MaxAbsScaler(), model if task.outputs == 2 else OneVsRestClassifier(model))


def _constant(task: Task, y: np.ndarray[Any, Any]) -> float:
    return float(np.bincount(y).argmax()) if task.answer == "class" else float(y.mean())


def _scored(task: Task, name: str, predicted: np.ndarray[Any, Any], y: np.ndarray[Any, Any], per: np.ndarray[Any, Any] | None) -> Baseline:
    """The answers of one sequence hang together: where there are several, a sequence counts once, weighted by their number."""
    values = (predicted == y).astype(float) if task.answer == "class" else (predicted - y) ** 2
    if per is not None:
        starts = np.concatenate([[0], per.cumsum()[:-1]])
        mean = float(values.mean())
        apart = (np.add.reduceat(values, starts) - mean * per) / per.mean()
        return Baseline(name, mean, float(apart.std()), len(per))
    return Baseline(name, float(values.mean()), float(values.std()), len(values))


def _answers(task: Task, batches: list[Batch]) -> np.ndarray[Any, Any]:
    return torch.cat([b.y.T[asked(b).T] if task.supervision == "every" else b.y for b in batches]).numpy()


def _last(task: Task, batch: Batch) -> Any:
    """The input at the step whose answer is asked: (answers, inputs)."""
    if task.supervision == "every":
        return batch.x.transpose(0, 1)[asked(batch).T].numpy()
    ends = batch.mask.sum(0) - 1
    last = batch.x[ends, torch.arange(len(ends))]
    return _counts(last[:, None], torch.ones(len(ends), 1, dtype=torch.bool), task.inputs) if task.tokens else last.numpy()


def _bag(task: Task, batch: Batch) -> Any:
    """The mean of the inputs so far, order forgotten: (answers, inputs)."""
    if task.tokens:
        return _counts(batch.x.T, batch.mask.T, task.inputs)
    seen = (batch.x * batch.mask[..., None]).cumsum(0) / torch.arange(1, len(batch.x) + 1)[:, None, None]
    if task.supervision == "every":
        return seen.transpose(0, 1)[asked(batch).T].numpy()
    return (seen[-1] * len(batch.x) / batch.mask.sum(0)[:, None]).numpy()


def _counts(tokens: torch.Tensor, mask: torch.Tensor, kinds: int) -> sparse.csr_matrix:
    """Which tokens occur, 0 or 1: (B, kinds)."""
    rows = torch.arange(len(tokens))[:, None].expand_as(tokens)[mask].numpy()
    found = sparse.csr_matrix((np.ones(len(rows)), (rows, tokens[mask].numpy())), shape=(len(tokens), kinds))
    found.data[:] = 1.0
    return found


def _stack(parts: list[Any]) -> Any:
    return sparse.vstack(parts).tocsr() if sparse.issparse(parts[0]) else np.concatenate(parts)
