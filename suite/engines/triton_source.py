"""Emitted Triton made callable. Triton is imported here alone, and only when it is wanted: a machine without a GPU has none."""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
from functools import lru_cache
from pathlib import Path
from typing import Any

PRELUDE = Path(__file__).with_name("native") / "functions.triton"


def missing() -> str | None:
    """Half a sentence: why there is no Triton."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed (PyTorch's builds for CUDA bring it; else `pip install triton`)"
    return None


def too_large() -> type[Exception]:
    """What Triton raises where a program wants more of the chip than there is."""
    from triton.runtime.errors import OutOfResources

    found: type[Exception] = OutOfResources
    return found


@lru_cache(maxsize=256)
def loaded(text: str) -> dict[str, Any]:
    """The kernels of a text by name. Triton reads their source again, by the name of a file that is only in memory."""
    import triton
    import triton.language as tl

    whole = f"{PRELUDE.read_text(encoding='utf-8')}\n\n{text}"
    name = f"<carrousel {hashlib.sha256(whole.encode()).hexdigest()[:16]}>"
    linecache.cache[name] = (len(whole), None, whole.splitlines(keepends=True), name)
    found: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": "carrousel_kernels"}
    exec(compile(whole, name, "exec"), found)  # noqa: S102  what was emitted from a cell's own equations
    return found
