"""How many different rows of a data set stand in more than one of its stored splits; its manifest declares them as `overlap`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from suite.data.manifest import manifest
from suite.data.tensors import Columns, columns


def shared_rows(name: str) -> int:
    """Rows, labels apart, that stand in two or more stored splits, each counted once.

    >>> shared_rows("digits")
    0
    """
    about = manifest(name)
    given = [column for column, kind in about.columns.items() if kind != "label"]
    places = Counter(row for split in about.splits for row in set(zip(*(contents(columns(name, split), column) for column in given), strict=True)))
    return sum(n > 1 for n in places.values())


def contents(found: Columns, column: str) -> Iterator[bytes]:
    """Every row of a column as bytes; of a column of texts or sequences, what lies between two ends."""
    if f"{column}.ends" not in found:
        yield from (row.tobytes() for row in found[column].numpy())
        return
    whole, start = found[column].numpy(), 0
    for end in found[f"{column}.ends"].tolist():
        yield whole[start:end].tobytes()
        start = end
