"""The state of a training run: R replicas of a network that learn a task at once, each as if it were alone.

A replica that diverges or stops early is taken out of the tensors; its neighbours never notice. The reported
test score is that of the step that was best on validation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from suite.runs.spec import Optimiser
from suite.tasks import Task
from suite.tasks.streams import stream_seed
from suite.tasks.task import Batch, asked
from suite.training import masks
from suite.training.flat import Layout
from suite.training.network import Network
from suite.training.noise import noisy
from suite.training.optimizers import RULES, update
from suite.training.scoring import EVALUATION_BATCH, means, ready

RUN = ("status", "curve", "best_step", "validation")  # what a checkpoint keeps of each replica
STATE = ("theta", "slots", "rates", "momenta", "best", "loss_sum", "loss_steps", "step", "epoch_start", "taken", "poor", "alive", "carried")  # and of all


@dataclass
class Fitted:
    """One replica's outcome: `curve` has a point an evaluation, `weights` are those of the best step, (1, *shape) each.

    `beyond` has the test score at each other difficulty the task names. `seconds` is the wall time of all replicas together, in every process that had a part in it.
    """

    seed: int
    status: str = "cut off"
    curve: list[dict[str, float]] = field(default_factory=list)
    best_step: int = 0
    validation: float | None = None
    test: float | None = None
    beyond: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    weights: dict[str, Tensor] = field(default_factory=dict, repr=False)


class Trainer:
    """The state of a training run, by replica still alive."""

    def __init__(
        self,
        network: Network,
        task: Task,
        seeds: list[int],
        rules: list[Optimiser],
        device: torch.device,
        dtype: torch.dtype,
        engine: Any,
        rows: int = EVALUATION_BATCH,
        stateful: bool = False,
        noise: Sequence[float] = (),
    ) -> None:
        """`rows` sequences at a time are evaluated; `stateful`: states are carried from batch to batch, in evaluation too; `noise` is on the inputs, one deviation a seed."""
        self.network, self.task, self.engine, self.device, self.dtype = network, task, engine, device, dtype
        self.rows, self.stateful, self.noise = rows, stateful, noise or [0.0] * len(seeds)
        self.layout = Layout(network.shapes())
        self.rule = rules[0]
        self.fitted = [Fitted(seed) for seed in seeds]
        self.alive = list(range(len(seeds)))
        drawn = [network.start(seed) for seed in seeds]
        self.theta = torch.cat([self.layout.flat(params) for params in drawn]).to(device, dtype)
        self.slots = RULES[self.rule.name].start(self.theta)
        moves = network.trained()
        self.moves = None if moves is None else self.layout.flat(moves).to(device)
        self.carried: dict[str, Tensor] = {}
        self.rates = torch.tensor([[o.lr] for o in rules], device=device, dtype=dtype)
        self.momenta = torch.tensor([[o.momentum] for o in rules], device=device, dtype=dtype)
        self.best = self.theta.clone()
        self.loss_sum = torch.zeros(len(seeds), device=device, dtype=dtype)
        self.loss_steps = 0
        self.step, self.epoch_start, self.taken = 0, torch.empty(0), 0
        self.poor = [0] * len(seeds)
        self.begun, self.spent = time.monotonic(), 0.0

    @property
    def seconds(self) -> float:
        """Wall time up to now, that of earlier processes included."""
        return self.spent + time.monotonic() - self.begun

    def stream(self, batch: int, data_seed: int, reset_every: int = 0) -> Iterator[Batch]:
        """Training batches without end, continued where a checkpoint left off; carried states start anew where they must."""
        generator = torch.Generator().manual_seed(stream_seed("train", data_seed))
        skip, self.taken = self.taken, 0
        if len(self.epoch_start):
            generator.set_state(self.epoch_start)
        while True:
            self.epoch_start = generator.get_state()
            for number, examples in enumerate(self.task.batches("train", batch, generator), start=1):
                if number > skip:
                    self.taken = number
                    if number == 1 or (reset_every and (number - 1) % reset_every == 0):
                        self.carried = {}
                    yield self.ready(examples)
            if not skip and not self.taken:
                raise ValueError(f"task '{self.task.name}' gives no training batch")
            skip = self.taken = 0

    def ready(self, examples: Batch) -> Batch:
        """A batch on the device, in the dtype of the weights."""
        return ready(self.task, examples, self.theta)

    def learn(self, examples: Batch, steps: int) -> None:
        """One update of every replica that is alive and whose loss is a number."""
        self.step += 1
        theta = self.theta.requires_grad_()
        seeds = [self.fitted[k].seed for k in self.alive]
        noise = masks.drawn(self.network.masks(), seeds, self.step, len(examples.mask), examples.mask.shape[1], theta)
        x = noisy(examples.x, [self.noise[k] for k in self.alive], seeds, self.step)
        output, state = self.network.run(self.layout.views(theta), x, examples.mask, self.engine, state=self.carried, noise=noise, asked=asked(examples))
        losses = self.task.loss(output, examples)
        (gradient,) = torch.autograd.grad(losses.sum(), theta)
        self.theta, losses = theta.detach(), losses.detach()
        self.carried = {name: value.detach() for name, value in state.items()} if self.stateful else {}
        if self.moves is not None:
            gradient = gradient * self.moves
        finite = losses.isfinite()
        if not finite.all():
            gradient, losses = gradient[finite], losses[finite]
            for replica in (self.alive[k] for k in range(len(finite)) if not finite[k]):
                self.fitted[replica].status = f"diverged at step {self.step}"
            self.keep(finite)
        before = self.theta.clone() if self.moves is not None else self.theta
        update(self.theta, gradient, self.slots, self.rule, self.rates, self.momenta, self.step, steps)
        if self.moves is not None:  # weight decay moves what has no gradient
            self.theta = torch.where(self.moves, self.theta, before)
        self.loss_sum += losses
        self.loss_steps += 1

    def keep(self, which: Tensor) -> None:
        """Take replicas out of every tensor."""
        self.alive = [replica for replica, kept in zip(self.alive, which.tolist(), strict=True) if kept]
        self.theta, self.rates, self.momenta, self.loss_sum = (t[which] for t in (self.theta, self.rates, self.momenta, self.loss_sum))
        self.slots, self.carried = ({name: value[which] for name, value in kept.items()} for kept in (self.slots, self.carried))

    def evaluate(self, patience: int, until_solved: bool = False) -> None:
        """A point on every curve; the best weights so far; early stopping."""
        loss, metric = self.scores("validation", self.theta)
        going = torch.ones(len(self.alive), dtype=torch.bool)
        for row in range(len(self.alive)):
            point = {"step": self.step, "loss": float(self.loss_sum[row]) / max(self.loss_steps, 1), "validation_loss": loss[row], "validation": metric[row]}
            going[row] = self.noted(row, self.theta[row], point, patience, until_solved)
        self.loss_sum, self.loss_steps = torch.zeros_like(self.loss_sum), 0
        if not going.all():
            self.keep(going.to(self.device))

    def noted(self, row: int, weights: Tensor, point: dict[str, float], patience: int, until_solved: bool) -> bool:
        """Add a point to the curve of a replica, keep weights (N,) that are its best; whether it goes on."""
        replica = self.alive[row]
        run, value = self.fitted[replica], point["validation"]
        if not all(math.isfinite(number) for number in point.values()):
            run.status = f"diverged at step {self.step}"
            return False
        run.curve.append(point)
        going = True
        if until_solved and self.task.solves(value):
            run.status, going = "done", False
        if run.validation is None or (value > run.validation if self.task.better == "higher" else value < run.validation):
            run.validation, run.best_step, self.poor[replica] = value, int(point["step"]), 0
            self.best[replica] = weights
        else:
            self.poor[replica] += 1
            if patience and self.poor[replica] >= patience:
                run.status, going = "done", False
        return going

    def scores(self, split: str, theta: Tensor, task: Task | None = None) -> tuple[list[float], list[float]]:
        """Mean loss and metric of each replica over a split, of the task unless another is given."""
        return means(self.network, self.layout.views(theta), task or self.task, split, self.engine, self.rows, self.stateful)

    def finish(self) -> None:
        """Test scores and weights of the best steps."""
        for replica in self.alive:
            self.fitted[replica].status = "done"
        reached = [k for k, run in enumerate(self.fitted) if run.status == "done" and run.validation is not None]
        if reached:
            _, test = self.scores("test", self.best[reached])
            for row, replica in enumerate(reached):
                run, finite = self.fitted[replica], math.isfinite(test[row])
                run.test, run.status = (test[row], "done") if finite else (None, f"diverged at step {run.best_step}")
            for label, other in self.task.beyond.items():
                _, there = self.scores("test", self.best[reached], other)
                for row, replica in enumerate(reached):
                    self.fitted[replica].beyond |= {label: there[row]} if math.isfinite(there[row]) else {}
        for replica, run in enumerate(self.fitted):
            run.seconds = self.seconds
            run.weights = {name: value.cpu().clone() for name, value in self.layout.views(self.best[replica : replica + 1]).items()}

    def saved(self) -> dict[str, Any]:
        """Everything a checkpoint holds: plain data and tensors."""
        runs = [{name: getattr(run, name) for name in RUN} for run in self.fitted]
        return {"runs": runs, "spent": self.seconds, **{name: getattr(self, name) for name in STATE}}

    def restore(self, saved: dict[str, Any] | None) -> bool:
        """The reverse of `saved`; false for what is no checkpoint of this run, which then begins again."""
        if saved is None:
            return True
        try:
            if set(saved) != {"runs", "spent", *STATE} or saved["best"].shape != self.best.shape or saved["theta"].shape[1:] != self.theta.shape[1:]:
                return False
            for run, fields in zip(self.fitted, saved["runs"], strict=True):
                vars(run).update({name: fields[name] for name in RUN})
        except (KeyError, TypeError, AttributeError, ValueError):
            return False
        vars(self).update({name: saved[name] for name in ("spent", *STATE)})
        return True
