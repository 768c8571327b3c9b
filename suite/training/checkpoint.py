"""The state of a long run on disk, so that a kill costs at most a minute of it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch

SECONDS = 30.0


class Checkpoint:
    """One file, replaced whole; without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.last = time.monotonic()

    def due(self) -> bool:
        """Whether it is time to save again."""
        return self.path is not None and time.monotonic() - self.last >= SECONDS

    def save(self, state: dict[str, Any]) -> None:
        """Write beside the file, then put it in its place; a full disk costs the checkpoint, not the run."""
        if self.path is None:
            return
        self.last = time.monotonic()
        scratch = self.path.with_suffix(f".{os.getpid()}.part")  # whoever was killed here may not be quite dead
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(state, scratch)
            os.replace(scratch, self.path)
        except (OSError, RuntimeError):
            scratch.unlink(missing_ok=True)

    def load(self) -> dict[str, Any] | None:
        """The saved state; None where there is none that can be read whole."""
        if self.path is None or not self.path.exists():
            return None
        try:
            state = torch.load(self.path, weights_only=True)
        except Exception:  # cut in half: begin again
            return None
        return state if isinstance(state, dict) else None
