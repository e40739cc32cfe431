"""A physics engine whose states are rendered, as a world."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.engines.base import Engine, Simulation
from worldsim.estimation import estimate_scenes
from worldsim.placing import Placing
from worldsim.rendering import Looks, quantise, render
from worldsim.scenes import Scene
from worldsim.worlds.base import CONTEXT_FRAMES, Context


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
        self._placing: Placing | None = None
        self._states = np.zeros((0, 0, 6))

    @property
    def states(self) -> np.ndarray:
        """True states [N, B, 6] of the present frame."""
        return self._states.copy()

    def reset(self, scenes: Sequence[Scene], keys: np.ndarray, rows: Sequence[int] | None = None) -> Tensor:
        """See `World.reset`."""
        index = self._start(scenes, rows)
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
        self._start(estimate_scenes(context.track, self.template, context.actions), None)

    def step(self, actions: np.ndarray | Tensor) -> Tensor:
        """See `World.step`."""
        actions = np.asarray(actions, dtype=np.float64)
        if actions.ndim != 2 or len(actions) != len(self._scenes):
            raise ValueError(
                f"actions have shape {actions.shape}; expected ({len(self._scenes)}, action size)"
            )
        actions = self._placed(actions)
        for group in self._groups:
            self._advance(group, actions[group.rows])
        return self._render(np.arange(len(self._scenes)))

    def fork(self, rows: Sequence[int], copies: int) -> "SimulatedWorld":
        """See `World.fork`: the scenes are started again and their actions replayed."""
        twin = SimulatedWorld(self.engine, self.resolution, self.template)
        source = np.repeat(np.asarray(rows), copies)
        ages = np.array([len(self._log[r]) for r in source])
        twin._start([self._scenes[r] for r in source], None)
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

    def _start(self, scenes: Sequence[Scene], rows: Sequence[int] | None) -> np.ndarray:
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
            self._write(index, simulation.states)
            for group in self._groups:  # rows that began anew no longer listen to their old simulation
                group.rows = np.where(np.isin(group.rows, index), -1, group.rows)
            self._groups = [g for g in self._groups if (g.rows >= 0).any()]
        self._groups.append(_Group(index, simulation))
        self._placing = Placing.of(self._scenes, self.device)
        return index

    def _placed(self, actions: np.ndarray) -> np.ndarray:
        """The same actions, without those that would place a body where the present frame shows another."""
        if self._placing is None:
            return actions
        due = [len(log) == scene.hold for log, scene in zip(self._log, self._scenes)]
        rows = np.flatnonzero(self._placing.rows.numpy() & due)
        if not len(rows):
            return actions
        where = torch.as_tensor(actions[rows, :2], dtype=torch.float32)
        allowed = self._placing.select(torch.as_tensor(rows)).allowed(self._render(rows), where)
        actions = actions.copy()
        actions[rows[~allowed.numpy()]] = 0.0
        return actions

    def _advance(self, group: _Group, actions: np.ndarray) -> None:
        alive = group.rows >= 0
        states = group.simulation.step(np.where(alive[:, None], actions, 0.0))
        self._write(group.rows[alive], states[alive])
        for row, action in zip(group.rows[alive], actions[alive]):
            self._log[row].append(action)

    def _write(self, rows: np.ndarray, states: np.ndarray) -> None:
        """States [n, B, 6] of some rows, padded to the most bodies that any row has had."""
        more = states.shape[1] - self._states.shape[1]
        if more > 0:
            self._states = np.pad(self._states, ((0, 0), (0, more), (0, 0)))
        self._states[rows, : states.shape[1]] = states
        self._states[rows, states.shape[1] :] = 0.0

    def _render(self, index: np.ndarray) -> Tensor:
        assert self._looks is not None
        looks = self._looks if len(index) == len(self._scenes) else self._looks.select(index)
        bodies = looks.box.shape[1]
        states = torch.as_tensor(self._states[index, :bodies], dtype=torch.float32)
        return quantise(render(states, looks, self.resolution))
