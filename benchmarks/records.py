"""Thousands of records: reading them, making tables of them, writing them out, saying why runs are done again."""

from pathlib import Path

from suite.runs import Costs, Point, Run, Score, Store, TrainSpec, frame, where
from suite.runs.loading import load_runs
from suite.runs.why import why

RUNS, POINTS = 5400, 50


def runs(digest: str = "0123456789abcdef") -> list[Run]:
    """Training runs of three cells with their curves."""
    made = []
    for number in range(RUNS):
        spec = TrainSpec(task="adding(length=50)", cell=("lstm", "gru", "rnn")[number % 3], seed=number // 3, cell_digest=digest)
        curve = tuple(Point(step=20 * k, loss=1 / (k + number), validation_loss=0.1 + 1 / (k + 3), validation=1 - 1 / (k + 7)) for k in range(1, POINTS + 1))
        score = Score(best_step=20 * POINTS, validation=1 - 1 / (number + 7), test=1 - 1 / (number + 9))
        made.append(Run(id=spec.id, spec=spec, status="done", score=score, curve=curve, costs=Costs(parameters=100, seconds=1.5), where=where()))
    return made


class Records:
    """5,400 records with curves of 50 points: as many as the largest published comparison of LSTMs has."""

    version = "1"
    timeout = 300

    def setup_cache(self) -> str:
        """The folder, written once: the one that asv starts this in, and removes when it has the figures."""
        folder = Path.cwd()
        for run in runs():
            path = folder / "runs" / run.file  # not Store.write, which waits for the disk
            path.parent.mkdir(exist_ok=True)
            path.write_text(run.text(), encoding="utf-8")
        return str(folder)

    def time_read(self, folder: str) -> None:
        """Files to records, checked."""
        found, skipped = Store(Path(folder, "runs")).read()
        assert (len(found), skipped) == (RUNS, [])

    def time_load_runs(self, folder: str) -> None:
        """Files to a data frame."""
        assert len(load_runs(folder)) == RUNS

    def peakmem_read(self, folder: str) -> None:
        """Of the whole process."""
        Store(Path(folder, "runs")).read()


class Tables:
    """The same records in memory."""

    version = "1"
    timeout = 300

    def setup(self) -> None:
        """Seconds each, so that setup before every call does no harm."""
        self.runs = runs()
        self.specs = [run.spec for run in runs("fedcba9876543210")]

    def time_frame(self) -> None:
        """Records to a data frame."""
        frame(self.runs)

    def time_why(self) -> None:
        """Every run is done again, for the equations changed."""
        assert len(why(self.specs, {spec.id for spec in self.specs}, self.runs)) == 3
