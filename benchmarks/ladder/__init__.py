"""One page for a model: what it has earned, from looking right to being trained in, and a verdict by task."""
