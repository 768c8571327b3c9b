"""An experiment as data: a question, cells, tasks with their settings, shapes to time. Its specs follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from suite.names import format_call, parse_call
from suite.runs.spec import Optimiser, SpeedSpec, TrainSpec


@dataclass(frozen=True)
class Recipe:
    """One task and how it is trained on; `cells` where not all of the experiment's take part."""

    task: str
    settings: Mapping[str, Any]
    cells: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The task without its arguments."""
        return parse_call(self.task)[0]

    def asked(self, given: Mapping[str, Any]) -> str:
        """The same task with some arguments changed."""
        name, own = parse_call(self.task)
        return format_call(name, own | dict(given)) if given else self.task


@dataclass(frozen=True)
class Experiment:
    """What `carrousel run NAME` carries out."""

    name: str
    question: str
    cells: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    shapes: tuple[Mapping[str, Any], ...] = ()
    engines: tuple[str, ...] = ("scan", "hoisted", "vendor")
    seeds: int = 3
    settings: Mapping[str, Any] = field(default_factory=dict)

    def specs(
        self,
        cells: Sequence[str] = (),
        tasks: Sequence[str] = (),
        seeds: int | None = None,
        device: str = "cpu",
        engine: str | None = None,
        units: int | None = None,
        speed: bool | None = None,
    ) -> list[TrainSpec | SpeedSpec]:
        """Every run. Cells given here replace the experiment's; tasks given here narrow it, or ask one with some
        arguments changed. Timing is left out if tasks are given, unless `speed` asks for it.
        """
        cells, tasks = ([value] if isinstance(value, str) else value for value in (cells, tasks))
        seeds = self.seeds if seeds is None else seeds
        if seeds < 1:
            raise ValueError(f"seeds must be 1 or more, not {seeds}")
        given: dict[str, Any] = {"device": device} | {"engine": engine or "best"} | ({"units": units} if units is not None else {})
        made: list[TrainSpec | SpeedSpec] = []
        for recipe in self._recipes(tasks):
            for cell in cells or recipe.cells or self.cells:
                settings = {**self.settings, **recipe.settings, **given, "task": recipe.task, "cell": cell}
                made += [TrainSpec(**settings, seed=seed) for seed in range(seeds)]
        if speed or (speed is None and not tasks):
            engines = [engine] if engine else self.engines
            made += [SpeedSpec(**{**shape, **given, "engine": e}, cell=c) for shape in self.shapes for c in cells or self.cells for e in engines]
        return made

    def _recipes(self, tasks: Sequence[str]) -> list[Recipe]:
        chosen = []
        for task in tasks:
            name, given = parse_call(task)
            known = [recipe for recipe in self.recipes if recipe.name == name]
            chosen += [replace(recipe, task=recipe.asked(given)) for recipe in known] or [Recipe(task, {})]
        return chosen if tasks else list(self.recipes)


def adam(lr: float, **more: Any) -> Optimiser:
    """Adam with a cosine schedule: one rate for every cell of a task, none tuned for one cell."""
    return Optimiser(name="adam", lr=lr, schedule="cosine", **more)
