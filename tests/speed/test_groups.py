"""Which engine is fastest on a cell, and which cell on an engine: `nox -s speed -- -k groups`. The calls are those that are watched over commits."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[2]))  # last: `suite` is the installed one

from benchmarks.series import Refused, forward, training_step

CELLS, ENGINES = ("rnn", "lstm", "lstm-peephole", "gru"), ("hoisted", "scan", "vendor")
PLACES = ("cpu 1", *(["cuda"] if torch.cuda.is_available() else []))
SMALL = (2, 1)  # where nothing is timed, the call is made once and need not be long


def taken(benchmark, make, cell, engine, place):
    try:
        call = make(cell, engine, place, *(() if benchmark.enabled else SMALL))
        call()
    except Refused as refusal:
        pytest.skip(str(refusal))
    benchmark.extra_info |= {"cell": cell, "engine": engine, "place": place}
    benchmark.pedantic(call, rounds=30 if benchmark.enabled else 1, warmup_rounds=3 if benchmark.enabled else 0)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_engines_on_one_cell(benchmark, cell, engine, place):
    benchmark.group = f"engines that train {cell}, {place}"
    taken(benchmark, training_step, cell, engine, place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("engine", ["hoisted", "scan"])
def test_cells_on_one_engine(benchmark, cell, engine, place):
    benchmark.group = f"cells that train on {engine}, {place}"
    taken(benchmark, training_step, cell, engine, place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_that_answer(benchmark, engine, place):
    benchmark.group = f"engines that answer with lstm, {place}"
    taken(benchmark, forward, "lstm", engine, place)
