"""One cell against the baseline, task by task: which scores better, which takes less time a step, which gets there sooner; a sentence each."""

from __future__ import annotations

import math

from suite.report.catalogue import TaskEntry
from suite.report.section import Section
from suite.report.study import claims
from suite.report.study.asked import Asked, differing, lost, short, tests
from suite.report.style import shown
from suite.report.timings import LSTM
from suite.runs import Run, Timing
from suite.stats import Interval, reaching, updates_to, variants, verdicts
from suite.stats.reaching import Median


def sections(given: Asked) -> list[Section]:
    """Nothing where no baseline is named, or where settings were searched: trials are no seeds."""
    baseline = given.catalogue.study.baseline
    if not baseline or given.catalogue.searched:
        return []
    tasks = largest(given)
    ran = {run.spec.cell for run in given.runs}
    pairs = [(cell, alike(cell, baseline)) for cell in given.look.cells if cell in ran and cell != alike(cell, baseline)]
    made = [section for cell, other in pairs if other in ran and (section := of(given, cell, other, tasks))]
    return [*made, *(section for task in tasks for section in claimed(given, task, baseline))]


def alike(cell: str, baseline: str) -> str:
    """The baseline built and trained as a contestant was.

    >>> alike("gru1, rate 0.001", "gru"), alike("gru1", "gru"), alike("gru(drop=0.5, on='x'), 8 units", "lstm")
    ('gru, rate 0.001', 'gru', 'lstm, 8 units')
    """
    name, bracket, rest = cell.partition(")")
    _, _, way = (cell if not bracket or ", " in name.partition("(")[0] else rest).partition(", ")
    return f"{baseline}, {way}" if way else baseline


def base(cell: str) -> str:
    """A contestant's cell without how it was built and trained.

    >>> base("gru1, rate 0.001"), base("gru(drop=0.5, on='x'), 8 units")
    ('gru1', "gru(drop=0.5, on='x')")
    """
    way = alike(cell, "").partition(", ")[2]
    return cell.removesuffix(f", {way}") if way else cell


def claimed(given: Asked, task: TaskEntry, baseline: str) -> list[Section]:
    """What the source claims of cells, against their runs on a task; a section for each way in which they were built or trained."""
    runs = {cell: tests(found) for cell, found in given.trained(task.name).items() if len(found) > 1 and not lost(found)}
    made = []
    for other in (cell for cell in runs if cell == alike(cell, baseline)) if given.catalogue.study.claims else ():
        group = {base(cell): (scores, scores) for cell, scores in runs.items() if alike(cell, baseline) == other}
        if len(group) > 1:
            made.append(claims.section(given, task, variants(group, baseline, 1.0, task.better), other.partition(", ")[2]))
    return made


def largest(given: Asked) -> list[TaskEntry]:
    """Every task, of those that differ in the size of the training set the one with the most."""
    groups = given.groups(given.catalogue.study.sizes) if given.catalogue.study.sizes else []
    smaller = {task.name for group in groups for _, task in group[:-1]}
    return [task for task in given.tasks if task.name not in smaller]


def of(given: Asked, cell: str, baseline: str, tasks: list[TaskEntry]) -> Section | None:
    """The section of one cell."""
    said, rows = [], []
    for task in tasks:
        runs = given.trained(task.name)
        missing = [word for name in (cell, baseline) if (word := lost(runs.get(name, [])))]
        said += [f"On {short(task)} nothing is compared: {'; '.join(missing)}."] if missing else []
        if not missing and all(len(runs.get(name, [])) > 1 for name in (cell, baseline)):
            sentence, row = scores(cell, baseline, runs, task)
            sooner, reach, found = times(cell, baseline, runs, task)
            said += [sentence, sooner, *in_time(given, found, runs, task)]
            rows.append([task.label, *row, *reach])
    timed = speed(given, cell, baseline)
    said += [sentence for sentence, _ in timed]
    if not said:
        return None
    tables = [(["task", f"{cell} minus {baseline}", "p", "verdict", "score waited for", f"median updates: {cell}", baseline], rows)] if rows else []
    tables += [(["shape", f"time of a step, {cell} / {baseline}", "engine"], [row for _, row in timed])] if timed else []
    note = "Each answer is tested alone and not corrected for the others. Scores: Welch's test at p < 0.05, at the largest training set. Updates: Kaplan and Meier's median of when the score that is named was reached, runs that never get there counted as unfinished; apart where the intervals are, or where more runs got there at all by Fisher's test. Time: each cell's step over that of torch.nn.LSTM's, taken in turn with it in one process; the interval of the quotient takes both at their worst."
    return Section(f"{cell} or {baseline}?", said, [], tables, note)


def scores(cell: str, baseline: str, runs: dict[str, list[Run]], task: TaskEntry) -> tuple[str, list[str]]:
    """Which scores better on a task."""
    (v,) = verdicts({cell: tests(runs[cell]), baseline: tests(runs[baseline])}, task.better)
    words = f"{cell} minus {baseline}: {differing(v.difference, task)}, p = {v.p:.2g}"
    row = [differing(v.difference, task), f"{v.p:.2g}", f"{v.better} is better" if v.better else "tied"]
    if v.better:
        return f"Score on {short(task)}: {v.better} is better ({words}; {task.measure}, {task.better} is better).", row
    further = f"; about {v.more:,} further seeds of each could tell" if v.more else ""
    return f"Score on {short(task)}: tied ({words}{further}).", row


