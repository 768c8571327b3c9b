"""An experiment as data: a question, cells, tasks with their settings, what varies, shapes to time. Its specs follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pydantic import ValidationError

from suite.experiments import points
from suite.experiments.checks import faults
from suite.experiments.match import Match
from suite.experiments.mistakes import Mistakes, merged, sentences
from suite.experiments.points import Point, Sample
from suite.experiments.search import Contestant, Search
from suite.experiments.study import Study
from suite.names import format_call, parse_call
from suite.runs.spec import Optimiser, SpeedSpec, TrainSpec

Solve = Callable[[TrainSpec, Match], int]  # the units that a budget allows


@dataclass(frozen=True)
class Recipe:
    """One task and how it is trained on; `cells` where not all of the experiment's take part. `place` is where a file asks for it."""

    task: str
    settings: Mapping[str, Any]
    cells: tuple[str, ...] = ()
    place: str = ""

    @property
    def name(self) -> str:
        """The task without its arguments."""
        return parse_call(self.task)[0]

    def asked(self, given: Mapping[str, Any]) -> str:
        """The same task with some arguments changed."""
        name, own = parse_call(self.task)
        return format_call(name, own | dict(given)) if given else self.task


class Asked(NamedTuple):
    """What an experiment comes to: what is trained, each contestant with its trials, and what is timed."""

    contestants: list[Contestant]
    timed: list[SpeedSpec]

    @property
    def specs(self) -> list[TrainSpec | SpeedSpec]:
        """Every spec that is known from the start."""
        return [*(spec for contestant in self.contestants for trial in contestant.trials for spec in trial), *self.timed]


