"""What the batches of a task must be: shapes, splits, seeds, rows that go on."""

from __future__ import annotations

import random
from itertools import islice

import numpy as np
import torch

from suite.tasks import constants
from suite.tasks.sampling import finite, first, same, seeded
from suite.tasks.task import Batch, Task, asked

SPLITS = ("train", "validation", "test")
PASS = 1_000_000  # examples after which a pass is taken to have no end


def shapes(task: Task) -> str:
    """Batches have the documented shapes and types; padding stands at the end and holds zeros."""
    for split in SPLITS:
        batch = first(task, split, 7)
        length, there = len(batch.x), batch.mask.shape[-1]
        assert 1 <= there <= 7, f"{split}: a batch of 7 was asked for, and one of {there} given"
        x = (length, there) if task.tokens else (length, there, task.inputs)
        assert batch.x.shape == x, f"{split}: x must be {x}, not {tuple(batch.x.shape)}"
        kind = torch.int64 if task.tokens else torch.get_default_dtype()
        assert batch.x.dtype == kind, f"{split}: x must be {kind}, not {batch.x.dtype}"
        assert batch.mask.shape == (length, there), f"{split}: the mask must be {(length, there)}, not {tuple(batch.mask.shape)}"
        assert batch.mask.dtype == torch.bool, f"{split}: the mask must be torch.bool, not {batch.mask.dtype}"
        assert batch.mask[0].all(), f"{split}: a sequence without a step"
        assert (batch.mask[1:] <= batch.mask[:-1]).all(), f"{split}: padding stands at the end, and here a step follows on padding"
        assert (batch.x[~batch.mask] == 0).all(), f"{split}: x is not 0 where it is masked"
        if task.tokens:
            assert 0 <= int(batch.x.min()) <= int(batch.x.max()) < task.inputs, f"{split}: tokens must lie in 0 … {task.inputs - 1}"
        assert batch.x.isfinite().all(), f"{split}: x has values that are not finite"
        _answers(task, batch, split)
        _fed_back(task, batch, split)
    return f"x {tuple(batch.x.shape)}, y {tuple(batch.y.shape)}"


def _answers(task: Task, batch: Batch, split: str) -> None:
    length, there = batch.mask.shape
    once = (there,) if task.supervision == "last" else (length, there)
    shape = (*once, task.outputs) if task.answer == "vector" else once
    assert batch.y.shape == shape, f"{split}: y must be {shape}, not {tuple(batch.y.shape)}"
    kind = torch.int64 if task.answer == "class" else torch.get_default_dtype()
    assert batch.y.dtype == kind, f"{split}: y must be {kind}, not {batch.y.dtype}"
    found = constants.answers(batch)
    assert len(found), f"{split}: a batch asks for nothing"
    if task.answer == "class":
        assert int(found.max()) < task.outputs, f"{split}: classes must lie in 0 … {task.outputs - 1}, and -1 where a step is not asked"
    assert found.isfinite().all(), f"{split}: answers asked must be finite"
    if task.per == "sequence" and task.supervision == "every":
        assert asked(batch).any(0).all(), f"{split}: a sequence that asks for nothing counts as right"


def _fed_back(task: Task, batch: Batch, split: str) -> None:
    """Of a task that feeds outputs back: x is not given where they are, and what is fed back is asked."""
    given = task.feedback
    if not given:
        return
    fits = task.inputs == task.outputs and task.supervision == "every" and not task.tokens
    assert fits, "outputs that are fed back must be as wide as the inputs, at every step, and no tokens"
    assert given < len(batch.x), f"{split}: x is given up to step {given} of {len(batch.x)}, and nothing is fed back"
    if split != "train":
        assert (batch.x[given:] == 0).all(), f"{split}: x is given after step {given}, from which on outputs are fed back"
        assert (asked(batch)[given - 1 :] == batch.mask[given - 1 :]).all(), f"{split}: outputs are fed back that are not asked"


def splits(task: Task) -> str:
    """Three splits, known by name, none empty, each with an end."""
    counts = []
    for split in SPLITS:
        n = 0
        for batch in task.batches(split, 20 if task.stateful else 256, seeded()):
            n += batch.mask.shape[1]
            assert n <= PASS, f"a pass over {split} gives more than {PASS:,} examples"
        assert n, f"{split} is empty"
        counts.append(f"{split} {n:,}")
    assert "validation" in (said := _misspelt(task)), f"an unknown split, 'validate', must be a ValueError that names 'validation'; it is {said}"
    return ", ".join(counts)


def _misspelt(task: Task) -> str:
    """What a task says of a split that there is not."""
    try:
        next(task.batches("validate", 4, seeded()))
    except ValueError as error:
        return str(error)
    except Exception as error:  # somebody else's function may raise anything
        return f"{type(error).__name__}: {error}"
    return "a batch"


def seeds(task: Task) -> str:
    """The seed decides the examples of training, or their order."""

    def drawn(seed: int) -> list[Batch]:
        return list(islice(task.batches("train", 32, seeded(seed)), 3))

    one, again, other = drawn(0), drawn(0), drawn(1)
    assert all(map(same, one, again)), "the same seed gives other examples"
    alike = all(map(same, one, other))
    assert task.stateful or not alike, "another seed gives the same examples"
    return "one sequence, in its own order" if alike else "from the generator"


def untouched(task: Task) -> str:
    """No global generator is asked, neither torch's nor NumPy's nor Python's."""

    def states() -> list[str]:
        return [str(torch.get_rng_state().tolist()), str(np.random.get_state(legacy=False)), str(random.getstate())]  # noqa: NPY002

    before = states()
    for split in SPLITS:
        first(task, split)
    used = [name for name, one, other in zip(("torch", "numpy", "random"), before, states(), strict=True) if one != other]
    assert not used, f"drawing asks the global generator of {', '.join(used)}"
    return "torch, numpy, random"


def rows_go_on(task: Task) -> str:
    """Of a stateful task, row i of a batch goes on in row i of the next: rows side by side, laid end to end, are the one long row."""
    if not task.stateful:
        return "not stateful"
    if not finite(task):
        return "drawn anew for every pass: not compared"
    long, side = (list(task.batches("validation", size, seeded())) for size in (1, 4))
    whole = [torch.cat([getattr(b, name)[:, 0] for b in long]) for name in Batch._fields]
    for name, one in zip(Batch._fields, whole, strict=True):
        joined = torch.cat([getattr(b, name) for b in side]).transpose(0, 1).flatten(0, 1)
        assert len(joined) <= len(one), f"{name}: 4 rows hold more steps than one, {len(joined)} of {len(one)}"
        assert torch.equal(joined.nan_to_num(7.5), one[: len(joined)].nan_to_num(7.5)), f"{name}: 4 rows laid end to end are not the one long row"
    return f"4 rows of {len(joined) // 4:,} steps are one of {len(joined):,}"
