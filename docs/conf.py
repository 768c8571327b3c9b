"""Sphinx configuration; builds without a network."""

project = "Carrousel"
author = "The Carrousel contributors"
copyright = "2026, the Carrousel contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "Carrousel"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
nitpicky = False
