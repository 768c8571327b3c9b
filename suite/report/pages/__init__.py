"""The pages of the site, a file a kind: each makes `Page`s from the material. Nothing here writes a file."""

from suite.report.pages import cells, gradients, history, overview, rest, runs, speed, tasks

KINDS = (overview.pages, tasks.pages, cells.pages, speed.pages, gradients.pages, history.pages, runs.pages, rest.pages)

__all__ = ["KINDS"]
