"""The most multiply-adds that this machine's arithmetic can do: the yardstick that no product of matrices can pass."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import partial

import torch

from suite.engines import compiler
from suite.engines.engine import Refused

BYTES = {torch.float32: 4, torch.float64: 8, torch.bfloat16: 2}  # bfloat16 with sums in float32
WORTH = 50_000_000  # multiply-adds of a call and a thread: about a millisecond


def multiply_adds(dtype: torch.dtype, threads: int) -> tuple[int, Callable[[], object]] | None:
    """How many multiply-adds a call makes on some threads, and the call; None where nothing can be compiled, or for another dtype.

    They are chains of independent sums in registers, so neither memory nor latency holds them up.
    """
    if dtype not in BYTES:
        return None
    try:
        native = compiler.library(compiler.source("team.h", "peak.cpp"), *compiler.threads())
    except Refused:
        return None
    native.multiply_adds.restype = ctypes.c_double
    native.a_round.restype = ctypes.c_long
    a_round = int(native.a_round(BYTES[dtype]))
    rounds = WORTH // a_round
    return rounds * a_round * threads, partial(native.multiply_adds, BYTES[dtype], ctypes.c_long(rounds), ctypes.c_long(threads))
