"""The battery that every task must pass, ours in the tests and an outsider's by `carrousel check their_package.tasks:my_task`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from suite.data import DataError, NotAvailable
from suite.data.overlap import shared_rows
from suite.findings import Finding, judged
from suite.tasks import constants
from suite.tasks.limited import rows as examples
from suite.tasks.sampling import MANY, SMOOTHED, finite, first, mean, near, same, sample, seeded, told
from suite.tasks.task import Batch, Task, asked

SPLITS = ("train", "validation", "test")
PASS = 1_000_000  # examples after which a pass is taken to have no end
JOINED = 0.02  # share of examples that may fall together by encoding, where the stored rows of two splits do


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


def figures(task: Task) -> str:
    """Loss and metric are one figure a replica, and replicas do not hear each other."""
    batch = first(task, size=7)
    output = noise(task, batch, 3)
    for name, score in (("loss", task.loss), ("metric", task.metric)):
        whole = score(output, batch)
        assert whole.shape == (3,), f"the {name} of 3 replicas has shape {tuple(whole.shape)}"
        for k in range(3):
            alone = score(output[..., k : k + 1, :, :], batch)
            assert torch.allclose(whole[k : k + 1], alone, rtol=1e-6, atol=0), f"the {name} of a replica depends on the others"
    assert len(task.loss(output, batch).unique()) == 3, "the loss does not hear the output"
    return "3 together, 3 alone"


def noise(task: Task, batch: Batch, replicas: int) -> Tensor:
    """Drawn outputs for a batch."""
    *steps, rows = asked(batch).shape
    return torch.randn(*steps, replicas, rows, task.outputs, generator=seeded())


def unasked(task: Task) -> str:
    """Outputs at masked steps count neither in the loss nor in the metric, those at steps not asked not in the metric."""
    batch = first(task)
    if asked(batch).all():
        return "every answer of the batch is asked"
    output = noise(task, batch, 2)
    for what, wanted, scores in (("masked", batch.mask, {"loss": task.loss, "metric": task.metric}), ("not asked", asked(batch), {"metric": task.metric})):
        other = torch.where(wanted.unsqueeze(-2).unsqueeze(-1), output, 1e3)
        for name, score in scores.items():
            assert torch.equal(score(output, batch), score(other, batch)), f"the {name} hears outputs that are {what}"
    return f"{int((~asked(batch)).sum()):,} of {asked(batch).numel():,} outputs"


def oracle(task: Task) -> str:
    """The oracle reaches the best score, which lies beyond `solved`, and that beyond `chance`; no constant has a lower loss."""
    best = task.best if task.best is not None else 1.0 if task.better == "higher" else 0.0
    order = [task.chance, task.solved, best] if task.better == "higher" else [best, task.solved, task.chance]
    assert order[0] <= order[1] <= order[2], f"chance {task.chance:g}, solved {task.solved:g} and the best {best:g} are not in order"
    assert task.chance != task.solved, f"chance {task.chance:g} counts as solved"
    for split in SPLITS:
        batch = first(task, split)
        answer = task.oracle(batch)
        score, loss = float(task.metric(answer, batch)), float(task.loss(answer, batch))
        assert task.best is not None or abs(score - best) <= 1e-6, f"{split}: the oracle scores {score:g}, the best is {best:g}"
        usual = constants.constants(task, constants.answers(batch), constants.link(task, batch))
        cheapest = min(float(task.loss(constants.repeated(part, batch), batch)) for part in usual.split(1))
        assert loss <= cheapest + 1e-6, f"{split}: the loss of the oracle, {loss:g}, is above that of a constant, {cheapest:g}"
    if task.best is None:
        return f"{score:g} on every split"
    made = [(task.metric(task.oracle(b), b).double(), float(task.weight(b)[1])) for b in sample(task, "test")]
    values, weights = torch.cat([v for v, _ in made]), torch.tensor([w for _, w in made], dtype=torch.float64)
    score, error = mean(values, weights)
    n = float(weights.sum())
    assert near(task, score, error, n, best), f"the oracle scores {told(task, score, error, n)}, and best is {best:g}"
    return told(task, score, error, n)


def chance(task: Task) -> str:
    """The best constant scores `chance`: of a finite task that of its test split, or that of its whole training split, exactly."""
    task = task.whole or task
    found = _fitted(task, "test") if finite(task) else _drawn(task)
    if near(task, *found, task.chance):
        return told(task, *found)
    said = told(task, *found)
    if finite(task):
        found = _fitted(task, "train")
        if near(task, *found, task.chance, SMOOTHED):
            return f"{told(task, *found)}, fitted on training"
        said += f", fitted on training {told(task, *found)}"
    raise AssertionError(f"the best constant scores {said}; chance is {task.chance:g}")


def _fitted(task: Task, split: str) -> tuple[float, float, float]:
    """The score of the constant that is best on a finite task's test split, of those that suggest themselves by a split; its error; their number."""
    test, seen = (torch.cat([constants.answers(b) for b in sample(task, s)]) for s in ("test", split))
    outputs = constants.constants(task, seen, constants.link(task, first(task)))
    counted = constants.counted(task, test, outputs) if task.outputs > MANY else None
    values, weights = counted or constants.tried(task, sample(task, "test"), outputs)
    return (*mean(values[:, constants.best(task, values.T @ weights)], weights), float(weights.sum()))


