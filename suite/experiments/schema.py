"""The schema of an experiment file as JSON Schema: `python -m suite.experiments.schema` writes it again after a change of the models."""

from __future__ import annotations

import json
from pathlib import Path

from suite.experiments.file import Described

FILE = Path(__file__).with_name("schema.json")


def text() -> str:
    """The schema of an experiment file."""
    return json.dumps(Described.model_json_schema(by_alias=True), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
