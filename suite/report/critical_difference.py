"""Figure: critical-difference diagram (Demšar 2006): mean ranks with their intervals, bars beside the cells that are not separated."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from suite.report.style import INK, SETTINGS, Look, svg
from suite.report.summary import listed
from suite.stats import Ranking

BAR = 0.035  # between two bars, as a share of the width of the axes


def draw(ranking: Ranking, look: Look, name: str, blocks: str = "tasks") -> str:
    """The diagram as SVG: a row a cell, the best first; `blocks` says what the ranks were taken over.

    The usual drawing has all cells on one line. With a row for each there is room for the interval of every mean rank, and
    for as many cells as there are.
    """
    cells = list(ranking.ranks)
    lanes = _lanes([(cells.index(clique[0]), cells.index(clique[-1])) for clique in ranking.cliques])
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(6.4, 1.0 + 0.26 * len(cells)), layout="constrained")
        axes = figure.subplots()
        for row, (cell, rank) in enumerate(ranking.ranks.items()):
            axes.plot([rank.low, rank.high], [row, row], color=look.colours[cell], linewidth=2.2, solid_capstyle="butt")
            axes.plot([rank.center], [row], marker=look.marks[cell], color=look.colours[cell], markersize=6.5, linestyle="", zorder=3)
        for first, last, lane in lanes:
            across = 1 + BAR * (lane + 1)
            axes.plot([across, across], [first - 0.25, last + 0.25], color=INK, linewidth=3.5, solid_capstyle="butt", transform=axes.get_yaxis_transform(), clip_on=False)
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.set_yticks(range(len(cells)), cells)
        axes.set_xlim(0.8, len(cells) + 0.2)
        axes.set_xticks(range(1, len(cells) + 1))
        axes.set(xlabel=f"mean rank over {ranking.n} {blocks} (1 is best); a bar beside cells: not separated", ylabel="")
    return svg(figure, name, f"Mean ranks over {ranking.n} {blocks}, and which cells are not separated", described(ranking, blocks))


def described(ranking: Ranking, blocks: str = "tasks") -> str:
    """The diagram in words."""
    ranks = ", ".join(f"{cell} {rank.center:.2f} [{rank.low:.2f}, {rank.high:.2f}]" for cell, rank in ranking.ranks.items())
    tied = "; ".join(f"{listed(clique)} are not separated" for clique in ranking.cliques) or "all cells are separated"
    friedman = "" if ranking.friedman is None else f" Friedman's test: p = {ranking.friedman:.2g}."
    few = f" So few {blocks} cannot separate any two of so many cells." if ranking.least >= ranking.alpha else ""
    return f"Mean ranks with 95 % intervals over n = {ranking.n} {blocks}: {ranks}. By Wilcoxon's test with Holm's correction at {ranking.alpha:g}, {tied}.{friedman}{few}"


def _lanes(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Each span in the first lane where it touches no other."""
    ends: list[int] = []
    placed = []
    for first, last in sorted(spans):
        lane = next((k for k, end in enumerate(ends) if end < first), len(ends))
        ends[lane : lane + 1] = [last]
        placed.append((first, last, lane))
    return placed