def _drawn(task: Task) -> tuple[float, float, float]:
    """The same of drawn examples: the constant is chosen on others than it is scored on, for the best of many is too good where it was chosen."""
    seen = torch.cat([constants.answers(b) for b in sample(task, "validation")])
    outputs = constants.constants(task, seen, constants.link(task, first(task)))
    values, weights = constants.tried(task, sample(task, "validation"), outputs)
    k = constants.best(task, values.T @ weights)
    values, weights = constants.tried(task, sample(task, "test"), outputs[k : k + 1])
    return (*mean(values[:, 0], weights), float(weights.sum()))


def disjoint(task: Task) -> str:
    """Splits of stored examples share none; an overlap of the original is an error unless the manifest, or the source, declares its count."""
    if task.data is None and not finite(task):
        return "drawn, not stored"
    declared = task.data.overlap if task.data else 0
    if task.data and not task.data.content:
        counted = shared_rows(task.data.name) if declared else 0
        assert counted == declared, f"{counted} rows of {task.data.name} stand in two stored splits, and its manifest declares {declared}"
    if task.stateful:
        return f"{declared} stored rows in two splits, as declared" if declared else "one sequence a split"
    seen = {split: [row for batch in task.batches(split, 250, seeded()) for row in map(hash, examples(batch))] for split in SPLITS}
    pairs = (("train", "validation"), ("train", "test"), ("validation", "test"))
    twice = {f"{one} and {other}": len(set(seen[one]) & set(seen[other])) for one, other in pairs}
    said = ", ".join(f"{n} in {pair}" for pair, n in twice.items() if n)
    if task.data is None or task.data.content:
        assert sum(twice.values()) == declared, f"examples stand in two splits ({said or 'none'}), and overlap is declared as {declared}"
    elif declared:  # encoding cuts and rounds, so more of them fall together
        assert all(n <= JOINED * len(seen[pair.rpartition(" ")[2]]) for pair, n in twice.items()), f"examples stand in two splits: {said}"
    else:
        assert not said, f"examples stand in two splits: {said}; its manifest declares none"
    return f"{declared} in two splits, as declared; as encoded {said}" if declared else "none in two splits"


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


def drawing(task: Task) -> str:
    """What a batch costs to draw: a figure, not a test."""
    first(task)  # what is read or drawn once
    start = time.perf_counter()
    n = sum(1 for _ in islice(task.batches("train", 32, seeded()), 64))
    return f"{1e3 * (time.perf_counter() - start) / n:.3f} ms a batch of 32"


PROPERTIES: dict[str, Callable[[Task], str]] = {
    "shapes, types and padding": shapes,
    "splits": splits,
    "the seed decides the examples": seeds,
    "no global generator is touched": untouched,
    "one figure a replica": figures,
    "what is not asked does not count": unasked,
    "the oracle is best": oracle,
    "the best constant scores chance": chance,
    "splits share no example": disjoint,
    "stateful rows go on": rows_go_on,
    "drawing": drawing,
}


def check(task: Task) -> list[Finding]:
    """Every property of a task, in order; one that raises does not hold. Where its data are not to be had, that alone is said."""
    try:
        if task.data is not None:
            task.data.load()
    except (NotAvailable, DataError) as error:
        return [Finding("its data are here", False, " ".join(str(error).split()))]
    return judged(PROPERTIES, task)
