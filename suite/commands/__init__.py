"""The commands of `carrousel`, a file for each kind; `suite.cli` finds them by name."""
