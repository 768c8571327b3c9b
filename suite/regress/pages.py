"""asv's pages made to open without a network: what they load from other hosts lies beside them."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"
TAG = re.compile(r"<(script|link)\b[^>]*?\b(?:src|href)=\"(https?://[^\"]+)\"[^>]*>")
FOLDER = "vendor"


def vendored() -> dict[str, str]:
    """The end of an address that asv names -> the file that stands for it."""
    return {entry["replaces"]: name for name, entry in tomllib.loads((VENDOR / "vendor.toml").read_text(encoding="utf-8")).items()}


def offline(folder: Path) -> Path:
    """Have the page in `folder` load its libraries from there. ValueError where it asks for one that is not kept here: another asv does."""
    page = folder / "index.html"
    known = vendored()
    used: set[str] = set()

    def local(tag: re.Match[str]) -> str:
        name = known.get(tag[2].rpartition("/")[2])
        if name is None:
            raise ValueError(f"asv's page loads {tag[2]}, for which suite/regress/vendor has no copy")
        used.add(name)
        return f'<script src="{FOLDER}/{name}">' if tag[1] == "script" else f'<link rel="stylesheet" href="{FOLDER}/{name}">'

    text = TAG.sub(local, page.read_text(encoding="utf-8"))
    (folder / FOLDER).mkdir(exist_ok=True)
    for name in (*sorted(used), "LICENSES.txt"):
        shutil.copyfile(VENDOR / name, folder / FOLDER / name)
    page.write_text(text, encoding="utf-8")
    return page
