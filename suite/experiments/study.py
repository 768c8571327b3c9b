"""What an experiment's page tells beside scores, as plain data: whom cells are held against, what is swept, what a paper says."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

from suite.names import parse_call, unknown
from suite.runs.spec import Count, Frozen

Mark = Literal["seen", "seen-2nd", "known", "unsure", "derived"]
Kind = Literal["none better", "worse", "alike", "order", "minor", "independent", "hurts", "helps"]


class Claim(Frozen):
    """One sentence of a paper that the runs can speak to.

    says    the sentence, in our words
    mark    how sure it is that the paper says so
    kind    none better   no variant is better than the baseline
            worse         each of `of` is worse than the baseline
            alike         none of `of` differs from the baseline
            order         the settings of `of` matter in this order, the most important first
            minor         each setting of `of` accounts for less than a tenth of the variance
            independent   the two settings of `of` interact little: less than a tenth of the variance
            hurts, helps  the score is worse, or better, at the high end of the setting's range than at the low one
    of      cells, or paths of settings
    tasks   those that the claim is about, without arguments; all where there are none
    """

    says: str
    mark: Mark
    kind: Kind
    of: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()


class Study(Frozen):
    """baseline    the cell that others are held against
    difficulty  the argument of the tasks whose critical value is sought: the largest that at least half of the seeds solve
    sizes       the argument of the tasks that is the size of the training set
    trials      runs that the source carried out on a data set
    claims      what the source says
    """

    baseline: str = ""
    difficulty: str = ""
    sizes: str = ""
    trials: Count = 0
    claims: tuple[Claim, ...] = ()

    def wrong(self, cells: Collection[str], tasks: Iterable[str], paths: Collection[str]) -> list[str]:
        """What it names that the experiment does not have, a sentence each.

        >>> Study(baseline="lsmt").wrong(["lstm", "gru"], ["adding(length=10)"], [])
        ["study.baseline: unknown cell 'lsmt'; did you mean 'lstm'? known: lstm, gru"]
        """
        said = [f"study.baseline: {unknown(self.baseline, cells, 'cell')}"] if self.baseline and self.baseline not in cells else []
        values: dict[str, set[str]] = {}
        for name, given in map(parse_call, tasks):
            for argument, value in given.items():
                values.setdefault(argument, set()).add(f"{name} {value!r}")
        varied = {argument for argument, found in values.items() if len(found) > 1} | {path.removeprefix("task.") for path in paths if path.startswith("task.")}
        for field in ("difficulty", "sizes"):
            argument = getattr(self, field)
            if argument and argument not in varied:
                said.append(f"study.{field}: no two tasks differ in '{argument}'; they differ in {', '.join(sorted(varied)) or 'no argument'}")
        known = {*cells, *paths}
        return said + [f"study.claims: {unknown(name, sorted(known), 'cell or setting')}" for claim in self.claims for name in claim.of if name not in known]
