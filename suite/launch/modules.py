"""The modules that users' cells and tasks come from, so that they can travel to where they are needed."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from suite import names

INSTALLED = {"site-packages", "dist-packages"}


def named(texts: Iterable[str]) -> list[str]:
    """The top-level names of the modules in the `module:attribute` of cells and tasks.

    >>> named(["my.tasks:echo(delay=3)", "lstm(drop=0.25)", "own:cell", "my.cells:mine"])
    ['my', 'own']
    """
    called = (names.parse_call(text)[0] for text in texts)
    return sorted({name.partition(":")[0].partition(".")[0] for name in called if ":" in name})


def shipped(roots: Sequence[str]) -> list[str]:
    """Paths of these modules and of those beside them that they imported, packages as folders.

    What is installed is not among them: it is expected wherever the suite is.
    """
    homes = {place.parent for root in roots if root != "suite" and (place := _place(importlib.import_module(root)))}
    loaded = [module for name, module in sys.modules.copy().items() if "." not in name and name not in ("suite", "__main__")]
    return sorted({str(place) for module in loaded if (place := _place(module)) and place.parent in homes})


def _place(module: ModuleType) -> Path | None:
    """The file of a module or the folder of a package; None for what is installed or has neither."""
    folders, file = list(getattr(module, "__path__", [])), getattr(module, "__file__", None)
    if not folders and not (file and str(file).endswith(".py")):
        return None
    place = Path(folders[0] if folders else str(file)).resolve()
    return None if INSTALLED & set(place.parts) or place.is_relative_to(sysconfig.get_path("stdlib")) else place
