"""Specs that share a replica axis -> their records' results: network and task by name, one call of `fit`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError

from suite import catalogue
from suite.cells import Cell, digest
from suite.runs.run import Costs, Point, Score
from suite.runs.spec import TrainSpec
from suite.training import collected, weights
from suite.training.build import network
from suite.training.fit import Progress, fit
from suite.training.network import Network

BYTES = {"bfloat16": 2, "float16": 2, "float32": 4, "float64": 8}


def network_of(spec: TrainSpec, inputs: int, outputs: int, cells: Sequence[Cell] = ()) -> Network:
    """The network a spec describes; `cells` are those of its layers where they are made already."""
    layers = [*((spec.cell, spec.units) for _ in range(spec.layers)), *((layer.cell, layer.units) for layer in spec.above)]
    return network(
        cells or [cell for cell, _ in layers],
        [units for _, units in layers],
        inputs=inputs,
        outputs=outputs,
        **{name: getattr(spec, name) for name in ("readout", "embedding", "bidirectional", "dropout", "residual", "linear", "init", "frozen", "decoder")},
    )


def costs_of(net: Network, dtype: str) -> Costs:
    """What follows from the shapes alone: all parameters; multiply-adds and state of one step of one sequence, which goes through one stack."""
    costs = [layer.cell.costs(layer.inputs) for ways in net.stacks[0] for layer in ways]
    adds, state = (sum(each[what] for each in costs) for what in ("multiply_adds", "state"))
    return Costs(parameters=net.parameters, multiply_adds=adds, state_bytes=state * BYTES[dtype])


Result = tuple[str, Score | None, tuple[Point, ...], Costs]


def train(specs: Sequence[TrainSpec], checkpoint: Path | None, keep: Path | None, progress: Progress | None, collect: Path | None = None) -> list[Result]:
    """Status, score, curve and costs of each spec. With `keep`, weights of the best steps go there as <id>.safetensors, with `collect` their gradients as <id>.json."""
    first = specs[0]
    torch.set_num_threads(first.threads)
    task = catalogue.task(first.task)
    if (task.data.checksum if task.data else "", task.version) != (first.data, first.task_version):
        raise ValueError(f"task '{first.task}' has other data or another version here than when the run was planned")
    net = network_of(first, task.inputs, task.outputs)
    planned = [first.cell_digest] * first.layers + [layer.cell_digest for layer in first.above]
    for cell, known in zip(net.cells, planned, strict=True):
        if known not in ("", digest(cell)):
            raise ValueError(f"cell '{cell.name}' has other equations here than when the run was planned")
    fitted = fit(
        net,
        task,
        [spec.seed for spec in specs],
        [spec.optimiser for spec in specs],
        batch=first.batch,
        steps=first.steps,
        evaluate_every=first.evaluate_every,
        patience=first.patience,
        until_solved=first.until_solved,
        data_seed=first.data_seed,
        input_noise=[spec.input_noise for spec in specs],
        stateful=first.stateful,
        reset_every=first.reset_every,
        engine=first.engine,
        device=first.device,
        dtype=getattr(torch, first.dtype),
        checkpoint=checkpoint,
        progress=progress,
    )
    costs = costs_of(net, first.dtype).model_copy(update={"seconds": fitted[0].seconds})
    results: list[Result] = []
    for spec, run in zip(specs, fitted, strict=True):
        if keep is not None and run.validation is not None:
            try:
                weights.save(keep / f"{spec.id}.safetensors", net, run.weights, spec=spec.model_dump(), test=run.test)
            except (OSError, SafetensorError) as error:  # the result is worth more than the weights
                print(f"carrousel: weights of {spec.id} are not kept: {error}", file=sys.stderr)
        if collect is not None and run.validation is not None:
            try:
                collected.save(collect, spec.id, net, task, run.weights)
            except (OSError, ValueError, RuntimeError) as error:
                print(f"carrousel: gradients of {spec.id} are not kept: {error}", file=sys.stderr)
        score = Score(best_step=run.best_step, validation=run.validation, test=run.test, beyond=run.beyond) if run.validation is not None else None
        points = tuple(Point(step=int(p["step"]), loss=p["loss"], validation_loss=p["validation_loss"], validation=p["validation"]) for p in run.curve)
        results.append((run.status, score, points, costs))
    return results
