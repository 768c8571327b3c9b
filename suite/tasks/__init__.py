"""Standard tasks behind one interface. Imports data and nothing else of ours but names."""

from collections.abc import Callable

from suite.tasks.adding import adding
from suite.tasks.copying import copy
from suite.tasks.images import digits_pixels, digits_rows, mnist_permuted, mnist_pixels, mnist_rows
from suite.tasks.imdb import imdb
from suite.tasks.multiplication import multiplication
from suite.tasks.parity import parity
from suite.tasks.task import Batch, Task
from suite.tasks.temporal_order import temporal_order
from suite.tasks.xor_delayed import xor_delayed

TASKS: dict[str, Callable[..., Task]] = {
    "digits-rows": digits_rows,
    "digits-pixels": digits_pixels,
    "mnist-rows": mnist_rows,
    "mnist-pixels": mnist_pixels,
    "mnist-permuted": mnist_permuted,
    "imdb": imdb,
    "parity": parity,
    "xor-delayed": xor_delayed,
    "adding": adding,
    "multiplication": multiplication,
    "temporal-order": temporal_order,
    "copy": copy,
}

__all__ = ["TASKS", "Batch", "Task"]
