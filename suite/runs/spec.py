"""A frozen description of everything that decides a result, and the hash by which the result is found again."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA = 3

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class Frozen(BaseModel):
    """Unknown fields are errors, values keep their types, nothing changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Optimiser(Frozen):
    """How the weights move. `momentum` is Adam's beta 1, `decay` the forgetting of squares (Adam's beta 2).

    `rescaled` multiplies the rate with 1 - momentum, so that momentum leaves the length of the way as it is (Greff et al.
    2017); Adam's momentum is such a mean already.

    "guess" takes no gradient: each step is a trial of weights drawn anew from U(-range, range), and no other number counts.
    """

    name: Literal["adam", "rmsprop", "sgd", "guess"] = "adam"
    lr: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    momentum: Share = 0.9
    decay: Share = 0.999
    eps: Amount = 1e-8
    weight_decay: Amount = 0.0
    clip_norm: Amount = 1.0
    clip_value: Amount = 0.0
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup: Count = 0
    rescaled: bool = False
    range: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 100.0

    @model_validator(mode="after")
    def _rescaled_where_it_changes_something(self) -> Self:
        if self.rescaled and self.name in ("adam", "guess"):
            raise ValueError("rescaled belongs to sgd and rmsprop: adam's momentum is a mean, and a guess has no rate")
        return self


class Base(Frozen):
    """What training and timing specs share."""

    cell: str
    cell_digest: str = ""
    units: Positive = 32
    engine: str = "hoisted"
    device: str = "cpu"
    threads: Positive = 1

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits of the canonical JSON, defaults filled in, with the schema's number."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:16]

    def canonical(self) -> str:
        """One text a spec: sorted keys, no white space."""
        return json.dumps({"schema": SCHEMA, **self.model_dump()}, sort_keys=True, separators=(",", ":"), allow_nan=False)


class Above(Frozen):
    """A layer over those that `cell`, `units` and `layers` describe."""

    cell: str
    units: Positive
    cell_digest: str = ""


class TrainSpec(Base):
    """One training run.

    `task` is written as a call with every argument, `data` is the checksum of the data set behind it. `seed` draws
    weights and noise, `data_seed` the examples and their order. `cell` may carry arguments, `lstm(drop=0.25)`; `layers` of
    it at `units` are followed by those of `above`. `input_noise` is the standard deviation of Gaussian noise that training
    adds to the inputs. The rest is what `suite.network` and `fit` call by the same names.
    """

    kind: Literal["train"] = "train"
    dtype: Literal["float32", "float64"] = "float32"
    task: str
    task_version: Count = 0
    data: str = ""
    layers: Positive = 1
    above: tuple[Above, ...] = ()
    bidirectional: bool = False
    dropout: Share = 0.0
    residual: bool = False
    linear: bool = True
    init: str = "default"
    frozen: tuple[str, ...] = ()
    decoder: bool = False
    stateful: bool = False
    reset_every: Count = 0
    embedding: Count = 0
    readout: Literal["last", "mean", "every"] = "last"
    optimiser: Optimiser = Optimiser()
    input_noise: Amount = 0.0
    batch: Positive = 32
    steps: Positive = 1000
    evaluate_every: Positive = 100
    patience: Count = 0
    until_solved: bool = False
    seed: Count = 0
    data_seed: Count = 0


class SpeedSpec(Base):
    """One timing: a training step and a forward pass of a cell at a shape, and the peak memory of a step."""

    kind: Literal["speed"] = "speed"
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = "float32"
    length: Positive = 100
    batch: Positive = 32
    inputs: Positive = 8
    replicas: Positive = 1
    repeats: Positive = 15


Spec = Annotated[TrainSpec | SpeedSpec, Field(discriminator="kind")]


def shared(spec: TrainSpec) -> dict[str, Any]:
    """What specs must have in common to train as one model: all but seed, rate, momentum and input noise."""
    dump = spec.model_dump(exclude={"seed", "input_noise"})
    return dump | {"optimiser": {k: v for k, v in dump["optimiser"].items() if k not in ("lr", "momentum")}}
