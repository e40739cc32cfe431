"""Imagining in a model some of whose errors are repaired."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from agents.imagination import (
    Imagination,
    SeenWorld,
    TrueWorld,
    private_world,
    privileged,
    roll_out,
    seen_world,
)
from agents.repair.compose import compose
from agents.repair.parts import PARTS, Repair
from agents.repair.reading import Reading, read, stack
from envs.base import Observation, Task
from worldsim.engines import make_engine
from worldsim.tracking import Track
from worldsim.worlds import SimulatedWorld, World

ROOM = 2**29  #: bytes of rollouts that are remembered


@dataclass
class Memory:
    """Rollouts of one model and the truth beside it, whatever is repaired of them: another set of parts tries
    the same first candidates, and often the same ones after them. What no longer fits is not remembered."""

    known: dict[bytes, tuple[Reading, Reading]] = field(default_factory=dict)
    size: int = 0

    def keep(self, name: bytes, both: tuple[Reading, Reading]) -> None:
        """Remember two rollouts, if there is room."""
        size = sum(reading.nbytes for reading in both)
        if self.size + size <= ROOM:
            self.known[name], self.size = both, self.size + size


class Repaired:
    """An imagination that shows what `model` imagines with some `parts` taken from `truth`.

    Where a part is put in depends on what comes later, so that all actions must be foreseen before the first
    frame is shown; both are then rolled out to the last of them. `truth` begins from the true scene. Several
    may share a `memory`, if they differ in `parts` alone and are run in one world.
    """

    differentiable = False

    def __init__(
        self,
        model: Imagination,
        truth: Imagination,
        task: Task,
        parts: Sequence[str],
        name: str = "repaired",
        memory: Memory | None = None,
    ) -> None:
        self.model, self.truth, self.parts = model, truth, tuple(parts)
        self.name, self.device = name, model.device
        self._scene, self._memory = task.template, memory
        self._track: Track | None = None
        self._now = 0

    def foresee(self, observation: Observation, keys: np.ndarray, actions: np.ndarray | Tensor) -> None:
        """See `Foreseeing.foresee`."""
        actions = np.asarray(actions)
        _, past = privileged(observation)
        told = (np.asarray(v) for v in (keys, past, actions))
        name = blake2b(b"".join(v.tobytes() + str(v.shape).encode() for v in told)).digest()
        both = self._memory and self._memory.known.get(name)
        if not both:
            both = self._roll_out(observation, keys, actions)
            if self._memory is not None:
                self._memory.keep(name, both)
        first = observation.track.repeat(actions.shape[1]).to(torch.device("cpu"))
        self._track = compose(first, *both, self.parts).to(self.device)

    def _roll_out(
        self, observation: Observation, keys: np.ndarray, actions: np.ndarray
    ) -> tuple[Reading, Reading]:
        """What the model and the truth make of actions [N, C, H, A]."""
        first, control = actions[:, :, 0].reshape(-1, actions.shape[3]), self._scene.control
        launch = first if control is not None and control.kind == "launch" else None

        def rollout(source: Imagination) -> Reading:
            tracks = roll_out(source, observation.to(source.device), keys, actions)
            return read(stack(tracks), self._scene, launch)

        return rollout(self.model), rollout(self.truth)

    def begin(self, observation: Observation, keys: np.ndarray, copies: int) -> Track:
        """See `Imagination.begin`; what was foreseen begins."""
        self._now = 0
        return self._see()

    def step(self, actions: np.ndarray | Tensor) -> Track:
        """See `Imagination.step`; the actions are those that were foreseen."""
        self._now += 1
        return self._see()

    def keep(self, index: np.ndarray) -> None:
        """See `Imagination.keep`."""
        assert self._track is not None, "foresee comes before keep"
        self._track = self._track.select(torch.as_tensor(index, device=self.device))

    def _see(self) -> Track:
        assert self._track is not None, "foresee comes before begin"
        return Track(*(getattr(self._track, f.name)[:, self._now] for f in fields(Track)))


def repaired(
    repair: Repair, world: "str | World", task: Task, level: str = "id", memory: Memory | None = None
) -> Imagination:
    """What a planner imagines in for a repair of `world`; the model itself where nothing is repaired, and the
    engine's frames from the true scene where everything is."""
    model = seen_world(private_world(world, task, level), task)
    engine = SimulatedWorld(make_engine(repair.engine), model.world.resolution)
    truth = TrueWorld(private_world(engine, task, level), task)
    where: SeenWorld | Repaired = Repaired(model, truth, task, repair.parts, memory=memory)
    if len(repair.parts) in (0, len(PARTS)):
        where = truth if repair.parts else model
    where.name = str(repair)
    return where
