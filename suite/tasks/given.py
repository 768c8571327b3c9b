"""A task from data in hand: `suite.task_from`, no class to write. Accuracy of classes, or squared error of numbers.

    task_from(x=array (N, T, I), y=labels)                                  arrays, or lists of (T_i, I)
    task_from(x=["one text", "another"], y=["for", "against"])              words; or lists of tokens
    task_from("steps.csv", x=["a", "b"], y="label", sequence="id", time="t")    a row a step
    task_from("rows.parquet", x="series", y="label")                        a row a sequence

`chance` is the share of the most frequent class of the test split, or the variance of its numbers. Nothing is drawn: the
split is a pinned rule, and the checksum of the content stands in every record.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores, tables
from suite.tasks.sequences import SPLITS, Sequences, answered, arrays, batch, listed, numbered, placed, shared, spelled
from suite.tasks.streams import stored
from suite.tasks.task import Batch, Source, Task


def task_from(
    table: Any = None,
    *,
    x: Any,
    y: Any,
    sequence: str = "",
    time: str = "",
    split: str | Iterable[str] | None = None,
    supervision: Literal["last", "every"] = "last",
    answer: Literal["class", "number"] | None = None,
    tokens: bool | None = None,
    vocabulary: int = 10_000,
    standardise: bool = False,
    overlap: int = 0,
    solved: float | None = None,
    name: str = "",
) -> Task:
    """A task from arrays, or from the columns of a table.

    table        a .csv or .parquet file, or a data frame; x and y are then names of columns, x one or several
    x            (N, T, I), (N, T), or a list of sequences (T_i, I), (T_i,), of tokens, or of texts, which are their words
    y            an answer a sequence: strings, integers and booleans are classes, fractions are numbers; of supervision
                 "every" an answer a step, None or not a number where a step is not asked
    sequence     of a table with a row a step, the column that says which sequence a step belongs to; time orders it
    split        the column, or a list, that says "train", "validation" or "test" of each sequence; x and y (or the table) may
                 also be given as three sets, {"train": …, "validation": …, "test": …}. Without rows for validation a tenth of training is.
                 Without any a pinned rule takes 70, 10 and 20 % evenly from the order of the data
    answer       "class" or "number" where the type of y does not tell
    tokens       take integers for tokens; strings always are. The `vocabulary` most frequent of training have a number each
    standardise  give every input mean 0 and deviation 1, by the steps of training alone
    overlap      how many sequences stand in two splits; another number is an error
    solved       what counts as solved; nothing but the best score unless given

    >>> task = task_from(x=[[k, k % 5, 0.5] for k in range(40)], y=["odd" if k % 2 else "even" for k in range(40)])
    >>> task.inputs, task.outputs, task.measure, len(next(task.batches("train", 8, torch.Generator())).x)
    (1, 2, 'accuracy', 3)
    """
    if supervision not in SUPERVISION or answer not in (None, "class", "number"):
        raise ValueError(f"supervision must be 'last' or 'every' and answer 'class' or 'number', not {supervision!r} and {answer!r}")
    if not isinstance(vocabulary, int) or isinstance(vocabulary, bool) or vocabulary < 1:
        raise ValueError(f"vocabulary is the number of tokens that are told apart, 1 or more, not {vocabulary!r}")
    if solved is not None and (not isinstance(solved, int | float) or isinstance(solved, bool) or not math.isfinite(solved)):
        raise ValueError(f"solved is a score, a finite number, not {solved!r}")
    if table is not None:
        x, y, split, name = _tabled(table, x, y, sequence, time, split, supervision, name)
    elif sequence or time:
        raise ValueError("sequence and time name columns of a table, and none is given")
    x, y, split = _together(x, y, split)
    found = _encoded(x, y, split, supervision == "every", answer, tokens, vocabulary, standardise, overlap)
    return _task(found, supervision, solved, name or "given")


SUPERVISION = ("last", "every")


def _tabled(table: Any, x: Any, y: Any, sequence: str, time: str, split: Any, supervision: str, name: str) -> tuple[Any, Any, Any, str]:
    """x, y, split and name by the columns of a table, or of one a split."""
    if split is not None and not isinstance(split, str):
        raise ValueError("of a table, split names a column")
    parts = table if isinstance(table, Mapping) else {"": table}
    found = {where: tables.columns(each, x, y, sequence, time, split or "", supervision == "every") for where, each in parts.items()}
    name = name or next((Path(each).stem for each in parts.values() if isinstance(each, str | Path)), "")
    if isinstance(table, Mapping):
        return {k: c.x for k, c in found.items()}, {k: c.y for k, c in found.items()}, None, name
    return *found[""], name


def _together(x: Any, y: Any, split: Any) -> tuple[list[Any], list[Any], list[str] | None]:
    """Three sets as one, with the split of each sequence."""
    if not isinstance(x, Mapping):
        if isinstance(x, str) or isinstance(split, str):
            raise ValueError("x and split name columns, and no table is given")
        return list(x), list(y), None if split is None else list(split)
    if not isinstance(y, Mapping) or set(x) != set(y) or split is not None:
        raise ValueError("x and y must be given for the same splits, and split not at all")
    lengths = {where: len(x[where]) for where in x}
    for where, n in lengths.items():
        if len(y[where]) != n:
            raise ValueError(f"there are {n} sequences and {len(y[where])} answers in '{where}'")
    return [one for where in x for one in x[where]], [one for where in x for one in y[where]], [where for where, n in lengths.items() for _ in range(n)]


def _encoded(x: list[Any], y: list[Any], split: list[str] | None, every: bool, answer: str | None, tokens: bool | None, vocabulary: int, standardise: bool, overlap: int) -> Sequences:
    """Sequences end to end, from x, y and splits as they were given."""
    rows = placed(len(x), split)
    texts = any(isinstance(one, str) or (isinstance(one, list | tuple | np.ndarray) and len(one) and isinstance(one[0], str)) for one in x)
    if texts and tokens is False:
        raise ValueError("strings are tokens, and tokens=False was given")
    if (texts or tokens) and standardise:
        raise ValueError("tokens cannot be standardised")
    found: list[Any] = listed(x) if texts or tokens else arrays(x)
    sizes = [len(one) for one in found]
    if 0 in sizes:
        raise ValueError(f"sequence {sizes.index(0)} has no steps")
    twice = shared([tuple(one) if isinstance(one, list) else one.tobytes() for one in found], rows)
    if sum(twice.values()) != overlap:
        said = ", ".join(f"{n} in {pair}" for pair, n in twice.items()) or "none"
        raise ValueError(f"sequences stand in two splits ({said}): take them out, or say overlap={sum(twice.values())}")
    answers, kinds = answered(y, sizes, rows, every, answer)
    values, numbers = spelled(found, rows, vocabulary) if texts or tokens else (numbered(found, rows, standardise), 0)
    return Sequences(values, torch.tensor(sizes).cumsum(0), answers, rows, kinds, numbers)


def _task(found: Sequences, supervision: Literal["last", "every"], solved: float | None, name: str) -> Task:
    every, classes = supervision == "every", len(found.kinds)
    content = hashlib.sha256(f"{found.content} {supervision} {solved}".encode()).hexdigest()[:16]  # whatever decides a result decides the id

    def split(where: str) -> tuple[Tensor, Callable[[Tensor], Batch]]:
        return found.rows[where], lambda chosen: batch(found, chosen, every)

    def oracle(examples: Batch) -> Tensor:
        return scores.certain(classes)(examples.y.clamp(min=0)) if classes else examples.y.nan_to_num().unsqueeze(-2).unsqueeze(-1)

    best = 1.0 if classes else 0.0
    return Task(
        name=format_call(name, {"content": content}),
        batches=stored(split),
        inputs=found.vocabulary or found.values.shape[1],
        outputs=classes or 1,
        loss=scores.cross_entropy if classes else scores.squared_error,
        metric=scores.accuracy if classes else scores.squared_error,
        oracle=oracle,
        chance=chance(found, every),
        solved=best if solved is None else solved,
        better="higher" if classes else "lower",
        measure="accuracy" if classes else "mean squared error",
        version=1,
        data=Source(name, SPLITS, content, sum(found.shared().values())),  # encoded: rare tokens are all unknown, and more may fall together
        paper="",
        supervision=supervision,
        tokens=bool(found.vocabulary),
        answer="class" if classes else "number",
    )


def chance(found: Sequences, every: bool) -> float:
    """What the best constant scores on the test split."""
    for where in SPLITS:
        y = batch(found, found.rows[where], every).y
        silent = ~(y >= 0 if found.kinds else ~y.isnan()).any(0) if every else torch.zeros(1, dtype=torch.bool)
        if silent.any():
            raise ValueError(f"{int(silent.sum())} sequences of split '{where}' ask for no answer: take them out")
        y = y[y >= 0] if found.kinds else y[~y.isnan()]
        if not len(y):
            raise ValueError(f"split '{where}' asks for no answer")
        if len(y.unique()) < 2 and where != "validation":
            raise ValueError(f"split '{where}' holds one answer only, {found.kinds[int(y[0])] if found.kinds else float(y[0])!r}")
    return float(torch.bincount(y).max()) / len(y) if found.kinds else float(y.double().var(correction=0))
