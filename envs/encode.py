"""What observations look like to a learner: one vector of tracked quantities, or stacked pictures."""

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from envs.base import Observation, Task
from worldsim.rendering import to_levels
from worldsim.scenes import VIEW
from worldsim.tracking import VISIBLE

KINDS = ("tracked", "frames")
SPEED = 5.0  #: m/s that is written as 1
BOUND = 4.0  #: entries of the vector are clipped to ±BOUND


def space(kind: str, task: Task, resolution: int, context: int) -> spaces.Box:
    """The space of one row. Raises ValueError for an unknown kind."""
    if kind == "tracked":
        size = 6 * len(task.template.bodies) + task.goal_size + 1
        return spaces.Box(-BOUND, BOUND, (size,), np.float32)
    if kind == "frames":
        return spaces.Box(0, 255, (resolution, resolution, 3 * context), np.uint8)
    raise ValueError(f"unknown observation {kind!r}; choose one of {', '.join(KINDS)}")


def encode(kind: str, task: Task, observation: Observation) -> np.ndarray:
    """Observations [N, ...] of N rows.

    tracked
        float32: for each body x/10, y/10, vx/5, vy/5, size and whether it is visible; then the goal / 10 and
        the share of the time that is left.
    frames
        uint8 [N, H, W, 3K], newest last, with the goal drawn under the bodies.
    """
    return encode_tensor(kind, task, observation).cpu().numpy()


def encode_tensor(kind: str, task: Task, observation: Observation) -> Tensor:
    """As `encode`, on the device of the observation."""
    if kind == "frames":
        k = observation.frames.shape[1]
        painted = task.paint(observation.frames.flatten(0, 1), observation.goal.repeat_interleave(k, 0))
        return to_levels(painted).unflatten(0, (-1, k)).flatten(1, 2).movedim(1, -1).contiguous()
    track = observation.track
    parts = (
        track.position / VIEW,
        track.velocity / SPEED,
        track.size[..., None],
        (track.status == VISIBLE)[..., None],
    )
    bodies = torch.cat([p.float() for p in parts], -1).flatten(1)
    left = (observation.time_left.float() / task.frames)[:, None].to(bodies)
    vector = torch.cat([bodies, observation.goal.to(bodies) / VIEW, left], -1)
    return torch.nan_to_num(vector, posinf=BOUND, neginf=-BOUND).clamp(-BOUND, BOUND)
