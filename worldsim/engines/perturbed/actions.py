"""Law errors of actuation: what an action does, or when."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from worldsim.engines.perturbed.base import LawError, lacks_control
from worldsim.scenes import DT, Control, Limits, Scene

SLACK = 1 + 1e-9  #: actions were limited already: the engine underneath must not shorten them once more


class ActionGain(LawError):
    """The launch or the command is too strong or too weak, after its limits; letting go is as it was."""

    about = "an action moves (1 + strength) times as far"
    unit = "share of the action"
    low, high = -1.0, 1.0

    def __init__(self, strength: float, scenes: Sequence[Scene]) -> None:
        super().__init__(strength, scenes)
        self._limits = Limits.of(scenes)
        self._gain = np.ones_like(self._limits.low)
        for i, scene in enumerate(scenes):
            self._gain[i, : _strengths(scene.control)] += strength

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        return lacks_control(scene)

    def edit(self, scene: Scene) -> Scene:
        """See `LawError.edit`: the limits grow along."""
        return _loosened(scene, 1 + self.strength)

    def act(self, actions: np.ndarray) -> np.ndarray:
        """See `LawError.act`."""
        return self._limits.apply(actions) * self._gain


class ActionLag(LawError):
    """The body obeys late, and so meets others elsewhere. Between two frames the lag mixes their actions.

    Before the first frame a commanded body is taken to have been told the velocity that it has.
    """

    about = "an action acts this much later"
    unit = "s"
    high = 1.0

    def __init__(self, strength: float, scenes: Sequence[Scene]) -> None:
        super().__init__(strength, scenes)
        self._limits = Limits.of(scenes)
        self._whole, self._part = divmod(round(strength / DT, 9), 1.0)
        self._past = [_told(scenes, self._limits)] * (int(self._whole) + 2)
        self._switch = np.array([s.control is not None and s.control.kind == "carry" for s in scenes])

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        return lacks_control(scene)

    def edit(self, scene: Scene) -> Scene:
        """See `LawError.edit`."""
        return _loosened(scene, 1.0)

    def act(self, actions: np.ndarray) -> np.ndarray:
        """See `LawError.act`. Letting go is no matter of degree: it comes at the nearest frame."""
        self._past = [*self._past[1:], self._limits.apply(actions)]
        older, newer = self._past[:2]
        mixed = (1 - self._part) * newer + self._part * older
        if self._switch.any():
            mixed[self._switch, 1] = (newer if self._part < 0.5 else older)[self._switch, 1]
        return mixed


def _strengths(control: Control | None) -> int:
    """How many of a control's components, from the first on, are velocities."""
    if control is None:
        return 0
    return 1 if control.kind == "carry" else len(control.low)


def _loosened(scene: Scene, gain: float) -> Scene:
    """The scene with limits that `gain` times an action within the old ones never meets."""
    control, count = scene.control, _strengths(scene.control)
    assert control is not None
    low, high = (
        tuple(v * gain * SLACK if i < count else v for i, v in enumerate(limits))
        for limits in (control.low, control.high)
    )
    return replace(scene, control=replace(control, low=low, high=high))


def _told(scenes: Sequence[Scene], limits: Limits) -> np.ndarray:
    """The actions [N, A] that led to t = 0: no launch, and the velocities of commanded bodies."""
    told = np.zeros_like(limits.low)
    for i, scene in enumerate(scenes):
        control = scene.control
        if control is not None and control.kind != "launch":
            velocity = scene.bodies[control.body].velocity
            told[i, 0] = velocity[1] if control.kind == "carry" else velocity[0]
            if control.kind == "velocity" and len(control.low) > 1:
                told[i, 1] = velocity[1]
    return np.clip(told, limits.low, limits.high)
