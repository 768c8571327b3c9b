"""A network's scores on a task: mean loss and metric over a split, as training reports them and for weights in hand."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from suite import catalogue
from suite.engines import Engine
from suite.tasks import Batch, Task
from suite.tasks.streams import stream_seed
from suite.tasks.task import asked
from suite.training.free_running import feeds_back, free_running
from suite.training.network import Network

EVALUATION_BATCH = 256


def score(network: Network, weights: Mapping[str, Tensor], task: Task, split: str = "test", *, engine: str = "best", batch: int = EVALUATION_BATCH, stateful: bool = False) -> list[float]:
    """The task's metric on a split for weights in hand, one figure a replica: those of a run, of `suite.load`, or on another length.

    Generated examples are those that every run is scored on, if `batch` is what it is there: 256, or of a task whose rows go
    on the batch of training.

    >>> import suite
    >>> short, long = (suite.task("parity", length=n, supervision="every") for n in (4, 40))
    >>> network = suite.network("rnn", 8, inputs=1, outputs=2, readout="every")
    >>> (run,) = suite.fit(network, short, steps=5)
    >>> score(network, run.weights, short) == [run.test], len(score(network, run.weights, long))
    (True, 1)
    """
    fitting(network, task)
    if not weights:
        raise ValueError("there are no weights to score")
    one = next(iter(weights.values()))
    runner = catalogue.engine(engine, network.cells, one.device, one.dtype)
    return means(network, weights, task, split, runner, batch, stateful)[1]


def fitting(network: Network, task: Task) -> None:
    """Raise ValueError, one sentence, where a network does not answer a task."""
    if (network.inputs, network.outputs, bool(network.embedding)) != (task.inputs, task.outputs, task.tokens):
        wanted = f"{task.inputs} {'tokens, embedded,' if task.tokens else 'inputs'} and {task.outputs} outputs"
        raise ValueError(f"task '{task.name}' has {wanted}; the network has {network.inputs} {'tokens' if network.embedding else 'inputs'} and {network.outputs} outputs")
    if (network.readout == "every") != (task.supervision == "every"):
        raise ValueError(f"task '{task.name}' is asked at {task.supervision} step{'s' * (task.supervision == 'every')}: readout '{network.readout}' does not answer it")
    if task.feedback:
        feeds_back(task, network.bidirectional, network.decoder)


def ready(task: Task, examples: Batch, like: Tensor) -> Batch:
    """A batch on the device and in the dtype of the weights."""
    x = examples.x if task.tokens else examples.x.to(like.dtype)
    y = examples.y.to(like.dtype) if examples.y.is_floating_point() else examples.y
    return Batch(x, y, examples.mask).to(like.device)


def means(network: Network, params: Mapping[str, Tensor], task: Task, split: str, engine: Engine, rows: int, stateful: bool) -> tuple[list[float], list[float]]:
    """Mean loss and metric of each replica over a split, `rows` sequences at a time; generated examples are the same for every run."""
    like = next(iter(params.values()))
    generator = torch.Generator().manual_seed(stream_seed(split, task.version))
    totals, weight = (torch.zeros(2, n, device=like.device, dtype=torch.float64) for n in (len(like), 1))
    with torch.no_grad():
        carried: dict[str, Tensor] = {}
        for examples in task.batches(split, rows, generator):
            batch, answers = ready(task, examples, like), totals.new_tensor(task.weight(examples)).unsqueeze(1)
            if task.feedback:
                output, state = free_running(network, params, batch.x, task.feedback, engine)
            else:
                output, state = network.run(params, batch.x, batch.mask, engine, state=carried, asked=asked(batch))
            carried = state if stateful else {}
            totals += answers * torch.stack([task.loss(output, batch), task.metric(output, batch)])
            weight += answers
    loss, metric = (totals / weight).tolist()
    return loss, metric
