"""What the statistics of a study say on its page: of a random search, of a sweep over difficulties or sizes, of one cell against another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from suite.report.catalogue import Catalogue
from suite.report.section import Section
from suite.report.study import answers, beyond, chosen, delays, quarter, settings, sizes
from suite.report.study.asked import Asked, asked
from suite.report.style import Look
from suite.runs import Run

PARTS: tuple[Callable[[Asked], list[Section]], ...] = (answers.sections, delays.sections, sizes.sections, beyond.sections, quarter.sections, settings.sections, chosen.sections)


def sections(catalogue: Catalogue, runs: Sequence[Run], look: Look) -> list[Section]:
    """Every section that the catalogue asks for and the records allow, in the order in which they are read."""
    given = asked(catalogue, runs, look)
    return [section for part in PARTS for section in part(given)]
