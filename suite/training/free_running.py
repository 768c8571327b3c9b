"""A network whose outputs are its next inputs, as it is judged on tasks that feed them back.

What is fed back is the answer of the whole network, readout and all, and an engine knows one cell: so this loop goes over a network
and hands every step to an engine, carrying the states from one to the next. It is no second way to compute a step, and nothing is
trained through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import torch
from torch import Tensor

from suite.engines import Engine
from suite.tasks import Task
from suite.training.network import Answer, Network


def free_running(network: Network, params: Mapping[str, Tensor], x: Tensor, given: int, engine: Engine | str = "hoisted") -> Answer:
    """The answer at every step to the first `given` steps of x (T, B, I), and from there on to what was answered before.

    >>> import suite
    >>> network = suite.network("lstm", 8, inputs=1, outputs=1, readout="every")
    >>> x = torch.sin(torch.arange(30) / 4)[:, None, None]
    >>> free_running(network, network.start(seed=0), x, given=20).output.shape
    torch.Size([30, 1, 1, 1])
    """
    if network.inputs != network.outputs or network.readout != "every" or not 1 <= given <= len(x):
        raise ValueError(f"outputs can be fed back that are as wide as the inputs, {network.inputs}, after 1 to {len(x)} steps that are given; there are {network.outputs} and {given}")

    def follow(said: Answer, _: int) -> Answer:
        return network.run(params, said.output[-1:], engine=engine, state=said.state)

    answers = list(accumulate(range(given, len(x)), follow, initial=network.run(params, x[:given], engine=engine)))
    return Answer(torch.cat([answer.output for answer in answers]), answers[-1].state)


def feeds_back(task: Task, bidirectional: bool, decoder: bool) -> None:
    """Raise ValueError, one sentence, for a network that cannot go on from its own outputs."""
    if bidirectional or decoder:
        kind = "a bidirectional network reads every sequence from its end too" if bidirectional else "an encoder and a decoder read a source that is there"
        raise ValueError(f"task '{task.name}' feeds outputs back as inputs, step by step: {kind}")
