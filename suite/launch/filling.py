"""How many runs may share a replica axis on a GPU: as many as its memory holds, for small models leave most of it idle one by one.

    replicas <= 0.8 * memory / bytes of a replica
    bytes of a replica = bytes of a number * (7 * parameters + 4 * steps * batch * values of rows and states)

Seven: weights, the best so far, gradient, two slots of the optimiser, and the engine's copies of weights and gradient. Four:
a value, its derivative, and what an engine keeps of both. The rest is for what all share: inputs, libraries, graphs.

Which card a group gets is known where it starts: one that what is free there cannot hold fails for want of memory at once,
and falls into halves as any such group does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from suite.runs import TrainSpec
from suite.training.calibrate import features
from suite.training.group import BYTES
from suite.training.network import Network

SHARE = 0.8
OF_PARAMETERS, OF_VALUES = 7, 4


def memory(device: str) -> int | None:
    """Bytes of a GPU that is here; None of anything else."""
    if not device.startswith("cuda") or not torch.cuda.is_available():
        return None
    return int(torch.cuda.get_device_properties(device).total_memory)


def replica_bytes(net: Network, engine: str, device: str, dtype: str, shapes: Iterable[tuple[int, int]]) -> int:
    """Bytes of a replica at the widest of some (steps, sequences)."""
    values = max((features(net, engine, device, length, batch, 1)[2] for length, batch in shapes), default=0.0)
    return int(BYTES[dtype] * (OF_PARAMETERS * net.parameters + OF_VALUES * values))


def replicas(spec: TrainSpec, room: float) -> int:
    """How many runs like this may train as one model in so many bytes; one at least."""
    from suite.launch.estimate import at_hand, facts

    known = facts(spec.task, spec.batch)
    net = at_hand().network(spec)
    return max(1, int(room) // replica_bytes(net, spec.engine, spec.device, spec.dtype, [(round(known.length), spec.batch), *known.evaluation]))


def filled(groups: Iterable[list[TrainSpec]], elsewhere: bool = False) -> list[list[TrainSpec]]:
    """Groups that share a replica axis, those on a GPU cut into parts of like size that its memory holds.

    Of GPUs `elsewhere` nothing is known here, and groups stay whole.
    """
    parts = []
    for group in groups:
        room = memory(group[0].device) if len(group) > 1 and not elsewhere else None
        most = len(group) if room is None else min(len(group), replicas(group[0], SHARE * room))
        count = -(-len(group) // most)
        parts += [group[k * len(group) // count : (k + 1) * len(group) // count] for k in range(count)]
    return parts


def admit(group: Sequence[TrainSpec]) -> None:
    """Raise torch.OutOfMemoryError for a group that what is free on its GPU cannot hold; a single run is tried."""
    if len(group) == 1 or not group[0].device.startswith("cuda"):
        return
    free, _ = torch.cuda.mem_get_info(group[0].device)
    most = replicas(group[0], free)
    if most < len(group):
        raise torch.OutOfMemoryError(f"{len(group)} runs were to train as one model, and what is free holds {most}")
