"""Memory that is used again: a tape of a hundred megabytes costs more to be mapped anew than to be filled.

A buffer is free once nobody but this pool refers to its storage, be it a tape or an output that a user has let go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor

SMALL = 1 << 16  # bytes below which the allocator of the system is as good

_pool: list[Tensor] = []
_lock = threading.Lock()
_count: Callable[[int], int] | None = getattr(torch._C, "_storage_Use_Count", None)


def take(elements: int, dtype: torch.dtype) -> Tensor:
    """A flat tensor of so many elements with anything in them."""
    size = elements * dtype.itemsize
    if size < SMALL or _count is None:
        return torch.empty(elements, dtype=dtype)
    with _lock:
        fitting = [old for old in _pool if size <= old.numel() <= 2 * size and _free(old)]
        if fitting:
            return min(fitting, key=Tensor.numel)[:size].view(dtype)
        _pool[:] = [old for old in _pool if not _free(old)]  # what is free and does not fit belongs to another shape
        _pool.append(torch.empty(size, dtype=torch.uint8))
        return _pool[-1].view(dtype)


def _free(old: Tensor) -> bool:
    assert _count is not None
    return _count(old.untyped_storage()._cdata) == 2  # the pool's tensor, and the object that is being asked
