"""Memory that is used again: a tape of a hundred megabytes costs more to be mapped anew than to be filled."""

from __future__ import annotations

import threading

import torch
from torch import Tensor

_free: list[Tensor] = []
_lock = threading.Lock()


def take(elements: int, dtype: torch.dtype) -> Tensor:
    """A flat tensor of at least so many elements with anything in it: one given back, if it is no more than twice as large."""
    size = elements * dtype.itemsize
    with _lock:
        fitting = [k for k, old in enumerate(_free) if size <= old.numel() <= 2 * size + 4096]
        if fitting:
            return _free.pop(min(fitting, key=lambda k: _free[k].numel())).view(dtype)
        _free.clear()  # what does not fit now belongs to another shape
    return torch.empty(-(-size // 64) * 64, dtype=torch.uint8).view(dtype)


def give(buffer: Tensor) -> None:
    """Give a buffer back; nobody else may hold it."""
    with _lock:
        _free.append(buffer.view(torch.uint8))
