"""What `worldsim` does besides benchmarks and leaderboards, a file for each verb."""
