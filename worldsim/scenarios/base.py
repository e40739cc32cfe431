"""What a scenario is: a named distribution of scenes and of exploratory actions, with its levels.

Ranges are those of phyworld ("How Far is Video Generation from World Model", section 4.1): radius and
speed in distribution, and two bands each outside of it.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.scenes import Scene, Trajectory

RADIUS = (0.7, 1.5)  #: m, in distribution
SPEED = (1.0, 4.0)  #: m/s, in distribution
RADIUS_OOD = ((0.3, 0.6), (1.5, 2.0))
SPEED_OOD = ((0.0, 0.8), (4.5, 6.0))
SPEED_CAP = 4.4  #: no body of an in-distribution clip is ever faster, m/s (the OOD band begins at 4.5)
GRAVITY = 2.5  #: m/s², downward
RESTITUTION = 0.8  #: of bounces
MOST_TRIES = 2000


class Scenario(Protocol):
    """A named distribution of scenes."""

    @property
    def name(self) -> str:
        """As in `get_scenario`."""
        ...

    @property
    def levels(self) -> tuple[str, ...]:
        """Its levels, "id" first."""
        ...

    @property
    def frames(self) -> int:
        """Length of a clip."""
        ...

    @property
    def template(self) -> Scene:
        """Shapes, colours, laws and control common to all scenes."""
        ...

    def propose(self, level: str, rng: np.random.Generator) -> Scene | None:
        """One draw; None when the draw is geometrically impossible."""
        ...

    def accept(self, level: str, clips: Trajectory) -> np.ndarray:
        """[N] bool: which clips, simulated without actions, belong to the level."""
        ...

    def actions(self, scenes: Sequence[Scene], keys: np.ndarray, frames: int) -> np.ndarray:
        """Exploratory actions [N, frames - 1, A], random or scripted, never made to solve a task."""
        ...


def sample(scenario: Scenario, level: str, keys: np.ndarray) -> tuple[list[Scene], int]:
    """One scene for each key [N] uint64, and how many draws were rejected in all.

    A scene depends on its own key alone. Raises ValueError for an unknown level, RuntimeError when a level
    rejects nearly everything.
    """
    if level not in scenario.levels:
        raise ValueError(f"{scenario.name} has no level {level!r}; it has {', '.join(scenario.levels)}")
    streams = [key.generator(k) for k in key.fold(keys, scenario.name, level)]
    scenes: list[Scene | None] = [None] * len(keys)
    pending, rejected = list(range(len(keys))), 0
    for _ in range(MOST_TRIES):
        if not pending:
            return [s for s in scenes if s is not None], rejected
        drawn = [_possible(scenario, level, streams[i]) for i in pending]
        clips = simulate(make_engine("reference"), [scene for scene, _ in drawn], scenario.frames)
        good = scenario.accept(level, clips)
        for i, (scene, _), belongs in zip(pending, drawn, good, strict=True):
            scenes[i] = scene if belongs else None
        rejected += sum(refused for _, refused in drawn) + int((~good).sum())
        pending = [i for i, belongs in zip(pending, good) if not belongs]
    raise _hardly(scenario, level)


def _possible(scenario: Scenario, level: str, rng: np.random.Generator) -> tuple[Scene, int]:
    """The next scene that is geometrically possible, and how many draws were not."""
    for refused in range(MOST_TRIES):
        scene = scenario.propose(level, rng)
        if scene is not None:
            return scene, refused
    raise _hardly(scenario, level)


def _hardly(scenario: Scenario, level: str) -> RuntimeError:
    return RuntimeError(
        f"{scenario.name} at level {level!r} rejects nearly all draws; its ranges hardly meet"
    )


def draw(
    rng: np.random.Generator, inside: tuple[float, float], bands: Sequence[tuple[float, float]] | None
) -> float:
    """A uniform draw from `inside`, or from the bands together (in proportion to their length)."""
    if bands is None:
        return float(rng.uniform(*inside))
    lengths = np.array([b - a for a, b in bands])
    low, high = bands[int(rng.choice(len(bands), p=lengths / lengths.sum()))]
    return float(rng.uniform(low, high))


def radius(rng: np.random.Generator, ood: bool) -> float:
    """A radius in m."""
    return draw(rng, RADIUS, RADIUS_OOD if ood else None)


def speed(rng: np.random.Generator, ood: bool) -> float:
    """A speed in m/s."""
    return draw(rng, SPEED, SPEED_OOD if ood else None)


def sign(rng: np.random.Generator) -> float:
    """Left or right."""
    return 1.0 if rng.random() < 0.5 else -1.0


def within_speed(clips: Trajectory, cap: float = SPEED_CAP) -> np.ndarray:
    """[N] bool: no body is faster than `cap` at any frame."""
    speeds = np.hypot(clips.states[..., 3], clips.states[..., 4])
    return speeds.max(axis=(1, 2)) <= cap


def held_commands(name: str, keys: np.ndarray, frames: int, limit: float) -> np.ndarray:
    """Commands [N, frames - 1, 1] from frame 3 on that hold for 1 to 10 frames; a fifth of them are zero."""
    commands = np.zeros((len(keys), frames - 1, 1))
    for i, k in enumerate(key.fold(keys, name)):
        rng, t = key.generator(k), 3
        while t < frames - 1:
            hold = int(rng.integers(1, 11))
            commands[i, t : t + hold] = 0.0 if rng.random() < 0.2 else rng.uniform(-limit, limit)
            t += hold
    return commands


def no_actions(scenes: Sequence[Scene], frames: int) -> np.ndarray:
    """Actions that do nothing."""
    return np.zeros((len(scenes), frames - 1, max(s.action_size for s in scenes)))
