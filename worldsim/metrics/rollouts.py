"""Open-loop rollouts of a world model on clips of a scenario, scored against the truth."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.metrics.position import permanence, position_error_by_frame
from worldsim.metrics.scoring import PerClip, in_view, scoring_mask
from worldsim.metrics.velocity import velocity_error, velocity_error_public
from worldsim.models.base import WorldModel, device_of
from worldsim.rendering import Looks, quantise, render
from worldsim.scenarios import get_scenario, sample
from worldsim.scenes import Scene
from worldsim.tracking import Tracker, track_clip

BATCH = 64


@dataclass(frozen=True)
class Clips:
    """Clips of one scenario and level: `scenes` N, true `states` [N, T, B, 6], `actions` [N, T-1, A]."""

    scenario: str
    scenes: list[Scene]
    states: np.ndarray
    actions: np.ndarray


@dataclass(frozen=True)
class RolloutScores:
    """Scores by clip [N]: velocity error by the paper's formula and by the public code's, m/s; permanence;
    and the position error by frame [T] m, mean over clips."""

    velocity_error: PerClip
    velocity_error_public: PerClip
    permanence: PerClip
    position_error: np.ndarray


def make_clips(scenario: str, level: str, clips: int, stream: str, frames: int = 32) -> Clips:
    """Clips of the closed-form engine; `stream` names the draw, so that training and testing share none."""
    source = get_scenario(scenario)
    keys = key.fold(np.arange(clips, dtype=np.uint64), stream, scenario, level)
    scenes, _ = sample(source, level, keys)
    actions = source.actions(scenes, keys, frames)
    return Clips(scenario, scenes, simulate(make_engine("analytic"), scenes, frames, actions).states, actions)


@torch.no_grad()
def roll_out(model: WorldModel, clips: Clips) -> Tensor:
    """Frames [N, T, 3, H, W]: K rendered context frames, then the model's own under the clips' actions."""
    k = model.context_frames
    device = device_of(model)
    actions = torch.zeros(*clips.actions.shape[:2], model.action_size)
    actions[..., : clips.actions.shape[2]] = torch.as_tensor(clips.actions)
    parts = []
    for first in range(0, len(clips.scenes), BATCH):
        rows = slice(first, first + BATCH)
        states = torch.as_tensor(clips.states[rows, :k], dtype=torch.float32)
        context = quantise(render(states, Looks.of(clips.scenes[rows]), model.resolution)).to(device)
        keys = key.fold(np.arange(first, first + len(context), dtype=np.uint64), "rollout")
        act = actions[rows].to(device)
        state = model.init(context, act[:, : k - 1], keys)
        _, frames = model.step(state, act[:, k - 1 :])
        parts.append(torch.cat([context, quantise(frames)], 1).cpu())
    return torch.cat(parts)


def score(clips: Clips, frames: Tensor, context: int = 4) -> RolloutScores:
    """Scores of frames [N, T, 3, H, W]; the truth alone decides what is scored."""
    track = track_clip(Tracker(get_scenario(clips.scenario).template, frames.shape[-1]), frames, context)
    mask = scoring_mask(clips.states, clips.scenes, context)
    inside = in_view(clips.states, clips.scenes)
    inside[:, :context] = False
    by_frame, count = position_error_by_frame(track, clips.states, inside)
    total = torch.where(count > 0, by_frame.nan_to_num() * count, 0.0).sum(0)
    return RolloutScores(
        velocity_error(track, clips.states, mask),
        velocity_error_public(track, clips.states, mask),
        permanence(track, inside),
        (total / count.sum(0).clamp(min=1)).numpy(),
    )
