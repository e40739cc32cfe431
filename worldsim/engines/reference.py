"""The engine that data, context frames and truth come from."""

from collections.abc import Sequence
from dataclasses import replace

from worldsim.engines.analytic import AnalyticEngine, has_closed_form
from worldsim.engines.base import Simulation
from worldsim.scenes import Scene


class ReferenceEngine:
    """The closed form where all scenes have one, else Box2D."""

    name = "reference"

    def start(self, scenes: Sequence[Scene]) -> Simulation:
        """Start N scenes at t = 0."""
        if all(has_closed_form(scene) for scene in scenes):
            return AnalyticEngine().start(scenes)
        from worldsim.engines.box2d import Box2DEngine

        return Box2DEngine().start(scenes)


class UndampedEngine:
    """The same without damping: what a planner imagines that knows contacts, not that motion dies away."""

    name = "undamped"

    def start(self, scenes: Sequence[Scene]) -> Simulation:
        """Start N scenes at t = 0."""
        return ReferenceEngine().start([replace(scene, damping=0.0) for scene in scenes])
