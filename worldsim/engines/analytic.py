"""The closed-form engine: exact times of impact, exact flight between them, vectorised over scenes.

Between two events every disc moves on a straight line or a parabola. Two discs under the same gravity move
in a straight line relative to each other, so their time of impact solves a quadratic equation, and so does
the time at which a disc reaches the floor. Damping is the same for all and slows the clock alone: events are
found as if without it, and their times are then read from a clock that runs down.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from worldsim.engines.base import Simulation, is_floor, turns
from worldsim.engines.controls import Controls
from worldsim.engines.damping import decay, duration, reach
from worldsim.engines.hold import started
from worldsim.scenes import DT, Scene, initial_states

MAX_EVENTS = 1000  #: events of one scene in one frame
STILL = 1e-9  #: slower approaches of two discs are no impact, m/s
REST = 1e-6  #: a disc that would leave the floor more slowly stays on it, m/s
TOUCH = 1e-9  #: a disc this close to the floor touches it, m


class AnalyticEngine:
    """Frictionless discs: with each other, and with a floor as wide as the view."""

    name = "analytic"

    def start(self, scenes: Sequence[Scene]) -> Simulation:
        """Start N scenes. Raises ValueError where a scene has no closed form here."""
        for index, scene in enumerate(scenes):
            if obstacle := _obstacle(scene):
                raise ValueError(f"scene {index}: {obstacle}; use box2d or mujoco")
        return started(scenes, AnalyticSimulation)


def has_closed_form(scene: Scene) -> bool:
    """Whether the equations below cover a scene."""
    return not _obstacle(scene)


def _obstacle(scene: Scene) -> str:
    """What the equations below do not cover, "" if they cover everything."""
    touching = [b for b in scene.bodies if b.solid and not is_floor(b)]
    if scene.friction and touching:
        return "friction has no closed form here"
    if any(turns(b, scene) for b in scene.bodies):
        return "a body that can turn has no closed form here"
    for body in touching:
        if (body.shape, body.motion) != ("disc", "dynamic"):
            return (
                f"a solid {body.motion} {body.shape} has no closed form; the analytic engine covers solid "
                "dynamic discs, floors that span the view and bodies that touch nothing"
            )
    if scene.gravity and len(touching) > 1 and any(is_floor(b) for b in scene.bodies):
        return f"{len(touching)} discs above a floor under gravity have no closed form once one of them rests"
    return ""


class AnalyticSimulation:
    """N running scenes."""

    def __init__(self, scenes: Sequence[Scene]):
        self._controls = Controls(scenes)
        self._states = initial_states(scenes).states[:, 0]
        shape = self._states.shape[:2]
        self._radius, self._lightness = np.zeros(shape), np.zeros(shape)  # lightness: 1 / mass
        self._solid, self._falls = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        self._top = np.full(len(scenes), -np.inf)
        self._gravity = np.array([s.gravity for s in scenes], dtype=float)
        self._restitution = np.array([s.restitution for s in scenes], dtype=float)
        self._damping = np.array([s.damping for s in scenes], dtype=float)
        self._damped = bool(self._damping.any())
        for i, scene in enumerate(scenes):
            for j, body in enumerate(scene.bodies):
                self._falls[i, j] = body.motion == "dynamic"
                if body.motion == "fixed":
                    self._states[i, j, 3:] = 0.0
                    if body.solid:
                        self._top[i] = max(self._top[i], body.position[1] + body.size[1])
                elif body.solid:
                    self._solid[i, j] = True
                    self._radius[i, j], self._lightness[i, j] = body.radius, 1.0 / body.mass
        self._touches = self._solid
        solid = [j for j in range(shape[1]) if self._solid[:, j].any()]
        pairs = [(i, j) for i, j in combinations(solid, 2) if (self._solid[:, i] & self._solid[:, j]).any()]
        floors = [(j,) for j in solid if (self._solid[:, j] & np.isfinite(self._top)).any()]
        self._events: list[tuple[int, ...]] = [*pairs, *floors]

    @property
    def states(self) -> np.ndarray:
        return self._states.copy()

    def put(self, bodies: np.ndarray, states: np.ndarray) -> None:
        """See `Simulation.put`."""
        self._states[bodies] = states[bodies]

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Advance by one frame, from event to event."""
        launches = self._controls.begin_frame(self._states, actions)
        self._states[self._controls.rows, self._controls.body, 3:5] += launches
        self._touches = self._solid & ~self._controls.held  # a load that is carried touches nothing
        rows, left = np.arange(len(self._states)), np.full(len(self._states), DT)
        for _ in range(MAX_EVENTS):
            time, event = self._next(rows)
            self._advance(rows, np.minimum(time, left))
            hit = time <= left
            rows, left, event = rows[hit], (left - time)[hit], event[hit]
            if not len(rows):
                return self.states
            self._resolve(rows, event)
        raise RuntimeError(f"scenes {rows.tolist()} have more than {MAX_EVENTS} impacts in one frame")

    def _next(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Time to the next event of each row, s, and its number; infinite where there is none."""
        if not self._events:
            return np.full(len(rows), np.inf), np.zeros(len(rows), dtype=int)
        times = np.stack(
            [self._meet(rows, *e) if len(e) == 2 else self._land(rows, *e) for e in self._events]
        )
        event = times.argmin(axis=0)
        time = times[event, np.arange(len(rows))]
        return duration(self._damping[rows], time) if self._damped else time, event

    def _meet(self, rows: np.ndarray, i: int, j: int) -> np.ndarray:
        """Time until discs i and j touch: the smaller root of |d + w t| = r_i + r_j."""
        d = self._states[rows, j] - self._states[rows, i]
        dx, dy, wx, wy = d[:, 0], d[:, 1], d[:, 3], d[:, 4]
        reach = self._radius[rows, i] + self._radius[rows, j]
        distance2 = dx * dx + dy * dy
        approach = -(dx * wx + dy * wy)
        gap = np.maximum(distance2 - reach * reach, 0.0)  # overlapping discs that approach meet at once
        root2 = approach * approach - (wx * wx + wy * wy) * gap
        meet = (approach > STILL * np.sqrt(distance2)) & (root2 > 0)
        meet &= self._touches[rows, i] & self._touches[rows, j]
        time = np.full(len(rows), np.inf)
        np.divide(gap, approach + np.sqrt(np.maximum(root2, 0.0)), out=time, where=meet)
        return time

    def _land(self, rows: np.ndarray, j: int) -> np.ndarray:
        """Time until disc j reaches the floor: the larger root of h + v t - g t²/2 = 0."""
        g, v = self._gravity[rows], self._states[rows, j, 4]
        height = np.maximum(self._states[rows, j, 1] - self._radius[rows, j] - self._top[rows], 0.0)
        lands = (v < 0) | ((g > 0) & ((height > TOUCH) | (v > 0)))
        lands &= self._touches[rows, j] & np.isfinite(height)
        speed = np.sqrt(v * v + 2 * g * np.where(lands, height, 0.0))  # at the moment of impact
        time = np.full(len(rows), np.inf)
        np.divide(v + speed, g, out=time, where=lands & (v > 0))
        np.divide(2 * height, speed - v, out=time, where=lands & (v <= 0))  # no cancellation, holds for g = 0
        return time

    def _advance(self, rows: np.ndarray, time: np.ndarray) -> None:
        """Fly freely for `time` [M] s; a disc that lies still on the floor stays."""
        s, t = self._states[rows], time[:, None]
        lies = self._touches[rows] & (s[..., 4] == 0)
        lies &= s[..., 1] - self._radius[rows] - self._top[rows, None] <= TOUCH
        held = self._controls.held[rows]
        pull = self._gravity[rows, None] * (self._falls[rows] & ~lies & ~held)
        t = way = t * (self._falls[rows] | self._controls.kinematic[rows])
        if self._damped:
            damping = self._damping[rows, None] * (self._falls[rows] & ~held)
            way, kept = reach(damping, t), decay(damping, t)[..., None]
        s[..., 0] += s[..., 3] * way
        s[..., 1] += s[..., 4] * way - 0.5 * pull * t * t
        s[..., 4] -= pull * t
        if self._damped:
            s[..., 3:5] *= kept
        self._states[rows] = s

    def _resolve(self, rows: np.ndarray, event: np.ndarray) -> None:
        """Impacts with the scene's restitution along the normal."""
        for k in np.unique(event):
            chosen = rows[event == k]
            (self._collide if len(self._events[k]) == 2 else self._bounce)(chosen, *self._events[k])

    def _collide(self, rows: np.ndarray, i: int, j: int) -> None:
        """Newton's impact law: the normal velocity of disc j against disc i turns around, times e."""
        d = self._states[rows, j] - self._states[rows, i]
        normal = d[:, :2] / np.sqrt(d[:, 0] ** 2 + d[:, 1] ** 2)[:, None]
        approach = d[:, 3] * normal[:, 0] + d[:, 4] * normal[:, 1]
        light_i, light_j = self._lightness[rows, i], self._lightness[rows, j]
        impulse = -(1 + self._restitution[rows]) * approach / (light_i + light_j)
        self._states[rows, i, 3:5] -= (impulse * light_i)[:, None] * normal
        self._states[rows, j, 3:5] += (impulse * light_j)[:, None] * normal

    def _bounce(self, rows: np.ndarray, j: int) -> None:
        """Turn the vertical velocity around, times e; put the disc on the floor exactly."""
        rebound = -self._restitution[rows] * self._states[rows, j, 4]
        self._states[rows, j, 4] = np.where(rebound < REST, 0.0, rebound)
        self._states[rows, j, 1] = self._top[rows] + self._radius[rows, j]
