"""On what terms the cells of an experiment were compared, in a sentence or two for its page."""

from __future__ import annotations

from typing import Any

from suite.experiments.experiment import Experiment

PLAIN = "All cells of a task share units, optimiser, rate and updates: none was tuned, and they are not matched in parameters."


def conditions(experiment: Experiment) -> str:
    """What was matched, what was drawn, what was chosen and how.

    >>> from suite.experiments import QUICK
    >>> conditions(QUICK) == PLAIN
    True
    """
    said = [*matched(experiment), *drawn(experiment), *chosen(experiment)] or gridded(experiment) or [PLAIN]
    return " ".join([*said, *started(experiment)])


def gridded(experiment: Experiment) -> list[str]:
    """What every cell was run at, one value after another."""
    if not experiment.grid:
        return []
    return [f"Every cell was run at each value of {', '.join(experiment.grid)}, and all are shown: none was chosen. All else is the same for all cells of a task, which are not matched in parameters."]


def started(experiment: Experiment) -> list[str]:
    """What weights and biases start as where that is not the usual, by name."""
    given = ({**experiment.settings, **recipe.settings}.get("init", "default") for recipe in experiment.recipes)
    names = dict.fromkeys(part.partition("(")[0] for init in given for part in str(init).split("+") if not part.startswith("default"))
    told = {"chrono": "chrono (gates are biased for the longest lag of the task, which a cell without gates has no use for)"}
    return [f"Weights start by {', '.join(told.get(name, name) for name in names)}."] if names else []


def matched(experiment: Experiment) -> list[str]:
    """The budget."""
    if experiment.match is None:
        return []
    what, budget = experiment.match.of
    return [f"The units of every cell are those that come nearest to {budget:,} {what.replace('_', ' ')} of the whole network, within {100 * experiment.match.within:g} %."]


def drawn(experiment: Experiment) -> list[str]:
    """The random search."""
    if experiment.sample is None:
        return []
    return [f"Drawn at random, the same {experiment.sample.trials} times for every cell: {', '.join(experiment.sample.space)}; a mean, and its spread, is over them too."]


def chosen(experiment: Experiment) -> list[str]:
    """The search, and what is reported of it."""
    search = experiment.search
    if search is None:
        return []
    seeds = f"{search.seeds} seed{'s' * (search.seeds > 1)}"
    ends = any({**experiment.settings, **recipe.settings}.get("until_solved") for recipe in experiment.recipes)
    rule = "by how many runs solve the task, then by the fewest updates" if ends else "by the mean of their best validation scores"
    told = f"Chosen for each cell and task: {', '.join(search.varied)}, from {len(search.trials)} trials of {seeds}, the same for all, {rule}"
    return [f"{told}; {f'what is chosen is run again with {experiment.seeds} seeds that no trial had' if search.fresh else 'shown are the runs of the best trial'}."]


def studied(experiment: Experiment) -> dict[str, Any]:
    """What a catalogue says of an experiment's study: its own data, what is drawn at random, and from what."""
    space = experiment.sample.space if experiment.sample else {}
    searched = {path: {"kind": kind, "values": list(values)} for path, drawn_from in space.items() for kind, values in drawn_from.given.items()}
    search = experiment.search
    tried = {path: [trial[path] for trial in search.trials] for path in search.varied} if search else {}
    return {"drawn": list(space), "searched": searched, "study": experiment.study.model_dump(mode="json"), "tried": tried}
