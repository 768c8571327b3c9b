"""The long forms: agreement at many shapes, replicas bit for bit over many settings, the accuracies that the README's page shows."""

import itertools

import pytest
import torch

import suite
from suite.cells import CELLS
from suite.engines import ENGINES
from suite.runs.spec import Optimiser
from suite.training.agreement import TOLERANCE, difference

pytestmark = pytest.mark.exhaustive
CPU = torch.device("cpu")


@pytest.mark.parametrize("units", [1, 2, 8, 33, 64])
@pytest.mark.parametrize("name", CELLS)
def test_agreement_at_many_widths(name, units):
    cell = suite.cell(name, units)
    for inputs, engine, dtype in itertools.product((1, 8, 33), ENGINES.values(), [dtype for dtype in TOLERANCE if dtype != torch.float16]):  # a type of GPUs
        if dtype == torch.float32 and units == 2 and "-ln" in name:
            continue  # a normalised pair is nearly +-1: its gradient is a difference of like numbers, in torch's layer_norm too
        if engine.refuses(cell, CPU) is None and not engine.by_name:
            assert difference(cell, engine, cell.takes or inputs, CPU, dtype) <= TOLERANCE[dtype]


@pytest.mark.parametrize(("name", "units", "batch"), list(itertools.product(("rnn", "lstm", "gru", "gru-cho"), (2, 9, 17, 32, 100), (1, 2, 7, 32))))
def test_replicas_bit_for_bit(name, units, batch):
    task = suite.task("temporal-order", length=12)
    network = suite.network(name, units, inputs=task.inputs, outputs=task.outputs)
    train = {"optimiser": Optimiser(lr=0.01), "batch": batch, "steps": 12, "evaluate_every": 6}
    together = suite.fit(network, task, [0, 1, 2], **train)
    for run in together:
        (alone,) = suite.fit(network, task, [run.seed], **train)
        assert run.curve == alone.curve
        assert all(torch.equal(run.weights[key], alone.weights[key]) for key in run.weights)


@pytest.mark.parametrize(("name", "cell", "least"), [("mnist-rows", "lstm", 0.98), ("imdb(length=200, words=10000)", "gru", 0.85)])
def test_accuracy_on_real_data(data, name, cell, least, tmp_path):
    data(name.partition("-")[0].partition("(")[0])
    table = suite.run("quick", tasks=[name.partition("(")[0]], cells=[cell], seeds=1, out=tmp_path)
    assert table["test"].item() >= least
