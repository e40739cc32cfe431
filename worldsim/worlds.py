"""Worlds: what answers the actions. An engine whose states are rendered, or a model that imagines frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worldsim import plugins
from worldsim.engines import ENGINES, is_engine, make_engine
from worldsim.engines.base import Engine, Simulation
from worldsim.estimation import estimate_scenes
from worldsim.models import (
    FAMILIES,
    State,
    WorldModel,
    check_frames,
    device_of,
    family,
    load_model,
    shipped_models,
)
from worldsim.models import PARTS as MODEL_PARTS
from worldsim.rendering import Looks, quantise, render
from worldsim.scenes import Scene
from worldsim.tracking import Track

CONTEXT_FRAMES = 4  #: K of simulated worlds


class Context(Protocol):
    """What a world needs to start at the present moment of a running episode."""

    @property
    def frames(self) -> Tensor:
        """[N, K, 3, H, W], the last K frames."""
        ...

    @property
    def actions(self) -> Tensor:
        """[N, K-1, A], the actions between them."""
        ...

    @property
    def track(self) -> Track:
        """What the tracker reads from them."""
        ...


class World(Protocol):
    """N episodes side by side; all frames are float32 in [0, 1], rounded to uint8 levels, on `device`."""

    name: str
    resolution: int
    context_frames: int  #: K
    device: torch.device
    differentiable: bool  #: actions that require gradients are answered with frames that have them

    def reset(self, scenes: Sequence[Scene], keys: np.ndarray, rows: Sequence[int] | None = None) -> Tensor:
        """Start scenes in the given rows (all rows when None, which sets N) and return context frames.

        The K context frames [n, K, 3, H, W] were simulated under the no-op action; the next `step` leads to
        frame K. `keys` [n] uint64 name the noise of each row.
        """
        ...

    def begin(self, context: Context, keys: np.ndarray) -> None:
        """Start N rows at the present moment of running episodes, from what was seen, no true state."""
        ...

    def step(self, actions: np.ndarray | Tensor) -> Tensor:
        """Answer actions [N, A] with the next frames [N, 3, H, W].

        Where the world is differentiable and the actions require gradients, frames have them: those of the
        frames before rounding.
        """
        ...

    def fork(self, rows: Sequence[int], copies: int) -> "World":
        """A new world with each of the rows `copies` times in a row, exactly as they stand."""
        ...

    @property
    def states(self) -> np.ndarray | None:
        """True states [N, B, 6] of the present frame, None where there is no truth behind the frames."""
        ...


@dataclass
class _Group:
    """Rows that were started together and share one simulation."""

    rows: np.ndarray
    simulation: Simulation


class SimulatedWorld:
    """A physics engine whose states are rendered.

    `template` (public knowledge of a task: laws, shapes, colours, control) is needed by `begin` alone, which
    rebuilds scenes from what the tracker saw.
    """

    differentiable = False

    def __init__(self, engine: Engine, resolution: int = 64, template: Scene | None = None) -> None:
        self.engine, self.resolution, self.template = engine, resolution, template
        self.name = engine.name
        self.context_frames = CONTEXT_FRAMES
        self.device = torch.device("cpu")
        self._scenes: list[Scene] = []
        self._log: list[list[np.ndarray]] = []  # every action since a row's start, for `fork`
        self._groups: list[_Group] = []
        self._looks: Looks | None = None
        self._states = np.zeros((0, 0, 6))

    @property
    def states(self) -> np.ndarray:
        """True states [N, B, 6] of the present frame."""
        return self._states.copy()

    def reset(self, scenes: Sequence[Scene], keys: np.ndarray, rows: Sequence[int] | None = None) -> Tensor:
        """See `World.reset`."""
        index = self._place(scenes, rows)
        frames = [self._render(index)]
        none = np.zeros((len(scenes), scenes[0].action_size))
        for _ in range(self.context_frames - 1):
            self._advance(self._groups[-1], none)
            frames.append(self._render(index))
        return torch.stack(frames, dim=1)

    def begin(self, context: Context, keys: np.ndarray) -> None:
        """See `World.begin`; raises ValueError without a template."""
        if self.template is None:
            raise ValueError(
                "this world has no template scene; pass SimulatedWorld(engine, template=task.template)"
            )
        self._place(estimate_scenes(context.track, self.template, context.actions), None)

    def step(self, actions: np.ndarray | Tensor) -> Tensor:
        """See `World.step`."""
        actions = np.asarray(actions, dtype=np.float64)
        if actions.ndim != 2 or len(actions) != len(self._scenes):
            raise ValueError(
                f"actions have shape {actions.shape}; expected ({len(self._scenes)}, action size)"
            )
        for group in self._groups:
            self._advance(group, actions[group.rows])
        return self._render(np.arange(len(self._scenes)))

    def fork(self, rows: Sequence[int], copies: int) -> "SimulatedWorld":
        """See `World.fork`: the scenes are started again and their actions replayed."""
        twin = SimulatedWorld(self.engine, self.resolution, self.template)
        source = np.repeat(np.asarray(rows), copies)
        ages = np.array([len(self._log[r]) for r in source])
        twin._place([self._scenes[r] for r in source], None)
        if len(set(ages)) > 1:  # rows of one age share a simulation
            twin._groups = []
            for age in np.unique(ages):
                members = np.flatnonzero(ages == age)
                started = self.engine.start([self._scenes[source[m]] for m in members])
                twin._groups.append(_Group(members, started))
        for group in twin._groups:
            for t in range(ages[group.rows[0]]):
                twin._advance(group, np.stack([self._log[source[r]][t] for r in group.rows]))
        return twin

    def _place(self, scenes: Sequence[Scene], rows: Sequence[int] | None) -> np.ndarray:
        simulation = self.engine.start(scenes)
        if rows is None:
            index = np.arange(len(scenes))
            self._scenes, self._groups = list(scenes), []
            self._log = [[] for _ in scenes]
            self._looks = Looks.of(scenes, self.device)
            self._states = simulation.states
        else:
            index = np.asarray(rows)
            for row, scene in zip(index, scenes, strict=True):
                self._scenes[row], self._log[row] = scene, []
            self._looks = Looks.of(self._scenes, self.device)
            self._states[index] = simulation.states
            for group in self._groups:  # rows that began anew no longer listen to their old simulation
                group.rows = np.where(np.isin(group.rows, index), -1, group.rows)
            self._groups = [g for g in self._groups if (g.rows >= 0).any()]
        self._groups.append(_Group(index, simulation))
        return index

    def _advance(self, group: _Group, actions: np.ndarray) -> None:
        alive = group.rows >= 0
        states = group.simulation.step(np.where(alive[:, None], actions, 0.0))
        self._states[group.rows[alive]] = states[alive]
        for row, action in zip(group.rows[alive], actions[alive]):
            self._log[row].append(action)

    def _render(self, index: np.ndarray) -> Tensor:
        assert self._looks is not None
        looks = self._looks if len(index) == len(self._scenes) else self._looks.select(index)
        states = torch.as_tensor(self._states[index], dtype=torch.float32)
        return quantise(render(states, looks, self.resolution))


class ImaginedWorld:
    """A world model as a world; its context frames are simulated by the reference engine."""

    states = None

    def __init__(self, model: WorldModel, name: str = "learned") -> None:
        self.model, self.name = model, name
        self.resolution, self.context_frames = model.resolution, model.context_frames
        self.differentiable = getattr(model, "differentiable", False)
        self.device = device_of(model)
        self._state: State | None = None
        self._made = np.zeros(0, dtype=np.int64)  # frames that each row has made

    def reset(self, scenes: Sequence[Scene], keys: np.ndarray, rows: Sequence[int] | None = None) -> Tensor:
        """See `World.reset`."""
        truth = SimulatedWorld(make_engine("reference"), self.resolution)
        truth.context_frames = self.context_frames
        frames = truth.reset(scenes, keys).to(self.device)
        actions = torch.zeros(
            len(scenes), self.context_frames - 1, self.model.action_size, device=self.device
        )
        fresh = self.model.init(frames, actions, np.asarray(keys, dtype=np.uint64))
        if rows is None:
            self._state, self._made = fresh, np.zeros(len(scenes), dtype=np.int64)
            return frames
        assert self._state is not None, "reset all rows before some of them"
        source = torch.zeros(len(self._made), dtype=torch.int64, device=self.device)
        mask = torch.zeros(len(self._made), dtype=torch.bool, device=self.device)
        index = torch.as_tensor(np.asarray(rows), device=self.device)
        source[index], mask[index] = torch.arange(len(scenes), device=self.device), True
        self._state = fresh.select(source).where(mask, self._state)
        self._made[np.asarray(rows)] = 0
        return frames

    def begin(self, context: Context, keys: np.ndarray) -> None:
        """See `World.begin`."""
        k = self.context_frames
        if context.frames.shape[1] < k:
            raise ValueError(f"the context has {context.frames.shape[1]} frames; this model needs {k}")
        frames = context.frames[:, -k:].to(self.device)
        actions = context.actions[:, context.actions.shape[1] - (k - 1) :]
        actions = self._padded(actions.to(self.device, torch.float32))
        self._state = self.model.init(frames, actions, keys)
        self._made = np.zeros(len(frames), dtype=np.int64)

    def step(self, actions: np.ndarray | Tensor) -> Tensor:
        """See `World.step`; where a model yields NaN the pixels become black, the colour of fixed bodies.

        A model of several controls takes the actions of a smaller one first and zeros after them. Raises
        ValueError for actions that do not fit and beyond the model's `max_frames`.
        """
        actions = self._padded(torch.as_tensor(actions, dtype=torch.float32, device=self.device))
        wanted = (len(self._made), self.model.action_size)
        if actions.shape != wanted or not torch.isfinite(actions).all():
            raise ValueError(f"actions have shape {tuple(actions.shape)}; expected finite {wanted}")
        assert self._state is not None, "reset or begin comes before step"
        check_frames(self.model, int(self._made.max(initial=0)) + 1)
        self._made += 1
        self._state, frames = self.model.step(self._state, actions[:, None])
        return quantise(frames[:, 0])

    def _padded(self, actions: Tensor) -> Tensor:
        return F.pad(actions, (0, max(0, self.model.action_size - actions.shape[-1])))

    def fork(self, rows: Sequence[int], copies: int) -> "ImaginedWorld":
        """See `World.fork`: the model's state is repeated."""
        assert self._state is not None, "reset or begin comes before fork"
        twin = ImaginedWorld(self.model, self.name)
        index = torch.as_tensor(np.asarray(rows), device=self.device)
        twin._state = self._state.select(index).repeat(copies)
        twin._made = self._made[np.asarray(rows)].repeat(copies)
        return twin


