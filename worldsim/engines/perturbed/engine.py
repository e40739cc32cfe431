"""The perturbed engine: the table of law errors, and one of them around another engine."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worldsim.engines.base import Engine
from worldsim.engines.controls import Controls
from worldsim.engines.perturbed import actions, contacts, laws, motion
from worldsim.engines.perturbed.base import Frame, LawError, dynamic, each, table
from worldsim.scenes import Scene

LAWS: dict[str, type[LawError]] = {
    "gravity": laws.Gravity,
    "restitution": laws.Restitution,
    "mass_ratio": laws.MassRatio,
    "momentum_leak": contacts.MomentumLeak,
    "contact_delay": contacts.ContactDelay,
    "velocity_bias": motion.VelocityBias,
    "jitter": motion.Jitter,
    "mean_drift": motion.MeanDrift,
    "vanishing": motion.Vanishing,
    "identity_swap": contacts.IdentitySwap,
    "interpenetration": laws.Interpenetration,
    "action_gain": actions.ActionGain,
    "action_lag": actions.ActionLag,
}


def law_error(name: str) -> type[LawError]:
    """The kind of error called `name`. Raises ValueError listing what exists."""
    if name not in LAWS:
        raise ValueError(f"unknown law error {name!r}; choose one of {', '.join(LAWS)}")
    return LAWS[name]


@dataclass(frozen=True)
class PerturbedEngine:
    """Any engine with one law error.

    Parameters
    ----------
    engine
        The physics underneath.
    law
        One of `LAWS`.
    strength
        How wrong it is, in the unit and within the range of its kind; at zero nothing changes, bit by bit.

    Raises ValueError for an unknown law and for a strength outside of its range.
    """

    engine: Engine
    law: str
    strength: float

    def __post_init__(self) -> None:
        kind = law_error(self.law)
        if not kind.low <= self.strength <= kind.high:
            raise ValueError(
                f"{self.law} has strength {self.strength:g}; expected {kind.low:g} to {kind.high:g} "
                f"{kind.unit} ({kind.about})"
            )

    @property
    def name(self) -> str:
        """As in `worldsim.engines.make_engine`."""
        return f"perturbed:{self.law}:{self.strength:g}:{self.engine.name}"

    def start(self, scenes: Sequence[Scene]) -> "PerturbedSimulation":
        """Start N scenes at t = 0. Raises ValueError where the error means nothing in a scene."""
        kind = law_error(self.law)
        for scene in {id(s): s for s in scenes}.values():
            if lacking := kind.lacks(scene):
                raise ValueError(f"{self.law} {lacking}; scene {scenes.index(scene)} has none")
        return PerturbedSimulation(self.engine, scenes, kind(self.strength, scenes))


class PerturbedSimulation:
    """N running scenes with a law error around them."""

    def __init__(self, engine: Engine, scenes: Sequence[Scene], error: LawError) -> None:
        scenes = each(scenes, error.edit)
        self._error, self._simulation = error, engine.start(scenes)
        self._controls = Controls(scenes)  # tells what was launched and what is carried
        self._dynamic = table(scenes, dynamic)
        self._laws = np.array([[s.gravity, s.damping] for s in scenes]).T
        self._now = self._simulation.states

    @property
    def states(self) -> np.ndarray:
        """What is seen of the present frame [N, B, 6]."""
        return self._error.see(self._now.copy())

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Advance by one frame; the engine underneath goes on from what the error makes of it."""
        actions, before = self._error.act(actions), self._now.copy()
        launches = self._controls.begin_frame(before, actions)
        before[self._controls.rows, self._controls.body, 3:5] += launches
        after = self._simulation.step(actions)
        frame = Frame(before, after, self._dynamic & ~self._controls.held, *self._laws)
        self._now = self._error.disturb(frame)
        changed = (self._now != frame.after).any(-1)
        if changed.any():
            self._simulation.put(changed, self._now)
        return self.states

    def put(self, bodies: np.ndarray, states: np.ndarray) -> None:
        """See `Simulation.put`: what is put is what is there, not what is seen."""
        self._now = np.where(bodies[..., None], states, self._now)
        self._simulation.put(bodies, states)
