"""The models of the trivial baselines, small and seeded: linear ones and feed-forward networks of scikit-learn, tables of counts.

Each is fitted on features and answers, and gives for features what the task calls an answer: log-probabilities of the classes
(A, O), numbers (A, 1), or vectors (A, O).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from suite.tasks import scores
from suite.tasks.task import Task

Array = np.ndarray[Any, Any]
Model = Callable[[Any], Tensor]
Fit = Callable[[Task, Any, Array], Model]

EFFORT = {"linear": 1e8, "network": 3e7}  # rows x features x outputs that a model may see
UNLIKELY = 1e-4  # the least probability that a linear model may give to a bit
PRIOR = 0.01  # frames added to every count of a key, as in the figures that papers give for music


def linear(task: Task, x: Any, y: Array) -> Model:
    """Logistic regression, or ridge regression of numbers and vectors."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    if task.answer != "class":
        return _numbers(task, _fitted(make_pipeline(MaxAbsScaler(), Ridge()), x, y, EFFORT["linear"]), _shares(task, y))
    if sparse.issparse(x):
        return _classes(task, _fitted(make_pipeline(MaxAbsScaler(), OneVsRestClassifier(LogisticRegression(solver="liblinear", C=0.1, random_state=0))), x, y, np.inf))
    return _classes(task, _fitted(make_pipeline(MaxAbsScaler(), LogisticRegression(C=10.0, max_iter=60)), x, y, EFFORT["linear"] / task.outputs))


def network(task: Task, x: Any, y: Array) -> Model:
    """A feed-forward network of one hidden layer."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler

    bits = task.loss is scores.bernoulli
    made = (MLPClassifier if bits or task.answer == "class" else MLPRegressor)(hidden_layer_sizes=(64,), max_iter=20, batch_size=64, learning_rate_init=3e-3, random_state=0)
    fitted = _fitted(make_pipeline(MaxAbsScaler(), made), x, y, EFFORT["network"] / 64)
    if task.answer == "class":
        return _classes(task, fitted)
    return _bits(task, fitted) if bits else _numbers(task, fitted, _shares(task, y))


def _shares(task: Task, y: Array) -> bool:
    """Whether answers are vectors of bits, so that a prediction is a probability."""
    return task.answer == "vector" and bool(np.isin(y, (0, 1)).all())


def least_squares(task: Task, x: Array, y: Array) -> Model:
    """A constant and a weight a value, fitted where all values are there; one that is missing counts as their mean."""
    whole = ~np.isnan(x).any(1)
    seen = x[whole].astype(np.float64)
    usual = seen.mean(0) if len(seen) else np.zeros(x.shape[1])
    weights = np.linalg.lstsq(np.column_stack([seen, np.ones(len(seen))]), y[whole].astype(np.float64), rcond=None)[0]
    return lambda now: torch.as_tensor(np.where(np.isnan(now), usual, now) @ weights[:-1] + weights[-1], dtype=torch.get_default_dtype())


def _fitted(model: Any, x: Any, y: Array, effort: float) -> Any:
    rows = int(max(min(x.shape[0], effort / x.shape[1]), min(x.shape[0], 1000)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bounded effort is what is wanted, and a constant input no surprise
        return model.fit(x[:rows], y[:rows])


def _classes(task: Task, model: Any) -> Model:
    def answer(x: Any) -> Tensor:
        found = torch.full((x.shape[0], task.outputs), -30.0)
        found[:, torch.as_tensor(model.classes_)] = torch.as_tensor(np.log(np.maximum(model.predict_proba(x), 1e-13)), dtype=found.dtype)
        return found

    return answer


def _bits(task: Task, model: Any) -> Model:
    return lambda x: torch.as_tensor(model.predict_proba(x)[:, -task.outputs :], dtype=torch.get_default_dtype())  # of one bit, both its values are given


def _numbers(task: Task, model: Any, bits: bool = False) -> Model:
    def answer(x: Any) -> Tensor:
        found = torch.as_tensor(model.predict(x), dtype=torch.get_default_dtype())
        return found.clamp(UNLIKELY, 1 - UNLIKELY) if bits else found if task.answer == "vector" else found.reshape(len(found))

    return answer


def keys(task: Task, x: Array, y: Array) -> Model:
    """Each bit of a vector by whether the same bit of the last input was set: a Markov chain of first order for each key."""
    was = x > 0.5
    counts = [(np.where(was == state, y, 0).sum(0) + PRIOR) / ((was == state).sum(0) + 2 * PRIOR) for state in (False, True)]
    silent, sounding = (torch.as_tensor(c, dtype=torch.get_default_dtype()) for c in counts)
    return lambda now: torch.where(torch.as_tensor(now) > 0.5, sounding, silent)


def counts(task: Task, context: Array, y: Array) -> Model:
    """The classes that followed the last tokens (A, n), as often as they did; where these are rare or new, those that followed fewer of them (Witten–Bell)."""
    usual = ((np.bincount(y, minlength=task.outputs) + 1.0) / (len(y) + task.outputs)).astype(np.float32)
    tables = [_table(task, context[:, : n + 1], y) for n in range(context.shape[1])]

    def answer(seen: Array) -> Tensor:
        found = np.broadcast_to(usual, (len(seen), task.outputs))
        for n, (known, table, size, kinds) in enumerate(tables):
            code = _codes(task, seen[:, : n + 1])
            place = np.searchsorted(known, code).clip(max=len(known) - 1)
            there = known[place] == code
            more, sizes = (np.where(there, of[place], rest).astype(np.float32)[:, None] for of, rest in ((kinds, 1.0), (size, 0.0)))
            followed = sparse.diags(there.astype(np.float32)) @ table[place]
            found = (more / (sizes + more)) * found
            rows, columns = followed.nonzero()
            found[rows, columns] += followed.data / (sizes + more)[rows, 0]
        return torch.as_tensor(np.log(found), dtype=torch.get_default_dtype())

    return answer


def _codes(task: Task, context: Array) -> Array:
    """Contexts as single numbers; -1 stands before the beginning."""
    code = np.zeros(len(context), dtype=np.int64)
    for column in context.T:
        code = code * (task.inputs + 1) + column + 1
    return code


def _table(task: Task, context: Array, y: Array) -> tuple[Array, sparse.csr_matrix, Array, Array]:
    """Contexts seen, how often each class followed, how often each was seen, and by how many different classes it was followed."""
    known, place = np.unique(_codes(task, context), return_inverse=True)
    table = sparse.csr_matrix((np.ones(len(y), dtype=np.float32), (place, y)), shape=(len(known), task.outputs))
    table.sum_duplicates()
    return known, table, np.asarray(table.sum(1)).ravel(), np.diff(table.indptr).astype(float)
