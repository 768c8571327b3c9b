"""How a network was built and trained, in words; and runs of one cell told apart where it was built in several ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

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


WORDS = {"lr": "rate", "input_noise": "input noise", "clip_norm": "clipped at", "weight_decay": "weight decay"}


def trained(spec: TrainSpec) -> dict[str, str]:
    """How a network was trained, setting by setting, where runs of one cell may differ."""
    fields = {name: getattr(spec, name) for name in ("batch", "steps", "input_noise", "embedding", "readout", "dtype")} | dict(spec.optimiser)
    return {name: f"{WORDS.get(name, name)} {value:g}" if isinstance(value, (int, float)) else f"{WORDS.get(name, name)} {value}" for name, value in fields.items()}


def alike(spec: TrainSpec, first: TrainSpec, drawn: Sequence[str]) -> TrainSpec:
    """A spec with what was drawn at random as the first one of its cell has it: no way of its own."""
    rule = {path.partition(".")[2]: getattr(first.optimiser, path.partition(".")[2]) for path in drawn if path.startswith("optimiser.")}
    fields = {path: getattr(first, path) for path in drawn if path in type(spec).model_fields}
    embedding = {"embedding": first.embedding} if "units" in drawn and spec.embedding == spec.units else {}
    return spec.model_copy(update={**fields, **embedding, "optimiser": spec.optimiser.model_copy(update=rule)})


def apart(runs: Sequence[Run], drawn: Sequence[str] = ()) -> list[Run]:
    """The same runs, a cell called after what tells its runs apart where one task has it in several sizes, or built or trained in several ways.

    No mean is taken over different networks: on the page `lstm, bidirectional` is another contestant than `lstm`. Settings
    that were `drawn` at random tell nothing apart.
    """
    kinds: dict[tuple[str, str], list[TrainSpec]] = {}
    specs = {}
    for run in runs:
        if isinstance(run.spec, TrainSpec):
            found = kinds.setdefault((run.spec.task, run.spec.cell), [])
            specs[run.id] = alike(run.spec, found[0] if found else run.spec, drawn)
            found.append(specs[run.id])
    names = {of: told_apart(found) for of, found in kinds.items()}
    told = []
    for run in runs:
        if isinstance(run.spec, TrainSpec):
            name = ", ".join([run.spec.cell, *names[run.spec.task, run.spec.cell](specs[run.id])])
            told.append(run if name == run.spec.cell else run.model_copy(update={"spec": run.spec.model_copy(update={"cell": name})}))
        else:
            told.append(run)
    return told


def told_apart(specs: Sequence[TrainSpec]) -> Callable[[TrainSpec], list[str]]:
    """What to call each of some specs of one cell on one task."""
    sizes, ways = ({tuple(of(spec)) for spec in specs} for of in (size, built))
    training = [trained(spec) for spec in specs]
    differing = [name for name in training[0] if len({way[name] for way in training}) > 1]

    def called(spec: TrainSpec) -> list[str]:
        own = trained(spec)
        parts = size(spec) if len(sizes) > 1 else []
        return [*parts, *(built(spec) if len(sizes) > 1 or len(ways) > 1 else []), *(own[name] for name in differing)]

    return called
