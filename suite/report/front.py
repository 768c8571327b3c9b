"""The first page of a folder of sites: which there are, with the documentation and asv's pages if they lie there."""

from __future__ import annotations

import sys
from pathlib import Path

from jinja2 import Environment, PackageLoader

from suite.report.catalogue import read_catalogue
from suite.runs.store import replace


def write(folder: Path, assets: str = "assets") -> Path:
    """`index.html` beside the folders of some sites; ValueError if there is none."""
    sites = [(path.parent.name, read_catalogue(path.parent)) for path in sorted(folder.glob("*/catalogue.json"))]
    if not sites:
        raise ValueError(f"'{folder}' holds no folder of a site")
    others = [(name, about) for name, about in (("docs", "the documentation"), ("asv", "speed, memory and error over commits")) if (folder / name / "index.html").exists()]
    environment = Environment(loader=PackageLoader("suite.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    replace(folder / "index.html", environment.get_template("front.html").render(sites=sites, others=others, assets=assets))
    return folder / "index.html"


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
