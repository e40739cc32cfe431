"""Where a planner tries its plans out: in any world seen through frames, or on an engine's exact states."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from envs.base import Observation, Task
from worldsim.engines.base import Engine, Simulation
from worldsim.pairs import make_tracker
from worldsim.scenes import VIEW, Scene
from worldsim.tracking import LEFT, VISIBLE, Track
from worldsim.worlds import ImaginedWorld, SimulatedWorld, World, make_world


class Imagination(Protocol):
    """Rows of copies of the present moment, advanced together; all tensors lie on `device`."""

    name: str
    device: torch.device
    differentiable: bool  #: what is seen has gradients by the actions

    def begin(self, observation: Observation, keys: np.ndarray, copies: int) -> Track:
        """Start every observed row `copies` times in a row; `keys` [N] name their noise."""
        ...

    def step(self, actions: np.ndarray | Tensor) -> Track:
        """Answer actions [N * copies, A] with what is seen one frame later."""
        ...

    def keep(self, index: np.ndarray) -> None:
        """Go on with the rows named by `index` alone."""
        ...


@runtime_checkable
class Foreseeing(Imagination, Protocol):
    """An imagination that must know all actions before it shows the first frame."""

    def foresee(self, observation: Observation, keys: np.ndarray, actions: np.ndarray | Tensor) -> None:
        """Be told the actions [N, C, H, A] of all candidates; `begin` comes next, then `step` with them."""
        ...


def private_world(world: "str | World", task: Task, level: str) -> World:
    """A world of one's own to imagine in, so that no running episode is disturbed.

    An engine receives the task's template with the action limits of the level.
    """
    low, high = task.bounds(level)
    assert task.template.control is not None
    control = replace(task.template.control, low=tuple(map(float, low)), high=tuple(map(float, high)))
    template = replace(task.template, control=control)
    world = make_world(world, template)
    if isinstance(world, SimulatedWorld):
        return SimulatedWorld(world.engine, world.resolution, template)
    if isinstance(world, ImaginedWorld):
        return ImaginedWorld(world.model, world.name, template)
    return world


def take(observation: Observation, rows: np.ndarray) -> Observation:
    """Some rows of an observation, privileged fields included."""
    index = torch.as_tensor(rows, device=observation.goal.device)
    return Observation(
        frames=observation.frames[torch.as_tensor(rows, device=observation.frames.device)],
        actions=observation.actions[torch.as_tensor(rows, device=observation.actions.device)],
        track=observation.track.select(index),
        goal=observation.goal[index],
        time_left=observation.time_left[index],
        scenes=None if observation.scenes is None else tuple(observation.scenes[r] for r in rows),
        past=None if observation.past is None else observation.past[rows],
    )


class SeenWorld:
    """A world that starts from the context frames of the observation and is read by the tracker."""

    def __init__(self, world: World, task: Task) -> None:
        self.world, self.name, self.device = world, world.name, world.device
        self.differentiable = world.differentiable
        self._tracker = make_tracker(task.template, world.resolution)
        self._track: Track | None = None

    def begin(self, observation: Observation, keys: np.ndarray, copies: int) -> Track:
        """See `Imagination.begin`; each row's context is read once, whatever the number of its copies."""
        self.world.begin(observation, keys)
        return self._copied(observation, copies)

    def step(self, actions: np.ndarray | Tensor) -> Track:
        """See `Imagination.step`."""
        assert self._track is not None, "begin comes before step"
        self._track = self._tracker.update(self._track, self.world.step(actions))
        return self._track

    def _copied(self, observation: Observation, copies: int) -> Track:
        """Go on with the world's rows `copies` times each."""
        self.world = self.world.fork(range(len(observation.goal)), copies)
        self._track = observation.track.repeat(copies)
        return self._track

    def keep(self, index: np.ndarray) -> None:
        """See `Imagination.keep`."""
        assert self._track is not None, "begin comes before keep"
        self.world = self.world.fork(index.tolist(), 1)
        self._track = self._track.select(torch.as_tensor(index, device=self._track.position.device))


class CalledWorld(SeenWorld):
    """As `SeenWorld`, of a model that makes several frames in a call: it asks for so many."""

    world: ImaginedWorld

    def foresee(self, observation: Observation, keys: np.ndarray, actions: np.ndarray | Tensor) -> None:
        """See `Foreseeing.foresee`."""
        self._coming = torch.as_tensor(actions).flatten(0, 1)
        self._made = torch.zeros(len(self._coming), 0)

    def step(self, actions: np.ndarray | Tensor) -> Track:
        """See `Imagination.step`; the actions are those that were foreseen."""
        assert self._track is not None, "begin comes before step"
        if not self._made.shape[1]:
            now, self._coming = self._coming.split_with_sizes(self._call(), 1)
            self._made = self.world.roll_out(now)
        frames, self._made = self._made[:, 0], self._made[:, 1:]
        self._track = self._tracker.update(self._track, frames)
        return self._track

    def _call(self) -> list[int]:
        """How many of the coming actions are answered in the next call, and how many are not."""
        left = self._coming.shape[1]
        now = min(left, self.world.frames_per_call)
        return [now, left - now]

    def keep(self, index: np.ndarray) -> None:
        """See `Imagination.keep`."""
        super().keep(index)
        self._coming, self._made = self._coming[index], self._made[index]


