"""A piece of a graph as one C++ function over rows of a batch: one vectorised loop where all widths are the same.

Where widths differ or rows are summed, a row takes several loops, one a level of dependence, with what passes between
them kept in scratch that stays in cache. Widths are arguments, so one text serves a cell at every width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from suite.engines.graph import Graph


class Store(NamedTuple):
    """A result of a function: its node, the number of the pointer it goes through, its width, added or set."""

    node: int
    pointer: int
    width: int
    added: bool = False


@dataclass(frozen=True)
class Function:
    """A C++ function and the widths it wants to be called with."""

    text: str
    widths: tuple[int, ...]


def function(graph: Graph, name: str, loads: Mapping[int, int], stores: Sequence[Store]) -> Function:
    """Compute `stores` from `loads` (node -> number of its pointer); both may go through one pointer.

    The result is `void name(long rows, const long* w, T* const* at, const long* step)`: pointer k of row b is
    `at[k] + b * step[k]`.
    """
    nodes = [n for n in sorted(graph.behind([s.node for s in stores], loads.__contains__)) if graph.nodes[n].op != "number"]
    widths = list(dict.fromkeys([graph.nodes[n].width for n in nodes] + [s.width for s in stores]))
    lines = [f"const long w{k} = w[{k}];" for k in range(len(widths))]
    pointers = sorted({loads[n] for n in nodes if n in loads} | {s.pointer for s in stores})
    lines += [f"T* p{k} = at[{k}];" for k in pointers]
    body: list[str] = []
    simple = len(widths) == 1 and all(graph.nodes[n].op in ("input", "map") for n in nodes if n not in loads)
    body += _single(graph, nodes, loads, stores) if simple else _several(graph, nodes, loads, stores, widths, lines)
    body += [f"p{k} += step[{k}];" for k in pointers]
    inner = ["for (long b = 0; b < rows; ++b) {", *("  " + line for line in body), "}"]
    head = f'extern "C" void {name}(long rows, const long* w, T* const* at, const long* step) {{'
    return Function("\n".join([head, *("  " + line for line in [*lines, *inner]), "}"]) + "\n", tuple(widths))


def _single(graph: Graph, nodes: Sequence[int], loads: Mapping[int, int], stores: Sequence[Store]) -> list[str]:
    words = [f"const auto v{n} = {f'p{loads[n]}[i]' if n in loads else _expression(graph, n)};" for n in nodes]
    return _loop("w0", [*words, *(_stored(s, _word(graph, s.node)) for s in stores)])


def _several(graph: Graph, nodes: Sequence[int], loads: Mapping[int, int], stores: Sequence[Store], widths: list[int], lines: list[str]) -> list[str]:
    width = {n: f"w{widths.index(graph.nodes[n].width)}" for n in nodes}
    level: dict[int, int] = {}
    groups: dict[tuple[int, int, int], list[int]] = {}
    for n in nodes:
        node = graph.nodes[n]
        before = [a for a in node.args if a in level]  # neither loaded nor a number
        apart = {a for a in before if node.op != "map" or graph.nodes[a].op == "sum" or graph.nodes[a].width != node.width}
        if n not in loads:
            level[n] = max((level[a] + (a in apart) for a in before), default=0)
            groups.setdefault((level[n], node.width, n if node.op == "sum" else -1), []).append(n)
    home = {n: group for group, members in groups.items() for n in members}
    kept = {a for n in home for a in graph.nodes[n].args if a in home and home[a] != home[n]} | {s.node for s in stores if s.node in home}
    lines += ["static thread_local std::vector<T> scratch;", f"scratch.resize({' + '.join([width[n] for n in sorted(kept)] or ['0'])});"]
    start = "scratch.data()"
    for n in sorted(kept):
        lines.append(f"T* const s{n} = {start};")
        start = f"s{n} + {width[n]}"

    def at(n: int, index: str) -> str:
        return f"p{loads[n]}[{index}]" if n in loads else f"s{n}[{index}]"

    body = []
    for group in sorted(groups):
        members = groups[group]
        if group[2] >= 0:
            (n,) = members
            (a,) = graph.nodes[n].args
            body += [f"for (long j = 0, g = {width[a]} / {width[n]}; j < {width[n]}; ++j) {{", "  T total = 0;", "  #pragma omp simd reduction(+ : total)"]
            body += [f"  for (long k = 0; k < g; ++k) total += {at(a, 'j * g + k')};", f"  s{n}[j] = total;", "}"]
            continue
        heard = {a for n in members for a in graph.nodes[n].args if graph.nodes[n].op == "map" and graph.nodes[a].op != "number" and a not in members}
        words = [f"const auto v{a} = {at(a, 'i')};" for a in sorted(heard)]
        for n in members:
            node = graph.nodes[n]
            spread = node.op == "spread" and at(node.args[0], "0" if graph.nodes[node.args[0]].width == 1 else f"i / ({width[n]} / {width[node.args[0]]})")
            words.append(f"const auto v{n} = {spread or _expression(graph, n)};")
            words += [f"s{n}[i] = v{n};"] if n in kept else []
        body += _loop(width[members[0]], words)
    for s in stores:  # last, for a result may stand where an input stood
        word = graph.nodes[s.node].text if graph.nodes[s.node].op == "number" else at(s.node, "i")
        body += _loop(f"w{widths.index(s.width)}", [_stored(s, word)])
    return body


def _word(graph: Graph, number: int) -> str:
    node = graph.nodes[number]
    return node.text if node.op == "number" else f"v{number}"


def _expression(graph: Graph, number: int) -> str:
    node = graph.nodes[number]
    return node.text.format(*(_word(graph, a) for a in node.args))


def _stored(store: Store, word: str) -> str:
    return f"p{store.pointer}[i] {'+=' if store.added else '='} {word};"


def _loop(width: str, words: Sequence[str]) -> list[str]:
    return ["#pragma omp simd", f"for (long i = 0; i < {width}; ++i) {{", *("  " + word for word in words), "}"]
