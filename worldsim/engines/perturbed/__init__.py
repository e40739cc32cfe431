"""Deliberately wrong physics: any engine with one typed law error of a chosen strength."""

from worldsim.engines.perturbed.engine import LAWS, PerturbedEngine, law_error

__all__ = ["LAWS", "PerturbedEngine", "law_error"]
