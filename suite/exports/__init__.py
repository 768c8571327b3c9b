"""Records in the forms that other programs read. Imports runs, stats and what the report says in words."""

from suite.exports.export import FORMATS, Format, export, write

__all__ = ["FORMATS", "Format", "export", "write"]
