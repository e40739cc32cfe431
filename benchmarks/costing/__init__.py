"""The stages of `worldsim bench cost`, a file each; see `benchmarks.costing.command` for their table."""
