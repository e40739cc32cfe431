"""What every law error is: four hooks around an engine, which leave things as they are by default."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from worldsim import keys as key
from worldsim.engines.damping import decay, reach
from worldsim.scenes import DT, Body, Scene

KNOCK = 0.02  #: m/s; a smaller change of velocity is no impact
SUPPORT = 1.5  #: what carries a body, in g times a frame: a smaller change of velocity is no impact either


class LawError:
    """One kind of law error at one strength, in N running scenes.

    A kind says what its strength means (`about`), in which `unit`, from `low` to `high`. At strength zero
    nothing changes, bit by bit.
    """

    about: ClassVar[str]
    unit: ClassVar[str]
    low: ClassVar[float] = 0.0
    high: ClassVar[float]

    def __init__(self, strength: float, scenes: Sequence[Scene]) -> None:
        self.strength = strength

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """What a scene needs for this error to mean something and does not have, "" if nothing."""
        return ""

    def edit(self, scene: Scene) -> Scene:
        """The scene that the engine is given instead."""
        return scene

    def act(self, actions: np.ndarray) -> np.ndarray:
        """The actions [N, A] that the engine is given instead. Raises ValueError as `Limits.apply` does."""
        return actions

    def disturb(self, frame: "Frame") -> np.ndarray:
        """The states [N, B, 6] from which the engine goes on after a frame."""
        return frame.after

    def see(self, states: np.ndarray) -> np.ndarray:
        """What is seen of the engine's states [N, B, 6]."""
        return states


@dataclass(frozen=True)
class Frame:
    """One frame of the engine underneath.

    States `before` (launches included) and `after` it, [N, B, 6]; `mobile` [N, B]: bodies that obeyed forces
    in it; `gravity` [N] m/s² and `damping` [N] 1/s.
    """

    before: np.ndarray
    after: np.ndarray
    mobile: np.ndarray
    gravity: np.ndarray
    damping: np.ndarray

    @cached_property
    def _apart(self) -> np.ndarray:
        """What contacts added to position and velocity [N, B, 4], against free flight."""
        fall = self.gravity[:, None] * DT
        way, kept = (of(self.damping, DT)[:, None, None] for of in (reach, decay))
        x, v = self.before[..., :2] + self.before[..., 3:5] * way, self.before[..., 3:5] * kept
        x[..., 1] -= fall * DT / 2
        v[..., 1] -= fall
        return np.concatenate([self.after[..., :2] - x, self.after[..., 3:5] - v], axis=-1)

    @cached_property
    def knock(self) -> np.ndarray:
        """Velocity [N, B, 2] m/s that impacts gave each body; zero where a body only rests on another."""
        added = self._apart[..., 2:]
        least = KNOCK + SUPPORT * self.gravity[:, None] * DT
        return added * ((np.square(added).sum(-1) > least**2) & self.mobile)[..., None]

    @property
    def hit(self) -> np.ndarray:
        """[N, B] bool: bodies with an impact in this frame."""
        return (self.knock != 0).any(-1)

    @cached_property
    def since(self) -> np.ndarray:
        """Time [N, B] s from each body's impact to the end of the frame: its shift over its knock."""
        size = np.maximum(np.square(self.knock).sum(-1), 1e-12)
        return np.clip((self._apart[..., :2] * self.knock).sum(-1) / size, 0.0, DT)


def each(scenes: Sequence[Scene], make: Callable[[Scene], Scene]) -> list[Scene]:
    """`make` of every scene, once for scenes that are one object: the candidates of a plan share theirs."""
    made = {id(scene): make(scene) for scene in {id(s): s for s in scenes}.values()}
    return [made[id(scene)] for scene in scenes]


def draws(scenes: Sequence[Scene], *stream: str) -> tuple[list[np.random.Generator], np.ndarray]:
    """A generator for each different scene, and which of them each row [N] has.

    The noise of a start is named by its bodies at t = 0, to the millimetre: it is the same in every batch,
    for every candidate of a plan and at every strength.
    """
    places: dict[int, int] = {}
    generators: list[np.random.Generator] = []
    for scene in scenes:
        if id(scene) not in places:
            places[id(scene)] = len(generators)
            values = [v for b in scene.bodies for v in (*b.position, *b.velocity, *b.size)]
            generators.append(key.generator(key.make(*stream, *(round(1000 * v) for v in values))))
    return generators, np.array([places[id(scene)] for scene in scenes], dtype=int)


def table(scenes: Sequence[Scene], of: Callable[[Body], bool]) -> np.ndarray:
    """[N, B] bool: what holds for each body; padding has False."""
    found = np.zeros((len(scenes), max(len(s.bodies) for s in scenes)), dtype=bool)
    for i, scene in enumerate(scenes):
        found[i, : len(scene.bodies)] = [of(b) for b in scene.bodies]
    return found


def dynamic(body: Body) -> bool:
    """Whether a body obeys forces."""
    return body.motion == "dynamic"


def collides(body: Body) -> bool:
    """Whether a body obeys forces and touches others."""
    return body.motion == "dynamic" and body.solid


def lacks_motion(scene: Scene) -> str:
    """A reason where nothing obeys forces."""
    return "" if any(map(dynamic, scene.bodies)) else "needs a dynamic body"


def lacks_contacts(scene: Scene) -> str:
    """A reason where nothing can touch."""
    some = any(map(collides, scene.bodies)) and sum(b.solid for b in scene.bodies) > 1
    return "" if some else "needs contacts: a solid dynamic body and another solid body"


def lacks_pair(scene: Scene) -> str:
    """A reason where no two bodies that obey forces can touch."""
    return "" if sum(map(collides, scene.bodies)) > 1 else "needs two solid dynamic bodies"


def lacks_control(scene: Scene) -> str:
    """A reason where nothing is set in motion."""
    moves = scene.control is not None and not scene.places
    return "" if moves else "needs a control that moves a body"
