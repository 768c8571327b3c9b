"""A table as PNG and PDF, on white, as a paper prints it: three rules, no frame."""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import TextToPath

from suite.report.exhibit import Entry, Table
from suite.report.style import INK, SETTINGS, UNSIGNED

MOST, BROADEST, MANY = 150, 16, 1200  # rows, columns and entries: nobody reads more of them in a picture, and the data have them all
PIXELS, SHARP = 16e6, 160  # of a PNG: a larger one has fewer dots an inch
WIDEST, LINES = 46, 8  # characters of a line, and lines of an entry, before it is cut
PLAIN, BOLD, SMALL = (FontProperties(family="DejaVu Sans", size=size, weight=weight) for size, weight in ((8, "normal"), (8, "bold"), (6.5, "normal")))
LEADING, GAP, MARGIN, AIR = 1.35, 14.0, 12.0, 4.0  # line height of a size, then points

Line = tuple[str, FontProperties]


class Word(NamedTuple):
    """A line of text, its left end and its foot in points from the upper left corner."""

    x: float
    y: float
    text: str
    font: FontProperties


class Words(Artist):
    """Text handed to the renderer as it lies: a table of thousands of entries needs no layout but its own."""

    def __init__(self, words: Sequence[Word], high: float) -> None:
        super().__init__()
        self.words, self.high = words, high

    def draw(self, renderer: Any) -> None:
        """Every word."""
        scale, context = renderer.points_to_pixels(1.0), renderer.new_gc()
        for word in self.words:
            context.set_foreground(INK if word.font is not SMALL else "#55595f")
            renderer.draw_text(context, scale * word.x, scale * (word.y if renderer.flipy() else self.high - word.y), word.text, word.font, 0)
        context.restore()


def printed(table: Table) -> dict[str, bytes]:
    """The table as "png" and "pdf", the same bytes from the same rows; of a long or broad one the first rows and columns, and a line that says so.

    Letters of the PDF are drawn (Type 3): a subset of a TrueType font for each table would take longer than all pages
    together. For a publisher who wants no such fonts there is the table in LaTeX.
    """
    figure, made = _figure(table), {}
    wide, high = figure.get_size_inches()
    dots = min(SHARP, math.sqrt(PIXELS / (wide * high)))
    with mpl.rc_context(SETTINGS | {"pdf.fonttype": 3}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        for form, unsigned in UNSIGNED.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=form, dpi=dots, facecolor="white", metadata=unsigned)
            made[form] = buffer.getvalue()
    return made


def _figure(table: Table) -> Figure:
    most = min(MOST, MANY // max(1, min(BROADEST, len(table.headings))))
    rows = [[_lines(Entry(str(heading)), BOLD) for heading in table.headings[:BROADEST]], *([_lines(entry) for entry in row[:BROADEST]] for row in table.rows[:most])]
    widths = [max((_wide(text, font) for lines in column for text, font in lines), default=0.0) for column in zip(*rows, strict=True)]
    lefts = [MARGIN + sum(widths[:k]) + GAP * k for k in range(len(widths))]
    wide = MARGIN + sum(widths) + GAP * max(len(widths) - 1, 0) + MARGIN
    left_out = [f"the first {limit:,} of {len(there):,} {what}" for limit, there, what in ((most, table.rows, "rows"), (BROADEST, table.headings, "columns")) if len(there) > limit]
    part = [(", ".join(left_out), SMALL)] if left_out else []
    words, y = _row([[*_cut(table.title, BOLD, int(wide / 5)), *part]], [MARGIN], MARGIN)
    rules = [y + AIR]
    for place, lines in enumerate(rows):
        more, y = _row(lines, lefts, y + 2 * AIR if place < 2 else y + AIR)
        words += more
        rules += [y + AIR] if place == 0 else []
    high = y + AIR + MARGIN
    figure = Figure(figsize=(wide / 72, high / 72))
    figure.add_artist(Words(words, high))
    for rule, weight in zip([*rules, y + AIR], (1.2, 0.7, 1.2), strict=True):
        figure.add_artist(Line2D([MARGIN / wide, 1 - MARGIN / wide], [1 - rule / high] * 2, color=INK, linewidth=weight))
    return figure


def _row(entries: Sequence[Sequence[Line]], lefts: Sequence[float], top: float) -> tuple[list[Word], float]:
    """The words of a row, and where it ends."""
    words, ends = [], [top]
    for left, lines in zip(lefts, entries, strict=True):
        y = top
        for text, font in lines:
            y += LEADING * font.get_size_in_points()
            words.append(Word(left, y - 0.3 * font.get_size_in_points(), text, font))
        ends.append(y)
    return words, max(ends)


def _lines(entry: Entry, font: FontProperties = PLAIN) -> list[Line]:
    """What an entry says, its small print below it."""
    return [*_cut(entry.text, font, WIDEST), *(line for small in entry.small for line in _cut(small, SMALL, WIDEST))]


def _cut(text: str, font: FontProperties, most: int) -> list[Line]:
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return [(line, font) for line in textwrap.wrap(plain, max(most, 20), max_lines=LINES, placeholder=" …")]


@lru_cache(maxsize=20_000)
def _wide(text: str, font: FontProperties) -> float:
    wide: float = TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]
    return wide
