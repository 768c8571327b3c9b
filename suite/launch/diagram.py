"""A cell drawn as SVG, in the colour of the text around it: boxes in columns, each right of all that it hears."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from suite.cells import Cell
from suite.launch.wiring import Box, Line, Wiring, wiring

WIDE, HIGH, COLUMN, ROW, LANE = 66, 36, 128, 56, 16  # a box, from column to column, from box to box, a line that passes by
STROKES = {"matrix": 'stroke-width="1.8"', "vector": 'stroke-width="1.4" stroke-dasharray="6 3"', "gate": 'stroke-width="1.2" stroke-dasharray="1.5 2.5"', "value": 'stroke-width="0.9"'}
TOLD = {"matrix": "a matrix of weights", "vector": "a vector of weights", "gate": "a gate, multiplies", "value": "the value itself"}

Point = tuple[float, float]


class Spot(NamedTuple):
    """A place in a column: a box, or what passes a column on its way from `source`."""

    name: str
    source: str = ""
    kind: str = ""


def diagram(cell: Cell) -> str:
    """The step of a cell as one line of SVG: light and dark by `currentColor`, its table as the text for those who do not see it.

    >>> from suite.cells import CELLS
    >>> drawn = diagram(CELLS["gru"](4))
    >>> drawn[:4], "n hears" in drawn, drawn == diagram(CELLS["gru"](8))
    ('<svg', True, True)
    """
    made = wiring(cell)
    columns = _ordered(made)
    places = _places(columns)
    wide = COLUMN * (len(columns) - 1) + WIDE + 4
    high = max(y for _, y in places.values()) + HIGH / 2 + 4
    drawn = [_line(line, made, columns, places) for line in made.lines] + [_box(box, places[Spot(box.name)]) for box in made.boxes]
    return _svg(wide, high, _told(cell), drawn)


def legend() -> str:
    """What the four kinds of line mean, as one line of SVG."""
    drawn = []
    for k, kind in enumerate(STROKES):
        y = 14.0 + 24 * k
        drawn += [_path([(4, y), (70, y)], kind), _head((70, y), kind), _text(84, y + 4, TOLD[kind], "start")]
    return _svg(280, 14 + 24 * len(STROKES), "Kinds of line: " + "; ".join(TOLD.values()), drawn)


def _svg(wide: float, high: float, label: str, drawn: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}" viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" height="{high:g}"'
    return f'{head} style="max-width:100%;height:auto" fill="none" stroke="currentColor" font-family="inherit" font-size="13">{"".join(drawn)}</svg>'


def _told(cell: Cell) -> str:
    rows = [f"{row} hears {sources}" for affine, _ in cell.stages for row, sources in affine.items()]
    return f"{cell.name}: " + "; ".join([*rows, f"states {', '.join(cell.state)}"])


def _columns(made: Wiring) -> dict[str, int]:
    """The column of every box: right of all that it hears."""
    columns: dict[str, int] = {}
    for box in made.boxes:
        columns[box.name] = max((columns[line.source] + 1 for line in made.lines if line.target == box.name), default=0)
    return columns


def _ordered(made: Wiring) -> list[list[Spot]]:
    """Boxes and passing lines by column, in an order that crosses few lines: each near the mean of what it is tied to."""
    columns = _columns(made)
    laid: list[list[Spot]] = [[] for _ in range(max(columns.values()) + 1)]
    for box in made.boxes:
        laid[columns[box.name]].append(Spot(box.name))
    ties: dict[tuple[int, Spot], list[Spot]] = {}
    for line in made.lines:
        chain = _chain(line, columns)
        for column, spot in enumerate(chain, start=columns[line.source]):
            if spot not in laid[column]:
                laid[column].append(spot)
            if column > columns[line.source]:
                ties.setdefault((column, spot), []).append(chain[column - 1 - columns[line.source]])
    for column in range(1, len(laid)):
        above = {spot: place for place, spot in enumerate(laid[column - 1])}
        means = {spot: _mean([above[tied] for tied in ties.get((column, spot), []) if tied in above]) for spot in laid[column]}
        laid[column].sort(key=lambda spot, means=means: means[spot])  # type: ignore[misc]
    return laid


def _mean(places: list[int]) -> float:
    return sum(places) / len(places) if places else 0.0


def _chain(line: Line, columns: Mapping[str, int]) -> list[Spot]:
    """The spots of a line from its source to its target; lines of one kind from one source share those on the way."""
    between = columns[line.target] - columns[line.source] - 1
    return [Spot(line.source), *[Spot("", line.source, line.kind)] * between, Spot(line.target)]


def _places(laid: list[list[Spot]]) -> dict[Spot, Point]:
    """The middle of every spot; one that passes several columns keeps a place in each."""
    heights = [sum(ROW if spot.name else LANE for spot in column) for column in laid]
    places: dict[Spot, Point] = {}
    for number, column in enumerate(laid):
        y = (max(heights) - heights[number]) / 2
        for spot in column:
            step = ROW if spot.name else LANE
            places[spot if spot.name else Spot(f"{number}", spot.source, spot.kind)] = (2 + WIDE / 2 + COLUMN * number, y + step / 2)
            y += step
    return places


def _line(line: Line, made: Wiring, laid: list[list[Spot]], places: Mapping[Spot, Point]) -> str:
    """From the right of its source, past the columns between, to a port of its own at the left of its target."""
    columns = {spot.name: number for number, column in enumerate(laid) for spot in column if spot.name}
    (x0, y0), (x1, y1) = places[Spot(line.source)], places[Spot(line.target)]
    passed = [places[Spot(f"{number}", line.source, line.kind)] for number in range(columns[line.source] + 1, columns[line.target])]
    entering = sorted({(_last(other, laid, columns, places), other) for other in made.lines if other.target == line.target}, key=lambda pair: (pair[0], pair[1]))
    port = [other for _, other in entering].index(line)
    y1 += (port + 1) * HIGH / (len(entering) + 1) - HIGH / 2
    across = [point for x, y in passed for point in ((x - WIDE / 2, y), (x + WIDE / 2, y))]
    points = [(x0 + WIDE / 2, y0), *across, (x1 - WIDE / 2, y1)]
    return _path(points, line.kind) + _head(points[-1], line.kind)


def _last(line: Line, laid: list[list[Spot]], columns: Mapping[str, int], places: Mapping[Spot, Point]) -> float:
    """How high a line comes from, just before its target."""
    before = columns[line.target] - 1
    return places[Spot(line.source) if columns[line.source] == before else Spot(f"{before}", line.source, line.kind)][1]


def _path(points: list[Point], kind: str) -> str:
    """Level where it leaves and where it arrives."""
    parts = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (x0 + x1) / 2
        parts.append(f"L{x1:g} {y1:g}" if y0 == y1 else f"C{middle:g} {y0:g} {middle:g} {y1:g} {x1:g} {y1:g}")
    return f'<path d="{"".join(parts)}" {STROKES[kind]}/>'


def _head(end: Point, kind: str) -> str:
    x, y = end
    if kind == "gate":
        return f'<circle cx="{x - 4:g}" cy="{y:g}" r="3.5" fill="currentColor"/>'
    return f'<path d="M{x:g} {y:g}l-7 -3.5v7z" fill="currentColor" stroke="none"/>'


def _box(box: Box, middle: Point) -> str:
    x, y = middle
    corner, thick = (HIGH / 2 if box.kind == "given" else 5), (2.2 if box.kind == "state" else 1)
    frame = f'<rect x="{x - WIDE / 2:g}" y="{y - HIGH / 2:g}" width="{WIDE}" height="{HIGH}" rx="{corner:g}" stroke-width="{thick:g}"/>'
    below = " ".join(word for word in (box.function, box.role) if word)
    size = 11 if len(below) < 11 else 9
    if not below:
        return frame + _text(x, y + 5, box.name)
    return frame + _text(x, y - 2, box.name) + _text(x, y + 12, below, size=size)


def _text(x: float, y: float, said: str, anchor: str = "middle", size: int = 13) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" fill="currentColor" stroke="none">{escape(said)}</text>'
