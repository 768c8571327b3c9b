"""The one training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from suite import catalogue
from suite.runs.spec import Optimiser
from suite.tasks import Task
from suite.training import guessing
from suite.training.checkpoint import Checkpoint
from suite.training.decoding import decodes
from suite.training.devices import device_here
from suite.training.network import Network
from suite.training.noise import check as check_noise
from suite.training.optimizers import RULES
from suite.training.scoring import EVALUATION_BATCH, fitting
from suite.training.trainer import Fitted, Trainer

Progress = Callable[[int, int], None]  # steps done, steps in all


def fit(
    network: Network,
    task: Task,
    seeds: int | Sequence[int] = (0,),
    optimiser: Optimiser | Sequence[Optimiser] = Optimiser(),  # noqa: B008 (frozen)
    *,
    batch: int = 32,
    steps: int = 1000,
    evaluate_every: int = 100,
    patience: int = 0,
    until_solved: bool = False,
    data_seed: int = 0,
    input_noise: float | Sequence[float] = 0.0,
    stateful: bool = False,
    reset_every: int = 0,
    engine: str = "hoisted",
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> list[Fitted]:
    """Train one replica a seed (a number n stands for seeds 0 to n - 1). Optimisers may differ in rate and momentum, one each or one for all.

    steps           updates; `evaluate_every` of them lie between two evaluations on validation
    patience        evaluations without improvement after which a replica stops; 0 never
    until_solved    a replica stops at the first evaluation at which it solves the task on validation
    input_noise     standard deviation of Gaussian noise added to the inputs in training, one for all or one each
    stateful        states are carried from batch to batch, without their gradient, and start anew with every pass over the
                    data and every `reset_every` batches (0: not); for tasks whose rows go on from batch to batch
    checkpoint      a file the state is kept in twice a minute, and resumed from if it is there; remove it when the
                    result is safe

    >>> import suite
    >>> task = suite.task("parity", length=4, supervision="every")
    >>> [run.status for run in fit(suite.network("rnn", 8, inputs=1, outputs=2, readout="every"), task, [0, 1], steps=5)]
    ['done', 'done']
    """
    seeds = range(seeds) if isinstance(seeds, int) else seeds
    if any(seed < 0 for seed in seeds):
        raise ValueError(f"seeds must be 0 or more, not {min(seeds)}")
    rules = [optimiser] * len(seeds) if isinstance(optimiser, Optimiser) else list(optimiser)
    for thing, kind, made in ((network, Network, "suite.network"), (task, Task, "suite.task"), *((rule, Optimiser, "suite.Optimiser") for rule in rules)):
        if not isinstance(thing, kind):
            raise ValueError(f"fit takes what {made}(…) makes, not {thing!r}")
    fitting(network, task)
    noise = [float(input_noise)] * len(seeds) if isinstance(input_noise, (int, float)) else list(input_noise)
    if not seeds or {len(rules), len(noise)} != {len(seeds)}:
        raise ValueError(f"fit needs one or more seeds and as many optimisers and deviations of noise, not {len(seeds)}, {len(rules)} and {len(noise)}")
    check_noise(noise, task.tokens, task.name)
    if min(batch, steps, evaluate_every) < 1:
        raise ValueError(f"batch, steps and evaluate_every must be 1 or more, not {batch}, {steps} and {evaluate_every}")
    carries(task, network.bidirectional, stateful, reset_every)
    if network.decoder:
        decodes(task)
    guesses = RULES[rules[0].name].direction is None
    if guesses and stateful:
        raise ValueError("weights that are guessed are tried on batches alone: no state can be carried from one to the next")
    if guesses and any(noise):
        raise ValueError("weights that are guessed are tried on the inputs as they are: no noise can be added to them")
    place = device_here(device)
    runner = catalogue.engine(engine, network.cells, place, dtype)
    kept = Checkpoint(checkpoint)
    begin = partial(Trainer, network, task, list(seeds), rules, place, dtype, runner, rows=batch if task.stateful else EVALUATION_BATCH, stateful=stateful, noise=noise)
    trainer = begin()
    if not trainer.restore(kept.load()):
        trainer = begin()
    for examples in trainer.stream(batch, data_seed, reset_every):
        if trainer.step >= steps or not trainer.alive:
            break
        if guesses:
            guessing.guess(trainer, examples, min(steps, (trainer.step // evaluate_every + 1) * evaluate_every), until_solved)
        else:
            trainer.learn(examples, steps)
        if trainer.alive and (trainer.step % evaluate_every == 0 or trainer.step == steps):
            trainer.evaluate(patience, until_solved)
        if kept.due():
            kept.save(trainer.saved())
        if progress:
            try:
                progress(trainer.step, steps)
            except BaseException:  # whoever stops us here finds everything up to this step
                kept.save(trainer.saved())
                raise
    trainer.finish()
    return trainer.fitted


def carries(task: Task, bidirectional: bool, stateful: bool, reset_every: int) -> None:
    """Raise ValueError, one sentence, where states cannot be carried from batch to batch as asked."""
    if stateful and not task.stateful:
        raise ValueError(f"task '{task.name}' shuffles or draws its batches anew: row i of one does not go on in the next, and no state can be carried")
    if stateful and bidirectional:
        raise ValueError("a bidirectional network reads every batch from its end too: no state can be carried from batch to batch")
    if reset_every < 0 or (reset_every and not stateful):
        raise ValueError(f"reset_every counts batches of stateful training, 0 or more, not {reset_every}{'' if stateful else ' where no state is carried'}")