def seen_world(world: World, task: Task) -> SeenWorld:
    """A world of one's own as an imagination."""
    several = isinstance(world, ImaginedWorld) and world.frames_per_call > 1
    return (CalledWorld if several else SeenWorld)(world, task)


def roll_out(
    where: Imagination, observation: Observation, keys: np.ndarray, actions: np.ndarray
) -> list[Track]:
    """What is seen of actions [N, C, H, A], at the present moment and after each of them."""
    if isinstance(where, Foreseeing):
        where.foresee(observation, keys, actions)
    tracks = [where.begin(observation, keys, actions.shape[1])]
    flat = actions.reshape(-1, *actions.shape[2:])
    return [*tracks, *(where.step(flat[:, t]) for t in range(flat.shape[1]))]


class TrueWorld(SeenWorld):
    """As `SeenWorld`, but started from the true scene and the whole past (privileged)."""

    def begin(self, observation: Observation, keys: np.ndarray, copies: int) -> Track:
        """See `Imagination.begin`. Raises ValueError where the observation lacks the true scene."""
        scenes, past = privileged(observation)
        self.world.reset(scenes, keys)
        for t in range(self.world.context_frames - 1, past.shape[1]):
            self.world.step(past[:, t])
        return self._copied(observation, copies)


class TrueStates:
    """An engine's own states, without frames, from the true scene and the whole past (privileged)."""

    differentiable = False

    def __init__(self, engine: Engine) -> None:
        self.engine, self.name, self.device = engine, engine.name, torch.device("cpu")
        self._scenes: list[Scene] = []
        self._log: list[np.ndarray] = []
        self._simulation: Simulation | None = None
        self._extent = np.zeros((0, 0, 2))

    def begin(self, observation: Observation, keys: np.ndarray, copies: int) -> Track:
        """See `Imagination.begin`. Raises ValueError where the observation lacks the true scene."""
        scenes, past = privileged(observation)
        self._scenes = [s for s in scenes for _ in range(copies)]
        self._log = []
        return self._start(list(np.repeat(past, copies, axis=0).transpose(1, 0, 2)))

    def step(self, actions: np.ndarray | Tensor) -> Track:
        """See `Imagination.step`."""
        assert self._simulation is not None, "begin comes before step"
        actions = np.asarray(actions)
        self._log.append(actions)
        return self._see(self._simulation.step(actions))

    def keep(self, index: np.ndarray) -> None:
        """See `Imagination.keep`: the scenes start again and their actions are replayed, which is exact."""
        self._scenes = [self._scenes[i] for i in index]
        log, self._log = [actions[index] for actions in self._log], []
        self._start(log)

    def _start(self, log: Sequence[np.ndarray]) -> Track:
        self._simulation = self.engine.start(self._scenes)
        most = max(len(s.bodies) for s in self._scenes)
        self._extent = np.zeros((len(self._scenes), most, 2))
        for i, scene in enumerate(self._scenes):
            for j, body in enumerate(scene.bodies):
                self._extent[i, j] = body.half
        track = self._see(self._simulation.states)
        for actions in log:
            track = self.step(actions)
        return track

    def _see(self, states: np.ndarray) -> Track:
        """What a perfect tracker would read from these states."""
        place = states[..., :2]
        inside = ((place + self._extent > 0) & (place - self._extent < VIEW)).all(axis=-1)
        status = np.where(inside, VISIBLE, LEFT)
        return Track(
            position=torch.as_tensor(place, dtype=torch.float32),
            velocity=torch.as_tensor(states[..., 3:5], dtype=torch.float32),
            size=torch.as_tensor(self._extent[..., 0], dtype=torch.float32),
            status=torch.as_tensor(status, dtype=torch.int64),
        )


def true_imagination(engine: Engine, task: Task) -> "TrueStates | TrueWorld":
    """Where an oracle searches: exact states, or the frames of exact states where states do not tell the
    outcome."""
    if task.template.places:
        return TrueWorld(SimulatedWorld(engine, template=task.template), task)
    return TrueStates(engine)


def privileged(observation: Observation) -> tuple[Sequence[Scene], np.ndarray]:
    """The true scenes and every past action. Raises ValueError where they were not shown."""
    if observation.scenes is None or observation.past is None:
        raise ValueError("this policy needs the true scene: it must be run as a privileged policy")
    return observation.scenes, observation.past
