"""Curves as TensorBoard events, a folder a training run. Needs the extra `carrousel[tensorboard]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from suite.runs import Run, TrainSpec
from suite.runs.flat import flat

WHEN = 0.0  # seconds; a record does not say when it was made, and no export depends on when it is


def folder(runs: Sequence[Run], path: Path) -> None:
    """`task/cell/seed-id` a training run: its curve and test score over updates, its spec as hyperparameters."""
    try:
        import tensorboardX
    except ImportError:
        raise ValueError("the format tensorboard needs tensorboardX: pip install 'carrousel[tensorboard]'") from None
    trained = [run for run in runs if isinstance(run.spec, TrainSpec) and run.curve]
    if not trained:
        raise ValueError("no training run here has a curve that TensorBoard could show")
    for run in trained:
        place = path.joinpath(*map(_safe, (run.spec.task, run.spec.cell, f"seed {run.spec.seed} {run.id}-{run.where.machine}")))  # type: ignore[union-attr]
        place.mkdir(parents=True)
        writer = tensorboardX.RecordWriter(str(place.absolute() / "events.out.tfevents.0"))
        for event in _events(run):
            writer.write(event)
        writer.close()


def _events(run: Run) -> Iterator[bytes]:
    from tensorboardX import summary
    from tensorboardX.proto.event_pb2 import Event

    score = {f"best.{name}": value for name, value in (flat(run.score.model_dump()) if run.score else {}).items() if value is not None and name != "best_step"}
    yield Event(wall_time=WHEN, file_version="brain.Event:2").SerializeToString()
    for said in summary.hparams(_settings(run), score):
        yield Event(wall_time=WHEN, summary=said).SerializeToString()
    for point in run.curve:
        for name, value in point.model_dump(exclude={"step"}).items():
            yield Event(wall_time=WHEN, step=point.step, summary=summary.scalar(name, value)).SerializeToString()
    for name, value in score.items():
        yield Event(wall_time=WHEN, step=run.score.best_step, summary=summary.scalar(name, value)).SerializeToString()  # type: ignore[union-attr]


def _settings(run: Run) -> dict[str, Any]:
    return {name: value if isinstance(value, (bool, int, float, str)) else str(value) for name, value in flat(run.spec.model_dump(), inside=True).items()}


def _safe(name: str) -> str:
    """A name as a folder's, whatever a record calls a cell or a task.

    >>> _safe("adding(length=50)"), _safe("../x:y"), _safe("..")
    ('adding(length=50)', '_.._x_y', '_..')
    """
    plain = re.sub(r"[^\w.,=()' +-]", "_", name)[:120]
    return f"_{plain}" if plain.startswith(".") or not plain else plain
