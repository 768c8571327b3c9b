"""A paper's sentences beside what the runs say: holds, does not, or cannot be told from so few."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from suite.report.catalogue import ClaimEntry, TaskEntry
from suite.report.section import Section
from suite.report.study import settings
from suite.report.study.asked import CALLED, Asked, differing, outcome, short
from suite.report.summary import listed
from suite.stats import Fanova, Importance, Welch

HOLDS, FAILS, SILENT, OPEN = "holds here", "does not hold here", "is not contradicted here", "cannot be told from these runs"
ENOUGH = 20  # different settings from which a claim of one is judged
FIT = 0.3  # share of the variance of unseen trials that a forest must explain before its shares are read
MINOR = 0.1  # share of the variance below which a setting hardly matters


def section(given: Asked, task: TaskEntry, tested: Mapping[str, Welch], way: str = "") -> Section:
    """Every claim of the study against one task; `way` is how the cells were built or trained, where they were in several."""
    found = settings.forest(given, task) if given.catalogue.searched else None
    judged = [(claim, *judge(claim, given, task, tested, found)) for claim in given.catalogue.study.claims if not claim.tasks or short(task) in claim.tasks]
    rows = [[claim.says, claim.mark, measured, verdict] for claim, measured, verdict in judged]
    counts = {word: sum(verdict == word for *_, verdict in judged) for word in (HOLDS, FAILS, SILENT, OPEN)}
    said = [f"Of {len(judged)} claims {counts[HOLDS]} hold here, {counts[FAILS]} do not, {counts[SILENT]} are not contradicted, and {counts[OPEN]} cannot be told from these runs."]
    note = "Mark: how sure it is that the paper says so (seen: read in its text; known, unsure: from memory). Shares of variance are judged by how far the trees of the forest differ. That cells are tied confirms no claim of equality: the interval says how much they may differ."
    return Section(f"What the paper says, and what was measured on {task.label}{way and f', {way}'}", said, [], [(["claim", "mark", "measured", "verdict"], rows)], note)


def judge(claim: ClaimEntry, given: Asked, task: TaskEntry, tested: Mapping[str, Welch], found: Fanova | None) -> tuple[str, str]:
    """What was measured, and the verdict."""
    if claim.kind in CELLS:
        cells = list(tested) if claim.kind == "none better" else [cell for cell in claim.of if cell in tested]
        missing = [cell for cell in claim.of if cell not in tested]
        if missing or not cells:
            return f"{listed(missing or list(claim.of))} with too few runs that came to a score", OPEN
        words = "; ".join(f"{cell}: {differing(tested[cell].difference, task)}, p = {tested[cell].adjusted:.2g}" for cell in cells)
        return (most(cells, tested, task) if claim.kind == "none better" else words), CELLS[claim.kind]([outcome(tested[cell], task) for cell in cells])
    if found is None:
        return "too few trials for a forest", OPEN
    different = settings.different(given, task)
    if different < ENOUGH:
        return f"n = {found.n} trials have {different} different settings, too few to judge a setting by", OPEN
    if found.fit < FIT:
        return f"the forest explains {100 * found.fit:.0f} % of the variance of unseen trials, n = {found.n}: too little to read its shares", OPEN
    return SETTINGS[claim.kind](claim, given, task, found)


def most(cells: list[str], tested: Mapping[str, Welch], task: TaskEntry) -> str:
    """The variant that comes out best, in words."""
    sign = 1 if task.better == "higher" else -1
    best = max(cells, key=lambda cell: sign * tested[cell].difference.center)
    return f"the best, {best}: {differing(tested[best].difference, task)}, p = {tested[best].adjusted:.2g}"


CELLS: dict[str, Callable[[list[str]], str]] = {
    "none better": lambda outcomes: FAILS if "better" in outcomes else SILENT,
    "worse": lambda outcomes: HOLDS if set(outcomes) == {"worse"} else FAILS if "better" in outcomes else OPEN,
    "alike": lambda outcomes: OPEN if set(outcomes) == {"tied"} else FAILS,
}


def order(claim: ClaimEntry, given: Asked, task: TaskEntry, found: Fanova) -> tuple[str, str]:
    """Whether settings matter in this order: no tree of the forest's range lies across the next."""
    alone = {each.parameters[0]: each for each in found.shares(pairs=False)}
    ranked = [alone[path] for path in claim.of if path in alone]
    others = [each for path, each in alone.items() if path not in claim.of and path != "cell"]
    words = ", ".join(f"{CALLED.get(each.parameters[0], each.parameters[0])} {settings.percents(each)}" for each in (*ranked, *others)) + f", n = {found.n}"
    steps = [*pairwise(ranked), *((ranked[-1], other) for other in others)]
    if all(above.low > below.high for above, below in steps):
        return words, HOLDS
    return words, FAILS if any(above.high < below.low for above, below in steps) else OPEN


def small(each: Importance) -> str:
    """Whether a share is below what counts as little."""
    return HOLDS if each.high < MINOR else FAILS if each.low > MINOR else OPEN


def minor(claim: ClaimEntry, given: Asked, task: TaskEntry, found: Fanova) -> tuple[str, str]:
    """Whether settings hardly matter."""
    shares = [each for each in found.shares(pairs=False) if each.parameters[0] in claim.of]
    verdicts = {small(each) for each in shares}
    return ", ".join(f"{settings.named(each)} {settings.percents(each)}" for each in shares) + f", n = {found.n}", verdicts.pop() if len(verdicts) == 1 else OPEN


def independent(claim: ClaimEntry, given: Asked, task: TaskEntry, found: Fanova) -> tuple[str, str]:
    """Whether two settings interact little."""
    each = settings.by_names(found)[tuple(sorted(claim.of))]
    return f"{settings.named(each)} {settings.percents(each)}, n = {found.n}", small(each)


def ends(claim: ClaimEntry, given: Asked, task: TaskEntry, found: Fanova) -> tuple[str, str]:
    """Whether the score is better at the high end of a range (helps) or worse (hurts)."""
    low, high = settings.marginal(found, claim.of[0], given.catalogue.searched[claim.of[0]])
    words = f"expected {low.center:.3g} [{low.low:.3g}, {low.high:.3g}] at the low end, {high.center:.3g} [{high.low:.3g}, {high.high:.3g}] at the high one (range over trees, n = {found.n})"
    if low.overlaps(high):
        return words, OPEN
    better = (high.center > low.center) == (task.better == "higher")
    return words, HOLDS if better == (claim.kind == "helps") else FAILS


Judge = Callable[[ClaimEntry, Asked, TaskEntry, Fanova], tuple[str, str]]
SETTINGS: dict[str, Judge] = {"order": order, "minor": minor, "independent": independent, "hurts": ends, "helps": ends}
