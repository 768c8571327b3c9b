"""One colour and one mark a cell, everywhere; figures as SVG whose ink follows the page into the dark."""

from __future__ import annotations

import io
import math
import re
import textwrap
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from suite.report.compact import ROOT, compact

MARKS = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "*")
INK, FAINT = "#101112", "#d0d1d2"  # replaced by the page's own colours
WIDTH, HEIGHT = 4.4, 3.1
SMALLEST, LARGEST = 1.2, 1.7  # pixels a point: no figure's letters outgrow those of its page, and those of a wide one can be read on a phone
DECIMALS = 7  # beyond them a number is written with an exponent
NOISE = 1e-9  # share of a number that is rounding
LONGEST = 44  # characters of a name in a figure; pages print all of it
SHORT = 150  # from the smallest to the largest value of a log axis
FOLD = 34  # characters of a line of a label
LETTERS = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C", Outline.CLOSEPOLY: "Z"}

SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "carrousel",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "path.simplify": False,
    "text.parse_math": False,
}

UNSIGNED: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None, "Producer": None, "Creator": None}, "png": {"Software": None}}  # neither when nor by which version a file was written


class Look:
    """The colour and mark of every cell of a page, and of every engine."""

    def __init__(self, cells: Sequence[str], engines: Sequence[str] = ()) -> None:
        palette = sns.color_palette("colorblind", 10).as_hex()
        order = [palette[k] for k in (0, 1, 2, 4, 3, 9, 5, 6, 7, 8)]
        self.cells, self.engines = list(cells), list(engines)
        others = sns.color_palette("dark", 10).as_hex()[::-1]  # an engine is no cell, and looks like none
        self.colours = {name: colours[k % len(colours)] for names, colours in ((self.engines, others), (self.cells, order)) for k, name in enumerate(names)}
        # ten times ten pairs before two cells look the same
        self.marks = {name: marks[(k + k // len(marks)) % len(marks)] for names, marks in ((self.engines, MARKS[::-1]), (self.cells, MARKS)) for k, name in enumerate(names)}

    def legend(self) -> list[dict[str, str]]:
        """Each cell with its mark as a small SVG."""
        return [{"cell": cell, "mark": self.swatch(cell)} for cell in self.cells]

    def swatch(self, name: str) -> str:
        """The mark of a cell or an engine, for legends and tables; the page holds `sprite`."""
        return f'<svg class="swatch" viewBox="-1.3 -1.3 2.6 2.6" aria-hidden="true"><use href="#m{self._number(name)}"/></svg>'

    def sprite(self) -> str:
        """Every mark once, for a page's swatches to point to."""
        names = dict.fromkeys([*self.cells, *self.engines])
        marks = "".join(f'<path id="m{self._number(name)}" d="{outline(self.marks[name])}" fill="{self.colours[name]}"/>' for name in names)
        return f'<svg class="sprite" aria-hidden="true"><defs>{marks}</defs></svg>'

    def _number(self, name: str) -> int:
        return [*self.cells, *self.engines].index(name)

    def shape(self, name: str) -> str:
        """The same mark as a path in a box of -1 to 1, for interactive charts."""
        return outline(self.marks[name])


class Drawn(str):
    """A figure as SVG that remembers what it was drawn from, so that it can be saved in other forms too."""

    __slots__ = ("figure",)
    figure: Figure | None


@cache
def outline(mark: str) -> str:
    """A mark of matplotlib's as an SVG path, y downwards, in a box of -1 to 1."""
    style = MarkerStyle(mark)
    path = style.get_path().transformed(style.get_transform())
    said = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        places = " ".join(f"{round(2 * x, 3) + 0:g},{round(-2 * y, 3) + 0:g}" for x, y in points.reshape(-1, 2)) if code != Outline.CLOSEPOLY else ""
        said.append(f"{LETTERS[code]}{places}")
    return "".join(said)


def short(name: str) -> str:
    """A name as a figure has room for it.

    >>> short("gru"), len(short("x" * 5000))
    ('gru', 44)
    """
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def canvas(width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Any]:
    """A figure of our style, without pyplot's global state."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()


def logarithmic(axes: Any, low: float, high: float, text: Callable[[float], str]) -> None:
    """A log x axis from low to high with ticks at 1, 2 and 5 times the powers of ten."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [m * 10.0**e for e in range(-9, 12) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    if len(ticks) < 2:
        ticks = [float(f"{low * 1.3:.2g}"), float(f"{high / 1.3:.2g}")]
    said = {text(tick): tick for tick in ticks}  # two that round alike are one
    axes.set_xticks(list(said.values()), list(said))
    axes.set_xticks([], minor=True)


def decade(values: Sequence[float]) -> bool:
    """Whether values belong on a log axis: all above 0, and a factor of ten between them, for a shorter one has no tick to read.

    >>> decade([0.01, 0.3]), decade([9.0, 9.3]), decade([0.0, 5.0]), decade([])
    (True, False, False, False)
    """
    return bool(len(values)) and min(values) > 0 and max(values) >= 10 * min(values)


def folded(text: str) -> str:
    """A label in two lines, as the height of a figure has room for it."""
    return textwrap.fill(text, FOLD, max_lines=2, placeholder=" …")


def powers(axis: Any) -> None:
    """Labels of a log axis as plain numbers, of a short one at 2 and 5 too: no text of a figure is read as mathematics."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < SHORT * low else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}" if 1e-4 < v < 1e5 else f"{v:.0e}"))
    axis.set_minor_formatter(NullFormatter())


def svg(figure: Figure, name: str, title: str, description: str) -> Drawn:
    """The figure as an SVG element: identical bytes from identical data, a name and a description for screen readers."""
    buffer = io.StringIO()
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the browser has fonts for all scripts
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    figure.set_layout_engine("none")  # its parts stay where they are in every other form
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = text.replace(INK, "currentColor").replace(FAINT, "var(--grid)")
    text = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", r"font: \1system-ui, sans-serif", text)
    label = f'role="img" aria-labelledby="{name}-t {name}-d"' if title else 'aria-hidden="true"'
    named = f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(description)}</desc>' if title else ""
    box = text.partition('viewBox="')[2].partition('"')[0]
    wide, least = (factor * float(box.split()[2]) for factor in (LARGEST, SMALLEST))
    made = Drawn(f'<svg viewBox="{box}" style="max-width:{wide:.0f}px;--least:{least:.0f}px" {label} xmlns="http://www.w3.org/2000/svg" {ROOT}>{named}{compact(text, name)}</svg>')
    made.figure = figure
    return made


def can_save(drawn: str) -> bool:
    """Whether a figure was drawn here, so that there are other forms of it than its SVG."""
    return getattr(drawn, "figure", None) is not None


def saved(drawn: str, kind: str) -> bytes:
    """A figure as "png" or "pdf" on white, the same bytes from the same data; ValueError for an SVG that was not drawn here."""
    figure = getattr(drawn, "figure", None)
    if figure is None:
        raise ValueError("this figure was not drawn here: there is its SVG alone")
    buffer = io.BytesIO()
    with mpl.rc_context(SETTINGS | {"pdf.fonttype": 42, "figure.dpi": 200}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=kind, dpi=200, facecolor="white", metadata=UNSIGNED[kind])
    return buffer.getvalue()


def percent(value: float) -> str:
    """A share for people: 98.1 %."""
    digits = 2 if 0.999 <= value < 1 else 1
    return f"{100 * value:.{digits}f} %"


def spread(low: float, high: float, share: bool) -> str:
    """A range for people: 97.9 to 98.3 %."""
    return between(*alike(low, high, share=share))


def between(low: str, high: str) -> str:
    """Two written numbers as a range."""
    return f"{low.removesuffix(' %')} to {high}"


def around(center: float, low: float, high: float, share: bool) -> tuple[str, str]:
    """A mean and its interval, with as many decimals each.

    >>> around(10.04, 9.3, 10.8, False), around(0.5, 0.4, 0.6, True)
    (('10.0', '9.3 to 10.8'), ('50.0 %', '40.0 to 60.0 %'))
    """
    written = alike(center, low, high, share=share)
    return written[0], between(*written[1:])


def difference(center: float, low: float, high: float, share: bool) -> str:
    """A difference of scores with its interval; of shares in points of a hundred.

    >>> difference(0.021, 0.01, 0.032, True), difference(-0.175, -0.3, 0, False)
    ('+2.1 points [+1.0, +3.2]', '-0.175 [-0.300, 0]')
    """
    scale, unit = (100.0, " points") if share else (1.0, "")
    center, low, high = scale * center, scale * low, scale * high
    middle, *ends = (f"+{text}" if value > 0 else text for value, text in zip((center, low, high), alike(center, low, high, least=1 if share else None), strict=True))
    return f"{middle}{unit} [{', '.join(ends)}]"


def alike(*values: float, share: bool = False, least: int | None = None) -> list[str]:
    """Numbers with as many decimals each: three digits of the largest, or `least` decimals, and one digit of what lies between them; shares in per cent, with one decimal and two near the whole.

    >>> alike(9.02, 9.5), alike(3.9e-05, 0.000104), alike(0, 0.273), alike(1234.5, 98765), alike(0.9991, 1, share=True)
    (['9.02', '9.50'], ['0.000039', '0.000104'], ['0', '0.273'], ['1,234', '98,765'], ['99.91 %', '100.00 %'])
    """
    if share:
        return [f"{text} %" for text in alike(*(100 * value for value in values), least=2 if any(0.999 <= value < 1 for value in values) else 1)]
    largest = max(map(abs, values), default=0.0)
    width = max(values, default=0.0) - min(values, default=0.0)
    base = least if least is not None else max(0, 2 - math.floor(math.log10(largest))) if largest else 0
    decimals = max(base, min(base + 2, -math.floor(math.log10(width)))) if width > NOISE * largest else base
    return [f"{value:.3g}" if decimals > DECIMALS or (not value and least is None) else f"{value:,.{decimals}f}" for value in values]


def shown(value: float, share: bool) -> str:
    """A score for people: shares in per cent, errors with three digits."""
    return percent(value) if share else f"{value:.3g}"
