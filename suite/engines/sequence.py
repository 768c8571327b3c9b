"""One call of the native loop: memory, views of it for the loop, results as tensors."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence as Many
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from suite.engines import buffers
from suite.engines.plan import CCall, CView, Plan, pointers


class Given(NamedTuple):
    """What no gradient is taken of: mask (T, R or 1, B), and noise (T or 1, R or 1, B, W) row by row."""

    mask: Tensor | None
    noise: tuple[Tensor, ...]


class Sequence:
    """A sequence carried out, and its way back once.

    made     the plan of the cell
    x        (T, R or 1, B, I)
    tensors  parameters in the plan's order, then the states at the start, (R, B, W) each
    kept     whether there will be a way back
    """

    def __init__(self, made: Plan, given: Given, x: Tensor, tensors: Many[Tensor], kept: bool) -> None:
        self.made, self.dtype, self.kept = made, x.dtype, kept
        self.x = real(x) if x.stride(-1) == 1 else real(x).contiguous()
        self.tensors = [real(tensor).contiguous() for tensor in tensors]
        self.start = self.tensors[len(tensors) - len(made.cell.state) :]
        self.shape = (len(x), len(self.start[0]), x.shape[2])
        self.mask = None if given.mask is None else given.mask.contiguous()
        self.noise = [value if value.stride(-1) == 1 else value.contiguous() for value in map(real, given.noise)]

    def _room(self, *shape: int) -> Tensor:
        return buffers.take(prod(shape), self.x.dtype).view(shape)

    def _call(self, y: Tensor) -> CCall:
        length, replicas, batch = self.shape
        views = [view(history, self.kept or (self.mask is None and number == 0)) for number, history in enumerate(self.history)]
        self.views = (CView * len(views))(*views)
        self.drawn = (CView * max(1, len(self.noise)))(*(view(value) for value in self.noise))
        call = CCall(length, replicas, batch, self.x.shape[-1], torch.get_num_threads(), self.kept, view(self.x), view(y))
        call.mask = CView() if self.mask is None else view(self.mask.unsqueeze(-1))
        call.tape, call.history, call.noise = None if self.tape is None else self.tape.data_ptr(), self.views, self.drawn
        call.tensors = pointers([tensor.data_ptr() for tensor in self.tensors])
        return call

    def forward(self) -> tuple[Tensor, list[Tensor]]:
        """Outputs (T, R, B, W) and the states after the last step, (R, B, W) each."""
        (length, replicas, batch), widths = self.shape, self.made.cell.state.values()
        outputs = self._room(length + 1, replicas, batch, self.made.cell.units)  # and the state before the first step
        slots = length + 1 if self.kept else 2
        self.tape = self._room(length * replicas * batch, self.made.columns) if self.kept else None
        self.history = [outputs if number == 0 and self.mask is None else self._room(slots, replicas, batch, width) for number, width in enumerate(widths)]
        self.call = self._call(outputs[1:])
        self.made.forward(ctypes.byref(self.made.plan), ctypes.byref(self.call))
        last = [history[length if len(history) > length else length % 2].clone() for history in self.history]
        return self._handed(outputs[1:]), [value.to(self.dtype) for value in last]

    def _handed(self, outputs: Tensor) -> Tensor:
        """Outputs in the dtype that they were asked for in."""
        if outputs.dtype == self.dtype:
            return outputs
        return buffers.take(outputs.numel(), self.dtype).view(outputs.shape).copy_(outputs)

    def reverse(self, dy: Tensor | None, last: Many[Tensor | None], wants_x: bool) -> list[Tensor | None]:
        """Gradients of x, the parameters and the states at the start, in the order of the tensors."""
        call = self.call
        found = [torch.empty_like(tensor) for tensor in self.tensors]
        call.gradients = pointers([tensor.data_ptr() for tensor in found])
        held = [None if value is None else real(value).contiguous() for value in last]
        call.d_last = pointers([None if value is None else value.data_ptr() for value in held])
        dy = None if dy is None else real(dy)
        call.dy = CView() if dy is None else view(dy)
        dx = self.x.new_empty(*self.shape, self.x.shape[-1]) if wants_x else None
        call.d_x = None if dx is None else dx.data_ptr()
        self.made.reverse(ctypes.byref(self.made.plan), ctypes.byref(call))
        if dx is not None and self.x.shape[1] < self.shape[1]:
            dx = dx.sum(1, keepdim=True)
        return [None if value is None else value.to(self.dtype) for value in (dx, *found)]


def real(tensor: Tensor) -> Tensor:
    """The same values as the loop takes them, bfloat16 as float32; what is shared along an axis stays so."""
    if tensor.dtype != torch.bfloat16:
        return tensor.resolve_neg()
    if 0 not in tensor.stride():
        return tensor.to(torch.float32)
    once = tensor[tuple(slice(1) if stride == 0 else slice(None) for stride in tensor.stride())]
    return once.to(torch.float32).expand(tensor.shape)


def view(tensor: Tensor, whole: bool = True) -> CView:
    """Data and strides; an axis of one element is shared by all, two slots that are used in turn have element 0."""
    strides = [0 if size == 1 else stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)]
    return CView(tensor.data_ptr(), *strides[:3], tensor.stride(3) if whole else 0)
