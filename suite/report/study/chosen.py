"""Of settings that were searched: what was chosen, and how often it was the end of what was tried."""

from __future__ import annotations

from suite.report.section import Section
from suite.report.study.asked import CALLED, Asked
from suite.report.study.settings import value


def sections(given: Asked) -> list[Section]:
    """One section for all settings; nothing where none was searched."""
    if not given.catalogue.tried:
        return []
    said, rows = [], []
    for path, tried in given.catalogue.tried.items():
        chosen = [(task.label, cell, value(runs[0], path)) for task in given.tasks for cell, runs in given.trained(task.name).items()]
        rows += [[label, cell, CALLED.get(path, path), f"{found:g}" if isinstance(found, int | float) else str(found)] for label, cell, found in chosen]
        if all(isinstance(each, int | float) for each in tried) and len(set(tried)) > 1:
            ends = {word: sum(found == end for *_, found in chosen) for word, end in (("smallest", min(tried)), ("largest", max(tried)))}
            said += [f"The chosen {CALLED.get(path, path)} is the {word} tried ({(min if word == 'smallest' else max)(tried):g}) in n = {count} of {len(chosen)} searches: there the range may be too narrow." for word, count in ends.items() if count]
    note = "Chosen for each cell and task from the same values; see the conditions for the rule. A spread over seeds does not hold that of the choice."
    return [Section("What was chosen", said, [], [(["task", "cell", "setting", "value"], rows)], note)]
