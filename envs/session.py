"""A person acts in a world, with another world beside it under the same actions; no window is needed.

`Session.tick` takes what was done since the last picture and answers with the next picture. Time stands still
while a launch is awaited; an episode that ended stays in view until the next one is asked for.
"""

from collections import deque
from pathlib import Path

import numpy as np

from envs.base import Task
from envs.canvas import GAP, LINE, arrow, enlarge, sheet
from envs.controls import CONTROLS, REACH, Inputs, Reading, shorten
from envs.tasks import make_task
from envs.vector import WorldVectorEnv
from worldsim.rendering import to_uint8
from worldsim.scenes import VIEW
from worldsim.worlds import World

SIDE = 448  #: pixels of an enlarged frame, about


class Session:
    """Starts of one task, one after the other.

    Parameters
    ----------
    task, world
        As `WorldVectorEnv` takes them.
    beside
        Another world that receives the same actions, None for none.
    level, start
        Level and number of the first start.

    Raises ValueError for an unknown task, world or level, or a control that no person can act through.
    """

    def __init__(
        self,
        task: str | Task,
        world: str | Path | World,
        beside: str | Path | World | None = None,
        level: str = "id",
        start: int = 0,
    ) -> None:
        self.task, self.level, self.start = make_task(task), level, start
        control = self.task.template.control
        if control is None or control.kind not in CONTROLS:
            kind = "nothing to control" if control is None else f"a control of the kind {control.kind!r}"
            raise ValueError(f"{self.task.name} has {kind}; a person can act by {', '.join(CONTROLS)}")
        self._control, (self._act, self._hint) = control, CONTROLS[control.kind]
        chosen = [world] if beside is None else [world, beside]
        self._envs = [WorldVectorEnv(self.task, w, level=level, autoreset_mode="Disabled") for w in chosen]
        self._low, self._high = self.task.bounds(level)
        self._shown: list[np.ndarray] = []
        self.solved, self.played = 0, 0
        self._begin()

    def tick(self, inputs: Inputs) -> np.ndarray:
        """The next picture uint8 [H, W, 3], a tenth of a second later; places are pixels of the last one."""
        inputs = self._in_metres(inputs)
        if self.over and inputs.forward:
            self.start += 1
            self._begin()
        elif not any(self._coming) and not self._ended:
            action = self._act(self._reading(inputs))
            if action is not None:
                self._step(action)
        self._shown = [ahead.popleft() if ahead else now for ahead, now in zip(self._coming, self._shown)]
        return self._picture(inputs)

    @property
    def over(self) -> bool:
        """Whether the episode has ended and all of it has been shown."""
        return self._ended and not any(self._coming)

    @property
    def words(self) -> str:
        """The line below the pictures: what came of it, or what can be done."""
        where = f"{self.task.name} {self.level}, start {self.start}"
        if not self.over:
            return f"{where}: {self._hint}; q ends"
        came = ", ".join(
            f"{env.world.name} {'solved' if env.outcome.success[0] else 'missed'} "
            f"({float(env.outcome.miss[0]):.2f} m)"
            for env in self._envs
        )
        return f"{where}: {came}; space or enter for the next"

    def close(self) -> None:
        """Let the environments go."""
        for env in self._envs:
            env.close()

    @property
    def _ended(self) -> bool:
        return all(env.over.all() for env in self._envs)

    def _begin(self) -> None:
        starts = [self.task.sample(self.level, self.start)]
        self._coming: list[deque[np.ndarray]] = []
        for env in self._envs:
            env.reset(options={"starts": starts})
            seen = env.observe().frames[0]
            painted = self.task.paint(seen, env.rollouts.goal.expand(len(seen), -1))
            self._coming.append(deque(to_uint8(painted)))
        self._shown = [coming[0] for coming in self._coming]

    def _step(self, action: np.ndarray) -> None:
        """The same decision in every world; a step of many frames is shown frame by frame."""
        for env, coming in zip(self._envs, self._coming):
            if not env.over.all():
                env.rollouts.watch = lambda frames, coming=coming: coming.append(frames[0])
                env.step(action[None])
        if self._ended:
            self.played += 1
            self.solved += bool(self._envs[0].outcome.success[0])

    def _reading(self, inputs: Inputs) -> Reading:
        place = self._envs[0].rollouts.track.position[0, self._control.body].double().cpu().numpy()
        return Reading(inputs, place, self._low, self._high)

    # ------------------------------------------------------------------ pictures

    @property
    def _side(self) -> int:
        return enlarge(self._shown[0], SIDE).shape[0]

    def _picture(self, inputs: Inputs) -> np.ndarray:
        large = [enlarge(frame, SIDE) for frame in self._shown]
        waiting = self._control.kind == "launch" and not any(self._coming) and not self._ended
        if waiting and inputs.pressed is not None and inputs.pointer is not None:
            push = shorten(np.subtract(inputs.pointer, inputs.pressed) * REACH, float(self._high[0]))
            tail = self._reading(inputs).place
            ends = [self._in_pixels(place) for place in (tail, tail + push / REACH)]
            large[0] = arrow(large[0], *ends)
        return sheet(large, [env.world.name for env in self._envs], self.words)

    def _in_pixels(self, place: np.ndarray) -> tuple[float, float]:
        scale = self._side / VIEW
        return float(place[0] * scale), float(self._side - place[1] * scale)

    def _in_metres(self, inputs: Inputs) -> Inputs:
        """The same inputs with places in the view of the picture in which the button was pressed."""
        scale, side = VIEW / self._side, self._side
        first = inputs.dragged[0] if inputs.dragged else inputs.pressed or inputs.pointer or (0.0, 0.0)
        left = first[0] // (side + GAP) * (side + GAP)

        def metres(pixel: tuple[float, float]) -> tuple[float, float]:
            return (pixel[0] - left) * scale, (side - (pixel[1] - LINE)) * scale

        drag = inputs.dragged and (metres(inputs.dragged[0]), metres(inputs.dragged[1]))
        return Inputs(
            keys=inputs.keys,
            pointer=inputs.pointer and metres(inputs.pointer),
            pressed=inputs.pressed and metres(inputs.pressed),
            dragged=drag or None,
            forward=inputs.forward,
            quit=inputs.quit,
        )
