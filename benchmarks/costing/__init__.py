"""The stages of `worldsim bench cost`, a file each; see `benchmarks.cost` for their table."""
