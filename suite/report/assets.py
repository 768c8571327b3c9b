"""Scripts and the style sheet, written once beside the pages; libraries are vendored with version, licence and checksum."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VENDOR, STATIC = HERE / "vendor", HERE / "static"


def vendored() -> dict[str, dict[str, Any]]:
    """What `vendor.toml` says of each library: package, version, licence, sha256."""
    return tomllib.loads((VENDOR / "vendor.toml").read_text(encoding="utf-8"))


def copy(folder: Path) -> None:
    """Every script, style sheet and licence into a folder; what is there already is left where it is the same."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*sorted(STATIC.iterdir()), *(VENDOR / name for name in vendored()), VENDOR / "LICENSES.txt"):
        target = folder / path.name
        if not target.exists() or target.read_bytes() != path.read_bytes():
            shutil.copyfile(path, target)
