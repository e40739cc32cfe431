"""Launch: a red ball that is launched by an action, and a blue ball, on a table without friction."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.scenarios import base
from worldsim.scenes import VIEW, Body, Control, Scene, Trajectory

LAUNCH = 4.0  #: m/s, longest launch


class Launch:
    """Both balls rest or move slowly; the actions launch the red one once, in half of the clips roughly at
    the blue one, in the others anywhere, and rarely twice."""

    name = "launch"
    levels = ("id",)
    frames = 32
    balls: tuple[tuple[str, float], ...] = (("blue", 0.45), ("red", 0.8))  #: how often each rests
    template = Scene(
        (Body("blue", (1.0,), (3.0, 5.0)), Body("red", (1.0,), (7.0, 5.0))),
        control=Control(1, "launch", (-LAUNCH, -LAUNCH), (LAUNCH, LAUNCH)),
    )

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """See `Scenario.propose`."""
        bodies = []
        for color, rest in self.balls:
            r = base.radius(rng, False)
            position = rng.uniform(r, VIEW - r, size=2)
            angle, v = rng.uniform(0, 2 * np.pi), rng.uniform(0, 3.0)
            v = 0.0 if rng.random() < rest else v
            bodies.append(
                Body(color, (r,), tuple(position), (float(v * np.cos(angle)), float(v * np.sin(angle))))
            )
        touch = any(
            np.hypot(*np.subtract(a.position, b.position)) <= a.radius + b.radius
            for a, b in combinations(bodies, 2)
        )
        return None if touch else replace(self.template, bodies=tuple(bodies))

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """In distribution, no ball is faster than the ID range."""
        return base.within_speed(clips)

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """A launch (seldom two) between frames 3 and 12; those that make a ball too fast are weakened."""
        actions = np.zeros((len(scenes), frames - 1, 2))
        for i, (scene, k) in enumerate(zip(scenes, key.fold(keys, "launch actions"))):
            rng = key.generator(k)
            times = [int(rng.integers(3, 13))] + ([int(rng.integers(13, 28))] if rng.random() < 0.15 else [])
            for t in times:
                angle = rng.uniform(0, 2 * np.pi)
                if t < 13 and rng.random() < 0.6:
                    blue = np.add(scene.bodies[0].position, np.multiply(scene.bodies[0].velocity, 0.1 * t))
                    red = np.add(scene.bodies[1].position, np.multiply(scene.bodies[1].velocity, 0.1 * t))
                    angle = np.arctan2(*(blue - red)[::-1]) + rng.normal(0, 0.35)
                strength = rng.uniform(0.5, LAUNCH) if t < 13 else rng.uniform(0.2, 2.0)
                actions[i, min(t, frames - 2)] = strength * np.cos(angle), strength * np.sin(angle)
        for _ in range(8):
            fast = ~base.within_speed(simulate(make_engine("analytic"), scenes, frames, actions))
            if not fast.any():
                return actions
            actions[fast] *= 0.75
        actions[fast] = 0.0
        return actions


class Triple(Launch):
    """The same with a grey ball in the way."""

    name = "triple"
    balls = (*Launch.balls, ("grey", 0.6))
    template = replace(Launch.template, bodies=(*Launch.template.bodies, Body("grey", (1.0,), (5.0, 8.0))))
