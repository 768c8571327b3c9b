"""The catalogue and the baselines that a run writes beside its records, checked when they are read: they may come from strangers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Plain(BaseModel):
    """Values keep their types; fields of a later version are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class BaselineEntry(Plain):
    """The score of one trivial baseline; `whole` if all inputs lay before it at once, which no recurrent network is given."""

    name: str
    score: Finite
    deviation: Finite
    n: Annotated[int, Field(ge=1)]
    whole: bool = False


class ProofEntry(Plain):
    """What is proved of a cell, and by which test."""

    says: str
    test: str


class FigureEntry(Plain):
    """One published figure; `confidence` says how it is known."""

    method: str
    setting: str = ""
    measure: str
    value: Finite
    unit: str = ""
    source: str = ""
    confidence: str = "unsure"

    @property
    def line(self) -> str:
        """The figure for people, its mark with it."""
        return f"{self.method}{f', {self.setting}' if self.setting else ''}: {self.measure} {self.value:,g}{f' {self.unit}' if self.unit else ''}"


class CellEntry(Plain):
    """A cell's table and source; `typeset` are its equations as trees of names and operators, `formula` its parameters in units n and inputs m, `diagram` its step as SVG."""

    name: str
    rows: list[tuple[str, str]] = Field(default=[], strict=False)
    states: list[str] = []
    extras: list[str] = []
    equations: str = ""
    source: list[str] = []
    typeset: list[Any] = []
    formula: str = ""
    diagram: str = ""
    proofs: list[ProofEntry] = []
    paper: str = ""


class ExampleEntry(Plain):
    """One example: x a row or a token a step, y what is asked, null where nothing is; `steps` and `inputs` of the whole of it."""

    steps: int
    inputs: int = 1
    tokens: bool = False
    every: bool = False
    x: list[Any]
    y: Any = None


class TaskEntry(Plain):
    """A task's rule and the scores its results lie between; `without_order` names the baselines that solve it and hear no order, `published` how long others took to solve it."""

    name: str
    label: str
    about: str
    measure: str
    better: Literal["higher", "lower"]
    chance: Finite
    solved: Finite
    baselines: list[BaselineEntry] = []
    without_order: list[str] = []
    published: list[str] = []
    beyond: dict[str, tuple[Finite, Finite]] = Field(default={}, strict=False)  # label of another difficulty -> its chance and what solves it
    figures: list[FigureEntry] = []
    example: ExampleEntry | None = None
    inputs: int | None = None
    outputs: int | None = None
    supervision: str = ""
    answer: str = ""
    source: str = ""
    version: int | None = None
    paper: str = ""

    @field_validator("example", mode="before")
    @classmethod
    def _none_is_empty(cls, value: Any) -> Any:
        return value or None

    @property
    def share(self) -> bool:
        """Whether a score is a share, 0 to 1: of answers, or of sequences that are right."""
        return self.measure == "accuracy" or (self.better == "higher" and 0 <= self.chance <= self.solved <= 1)

    @property
    def trivial(self) -> float | None:
        """The score of the best baseline without a memory."""
        scores = [baseline.score for baseline in self.baselines if not baseline.whole]
        return (max if self.better == "higher" else min)(scores) if scores else None

    @property
    def telling(self) -> bool:
        """Whether it says anything of a cell that it solves the task: no trivial baseline is beyond that level."""
        return self.trivial is None or self.reaches(self.solved, self.trivial)

    def reaches(self, score: float, level: float) -> bool:
        """Whether a score is as good as a level."""
        return score >= level if self.better == "higher" else score <= level


class ClaimEntry(Plain):
    """One sentence of a paper that the runs can speak to, see `suite.experiments.study`."""

    says: str
    mark: str
    kind: Literal["none better", "worse", "alike", "order", "minor", "independent", "hurts", "helps"]
    of: list[str] = []
    tasks: list[str] = []


class StudyEntry(Plain):
    """What the page tells beside scores, see `suite.experiments.study`."""

    baseline: str = ""
    difficulty: str = ""
    sizes: str = ""
    trials: int = 0
    claims: list[ClaimEntry] = []


class SpaceEntry(Plain):
    """What a searched setting was drawn from: the kind of distribution, and its ends or choices."""

    kind: str
    values: list[Any]


class Catalogue(Plain):
    """`catalogue.json`; `runs` names the records of the command, all where it is None; `drawn` the settings that are random from run to run, and `searched` what from; `tried` the values that settings were chosen from."""

    experiment: str
    question: str
    command: str
    made: str = ""
    cells: list[CellEntry]
    tasks: list[TaskEntry]
    references: list[dict[str, str]] = []
    runs: list[str] | None = None
    conditions: str = "All cells of a task share units, optimiser, rate and updates: none was tuned, and they are not matched in parameters."
    drawn: list[str] = []
    searched: dict[str, SpaceEntry] = {}
    study: StudyEntry = StudyEntry()
    tried: dict[str, list[Any]] = {}


BASELINES = TypeAdapter(dict[str, list[BaselineEntry]])


def read_catalogue(folder: Path) -> Catalogue:
    """The catalogue of a folder of records; a ValueError of one sentence if there is none."""
    path = folder / "catalogue.json"
    try:
        return Catalogue.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"'{folder}' holds no catalogue.json; give the folder that `carrousel run` wrote") from None
    except ValidationError as error:
        first: dict[str, Any] = dict(error.errors()[0])
        raise ValueError(f"'{path}' is damaged: {'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from None