def level(cell: str, baseline: str, runs: dict[str, list[Run]], task: TaskEntry) -> tuple[float, str]:
    """What is waited for: what counts as solved, or the best trivial baseline where that is better, if half of all runs get there; else the score that nine tenths of all runs reach."""
    best = sorted((run.score.validation for name in (cell, baseline) for run in runs[name] if run.score is not None and run.score.validation is not None), reverse=task.better == "higher")
    goal, what = (task.solved, "solved") if task.telling or task.trivial is None else (task.trivial, "the test score of the best trivial baseline")
    if 2 * sum(task.reaches(value, goal) for value in best) >= len(best):
        return goal, what
    return best[math.ceil(0.9 * len(best)) - 1], "what nine tenths of all runs reach"


def times(cell: str, baseline: str, runs: dict[str, list[Run]], task: TaskEntry) -> tuple[str, list[str], dict[str, Median]]:
    """Which gets there after fewer updates, and the medians."""
    goal, what = level(cell, baseline, runs, task)
    found = {}
    for name in (cell, baseline):
        at = [updates_to(run, goal, task.better) for run in runs[name] if run.done]
        found[name] = reaching([t for t, _ in at], [got for _, got in at]).median
    words = {name: median(each) for name, each in found.items()}
    first, second = (interval(found[name]) for name in (cell, baseline))
    sooner = "neither is shown to get there sooner" if first is None or second is None or first.overlaps(second) else f"{cell if first.center < second.center else baseline} gets there sooner"
    more = [name for name in (cell, baseline) if often(found[name], found[baseline if name == cell else cell])]
    sooner = f"{more[0]} gets there more often" if more and sooner.startswith("neither") else sooner
    return f"Updates on {short(task)} until {shown(goal, task.share)} ({what}): {sooner} ({cell} {words[cell]}, {baseline} {words[baseline]}).", [f"{shown(goal, task.share)} ({what})", words[cell], words[baseline]], found


def often(mine: Median, theirs: Median) -> bool:
    """Whether more of the one's runs got there within their updates, by Fisher's exact test at p < 0.05."""
    from scipy.stats import fisher_exact

    table = [[each.reached, each.n - each.reached] for each in (mine, theirs)]
    return mine.reached / mine.n > theirs.reached / theirs.n and float(fisher_exact(table).pvalue) < 0.05


def in_time(given: Asked, found: dict[str, Median], runs: dict[str, list[Run]], task: TaskEntry) -> list[str]:
    """The same medians in seconds of training steps, where every cell was timed at the shape of its runs."""
    said = []
    for cell, each in found.items():
        step = timed_at(given, cell, runs[cell][0], task)
        if step is None or each.center is None:
            return []
        low = f"{(each.low or 0.0) * step.low:.2g}"
        high = f"{each.high * step.high:.2g}" if each.high is not None else "beyond"
        said.append(f"{cell} {each.center * step.median:.2g} s [{low}, {high}], n = {each.n} runs and {step.n} timings")
    return [f"In time of training steps on {short(task)}: {', '.join(said)}."]


def timed_at(given: Asked, cell: str, run: Run, task: TaskEntry) -> Timing | None:
    """A training step of a cell at the batch, units and inputs of a run."""
    if run.spec.kind != "train":
        return None
    inputs = run.spec.embedding or task.inputs
    alike = (timed for timed in given.timed if timed.spec.kind == "speed" and (timed.spec.cell, timed.spec.batch, timed.spec.units, timed.spec.inputs) == (cell, run.spec.batch, run.spec.units, inputs))
    return next((timed.costs.step for timed in alike if timed.costs.step), None)


def median(found: Median) -> str:
    """A median with its interval and n."""
    low, high = (f"{x:,.0f}" if x is not None else "beyond" for x in (found.low, found.high))
    center = f"{found.center:,.0f}" if found.center is not None else "beyond the budget"
    return f"{center} [{low}, {high}], {found.reached} of n = {found.n}"


def interval(found: Median) -> Interval | None:
    """The same, open above where a limit is beyond the budget; None where the median is."""
    if found.center is None or found.low is None:
        return None
    return Interval(found.center, found.low, math.inf if found.high is None else found.high, found.n)


def speed(given: Asked, cell: str, baseline: str) -> list[tuple[str, list[str]]]:
    """How long a training step of the cell takes next to the baseline's, at every shape that both were timed at on one engine."""
    made = []
    for run in given.timed:
        spec = run.spec
        other = next((r for r in given.timed if r.spec == spec.model_copy(update={"cell": baseline, "cell_digest": r.spec.cell_digest}) and r.where.machine == run.where.machine), None)
        if spec.cell != cell or other is None or spec.kind != "speed":
            continue
        mine, theirs = against(run), against(other)
        if mine is None or theirs is None:
            continue
        ratio = Interval(theirs.median / mine.median, theirs.low / mine.high, theirs.high / mine.low, min(mine.n, theirs.n))
        shape = f"{spec.length} steps, batch {spec.batch}, {spec.inputs} inputs, {spec.units} units"
        words = f"{ratio.center:.2f} [{ratio.low:.2f}, {ratio.high:.2f}], n = {ratio.n}"
        faster = f"{cell} is faster" if ratio.high < 1 else f"{baseline} is faster" if ratio.low > 1 else "neither is shown to be faster"
        made.append((f"Time of a training step at {shape}: {faster} ({cell} takes {words} times as long as {baseline}, {spec.engine} engine).", [shape, words, spec.engine]))
    return made


def against(run: Run) -> Timing | None:
    """How many times longer torch.nn.LSTM took, interleaved; over 1: faster than it."""
    return next((ratio.step for ratio in run.costs.ratios if ratio.against == LSTM), None)
