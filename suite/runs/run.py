"""A result: the spec, how the run ended, what was measured, and where."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from suite.runs.machine import Where
from suite.runs.migrate import upgraded
from suite.runs.seal import checksum, sealed, unsealed
from suite.runs.spec import SCHEMA, Amount, Count, Frozen, Spec

Finite = Annotated[float, Field(allow_inf_nan=False)]
STATUS = r"^(done|diverged at step \d+|cut off|refused: .+|failed: .+)$"


class Point(Frozen):
    """One evaluation: the mean training loss since the last one, and loss and metric on validation."""

    step: Count
    loss: Finite
    validation_loss: Finite
    validation: Finite


class Score(Frozen):
    """The task's metric at the step that was best on validation. `test` is empty if the run did not get there; `beyond` is that of other difficulties, where it is a number."""

    best_step: Count
    validation: Finite | None = None
    test: Finite | None = None
    beyond: dict[str, Finite] = Field(default_factory=dict)


class Timing(Frozen):
    """Seconds a call, or bytes of one, or a ratio, or operations a second: median of n repeats and its 95 % interval from order statistics (the range if n < 6)."""

    median: Amount
    low: Amount
    high: Amount
    n: Count


class Ratio(Frozen):
    """How many times longer a layer of torch.nn took than this contestant, repeat by repeat in turn; over 1: faster than torch.nn.

    `seconds` is that layer's own training step in the same process, `instructions` how it multiplied float32 on CUDA (`ieee`, `tf32`).
    """

    against: str
    step: Timing
    forward: Timing
    seconds: Timing
    instructions: str = ""


class Costs(Frozen):
    """What it took. `seconds` is wall time of the whole group that this run shared, training and evaluation.

    A timing: `step` is a training step, `training_forward` and `backward` its parts, `forward` a pass that keeps nothing
    for a gradient. `training_flops` are the operations of a step's matrix products, `product_peak` the most of them a
    second that a product of square matrices got in the same process, `arithmetic_peak` what multiply-adds in registers
    got there, which nothing can pass (on a CPU with a compiler). `compile` and `warm` are seconds until an engine's
    code stands ready, without and with its cache. `difference` is the proof of agreement: dtype -> the largest relative
    difference from the reference, found in the timing process itself before it timed. `instructions` names those that
    multiplied bfloat16 (`amx-bf16`, `avx512-bf16`, or `none` where it was done in float32), and on CUDA says how float32
    was multiplied (`ieee`, or `tf32`).
    """

    parameters: Count | None = None
    multiply_adds: Count | None = None
    state_bytes: Count | None = None
    seconds: Amount | None = None
    step: Timing | None = None
    forward: Timing | None = None
    peak_bytes: Timing | None = None
    training_forward: Timing | None = None
    backward: Timing | None = None
    training_flops: Count | None = None
    product_peak: Timing | None = None
    arithmetic_peak: Timing | None = None
    ratios: tuple[Ratio, ...] = ()
    compile: Timing | None = None
    warm: Timing | None = None
    difference: dict[str, Amount] = Field(default_factory=dict)
    instructions: str = ""


def _sealed_too(schema: dict[str, Any]) -> None:
    schema["properties"]["checksum"] = {"pattern": "^[0-9a-f]{16}$", "title": "Checksum", "type": "string"}


class Run(Frozen):
    """One record, one file. In a file it carries a checksum of its text besides."""

    model_config = ConfigDict(json_schema_extra=_sealed_too)

    schema_number: int = Field(default=SCHEMA, alias="schema")
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    spec: Spec
    status: Annotated[str, Field(pattern=STATUS)]
    score: Score | None = None
    curve: tuple[Point, ...] = ()
    costs: Costs = Costs()
    where: Where

    @model_validator(mode="after")
    def _found_by_its_hash(self) -> Self:
        if self.id != self.spec.id:
            raise ValueError(f"the record says id {self.id} and its spec hashes to {self.spec.id}")
        return self

    @property
    def done(self) -> bool:
        """Whether running it again could tell nothing new: finished, or diverged as it would again."""
        return self.status == "done" or self.status.startswith("diverged")

    @property
    def failed(self) -> bool:
        """Whether it ended without a result that another start might have: it raised, died or was cut off."""
        return self.status.startswith(("failed", "cut off"))

    @property
    def file(self) -> str:
        """Its name in a store."""
        return f"{self.id}-{self.where.machine}.json"

    def text(self) -> str:
        """Strict JSON, keys sorted, no NaN, with its checksum."""
        return sealed(json.dumps(self.model_dump(by_alias=True), sort_keys=True, indent=1, allow_nan=False)) + "\n"


def read(text: str | bytes) -> Run:
    """A run from JSON; a ValueError of one sentence says what is wrong with it."""
    return named(text)[0]


def named(text: str | bytes) -> tuple[Run, str]:
    """The same, with the name of the file it was written to: an earlier schema called it otherwise."""
    content, claimed = unsealed(text.encode() if isinstance(text, str) else text)
    run, number = _today(content) or _upgraded(content)
    if claimed is not None and claimed != checksum(content):
        raise ValueError(f"it was altered after it was written: it carries the checksum {claimed} and now has {checksum(content)}")
    return run, f"{number}-{run.where.machine}.json"


def _today(content: bytes) -> tuple[Run, str] | None:
    try:
        run = Run.model_validate_json(content)
    except ValidationError:
        return None
    return (run, run.id) if run.schema_number == SCHEMA and "schema_number" in run.model_fields_set else None


def _upgraded(content: bytes) -> tuple[Run, str]:
    raw = _object(content)
    try:
        run = Run.model_validate_json(json.dumps(upgraded(raw)))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from None
    return run, str(raw["id"])


def _object(content: bytes) -> dict[str, Any]:
    """A JSON object, {} for other JSON; a ValueError of one sentence if it is none."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no utf-8 text (byte {error.start} is 0x{content[error.start]:02x})") from None
    try:
        raw = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply to be a record") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no whole JSON document ({error.msg} at character {error.pos} of {len(text)})") from None
    return raw if isinstance(raw, dict) else {}
