"""Memory that is used again: a tape of a hundred megabytes costs more to be mapped anew than to be filled.

A buffer is free once nobody but this pool refers to its storage, be it a tape or an output that a user has let go. The pool
holds little more than was ever in use at once.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import torch
from torch import Tensor

SMALL = 1 << 16  # bytes below which the allocator of the system is as good
SLACK = 1.25  # bytes in the pool to bytes ever in use at once, at most

_pool: list[Tensor] = []  # those used longest ago come first
_lock = threading.Lock()
_ever = [0]  # the most bytes that were in use at once
_count: Callable[[int], int] | None = getattr(torch._C, "_storage_Use_Count", None)


def take(elements: int, dtype: torch.dtype) -> Tensor:
    """A flat tensor of so many elements with anything in them."""
    size = elements * dtype.itemsize
    if size < SMALL or _count is None:
        return torch.empty(elements, dtype=dtype, device="cpu")
    with _lock:
        free = [number for number, old in enumerate(_pool) if _free(old)]
        fitting = [number for number in free if size <= _pool[number].numel() <= 2 * size]
        if fitting:
            _pool.append(_pool.pop(min(fitting, key=lambda number: _pool[number].numel())))
            return _pool[-1][:size].view(dtype)
        total = sum(old.numel() for old in _pool) + size
        _ever[0] = max(_ever[0], total - sum(_pool[number].numel() for number in free))
        dropped = set()
        for number in free:
            if total > SLACK * _ever[0]:
                total -= _pool[number].numel()
                dropped.add(number)
        _pool[:] = [old for number, old in enumerate(_pool) if number not in dropped]
        with torch.inference_mode(False):  # what is made in inference mode may not be trained on later
            _pool.append(torch.empty(size, dtype=torch.uint8, device="cpu"))
        return _pool[-1].view(dtype)


def _references(old: Tensor) -> tuple[int, int]:
    """How many refer to a tensor's storage, in C++ and in Python."""
    assert _count is not None
    storage = old.untyped_storage()
    return _count(storage._cdata), sys.getrefcount(storage)


_ALONE = _references(torch.empty(1, device="cpu")) if _count else (0, 0)  # the tensor, and what asks


def _free(old: Tensor) -> bool:
    return _references(old) == _ALONE and not old.is_shared()
