"""Imagination with some of its errors repaired: parts of what a model shows are taken from the truth."""
