"""The native loop called for one step: weights packed before, everything that is the same from call to call prepared."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence as Many
from math import prod

import torch
from torch import Tensor

from suite.engines.plan import GROUP, CCall, CView, Plan, pointers
from suite.engines.sequence import real, view

ADDRESS = Tensor.data_ptr
LARGE = 1 << 21  # bytes of packed weights from which all threads share a step, as in `native/layout.h`


class Stepper:
    """Steps of one cell.

    made     the plan of the cell
    tensors  parameters in the plan's order
    noise    (1, 1, 1, W) row by row
    """

    def __init__(self, made: Plan, tensors: Many[Tensor], noise: Many[Tensor], inputs: int, replicas: int, dtype: torch.dtype) -> None:
        self.made, self.tensors, self.noise, self.inputs, self.replicas, self.dtype = made, list(map(real, tensors)), list(map(real, noise)), inputs, replicas, dtype
        self.real = torch.float32 if dtype == torch.bfloat16 else dtype
        self.widths = list(made.cell.state.values())
        self.addresses = struct.Struct(f"{1 + 2 * len(self.widths)}P").pack  # cheaper than an array of ctypes
        self.ready: dict[torch.Size, tuple[object, object]] = {}
        self.held = (pointers([*(tensor.data_ptr() for tensor in self.tensors), *(None for _ in self.widths)]), (CView * max(1, len(noise)))(*map(view, self.noise)))
        call = self._call(1, 1, 1)
        size = made.packed(ctypes.byref(made.plan), ctypes.byref(call))
        self.weights = torch.empty(size, dtype=self.real, device="cpu")
        call.packed = self.weights.data_ptr()
        made.pack(ctypes.byref(made.plan), ctypes.byref(call))

    def _call(self, batch: int, given: int, threads: int) -> CCall:
        x = CView(None, 0, batch * self.inputs if given > 1 else 0, self.inputs, 1)
        call = CCall(1, self.replicas, batch, self.inputs, threads, 0, x)
        call.tensors, call.noise = self.held
        return call

    def _prepared(self, shape: torch.Size) -> tuple[object, object]:
        """The call for x of a shape, and what it points at."""
        given, batch, _ = shape
        large = self.weights.numel() // self.replicas * self.real.itemsize > LARGE
        threads = max(1, torch.get_num_threads() if large else min(torch.get_num_threads(), self.replicas * -(-batch // GROUP)))
        shapes = [(self.replicas, batch, width) for width in self.widths]
        views = (CView * len(shapes))(*(CView(None, 0, prod(of[1:]), of[2], 1) for of in shapes))
        call = self._call(batch, given, threads)
        call.packed, call.history = self.weights.data_ptr(), views
        self.ready[shape] = ctypes.byref(call), views
        return self.ready[shape]

    def __call__(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """See `suite.engines.engine.Step`."""
        call = (self.ready.get(x.shape) or self._prepared(x.shape))[0]
        if self.real is not self.dtype:
            x, states = x.to(self.real), [state.to(self.real) for state in states]
        x, held = x.contiguous(), [state.contiguous() for state in states]
        found = list(map(torch.empty_like, held))
        self.made.step(self.made.reference, call, self.addresses(x.data_ptr(), *map(ADDRESS, held), *map(ADDRESS, found)))
        return found if self.real is self.dtype else [state.to(self.dtype) for state in found]