PARTS = ("name", "resolution", "context_frames", "device", "reset", "begin", "step", "fork", "states")


def make_world(world: "str | Path | World", template: Scene | None = None, resolution: int = 64) -> World:
    """A world by name, or a World (as it is).

    Names are those of engines (see `make_engine`) and shipped models, checkpoint folders, and brought worlds
    and models, see `worldsim.plugins`; a class or function that makes a world receives `template` if it has
    that parameter.
    Raises ValueError for an unknown name, listing what exists.
    """
    if not isinstance(world, str | Path):
        return world
    if is_engine(str(world)):
        return SimulatedWorld(make_engine(str(world)), resolution, template)
    if str(world) in shipped_models() or Path(world).is_dir():
        return ImaginedWorld(load_model(world), name="learned")
    if plugins.brought("world", world):
        made = plugins.make("world", str(world), ("name", "step"), template=template)
        if not hasattr(made, "init"):
            return plugins.whole("world", str(world), made, PARTS)
        return ImaginedWorld(plugins.whole("model", str(world), made, MODEL_PARTS), made.name)
    if plugins.brought("model", world):
        return ImaginedWorld(load_model(world), name="learned")
    raise ValueError(
        f"unknown world {str(world)!r}: engines are {', '.join(ENGINES)}; shipped models are "
        f"{', '.join(shipped_models()) or 'none'}; {plugins.advice('world')}; or pass a checkpoint folder or "
        "a World"
    )


def differentiable_worlds() -> str:
    """A sentence that says which worlds the gradient planner can use."""
    families = [name for name in FAMILIES if getattr(family(name), "differentiable", False)]
    return (
        f"differentiable are learned worlds of the families {', '.join(families)}, and any model with "
        "differentiable = True whose step passes gradients on from actions to frames"
    )
