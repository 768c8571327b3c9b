"""Pages from records. Imports runs and stats, never torch."""
