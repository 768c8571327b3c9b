"""A stream's step by way of Python's C interface: compiled once for a Python and a PyTorch, left out where that cannot be done."""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from suite.engines import compiler
from suite.engines.engine import Refused, Whole

HERE = Path(torch.__file__).parent
TYPES = {torch.float32: 6, torch.float64: 7, torch.bfloat16: 15}  # as PyTorch's headers number them


class Direct:
    """A step and the shapes that it knows.

    step      address of the native step
    inputs    width of x
    widths    of every state, in the order of what is returned
    places    of every state among what the native step is given
    """

    def __init__(self, step: Any, inputs: int, replicas: int, dtype: torch.dtype, widths: Mapping[str, int], places: tuple[int, ...]) -> None:
        self.library = loaded()
        sizes, words = (ctypes.c_long(number) for number in (offset(), replicas, inputs, TYPES[dtype])), (tuple(widths), tuple(widths.values()), places)
        self.function: Whole = self.library.direct(step, *sizes, *map(ctypes.py_object, words))

    def know(self, given: int, batch: int, ready: ctypes.c_void_p) -> None:
        """From now on x may be (given, batch, inputs)."""
        self.library.know(ctypes.py_object(self.function), ctypes.c_long(given), ctypes.c_long(batch), ready)


def refuses() -> str | None:
    """A sentence where steps take the longer way: no headers of Python, a PyTorch that is laid out otherwise, a compiler that fails."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "a Python without a global lock would let two threads change what a stream knows at once"
    try:
        loaded(), offset()
    except Refused as sentence:
        return str(sentence)
    return None


def loaded() -> ctypes.PyDLL:
    """What `native/direct.cpp` is compiled to, or a Refused."""
    made_for = f"// PyTorch {torch.__version__} {torch.version.git_version}, {sysconfig.get_config_var('SOABI')} {sys.hexversion:x}\n"
    made = compiler.library(made_for + compiler.source("direct.cpp"), *flags())
    found = ctypes.PyDLL(made._name, handle=made._handle)
    found.direct.restype = ctypes.py_object
    found.know.restype = None
    return found


def flags() -> tuple[str, ...]:
    """Where headers and libraries of Python and PyTorch are."""
    folders = [f"-I{sysconfig.get_path(name)}" for name in ("include", "platinclude")]
    linked = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else [f"-L{HERE / 'lib'}", "-Wl,--no-as-needed", "-ltorch_python", "-ltorch_cpu", "-lc10"]
    return ("-DNDEBUG", *folders, "-isystem", str(HERE / "include"), *linked)


@lru_cache(maxsize=1)
def offset() -> int:
    """Bytes from the start of a tensor's Python object to the address of what it wraps, which PyTorch tells as well."""
    some = torch.empty(0, device="cpu")
    at = [object.__basicsize__ + k * ctypes.sizeof(ctypes.c_void_p) for k in (0, 1)]
    found = next((k for k in at if ctypes.c_void_p.from_address(id(some) + k).value == some._cdata), None)
    if found is None:
        raise Refused(f"engine 'scan': PyTorch {torch.__version__} wraps tensors in a way that is not known")
    return found
