"""`retrieval`: the training clip nearest to what is seen and done, replayed. A memory without any law.

Near means by the Euclidean distance of positions (m), velocities (m/s), radii (m) and the action (m/s), all
with equal weight. The clip is left for a nearer one where it ends or where its action is another.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from scipy.spatial import cKDTree
from torch import Tensor

from worldsim.models.state import TensorState
from worldsim.rendering import Looks, render
from worldsim.scenarios import get_scenario
from worldsim.scenes import DT
from worldsim.tracking import Tracker

SAME = 0.05  #: m/s; actions closer than this are the same


@dataclass(frozen=True)
class RetrievalState(TensorState):
    """What is seen [B, F], the clip that is replayed [B] (-1: none yet) and its present frame [B]."""

    seen: Tensor
    clip: Tensor
    frame: Tensor


class RetrievalModel(ModelMixin, ConfigMixin):
    """A world model of the family `retrieval`; fill it with `remember`.

    Parameters
    ----------
    scenario : its template says which bodies there are
    clips, frames : how many training clips there are, and their length
    action_size : of the actions it accepts
    resolution, context_frames : pictures H = W and how many of them are the context, K
    """

    name = "retrieval"
    max_frames = None

    @register_to_config
    def __init__(
        self,
        scenario: str = "collision",
        clips: int = 1000,
        frames: int = 32,
        action_size: int = 2,
        resolution: int = 64,
        context_frames: int = 4,
    ) -> None:
        super().__init__()
        self.action_size, self.resolution, self.context_frames = action_size, resolution, context_frames
        self.template = get_scenario(scenario).template
        bodies = len(self.template.bodies)
        self.moving = [b for b, body in enumerate(self.template.bodies) if body.motion != "fixed"]
        self.register_buffer("states", torch.zeros(clips, frames, bodies, 6))
        self.register_buffer("size", torch.ones(clips, bodies, 2))
        self.register_buffer("actions", torch.zeros(clips, frames - 1, action_size))
        self._tracker = Tracker(self.template, resolution)
        self._tree: cKDTree | None = None

    def remember(self, states: Tensor, size: Tensor, actions: Tensor) -> None:
        """Take over clips: `states` [N, T, B, 6], half sizes `size` [N, B, 2] m, `actions` [N, T-1, A].

        Raises ValueError for shapes that do not fit.
        """
        for name, value in (("states", states), ("size", size), ("actions", actions)):
            mine = getattr(self, name)
            if value.shape != mine.shape:
                raise ValueError(f"{name} have shape {tuple(value.shape)}; expected {tuple(mine.shape)}")
            mine.copy_(value)
        self._tree = None

    def init(self, frames: Tensor, actions: Tensor, keys: np.ndarray) -> RetrievalState:
        """See `WorldModel.init`; raises ValueError for frames of another shape."""
        track = self._tracker.begin(frames)
        rows = torch.arange(len(frames), device=frames.device)
        seen = _features(track.position, track.velocity, track.size, self.moving)
        return RetrievalState(seen, torch.full_like(rows, -1), torch.zeros_like(rows))

    def step(self, state: RetrievalState, actions: Tensor) -> tuple[RetrievalState, Tensor]:
        """See `WorldModel.step`."""
        frames = []
        for action in actions.unbind(1):
            state = self._step(state, action)
            looks = self._looks(state.clip)
            frames.append(render(self.states[state.clip, state.frame], looks, self.resolution))
        return state, torch.stack(frames, 1)

    def _step(self, state: RetrievalState, action: Tensor) -> RetrievalState:
        last = self.actions.shape[1]
        clip, frame = state.clip.clone(), state.frame.clone()
        planned = self.actions[clip, frame.clamp(max=last - 1)]
        other = (clip < 0) | (frame >= last) | ((planned - action).norm(dim=-1) > SAME)
        if other.any():
            asked = torch.cat([state.seen, action], 1)[other].double().cpu().numpy()
            nearest = torch.from_numpy(self._search().query(asked)[1]).to(clip.device)
            windows = last - (self.context_frames - 1)
            clip[other] = nearest // windows
            frame[other] = nearest % windows + self.context_frames - 1
        frame = frame + 1
        now, before = self.states[clip, frame], self.states[clip, frame - 1]
        velocity = (now[..., :2] - before[..., :2]) / DT
        seen = _features(now[..., :2], velocity, self.size[clip, :, 0], self.moving)
        return RetrievalState(seen, clip, frame)

    def _search(self) -> cKDTree:
        """A tree of all windows: clip by clip, the frames K - 1 … T - 2."""
        if self._tree is None:
            position = self.states[..., :2]
            velocity = (position[:, 1:] - position[:, :-1]) / DT
            first = self.context_frames - 1
            size = self.size[:, None, :, 0].expand(-1, position.shape[1], -1)
            seen = _features(
                position[:, first:-1], velocity[:, first - 1 : -1], size[:, first:-1], self.moving
            )
            windows = torch.cat([seen, self.actions[:, first:]], -1).flatten(0, 1)
            self._tree = cKDTree(windows.double().cpu().numpy())
        return self._tree

    def _looks(self, clip: Tensor) -> Looks:
        looks = Looks.of([self.template], clip.device).select(torch.zeros_like(clip))
        return replace(looks, size=self.size[clip])


def _features(position: Tensor, velocity: Tensor, size: Tensor, moving: list[int]) -> Tensor:
    """[..., 5 bodies] from positions and velocities [..., B, 2] and sizes [..., B], moving bodies alone."""
    whole = torch.cat([position, velocity, size[..., None]], -1)[..., moving, :]
    return whole.flatten(-2).float()
