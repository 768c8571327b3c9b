"""Has it become slower, bigger or less accurate? Two trees measured in turn, or two folders of records. Imports runs and stats, never torch."""
