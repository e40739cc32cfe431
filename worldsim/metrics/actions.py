"""Does a prediction answer to actions as the truth does?"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.metrics.rollouts import Clips
from worldsim.metrics.scoring import ByFrame, PerClip, as_states
from worldsim.tracking import VISIBLE, Track

FLOOR = 0.1  #: m added to the scale: responses below the tracker's error are no responses


@dataclass(frozen=True)
class ActionFidelity:
    """How two predictions of the same starts under different actions differ, against how the truth differs.

    `error` by frame is |d - D| / (|d| + |D| + 0.1 m), d the predicted and D the true difference of a body's
    places: 0 is right, 1 is no answer, a wrong one, or a body not shown in either prediction. `gain` by clip
    is Σ d·D / Σ D·D over bodies and frames: 1 is right, 0 is no answer (as is a body that is not shown).
    """

    error: ByFrame
    gain: PerClip


def swap_actions(clips: Clips, engine: str = "reference") -> Clips:
    """The same starts, each under the actions of the next clip, and what truly happens then."""
    actions = np.roll(clips.actions, -1, axis=0)
    truth = simulate(make_engine(engine), clips.scenes, clips.states.shape[1], actions)
    return replace(clips, states=truth.states, actions=actions)


def action_fidelity(tracks: tuple[Track, Track], clips: tuple[Clips, Clips], mask: Tensor) -> ActionFidelity:
    """Compare `tracks` of two predictions with the truth of both `clips` once their actions have differed.

    `mask` [N, T, B] is where both truths count.

    Raises ValueError where the two clips do not have the same starts, or tracks and states differ in shape.
    """
    if clips[0].scenes != clips[1].scenes:
        raise ValueError("the clips have different starts; fidelity compares two actions from the same start")
    states = [as_states(c.states, t.status)[..., :2] for c, t in zip(clips, tracks)]
    true = states[1] - states[0]
    answer = tracks[1].position.double() - tracks[0].position.double()
    shown = (tracks[0].status == VISIBLE) & (tracks[1].status == VISIBLE)
    answer = torch.where(shown[..., None], answer, 0.0)
    apart = (answer - true).norm(dim=-1)
    error = apart / (answer.norm(dim=-1) + true.norm(dim=-1) + FLOOR)
    differ = torch.as_tensor((clips[0].actions != clips[1].actions).any(-1)).cumsum(1) > 0
    counted = mask.clone()
    counted[:, 1:] &= differ[:, :, None]
    counted[:, 0] = False
    along = torch.where(counted, (answer * true).sum(-1), 0.0).flatten(1).sum(1)
    scale = torch.where(counted, true.square().sum(-1), 0.0).flatten(1).sum(1)
    gain = torch.where(scale > FLOOR**2, along / scale.clamp(min=1e-9), torch.nan)
    frames = counted.flatten(1).sum(1)
    return ActionFidelity(
        ByFrame.of(torch.where(shown, error, 1.0), counted),
        PerClip(gain, torch.where(scale > FLOOR**2, frames, 0)),
    )
