"""Figure: one example of a task, as a network hears it: lines of a few inputs, an image of many, a strip of tokens, and what is asked."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from suite.report.catalogue import ExampleEntry, TaskEntry
from suite.report.style import INK, SETTINGS, Drawn, svg

LINES = 3  # inputs that are drawn as lines; more are an image
WORDS = 60  # tokens that are written out


def draw(task: TaskEntry, name: str) -> Drawn:
    """The example as SVG, or "" where there is none that can be drawn."""
    found = task.example
    if found is None or not found.x:
        return Drawn("")
    try:
        x = np.array(found.x, dtype=float)
    except (TypeError, ValueError):
        return Drawn("")
    if x.ndim not in (1, 2):
        return Drawn("")
    asked = _asked(found)
    with mpl.rc_context(SETTINGS | {"axes.grid": False}):
        wide = x.ndim == 2 and x.shape[1] > LINES
        figure = Figure(figsize=(8.4, 1.9 if not wide else min(1.2 + 0.14 * x.shape[1], 4.2)), layout="constrained")
        upper, *lower = np.atleast_1d(figure.subplots(1 + bool(asked), 1, sharex=True, height_ratios=[3, 1] if asked else [1]))
        if wide:
            upper.imshow(x.T, cmap="crest", aspect="auto", interpolation="none", extent=(0, len(x), x.shape[1], 0))
            upper.set(ylabel="input", yticks=[])
            upper.spines[:].set_visible(False)
        elif found.tokens:
            upper.plot(np.arange(len(x)) + 0.5, x, marker=".", linewidth=0, color="#0173b2")
            upper.set_ylabel("token")
        else:
            for k, column in enumerate(x.reshape(len(x), -1).T):
                upper.step(np.arange(len(x)) + 0.5, column, where="mid", linewidth=1.3, color=sns.color_palette("colorblind").as_hex()[k], label=f"input {k + 1}")
            if x.ndim == 2 and x.shape[1] > 1:
                upper.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))
            upper.set_ylabel("input")
        for axes in lower:
            axes.plot([step + 0.5 for step, _ in asked], [value for _, value in asked], marker="o", linewidth=0, markersize=3.5, color=INK)
            axes.set_ylabel("asked")
        (lower or [upper])[-1].set_xlabel(f"step{f' (the first {len(x)} of {found.steps:,})' if found.steps > len(x) else ''}")
        (lower or [upper])[-1].set_xlim(0, max(len(x), 1))
    return svg(figure, name, f"One example of {task.label}", answer(task))


def _asked(found: ExampleEntry) -> list[tuple[int, float]]:
    """The steps that are asked and the values there, where every step may be and each is one number."""
    if not found.every or not isinstance(found.y, list):
        return []
    return [(step, float(value)) for step, value in enumerate(found.y) if isinstance(value, (int, float))]


def answer(task: TaskEntry) -> str:
    """What is asked, in words."""
    found = task.example
    if found is None:
        return ""
    size = f"{found.steps:,} steps of {'one token' if found.tokens else f'{found.inputs} inputs' if found.inputs > 1 else 'one input'}"
    if found.every:
        some = sum(value is not None for value in found.y) if isinstance(found.y, list) else 0
        return f"{size}; an answer is asked at {'every step' if some == len(found.x) else f'{some} of the steps shown'}."
    said = ", ".join(map(str, found.y)) if isinstance(found.y, list) else str(found.y)
    return f"{size}; the right answer, asked {'after the last step' if task.supervision != 'every' else 'beside'}: {said if len(said) < 200 else f'{said[:200]}…'}."
