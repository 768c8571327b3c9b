"""How PyTorch multiplies float32 on CUDA, as IEEE has it or in TF32: what it says, and changes that are put back after."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

HALVES = (torch.bfloat16, torch.float16)

# settings of precision, each followed by what it follows unless it says something itself
Setting = tuple[Any, ...]
CUDA: Setting = (torch.backends.cudnn, torch.backends)  # of all libraries there, though it is called after one
MATMUL: Setting = (torch.backends.cuda.matmul, *CUDA)
RNN: Setting = (torch.backends.cudnn.rnn, *CUDA)
_setting = threading.Lock()
_alike = threading.RLock()


def products(dtype: torch.dtype, setting: Setting = MATMUL) -> str:
    """How products in a dtype are made: `ieee`, or `tf32` where that was asked for."""
    return "tf32" if dtype == torch.float32 and setting[0].fp32_precision == "tf32" else "ieee"


def instructions(dtype: torch.dtype, device: torch.device, setting: Setting = MATMUL) -> str:
    """The same for the record of a timing: of float32 on CUDA, and nothing elsewhere."""
    return products(dtype, setting) if device.type == "cuda" and dtype == torch.float32 else ""


def of_rnn(dtype: torch.dtype, device: torch.device) -> str:
    """The same of cuDNN's recurrent layers, for which PyTorch allows TF32 unless it is told otherwise."""
    return instructions(dtype, device, RNN)


@contextmanager
def alike(precision: str = "ieee") -> Iterator[None]:
    """Everything that is compared multiplies float32 in one way: cuDNN's layers, which do it in TF32 by default, and all other products.

    The settings are those of the process, so one thread at a time may ask for it; what they said themselves is put back. Meanwhile
    PyTorch's older `cudnn.allow_tf32` and `cudnn.flags()` raise, for they see settings that they cannot tell.
    """
    with _alike:
        yield from _alike_now(precision)


def _alike_now(precision: str) -> Iterator[None]:
    with _setting:
        before = own(CUDA)
        CUDA[0].fp32_precision = precision
        others = [(kind, kind.fp32_precision) for kind, *_ in (MATMUL, RNN) if kind.fp32_precision != precision]  # these say something themselves
        for kind, _ in others:
            kind.fp32_precision = precision
    try:
        yield
    finally:
        with _setting:
            for kind, value in others:
                kind.fp32_precision = value
            CUDA[0].fp32_precision = before


@contextmanager
def exact(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Library products of rounded halves in TF32, which holds them exactly and sums in float32; others as PyTorch is set.

    The setting is one for the process: one thread at a time changes it.
    """
    if dtype not in HALVES or device.type != "cuda":
        yield
        return
    matmul = MATMUL[0]
    with _setting:
        if matmul.fp32_precision == "tf32":
            yield
            return
        before = own(MATMUL)
        matmul.fp32_precision = "tf32"
        try:
            yield
        finally:
            matmul.fp32_precision = before


def own(setting: Setting) -> str:
    """What the first of a setting says itself, which PyTorch does not tell: "none" where it follows the next one."""
    here, *above = setting
    value: str = here.fp32_precision
    if not above:
        return value
    before = own(tuple(above))
    try:
        above[0].fp32_precision = "ieee" if value == "tf32" else "tf32"
        return value if here.fp32_precision == value else "none"
    finally:
        above[0].fp32_precision = before
