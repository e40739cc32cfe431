"""A world model as a world."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim.engines import make_engine
from worldsim.models import State, WorldModel, check_frames, device_of
from worldsim.models.channels import laid_out
from worldsim.placing import Placing
from worldsim.rendering import quantise
from worldsim.scenes import Scene
from worldsim.worlds.base import Context
from worldsim.worlds.loads import Loads
from worldsim.worlds.simulated import SimulatedWorld


@dataclass(frozen=True)
class _Still:
    """The context frames [N, K, 3, H, W] of scenes that stand still, their keys [N], and what is placed."""

    frames: Tensor
    keys: np.ndarray
    placing: Placing

    def select(self, index: Tensor) -> "_Still":
        """The chosen rows."""
        return _Still(self.frames[index], self.keys[index.cpu().numpy()], self.placing.select(index))

    def insert(self, rows: Sequence[int], other: "_Still") -> "_Still":
        """The same with other rows in the place of `rows`."""
        source = torch.arange(len(self.keys), device=self.frames.device)
        source[torch.as_tensor(rows)] = len(self.keys) + torch.arange(len(rows), device=source.device)
        both = _Still(
            torch.cat([self.frames, other.frames]),
            np.concatenate([self.keys, other.keys]),
            self.placing.join(other.placing),
        )
        return both.select(source)


class ImaginedWorld:
    """A world model as a world; its context frames are simulated by the reference engine.

    Placing a body changes the picture, not the physics: it is drawn into the still context frames, and the
    model begins anew from them. Letting a load go is told as yes or no (see `Loads`). `template` (public
    knowledge of a task) tells `begin` what is placed or carried.
    """

    states = None

    def __init__(self, model: WorldModel, name: str = "learned", template: Scene | None = None) -> None:
        self.model, self.name, self.template = model, name, template
        self.resolution, self.context_frames = model.resolution, model.context_frames
        self.differentiable = getattr(model, "differentiable", False)
        self.frames_per_call: int = getattr(model, "frames_per_call", 1)
        self.device = device_of(model)
        self._state: State | None = None
        self._made = np.zeros(0, dtype=np.int64)  # frames that each row has made
        self._still: _Still | None = None  # where a body can be placed
        self._loads = Loads.of([], self.device)
        self._control = template.control if template else None

    def reset(self, scenes: Sequence[Scene], keys: np.ndarray, rows: Sequence[int] | None = None) -> Tensor:
        """See `World.reset`."""
        truth = SimulatedWorld(make_engine("reference"), self.resolution)
        truth.context_frames = self.context_frames
        frames = truth.reset(scenes, keys).to(self.device)
        self._control = scenes[0].control if scenes else self._control
        actions = torch.zeros(
            len(scenes), self.context_frames - 1, self.model.action_size, device=self.device
        )
        keys = np.asarray(keys, dtype=np.uint64)
        fresh, loads = self.model.init(frames, actions, keys), Loads.of(scenes, self.device)
        self._stand(frames, keys, scenes, rows)
        if rows is None:
            self._state, self._made, self._loads = fresh, np.zeros(len(scenes), dtype=np.int64), loads
            return frames
        assert self._state is not None, "reset all rows before some of them"
        source = torch.zeros(len(self._made), dtype=torch.int64, device=self.device)
        mask = torch.zeros(len(self._made), dtype=torch.bool, device=self.device)
        index = torch.as_tensor(np.asarray(rows), device=self.device)
        source[index], mask[index] = torch.arange(len(scenes), device=self.device), True
        self._state = fresh.select(source).where(mask, self._state)
        self._made[np.asarray(rows)] = 0
        self._loads = self._loads.insert(index, loads)
        return frames

    def begin(self, context: Context, keys: np.ndarray) -> None:
        """See `World.begin`."""
        k, self._control = self.context_frames, self.template.control if self.template else None
        if context.frames.shape[1] < k:
            raise ValueError(f"the context has {context.frames.shape[1]} frames; this model needs {k}")
        frames = context.frames[:, -k:].to(self.device)
        actions = context.actions[:, context.actions.shape[1] - (k - 1) :]
        actions = actions.to(self.device, torch.float32)
        scenes = [self.template or Scene(())] * len(frames)
        self._loads, told = Loads.of(scenes, self.device), []
        for action in actions.unbind(1):
            self._loads, action = self._loads.told(action)
            told.append(action)
        self._state = self.model.init(frames, self._laid_out(torch.stack(told, 1)), keys)
        self._made = np.zeros(len(frames), dtype=np.int64)
        self._stand(frames, keys, scenes, None)

    def step(self, actions: np.ndarray | Tensor) -> Tensor:
        """See `World.step`, and `roll_out`."""
        return self.roll_out(torch.as_tensor(actions)[:, None])[:, 0]

    def roll_out(self, actions: np.ndarray | Tensor) -> Tensor:
        """Answer actions [N, T, A] with the next frames [N, T, 3, H, W], `frames_per_call` of them at once.

        Where a model yields NaN the pixels become black, the colour of fixed bodies. A model that takes
        longer actions than the control's is given zeros for the rest. Raises ValueError for actions that do
        not fit and beyond the model's `max_frames`.
        """
        actions = torch.as_tensor(actions, dtype=torch.float32, device=self.device)
        rows, most = len(self._made), self.model.action_size
        fits = actions.ndim == 3 and actions.shape[0] == rows and actions.shape[2] <= most
        if not fits or not torch.isfinite(actions).all():
            found = tuple(actions[:, 0].shape) if actions.ndim == 3 else tuple(actions.shape)
            raise ValueError(f"actions have shape {found}; expected finite {(rows, most)}")
        assert self._state is not None, "reset or begin comes before step"
        check_frames(self.model, int(self._made.max(initial=0)) + actions.shape[1])
        told = torch.stack([self._told(some) for some in actions.unbind(1)], 1)
        self._state, frames = self.model.step(self._state, self._laid_out(told))
        return quantise(frames)

    def _told(self, actions: Tensor) -> Tensor:
        """What the model is told of the next actions [N, A]: without what was placed, loads as yes or no."""
        self._made += 1
        if self._still is not None:
            actions = self._place(self._still, actions)
        self._loads, actions = self._loads.told(actions)
        return actions

    def _laid_out(self, actions: Tensor) -> Tensor:
        return laid_out(self.model, actions, self._control)

    def fork(self, rows: Sequence[int], copies: int) -> "ImaginedWorld":
        """See `World.fork`: the model's state is repeated."""
        assert self._state is not None, "reset or begin comes before fork"
        twin = ImaginedWorld(self.model, self.name, self.template)
        index = torch.as_tensor(np.asarray(rows), device=self.device)
        twin._state = self._state.select(index).repeat(copies)
        twin._made = self._made[np.asarray(rows)].repeat(copies)
        twin._control = self._control
        twin._loads = self._loads.select(index.repeat_interleave(copies))
        if self._still is not None:
            twin._still = self._still.select(index.repeat_interleave(copies))
        return twin

    def _stand(
        self, frames: Tensor, keys: np.ndarray, scenes: Sequence[Scene], rows: Sequence[int] | None
    ) -> None:
        """Remember the context of scenes in which a body can be placed, and that therefore stand still."""
        placing = Placing.of(scenes, self.device)
        waits = {scene.hold for scene in scenes if placing is not None}
        if waits - {self.context_frames - 1}:
            raise ValueError(
                f"scenes hold for {sorted(waits)} frames; placing a body before {self.name}, which sees "
                f"{self.context_frames} frames, needs scenes that hold for {self.context_frames - 1}"
            )
        if rows is None:
            self._still = None if placing is None else _Still(frames, keys, placing)
        elif placing is not None and self._still is not None:
            self._still = self._still.insert(rows, _Still(frames, keys, placing))

    def _place(self, still: "_Still", actions: Tensor) -> Tensor:
        """Draw what is placed into the context of rows that begin; the model itself is told no action."""
        due = torch.as_tensor(self._made == 1, device=self.device) & still.placing.rows
        where = actions[:, :2]
        allowed = due & still.placing.allowed(still.frames[:, -1], where)
        if allowed.any():
            drawn = still.placing.draw(still.frames, where)
            none = torch.zeros(
                len(drawn), self.context_frames - 1, self.model.action_size, device=self.device
            )
            assert self._state is not None
            self._state = self.model.init(drawn, none, still.keys).where(allowed, self._state)
        return torch.where(still.placing.rows[:, None], 0.0, actions)
