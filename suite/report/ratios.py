"""Overview of timings: how many times faster than torch.nn.LSTM, by cell, engine and shape."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from suite.report.style import SETTINGS, Look, svg
from suite.report.text import brief
from suite.report.timings import LSTM, means, ratio, shapes
from suite.runs import Run

GAP, MEAN = "", "geometric mean"


def settings(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Timed runs with a ratio by what a heat map has in common: threads, dtype, device, replicas, machine."""
    found: dict[str, list[Run]] = {}
    for shape, group in shapes(runs).items():
        found.setdefault(f"{shape.setting}; machine {shape.machine}", []).extend(run for run in group if ratio(run, LSTM))
    return {setting: group for setting, group in found.items() if group}


def draw(setting: str, runs: Sequence[Run], look: Look, name: str) -> str:
    """A heat map an engine: rows are cells, the fastest first and those that lack a shape last, columns shapes and the geometric mean over all of them."""
    frame = pd.DataFrame(
        [{"cell": run.spec.cell, "engine": run.spec.engine, "shape": shape.brief, "ratio": timing.median} for shape, group in shapes(runs).items() for run in group if (timing := ratio(run, LSTM))]
    )
    whole = pd.DataFrame([{"cell": mean.cell, "engine": mean.engine, "shape": MEAN, "ratio": mean.value, "whole": mean.n == mean.of} for mean in means(runs)])
    columns = [*dict.fromkeys(frame["shape"]), GAP, MEAN]
    best = whole.assign(able=whole["ratio"].where(whole["whole"])).groupby("cell")[["able", "ratio"]].max()
    cells = list(best.sort_values(["able", "ratio"], ascending=False, kind="stable").index)
    engines = [engine for engine in look.engines if engine in set(frame["engine"])]
    frame = pd.concat([frame, whole[whole["whole"]].drop(columns="whole")])  # means over other shapes do not compare
    limit = max(float(np.abs(np.log2(frame["ratio"])).max()), 0.5)
    with mpl.rc_context(SETTINGS | {"axes.grid": False}):
        figure = Figure(figsize=(max(1.6 + 0.42 * len(columns) * len(engines), 9.2), 1.7 + 0.19 * len(cells)), layout=ConstrainedLayoutEngine(wspace=0.12))
        grid = figure.subplots(1, len(engines), sharey=True, squeeze=False)[0]
        for axes, engine in zip(grid, engines, strict=True):
            part = frame[frame["engine"] == engine].pivot_table(index="cell", columns="shape", values="ratio").reindex(index=cells, columns=columns)
            words = part.map(lambda value: "" if np.isnan(value) else f"{value:.{2 if value < 10 else 0}f}")
            sns.heatmap(np.log2(part), mask=part.isna(), annot=words, fmt="", annot_kws={"size": 6.5}, cmap="vlag_r", center=0, vmin=-limit, vmax=limit, cbar=False, linewidths=0.4, linecolor="none", ax=axes)
            axes.set(title=engine, xlabel="", ylabel="")
            axes.set_yticks(np.arange(len(cells)) + 0.5, cells, rotation=0)
            axes.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=60, ha="right", rotation_mode="anchor")
            axes.tick_params(length=0)
    told = "; ".join(f"{mean.cell} on {mean.engine} {brief(mean.value)}" for mean in means(runs) if mean.n == mean.of)
    return svg(figure, name, f"Times faster than {LSTM}: {setting}", f"Geometric means over shapes: {told}")
