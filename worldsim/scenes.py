"""What exists at t = 0: bodies, the law constants, and what an agent can actuate.

Units are metres, seconds and kilograms per square metre; x points right, y up; the view is the square
[0, 10] × [0, 10] m, and consecutive frames are 0.1 s apart. Angles are radians, counter-clockwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from worldsim.bodies import Body, Part

VIEW = 10.0  #: side of the square view, m
DT = 0.1  #: time between frames, s
RELEASE = 0.9  #: a `carry` action above this lets go of the load

PALETTE: dict[str, tuple[float, float, float]] = {
    "red": (1.0, 0.0, 0.0),  # what the agent moves
    "blue": (0.0, 0.0, 1.0),  # the target
    "sky": (0.5, 0.5, 1.0),  # the target where motion is damped: a thin blue
    "green": (0.0, 1.0, 0.0),  # a second target
    "black": (0.0, 0.0, 0.0),  # fixed bodies
    "grey": (0.5, 0.5, 0.5),  # all else that moves
}


@dataclass(frozen=True)
class Control:
    """How actions reach a body.

    launch
        The action [2] is a velocity increment in m/s applied at once; zero does nothing; increments longer
        than `high[0]` are shortened to it.
    velocity
        The action [1] is the horizontal velocity in m/s of a kinematic box for the coming frame, clamped to
        [low, high] and so that the box stays inside the view; with two components also the vertical one.
    carry
        The action [2] is the vertical velocity in m/s of a kinematic box, clamped alike, which keeps its own
        horizontal velocity, and whether to let go of the body `load` (above `RELEASE`: yes; so high that who
        explores does not let go at once). Until then the load rides along; from the frame of its release on
        it flies with the velocity that it had.
    place
        The body is not in the world at first (its position is out of view). The action [2] that ends the
        scene's hold, clamped to [low, high], is where its centre goes, in m, if all of it then lies in the
        view; no other action, and none elsewhere, does anything.
    """

    body: int
    kind: Literal["launch", "velocity", "carry", "place"]
    low: tuple[float, ...]
    high: tuple[float, ...]
    load: int | None = None  #: None: nothing is carried, or no longer


@dataclass(frozen=True)
class Scene:
    """Bodies in drawing order (later ones cover earlier ones), law constants and the control.

    `gravity` pulls down, m/s²; `restitution` and `friction` (Coulomb's, static and sliding alike) hold for
    every contact; `damping` c slows every dynamic body, v' = -c v, 1/s, on a table without gravity
    (ValueError with both: no engine has their common motion). Nothing moves for the first `hold` frames:
    velocities are those at the release.
    """

    bodies: tuple[Body, ...]
    gravity: float = 0.0
    restitution: float = 1.0
    control: Control | None = None
    damping: float = 0.0
    friction: float = 0.0
    hold: int = 0

    def __post_init__(self) -> None:
        if self.damping < 0 or (self.damping and self.gravity):
            raise ValueError(
                f"damping {self.damping} with gravity {self.gravity}; expected a damping of at least 0, and "
                "one of the two to be 0: no engine has their common motion"
            )

    @property
    def action_size(self) -> int:
        return 0 if self.control is None else len(self.control.low)

    @property
    def places(self) -> bool:
        """Whether its control places a body."""
        return self.control is not None and self.control.kind == "place"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; `from_dict` reads them back."""
        from dataclasses import asdict

        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Scene":
        """Inverse of `to_dict`. Raises KeyError or TypeError on foreign data."""

        def tupled(d: dict[str, Any]) -> dict[str, Any]:
            return {k: tuple(v) if isinstance(v, list) else v for k, v in d.items()}

        def body(d: dict[str, Any]) -> Body:
            return Body(**tupled(d | {"parts": [Part(**tupled(p)) for p in d.get("parts", ())]}))

        control = data["control"]
        return cls(
            bodies=tuple(map(body, data["bodies"])),
            gravity=data["gravity"],
            restitution=data["restitution"],
            control=None if control is None else Control(**tupled(control)),
            damping=data.get("damping", 0.0),  # scenes stored before there was any of these have none
            friction=data.get("friction", 0.0),
            hold=data.get("hold", 0),
        )


@dataclass(frozen=True)
class Trajectory:
    """What happened: `states` [N, T, B, 6] float64 (x, y, θ, vx, vy, ω) and `present` [N, T, B] bool.

    Scenes with fewer bodies than B are padded; padded bodies are not present.
    """

    states: np.ndarray
    present: np.ndarray


def initial_states(scenes: Sequence[Scene]) -> Trajectory:
    """States at t = 0 as a one-frame trajectory, T = 1, padded to the largest number of bodies."""
    most = max(len(s.bodies) for s in scenes)
    states = np.zeros((len(scenes), 1, most, 6))
    present = np.zeros((len(scenes), 1, most), dtype=bool)
    for i, scene in enumerate(scenes):
        for j, body in enumerate(scene.bodies):
            states[i, 0, j] = (*body.position, body.angle, *body.velocity, body.spin)
            present[i, 0, j] = True
    return Trajectory(states, present)


@dataclass(frozen=True)
class Limits:
    """The controls of N scenes as arrays, so that limits cost no loop over scenes.

    `low`, `high` [N, A] bound velocity commands; `longest` [N] is the longest launch, m/s, infinite where
    nothing is launched. Scenes without a control, and padding, have bounds of zero.
    """

    low: np.ndarray
    high: np.ndarray
    longest: np.ndarray

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> "Limits":
        """The limits of some scenes, padded to the longest action."""
        size = max(s.action_size for s in scenes)
        low, high = np.zeros((2, len(scenes), size))
        longest = np.full(len(scenes), np.inf)
        for i, scene in enumerate(scenes):
            if scene.control is None:
                continue
            if scene.control.kind == "launch":
                low[i, : scene.action_size], high[i, : scene.action_size] = -np.inf, np.inf
                longest[i] = scene.control.high[0]
            else:
                low[i, : scene.action_size], high[i, : scene.action_size] = (
                    scene.control.low,
                    scene.control.high,
                )
        return cls(low, high, longest)

    def apply(self, actions: np.ndarray) -> np.ndarray:
        """Actions [N, A] after the limits. Raises ValueError on a wrong shape or on NaN."""
        actions = np.asarray(actions, dtype=np.float64)
        if actions.shape != self.low.shape:
            raise ValueError(
                f"actions have shape {actions.shape}; expected {self.low.shape} (scenes, action size)"
            )
        if not np.isfinite(actions).all():
            raise ValueError("actions contain NaN or infinity; every action must be finite")
        limited = np.clip(actions, self.low, self.high)
        speed = np.sqrt(np.square(limited).sum(axis=1))
        return limited * np.minimum(1.0, self.longest / np.maximum(speed, 1e-12))[:, None]


def limit_actions(scenes: Sequence[Scene], actions: np.ndarray) -> np.ndarray:
    """Actions [N, A] after the limits of each scene's control: velocities clamped, launches shortened.

    Raises ValueError on a wrong shape or on NaN.
    """
    return Limits.of(scenes).apply(actions)
