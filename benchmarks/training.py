"""A training step of each cell on each engine, and what a small fixed training still gets wrong."""

import torch

import suite
from suite.runs.spec import SpeedSpec
from suite.training.speed import calls

CELLS = ["rnn", "lstm", "lstm-peephole", "gru"]


class TrainingStep:
    """Forward, backward and every weight's gradient at (100, 32, 8, 32), one thread, float32."""

    params = (CELLS, ["scan", "hoisted", "vendor"])
    param_names = ("cell", "engine")
    version = "1"

    def setup(self, cell: str, engine: str) -> None:
        """Skip what an engine refuses."""
        torch.set_num_threads(1)
        made = suite.cell(cell, 32)
        from suite.engines import ENGINES

        if ENGINES[engine].refuses(made, torch.device("cpu")):
            raise NotImplementedError
        self.step, _ = calls(SpeedSpec(cell=cell, units=32, length=100, batch=32, inputs=8), made, ENGINES[engine], 100, 32)
        self.step()

    def time_step(self, cell: str, engine: str) -> None:
        """Milliseconds each, so setup before every call does no harm."""
        del cell, engine
        self.step()

    time_step.version = "1"  # type: ignore[attr-defined]


class DigitsError:
    """Test error on scikit-learn's digits after 300 updates, three seeds as asv's samples. An error, for asv believes that less is better."""

    params = (CELLS,)
    param_names = ("cell",)
    timeout = 300

    def track_error(self, cell: str) -> dict[str, object]:
        """Share of wrong answers of each seed."""
        torch.set_num_threads(1)
        task = suite.task("digits-rows")
        network = suite.network(cell, 32, inputs=task.inputs, outputs=task.outputs)
        runs = suite.fit(network, task, [0, 1, 2], steps=300, evaluate_every=100)
        return {"samples": [1.0 - run.test for run in runs if run.test is not None], "number": 1}

    track_error.unit = "share of wrong answers"  # type: ignore[attr-defined]
    track_error.version = "1"  # type: ignore[attr-defined]