@dataclass(frozen=True)
class Experiment:
    """What `carrousel run NAME` carries out.

    cells, recipes  what is trained on what; every cell takes part in every recipe that does not name its own
    shapes, engines what is timed
    seeds           runs of a cell on a task with the same settings, numbered from 0
    settings        those of all recipes, which each may change
    grid, sample    settings that vary: every combination of the grid, at each of the points drawn
    match           units are solved from a budget instead of set
    search          settings that are chosen for each cell and task from equal trials, see `suite.experiments.search`
    study           what the page tells beside scores, see `suite.experiments.study`
    """

    name: str
    question: str
    cells: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    shapes: tuple[Mapping[str, Any], ...] = ()
    engines: tuple[str, ...] = ("scan", "hoisted", "vendor")
    seeds: int = 3
    settings: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    sample: Sample | None = None
    match: Match | None = None
    search: Search | None = None
    study: Study = field(default_factory=Study)

    def specs(self, *args: Any, **options: Any) -> list[TrainSpec | SpeedSpec]:
        """Every run that is known from the start; `ask` says with which options."""
        return self.ask(*args, **options).specs

    def ask(
        self,
        cells: Sequence[str] = (),
        tasks: Sequence[str] = (),
        seeds: int | None = None,
        device: str = "cpu",
        engine: str | None = None,
        units: int | None = None,
        speed: bool | None = None,
        solve: Solve | None = None,
    ) -> Asked:
        """Every run. Cells given here replace the experiment's; tasks given here narrow it, or ask one with some
        arguments changed. Timing is left out if tasks are given, unless `speed` asks for it. `solve` finds the units of a budget;
        without it they stay as they are. Mistakes in settings raise `Mistakes`, all at once.
        """
        cells, tasks = ([value] if isinstance(value, str) else value for value in (cells, tasks))
        seeds = self.seeds if seeds is None else seeds
        if seeds < 1:
            raise ValueError(f"seeds must be 1 or more, not {seeds}")
        given: dict[str, Any] = {"device": device} | ({"engine": engine} if engine else {}) | ({"units": units} if units is not None else {})
        recipes = self.chosen(tasks)
        wrong = faults(replace(self, recipes=tuple(recipes)), [name for name in ("units", "engine") if name in given])
        if wrong:
            raise Mistakes(f"{place}: {said}" for place, said in wrong)
        if not cells and not tasks:  # who narrows an experiment may leave out what its study names
            said = self.study.wrong({*self.cells, *(cell for recipe in recipes for cell in recipe.cells)}, [recipe.task for recipe in recipes], {*self.grid, *(self.sample.space if self.sample else ())})
            if said:
                raise Mistakes(said)
        trained = self._trained(recipes, cells, seeds, given, solve if self.match else None)
        return Asked(trained, self._timed(cells, [engine] if engine else self.engines, given) if speed or (speed is None and not tasks) else [])

    def _trained(self, recipes: Sequence[Recipe], cells: Sequence[str], seeds: int, given: Mapping[str, Any], solve: Solve | None) -> list[Contestant]:
        """Every cell on every task at every point."""
        made, wrong = [], []
        for recipe in recipes:
            for cell in cells or recipe.cells or self.cells:
                base = {"engine": "best", **self.settings, **recipe.settings, "task": recipe.task, "cell": cell}
                place = recipe.place or f"task '{recipe.task}'"
                for number, point in enumerate(self.points):
                    try:
                        made.append(self._contestant(place, {**points.changed(base, point), **given}, number, seeds, solve))
                    except ValidationError as error:
                        wrong += [(place, line) for line in sentences(error, TrainSpec)]
                    except ValueError as error:
                        wrong.append((place, str(error)))
        if wrong:
            raise Mistakes(merged(wrong, len(recipes)))
        return made

    def _contestant(self, place: str, settings: dict[str, Any], number: int, seeds: int, solve: Solve | None) -> Contestant:
        trials, again = [], []
        searched = self.search.seeds if self.search else seeds
        fresh = seeds if self.search and self.search.fresh else 0
        first = number % self.drawn * searched  # every trial of a sample has seeds of its own
        for point in self.search.trials if self.search else [{}]:
            spec = TrainSpec(**points.changed(settings, point))
            spec = spec if solve is None or self.match is None else spec.model_copy(update={"units": solve(spec, self.match)})
            trials.append(tuple(spec.model_copy(update={"seed": first + k}) for k in range(searched)))
            again.append(tuple(spec.model_copy(update={"seed": self.drawn * searched + k}) for k in range(fresh)))
        return Contestant(place, tuple(trials), tuple(again))

    def drawing(self, trials: int) -> Experiment:
        """The same experiment with another number of trials, of which the first are the same; a ValueError where it draws none."""
        if trials < 1:
            raise ValueError(f"trials must be 1 or more, not {trials}")
        if self.sample is not None:
            return replace(self, sample=self.sample.model_copy(update={"trials": trials}))
        if self.search is None or self.search.sample is None:
            raise ValueError(f"experiment '{self.name}' draws no trials at random")
        return replace(self, search=self.search.model_copy(update={"sample": self.search.sample.model_copy(update={"trials": trials})}))

    @property
    def drawn(self) -> int:
        """Points drawn at each point of the grid."""
        return self.sample.trials if self.sample else 1

    @property
    def points(self) -> list[Point]:
        """What varies: every point of the grid with every one drawn."""
        drawn = points.sample(self.sample) if self.sample else [{}]
        return [known | random for known in points.grid(self.grid) for random in drawn]

    def _timed(self, cells: Sequence[str], engines: Sequence[str], given: Mapping[str, Any]) -> list[SpeedSpec]:
        made, wrong = [], []
        for number, shape in enumerate(self.shapes):
            try:
                made += [SpeedSpec(**{**shape, **given, "engine": e, "cell": c}) for c in cells or self.cells for e in engines]
            except ValidationError as error:
                wrong += [(f"shapes[{number}]", line) for line in sentences(error, SpeedSpec)]
        if wrong:
            raise Mistakes(merged(wrong, len(self.shapes)))
        return made

    def chosen(self, tasks: Sequence[str]) -> list[Recipe]:
        """The recipes of some tasks, all where none is given."""
        found = []
        for task in tasks:
            name, given = parse_call(task)
            own = [recipe for recipe in self.recipes if recipe.name == name]
            found += [replace(recipe, task=recipe.asked(given)) for recipe in own] or [Recipe(task, {})]
        return found if tasks else list(self.recipes)


def adam(lr: float, **more: Any) -> Optimiser:
    """Adam with a cosine schedule: one rate for every cell of a task, none tuned for one cell."""
    return Optimiser(name="adam", lr=lr, schedule="cosine", **more)
