"""What `carrousel speed` times: cells by engines by shapes by threads, and nothing trained.

Question: how long does a training step of each cell take on each engine, and how does that compare with torch.nn?
"""

from collections.abc import Mapping, Sequence
from typing import Any

from suite.experiments.experiment import Experiment

NAMES = ("length", "batch", "inputs", "units")
SHAPES = ("28,128,28,128", "784,128,1,128", "200,32,128,128", "100,64,64,256", "100,32,8,32", "100,16,512,512")


def shape(text: str) -> dict[str, int]:
    """The numbers of a shape, written T,B,I,U.

    >>> shape("100,32,8,64")
    {'length': 100, 'batch': 32, 'inputs': 8, 'units': 64}
    """
    try:
        return dict(zip(NAMES, map(int, text.split(",")), strict=True))
    except ValueError:
        raise ValueError(f"a shape is four whole numbers, steps,batch,inputs,units, as in '{SHAPES[0]}', not '{text}'") from None


def timing(cells: Sequence[str], engines: Sequence[str], shapes: Sequence[str], threads: Sequence[int], settings: Mapping[str, Any]) -> Experiment:
    """The experiment of some options; `settings` are dtype, replicas and repeats."""
    return Experiment(
        name="speed",
        question="How long does a training step of each cell take on each engine, and how does that compare with torch.nn?",
        cells=tuple(cells),
        recipes=(),
        shapes=tuple({**shape(text), "threads": number, **settings} for text in dict.fromkeys(shapes or SHAPES) for number in dict.fromkeys(threads)),
        engines=tuple(engines),
    )
