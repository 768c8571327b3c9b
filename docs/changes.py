"""The changelog, compiled from fragments: one file a change in `changelog.d/`, so that two contributors never meet in one.

`nox -s changelog` prints what the next release holds; `nox -s changelog -- 0.2.0` writes it into CHANGELOG.md and removes the fragments.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRAGMENTS, CHANGELOG = ROOT / "changelog.d", ROOT / "CHANGELOG.md"
MARK = "<!-- releases, the newest first -->\n"


def fragments(folder: Path = FRAGMENTS) -> list[Path]:
    """Every fragment, in the order of their names."""
    return sorted(folder.glob("*.md"))


def unreleased(folder: Path = FRAGMENTS) -> str:
    """A bullet a fragment."""
    return "".join(f"- {path.read_text(encoding='utf-8').strip().replace(chr(10), chr(10) + '  ')}\n" for path in fragments(folder))


def released(old: str, version: str, day: str, bullets: str) -> str:
    """The changelog with a release more; ValueError for one that it has, or one without a change."""
    if not bullets:
        raise ValueError("changelog.d holds no fragment: nothing has changed")
    if f"\n## {version} (" in old or old.count(MARK) != 1:
        raise ValueError(f"CHANGELOG.md has {version} already, or lost the line {MARK.strip()!r}")
    head, tail = old.split(MARK)
    return f"{head}{MARK}\n## {version} ({day})\n\n{bullets}{tail}"


def main(words: list[str]) -> None:
    """Print, or release."""
    if not words:
        sys.stdout.write(unreleased())
        return
    CHANGELOG.write_text(released(CHANGELOG.read_text(encoding="utf-8"), words[0], datetime.now(UTC).date().isoformat(), unreleased()), encoding="utf-8")
    for path in fragments():
        path.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
