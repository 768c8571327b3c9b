"""A data-set folder as the Hugging Face hub takes it: Parquet, the records themselves, and a card that says what it holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from suite.exports.arrow import curve_table, table
from suite.runs import Run, TrainSpec
from suite.runs.sources import RECORDS
from suite.runs.store import write_lines

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def folder(runs: Sequence[Run], path: Path) -> None:
    """`datasets.load_dataset(folder)` gives a row a run, `load_dataset(folder, "curves")` a row an evaluation."""
    import pyarrow.parquet as pq

    pq.write_table(table(runs, with_curves=False), path / "runs.parquet")
    pq.write_table(curve_table(runs), path / "curves.parquet")
    write_lines(path / RECORDS, runs)
    (path / "README.md").write_text(card(runs), encoding="utf-8")


def card(runs: Sequence[Run]) -> str:
    """The card: YAML for the hub, words for people."""
    tasks = _counted(run.spec.task for run in runs if isinstance(run.spec, TrainSpec))
    timed = sum(run.spec.kind == "speed" for run in runs)
    machines = {run.where.machine: run.where for run in runs}.values()
    torches = sorted({run.where.versions.get("torch", "unknown") for run in runs})
    return f"""---
pretty_name: Runs of recurrent networks by Carrousel
tags: [recurrent-neural-networks, benchmark, carrousel]
size_categories: [{json.dumps(next((name for most, name in SIZES if len(runs) < most), "n>1M"))}]
configs:
- config_name: runs
  data_files: runs.parquet
  default: true
- config_name: curves
  data_files: curves.parquet
---

# Runs of recurrent networks

{len(runs)} runs of recurrent networks, carried out and recorded by Carrousel: {len(runs) - timed} training runs and {timed} timings.

- `runs.parquet`: a row a run. Every setting that decided the result, `status`, the task's own score (`validation` and `test`,
  at the update `best_step` that was best on validation), what it took in seconds and bytes, and where.
- `curves.parquet`: a row an evaluation. `loss` is the mean training loss since the last one.
- `{RECORDS}`: the records themselves, one a line. Carrousel makes pages, tables and frames of them.

```python
from datasets import load_dataset

runs = load_dataset("THIS_DATA_SET", split="train").to_pandas()
curves = load_dataset("THIS_DATA_SET", "curves", split="train").to_pandas()
```

A run that failed, was refused, diverged or was cut off has a row too: ask for `status == "done"` before taking means, and say how many were left
out. A timing compares with others of its `where.machine` only.

## Contents

| | runs |
|---|---|
{_rows(tasks, "task ")}{_rows(_counted(run.spec.cell for run in runs), "cell ")}{_rows(_counted(run.status.partition(":")[0].partition(" at ")[0] for run in runs), "ended ")}
## Machines

{"".join(f"- {_code(m.machine)}: {_code(m.processor)}, {m.cores} cores, accelerator {_code(m.accelerator)}, {_code(m.system)}{chr(10)}" for m in machines)}
PyTorch {", ".join(map(_code, torches))}.
"""


def _counted(names: Iterable[str]) -> Counter[str]:
    return Counter(sorted(names))


def _rows(counts: Counter[str], what: str) -> str:
    return "".join(f"| {what}{_code(name)} | {n} |\n" for name, n in counts.items())


def _code(text: str) -> str:
    r"""Somebody's name as Markdown code, of which nothing is taken for markup.

    >>> print(_code("a|b `<script>`"))
    `a\|b '<script>'`
    """
    return "`" + " ".join(text.replace("`", "'").replace("|", r"\|").split()) + "`"
