"""How a network was built and trained, in words; and runs of one cell told apart where it was built in several ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from suite.runs import Run, TrainSpec
from suite.runs.spec import Optimiser


def built(spec: TrainSpec) -> list[str]:
    """What a network has beside the plain one."""
    said = [f"above {', '.join(f'{layer.cell} of {layer.units}' for layer in spec.above)}"] if spec.above else []
    said += [name for name in ("bidirectional", "residual", "stateful") if getattr(spec, name)]
    said += ["encoder and decoder"] if spec.decoder else []
    said += [f"states anew every {spec.reset_every} batches"] if spec.reset_every else []
    said += [f"dropout {spec.dropout:g} between layers"] if spec.dropout else []
    said += ["no linear readout"] if not spec.linear else []
    said += [f"init {spec.init}"] if spec.init != "default" else []
    return said + ([f"frozen {', '.join(spec.frozen)}"] if spec.frozen else [])


def size(spec: TrainSpec) -> list[str]:
    """Units and layers."""
    return [f"{spec.units} units", *([f"{spec.layers} layers"] if spec.layers > 1 else [])]


def moved(o: Optimiser) -> list[str]:
    """How the weights were found."""
    if o.name == "guess":
        return [f"weights guessed from U(-{o.range:g}, {o.range:g})"]
    return [f"{o.name} at {o.lr:g} ({o.schedule})", *([f"gradients clipped at norm {o.clip_norm:g}"] if o.clip_norm else [])]


def settings(runs: Sequence[Run], task: str) -> list[str]:
    """How a task was trained, once for each way it was."""
    ways: Counter[str] = Counter()
    for run in runs:
        if isinstance(run.spec, TrainSpec) and run.spec.task == task:
            s, o = run.spec, run.spec.optimiser
            said = [*size(s), *([f"embedding {s.embedding}"] if s.embedding else []), f"readout {s.readout}", *built(s), *moved(o)]
            said += [f"batch {s.batch}", f"{s.steps:,} updates{' or until solved' if s.until_solved else ''}", f"engine {s.engine}"]
            ways[", ".join(said)] += 1
    return [way for way, _ in ways.most_common()]


def apart(runs: Sequence[Run]) -> list[Run]:
    """The same runs, a cell called after what tells its networks apart where one task has it in several sizes or ways.

    No mean is taken over different networks: on the page `lstm, bidirectional` is another contestant than `lstm`.
    """
    kinds: dict[tuple[str, str], set[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for run in runs:
        if isinstance(run.spec, TrainSpec):
            kinds.setdefault((run.spec.task, run.spec.cell), set()).add((tuple(size(run.spec)), tuple(built(run.spec))))
    told = []
    for run in runs:
        found = kinds[run.spec.task, run.spec.cell] if isinstance(run.spec, TrainSpec) else set()
        if not isinstance(run.spec, TrainSpec) or len(found) < 2:
            told.append(run)
            continue
        parts = size(run.spec) if len({sizes for sizes, _ in found}) > 1 else []
        name = ", ".join([run.spec.cell, *parts, *built(run.spec)])
        told.append(run.model_copy(update={"spec": run.spec.model_copy(update={"cell": name})}))
    return told
