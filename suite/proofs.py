"""What is proved of each cell and by which test, from `proofs.toml`; a test holds every line to a test that is there."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Proof(NamedTuple):
    """One property of a cell, in words, and the test that holds it to that."""

    says: str
    test: str


@cache
def library() -> dict[str, tuple[Proof, ...]]:
    """The proofs of each cell of the catalogue."""
    found = tomllib.loads((Path(__file__).parent / "proofs.toml").read_text(encoding="utf-8"))
    every = [Proof(**entry) for entry in found.pop("every")]
    return {cell: tuple([Proof(**entry) for entry in entries] + every) for cell, entries in found.items()}


def proofs(cell: str) -> tuple[Proof, ...]:
    """Those of one cell, none for a cell of another package.

    >>> proofs("lstm-nfg")[0].says
    'is lstm-peephole with its forget gate open'
    >>> proofs("theirs:cell")
    ()
    """
    return library().get(cell, ())
