"""Records of earlier schemas read as those of today: what is new gets the value it had without a name, and the id follows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from suite.runs.spec import SCHEMA, Spec

SPEC: TypeAdapter[Any] = TypeAdapter(Spec)
Record = dict[str, Any]


def upgraded(raw: Record) -> Record:
    """The same record under this schema; ValueError for a schema that is not known, or an id that was not its own."""
    number = raw.get("schema")
    if not isinstance(number, int) or number not in (*STEPS, SCHEMA):
        raise ValueError(f"it has schema {number!r}, this version reads {SCHEMA}{''.join(f' and {n}' for n in STEPS)}")
    if number == SCHEMA:
        return raw
    spec = raw.get("spec")
    if not isinstance(spec, dict):
        raise ValueError("it has no spec")
    text = json.dumps({"schema": number, **spec}, sort_keys=True, separators=(",", ":"))
    found = hashlib.sha256(text.encode()).hexdigest()[:16]
    if raw.get("id") != found:
        raise ValueError(f"the record says id {raw.get('id')} and its spec hashes to {found}")
    for earlier in range(number, SCHEMA):
        raw = STEPS[earlier](raw)
    return {**raw, "schema": SCHEMA, "id": SPEC.validate_json(json.dumps(raw["spec"])).id}


def named_layers(raw: Record) -> Record:
    """2: networks of several cells, directions and residual links, dropout between layers, initialisations, frozen parameters, carried states."""
    return raw  # the defaults of the new fields are what was done before


def noise_decoders_and_guesses(raw: Record) -> Record:
    """3: noise on the inputs of training, rates rescaled by momentum, networks of an encoder and a decoder, weights that are guessed."""
    return raw  # likewise


STEPS: dict[int, Callable[[Record], Record]] = {1: named_layers, 2: noise_decoders_and_guesses}
