"""What loss, metric, oracle and chance of a task must be."""

from __future__ import annotations

import torch
from torch import Tensor

from suite.tasks import constants
from suite.tasks.conformance.batches import SPLITS
from suite.tasks.sampling import MANY, SMOOTHED, finite, first, mean, near, sample, seeded, told
from suite.tasks.task import Batch, Task, asked


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
