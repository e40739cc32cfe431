"""Runs of the bridge against each other: compared cell by cell, or validated and ranked."""
