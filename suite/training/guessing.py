"""Weight guessing: a step is a trial of fresh weights, without a gradient and without a memory of earlier trials.

A trial that has all of a training batch right is scored on validation, and solves the task if it solves that. Most trials are wrong
on the batch's first rows already and go no further; several trials of each run are looked at in one go. Both only save time where all
batches hold the same examples (`train=100` and batches of 100): which trial is the first right one then follows from the run's seed
alone. Where a score is no share of what is right, but lower is better, a trial must solve the whole batch instead. Key: schmidhuber2001.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from suite.tasks.limited import chosen
from suite.tasks.streams import stream_seed
from suite.tasks.task import Batch, asked

if TYPE_CHECKING:
    from suite.training.trainer import Trainer

FIRST = 32  # rows of the batch that a trial is first judged by
ROOM, MOST = 800_000, 64  # outputs of one run that are looked at in one go, and trials


def guess(trainer: Trainer, examples: Batch, until: int, until_solved: bool) -> None:
    """The next trials of every replica that is alive, up to step `until` at most; those that are solved are taken out."""
    few = chosen(examples, torch.arange(min(FIRST, examples.mask.shape[1]))) if trainer.task.better == "higher" else examples
    trials = min(max(1, min(MOST, ROOM // (few.mask.numel() * trainer.network.width))), until - trainer.step)
    theta = drawn(trainer, trials)
    loss, right = tried(trainer, theta.flatten(0, 1), few)
    found = right.nonzero()[:, 0]
    going = torch.ones(len(trainer.alive), dtype=torch.bool)
    if len(found) and few.mask.shape[1] < examples.mask.shape[1]:
        losses, whole = tried(trainer, theta.flatten(0, 1)[found], examples)
        found, losses = found[whole], losses[whole]
    else:
        losses = loss[found]
    if len(found):
        judged(trainer, theta, found.tolist(), losses.tolist(), going, until_solved)
    trainer.step += trials
    trainer.theta, trainer.loss_sum, trainer.loss_steps = theta[:, -1].clone(), loss.view(-1, trials)[:, -1].clone(), 1
    if not going.all():
        trainer.keep(going.to(trainer.device))


def drawn(trainer: Trainer, trials: int) -> Tensor:
    """Weights (R, trials, N) from U(-range, range), each from its replica's seed and the number of the trial; what is frozen stays."""
    seeds, entries = [trainer.fitted[replica].seed for replica in trainer.alive], trainer.theta.shape[1]
    theta = torch.stack([torch.stack([alone(seed, trainer.step + k + 1, entries) for k in range(trials)]) for seed in seeds])
    theta = ((2 * theta - 1) * trainer.rule.range).to(trainer.theta)
    return theta if trainer.moves is None else torch.where(trainer.moves, theta, trainer.theta.unsqueeze(1))


def alone(seed: int, trial: int, entries: int) -> Tensor:
    """The numbers from 0 to 1 of one trial."""
    return torch.rand(entries, generator=torch.Generator().manual_seed(stream_seed(f"guess {seed}", trial)), dtype=torch.float64)


def tried(trainer: Trainer, theta: Tensor, examples: Batch) -> tuple[Tensor, Tensor]:
    """The loss of weights (n, N) on a batch, and whether they have all of it right: (n,) each."""
    with torch.no_grad():
        output = trainer.network.run(trainer.layout.views(theta), examples.x, examples.mask, trainer.engine, asked=asked(examples)).output
        metric = trainer.task.metric(output, examples)
        right = metric >= 1.0 if trainer.task.better == "higher" else metric <= trainer.task.solved
        return trainer.task.loss(output, examples), right


def judged(trainer: Trainer, theta: Tensor, found: list[int], losses: list[float], going: Tensor, until_solved: bool) -> None:
    """Score trials that solve the batch on validation, each replica's in the order of their drawing; a curve's points are those that were better than all before."""
    trials = theta.shape[1]
    scored = zip(found, losses, *trainer.scores("validation", theta.flatten(0, 1)[found]), strict=True)
    for place, loss, validation_loss, validation in scored:
        row, number = divmod(place, trials)
        best = trainer.fitted[trainer.alive[row]].validation
        better = best is None or (validation > best if trainer.task.better == "higher" else validation < best)
        if going[row] and better and math.isfinite(validation_loss) and math.isfinite(loss):
            point = {"step": trainer.step + number + 1, "loss": loss, "validation_loss": validation_loss, "validation": validation}
            going[row] = trainer.noted(row, theta[row, number], point, 0, until_solved)
