"""The environment that asv is started in: versions pinned, one thread, a home of its own but the user's settings of pip and git."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from suite.regress.sides import ONE_THREAD

PINS = "constraints.txt"


def surroundings(home: Path, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of asv. HOME is `home`, for there it keeps what it knows of machines.

    The versions of `constraints.txt` beside `home` hold for what asv installs, so a newer dependency is no step of a commit.
    """
    found = {name: value for name, value in given.items() if name != "PYTHONPATH"}
    pins = home.resolve().parent / PINS
    pinned = {"PIP_CONSTRAINT": str(pins)} if pins.is_file() else {}
    path = os.pathsep.join([str(Path(sys.executable).parent), given.get("PATH", "")])
    return settings(given) | pinned | found | ONE_THREAD | {"HOME": str(home.resolve()), "PATH": path}


def settings(given: Mapping[str, str]) -> dict[str, str]:
    """Where pip and git find what they would look for under the user's HOME: the first of its places that is there."""
    home = Path(given.get("HOME") or Path.home())
    config, cache = (Path(given.get(name) or home / folder) for name, folder in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache")))
    library = home / "Library"  # of macOS
    places = {
        "PIP_CONFIG_FILE": (config / "pip" / "pip.conf", library / "Application Support" / "pip" / "pip.conf", home / ".pip" / "pip.conf"),
        "PIP_CACHE_DIR": (cache / "pip", library / "Caches" / "pip"),
        "GIT_CONFIG_GLOBAL": (home / ".gitconfig", config / "git" / "config"),
    }
    return {name: str(place) for name, known in places.items() if (place := next(filter(Path.exists, known), None))}
