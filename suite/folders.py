"""Where this suite keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    """CARROUSEL_CACHE, or `carrousel` in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "carrousel"
    return Path(os.environ.get("CARROUSEL_CACHE") or default)
