"""What the statistics take: a few finite numbers, or as many samples as there are tasks or cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Better = Literal["higher", "lower"]


def sample(values: ArrayLike, least: int = 1, what: str = "values") -> Array:
    """One sample as an array (n,); a ValueError where it has fewer than `least` values or one is not finite.

    >>> sample([1, 2])
    array([1., 2.])
    >>> sample([1.0], least=2, what="scores")
    Traceback (most recent call last):
    ValueError: 1 scores were given, and at least 2 are needed
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"{what} must be a list of numbers, and have {array.ndim} dimensions")
    if len(array) < least:
        raise ValueError(f"{len(array)} {what} were given, and at least {least} are needed")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} number {int(np.flatnonzero(~np.isfinite(array))[0]) + 1} is {array[~np.isfinite(array)][0]}: leave out runs without a score, and say how many")
    return array


def samples(strata: Sequence[ArrayLike], least: int = 1, what: str = "scores") -> list[Array]:
    """One sample a task (or whatever else the strata are), at least one."""
    if len(strata) == 0:
        raise ValueError(f"no {what} were given")
    return [sample(values, least, f"{what} of stratum {number}") for number, values in enumerate(strata, 1)]


def blocks(scores: Mapping[str, ArrayLike], least: int = 2) -> Array:
    """Scores of each cell on the same blocks, (blocks, cells); a ValueError where the cells have different numbers of them."""
    columns = [sample(values, least, f"scores of {cell}") for cell, values in scores.items()]
    counts = {len(column) for column in columns}
    if len(columns) < 2:
        raise ValueError("a comparison needs at least two cells")
    if len(counts) > 1:
        raise ValueError(f"every cell needs a score on the same blocks, and they have {' or '.join(map(str, sorted(counts)))}")
    return np.stack(columns, axis=1)


def rising(values: Array, better: Better) -> Array:
    """The same values with the sign that makes more the better."""
    if better not in ("higher", "lower"):
        raise ValueError(f"better is {better!r}, and must be 'higher' or 'lower'")
    return values if better == "higher" else -values
