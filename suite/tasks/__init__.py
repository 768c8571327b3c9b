"""Standard tasks behind one interface. Imports data and nothing else of ours but names."""

from collections.abc import Callable

from suite.tasks.adding import adding
from suite.tasks.images import digits_pixels, digits_rows, mnist_rows
from suite.tasks.imdb import imdb
from suite.tasks.music import jsb, musedata, nottingham, piano_midi
from suite.tasks.parity import parity
from suite.tasks.task import Batch, Task
from suite.tasks.temporal_order import temporal_order
from suite.tasks.text import tiny_shakespeare, wikitext2

TASKS: dict[str, Callable[..., Task]] = {
    "digits-rows": digits_rows,
    "digits-pixels": digits_pixels,
    "mnist-rows": mnist_rows,
    "imdb": imdb,
    "parity": parity,
    "adding": adding,
    "temporal-order": temporal_order,
    "wikitext2": wikitext2,
    "tiny-shakespeare": tiny_shakespeare,
    "jsb": jsb,
    "nottingham": nottingham,
    "musedata": musedata,
    "piano-midi": piano_midi,
}

__all__ = ["TASKS", "Batch", "Task"]
