"""Questions to a world model: how wrong, why, what of scale and of each idea, and how fast."""
