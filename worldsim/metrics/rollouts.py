"""Open-loop rollouts of a world model on clips of a scenario, scored against the truth."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.metrics.conservation import disc_mass, energy_drift, midway, momentum_drift
from worldsim.metrics.position import permanence, position_error_by_frame
from worldsim.metrics.scoring import PerClip, in_view, scoring_mask
from worldsim.metrics.velocity import velocity_error, velocity_error_public
from worldsim.models.base import WorldModel, check_frames, device_of
from worldsim.models.channels import laid_out
from worldsim.pairs import make_tracker
from worldsim.rendering import Looks, quantise, render
from worldsim.scenarios import get_scenario, sample
from worldsim.scenes import Scene
from worldsim.tracking import VISIBLE, Track, track_clip

BATCH = 64


@dataclass(frozen=True)
class Clips:
    """Clips of one scenario, or of one task, and level: `scenes` N, true `states` [N, T, B, 6], `actions`
    [N, T-1, A]; `template` is what a tracker knows of their bodies."""

    scenario: str
    template: Scene
    scenes: list[Scene]
    states: np.ndarray
    actions: np.ndarray

    def rows(self, first: int, last: int) -> "Clips":
        """The clips `first` to `last` - 1."""
        some = slice(first, last)
        return replace(self, scenes=self.scenes[some], states=self.states[some], actions=self.actions[some])

    def of_bodies(self, count: int) -> "Clips":
        """The same without the bodies after the first `count` of each scene, which no tracker follows."""
        scenes = [replace(scene, bodies=scene.bodies[:count]) for scene in self.scenes]
        return replace(self, scenes=scenes, states=self.states[:, :, :count])


@dataclass(frozen=True)
class RolloutScores:
    """Scores by clip [N]: velocity error by the paper's formula and by the public code's, m/s; permanence;
    drift of momentum and of energy since the last context frame, relative; and the position error [N, T] m
    of each frame, NaN where no body is in view."""

    velocity_error: PerClip
    velocity_error_public: PerClip
    permanence: PerClip
    momentum_drift: PerClip
    energy_drift: PerClip
    position_error: Tensor

    def position_error_at(self, frame: int) -> Tensor:
        """Position error [M] m at a frame, of the clips alone that truly have a body in view there."""
        error = self.position_error[:, frame]
        return error[~error.isnan()]


def make_clips(scenario: str, level: str, clips: int, stream: str, frames: int | None = None) -> Clips:
    """Clips of the reference engine, of the scenario's length unless `frames` says another.

    `stream` names the draw, so that training and testing share none.
    """
    source = get_scenario(scenario)
    frames = frames or source.frames
    keys = key.fold(np.arange(clips, dtype=np.uint64), stream, scenario, level)
    scenes, _ = sample(source, level, keys)
    actions = source.actions(scenes, keys, frames)
    truth = simulate(make_engine("reference"), scenes, frames, actions)
    return Clips(scenario, source.template, scenes, truth.states, actions)


def evaluate(model: WorldModel, clips: Clips, after_impact: bool = False) -> RolloutScores:
    """Roll a model out on clips and score it, a batch at a time; see `score`."""
    k = model.context_frames
    return score_batches(clips, lambda some, first: roll_out(model, some, first), k, after_impact)


def score_batches(
    clips: Clips, film: Callable[[Clips, int], Tensor], context: int = 4, after_impact: bool = False
) -> RolloutScores:
    """Scores of the frames that `film` makes of some clips and the number of the first; see `score`."""
    parts = []
    for first in range(0, len(clips.scenes), BATCH):
        some = clips.rows(first, first + BATCH)
        parts.append(score(some, film(some, first), context, after_impact))
    names = [f.name for f in fields(RolloutScores) if f.name != "position_error"]
    joined: dict[str, PerClip] = {n: PerClip.join([getattr(p, n) for p in parts]) for n in names}
    return RolloutScores(**joined, position_error=torch.cat([p.position_error for p in parts]))


@torch.no_grad()
def roll_out(model: WorldModel, clips: Clips, first: int = 0) -> Tensor:
    """Frames [N, T, 3, H, W]: K rendered context frames, then the model's own under the clips' actions.

    `first` is the number of the first clip, which names its noise. Raises ValueError for clips longer than
    the model's `max_frames` allow.
    """
    check_frames(model, clips.states.shape[1] - model.context_frames)
    k, device = model.context_frames, device_of(model)
    actions = torch.as_tensor(clips.actions, dtype=torch.float32, device=device)
    actions = laid_out(model, actions, clips.scenes[0].control)
    context = truth(clips, model.resolution, k).to(device)
    keys = key.fold(np.arange(first, first + len(context), dtype=np.uint64), "rollout")
    state = model.init(context, actions[:, : k - 1], keys)
    _, frames = model.step(state, actions[:, k - 1 :])
    return torch.cat([context, quantise(frames)], 1).cpu()


def truth(clips: Clips, resolution: int, frames: int | None = None) -> Tensor:
    """True frames [N, T, 3, H, W] of clips, or the first `frames` of them."""
    states = torch.as_tensor(clips.states[:, :frames], dtype=torch.float32)
    return quantise(render(states, Looks.of(clips.scenes), resolution))


@torch.no_grad()
def reconstruct(autoencoder: Any, clips: Clips) -> Tensor:
    """True frames [N, T, 3, H, W] of clips as they come back from an autoencoder of pictures in [-1, 1]."""
    frames = truth(clips, autoencoder.resolution).to(device_of(autoencoder))
    back, _ = autoencoder(frames.flatten(0, 1) * 2 - 1)
    return quantise((back.unflatten(0, frames.shape[:2]) + 1) / 2).cpu()


def score(clips: Clips, frames: Tensor, context: int = 4, after_impact: bool = False) -> RolloutScores:
    """Scores of frames [N, T, 3, H, W]; the truth alone decides what is scored.

    With `after_impact`, as phyworld does for collisions, velocities count only from the first impact on.
    """
    track = track_clip(make_tracker(clips.template, frames.shape[-1]), frames, context)
    clips = clips.of_bodies(len(clips.template.bodies))
    mask = scoring_mask(clips.states, clips.scenes, context, after_impact)
    inside = in_view(clips.states, clips.scenes)
    momentum, energy = _drifts(clips, track, inside, context)
    inside[:, :context] = False
    by_frame, _ = position_error_by_frame(track, clips.states, inside)
    return RolloutScores(
        velocity_error(track, clips.states, mask),
        velocity_error_public(track, clips.states, mask),
        permanence(track, inside),
        momentum,
        energy,
        by_frame,
    )


def _drifts(clips: Clips, track: Track, inside: Tensor, context: int) -> tuple[PerClip, PerClip]:
    """Drift of momentum and energy since the context's last interval, while all that moves freely is in view
    and seen; heights are above the lower edge of the view. Damping conserves neither: nothing is scored."""
    dynamic = torch.tensor([b.motion == "dynamic" for b in clips.scenes[0].bodies])
    gravity = clips.scenes[0].gravity
    velocity, height = midway(track.position, gravity)
    shown = inside & (track.status == VISIBLE)
    valid = shown[:, 1:] & shown[:, :-1] & (clips.scenes[0].damping == 0)
    mass = torch.where(dynamic, disc_mass(track.size[:, 0]), 0.0)
    start = context - 2
    return (
        momentum_drift(velocity, mass, valid, start),
        energy_drift(velocity, height, mass, valid, gravity, start),
    )
