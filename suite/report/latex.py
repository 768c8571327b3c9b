"""Tables in LaTeX with booktabs; every sign that TeX would take for its own is escaped."""

from __future__ import annotations

from collections.abc import Sequence

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "×": r"$\times$",
    "³": r"\textsuperscript{3}",
    "²": r"\textsuperscript{2}",
    "–": "--",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def escaped(text: str) -> str:
    r"""Text that TeX prints as it is.

    >>> print(escaped("a_b & 50 % {x}"))
    a\_b \& 50 \% \{x\}
    """
    return "".join(SPECIAL.get(sign, sign if sign.isprintable() else " ") for sign in text)


def tabular(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table environment, its first column to the left."""
    lines = [" & ".join(map(escaped, row)) + r" \\" for row in rows]
    top = ["\\begin{table}", "\\centering", f"\\caption{{{escaped(title)}}}", f"\\begin{{tabular}}{{{'l' * len(headings)}}}", "\\toprule", " & ".join(map(escaped, headings)) + r" \\", "\\midrule"]
    return "\n".join([*top, *lines, "\\bottomrule", "\\end{tabular}", "\\end{table}", ""])
