"""The native loop called for one step: weights packed before, everything that is the same from call to call prepared."""

from __future__ import annotations

import ctypes
import struct
import weakref
from collections.abc import Mapping
from collections.abc import Sequence as Many
from math import prod

import torch
from torch import Tensor

from suite.engines import direct
from suite.engines.direct import Direct
from suite.engines.plan import CCall, CView, Plan, pointers
from suite.engines.sequence import real, view

ADDRESS = Tensor.data_ptr


class Stepper:
    """Steps of one cell.

    made     the plan of the cell
    tensors  parameters in the plan's order
    noise    (1, 1, 1, W) row by row
    states   and their widths, in the order in which they come and go: an equal cell's may be another than the plan's
    """

    def __init__(self, made: Plan, tensors: Many[Tensor], noise: Many[Tensor], inputs: int, dtype: torch.dtype, states: Mapping[str, int]) -> None:
        self.made, self.tensors, self.noise, self.inputs, self.replicas = made, list(map(real, tensors)), list(map(real, noise)), inputs, len(tensors[0])
        theirs, ours = list(states), list(made.cell.state)
        self.there, self.back = [theirs.index(name) for name in ours], [ours.index(name) for name in theirs]
        self.widths = list(made.cell.state.values())
        self.addresses = struct.Struct(f"{1 + 2 * len(self.widths)}P").pack  # cheaper than an array of ctypes
        self.handles: dict[torch.Size, ctypes.c_void_p] = {}
        self.held = (pointers([*(tensor.data_ptr() for tensor in self.tensors), *(None for _ in self.widths)]), (CView * max(1, len(noise)))(*map(view, self.noise)))
        call = self._call(1, 1, 1)
        size = made.packed(ctypes.byref(made.plan), ctypes.byref(call))
        self.weights = torch.empty(size, dtype=torch.float32 if dtype == torch.bfloat16 else dtype, device="cpu")
        call.packed = self.weights.data_ptr()
        made.pack(ctypes.byref(made.plan), ctypes.byref(call))
        self.compiled = None if direct.refuses() else Direct(made.step, inputs, self.replicas, dtype, states, tuple(self.back))
        self.direct = self.compiled.function if self.compiled else None

    def _call(self, batch: int, given: int, threads: int) -> CCall:
        x = CView(None, 0, batch * self.inputs if given > 1 else 0, self.inputs, 1)
        call = CCall(1, self.replicas, batch, self.inputs, threads, 0, x)
        call.tensors, call.noise = self.held
        return call

    def _ready(self, shape: torch.Size) -> ctypes.c_void_p:
        """What the loop has laid out for x of a shape."""
        given, batch, _ = shape
        shapes = [(self.replicas, batch, width) for width in self.widths]
        views = (CView * len(shapes))(*(CView(None, 0, prod(of[1:]), of[2], 1) for of in shapes))
        call = self._call(batch, given, torch.get_num_threads())
        call.packed, call.history = self.weights.data_ptr(), views
        handle = ctypes.c_void_p(self.made.ready(self.made.reference, ctypes.byref(call)))
        weakref.finalize(self, self.made.forget, handle).atexit = False
        if self.compiled:
            self.compiled.know(given, batch, handle)
        return self.handles.setdefault(shape, handle)

    def __call__(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """See `suite.engines.engine.Step`."""
        handle = self.handles.get(x.shape) or self._ready(x.shape)
        x, *held = (aligned(value.contiguous().resolve_neg()) for value in (x, *(states[k] for k in self.there)))
        found = list(map(torch.empty_like, held))
        self.made.step(handle, self.addresses(x.data_ptr(), *map(ADDRESS, held), *map(ADDRESS, found)))
        return [found[k] for k in self.back]


def aligned(tensor: Tensor) -> Tensor:
    """The same values where an address counts in elements, which memory from elsewhere need not."""
    return tensor.clone() if tensor.data_ptr() % tensor.itemsize else tensor
