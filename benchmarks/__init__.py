"""asv: has it become slower, bigger or less accurate since an earlier commit? Lower is better everywhere."""
