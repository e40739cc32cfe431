"""What truly happened behind the frames: an episode's actions again in an engine, judged on exact states."""

from collections.abc import Sequence

import numpy as np
import torch

from envs.base import Outcome, Start, Task
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.scenes import VIEW
from worldsim.tracking import LEFT, LOST, VISIBLE, Track

PARTED = 0.5  #: m; tracked bodies farther than this from the true ones have parted from the truth


def states(engine: str, starts: Sequence[Start], actions: np.ndarray, context: int) -> np.ndarray:
    """True states [N, context + T, B, 6] under actions [N, T, A], one a frame, after the idle context."""
    idle = np.zeros((len(starts), context - 1, actions.shape[-1]))
    actions = np.concatenate([idle, actions], axis=1)
    scenes = [start.scene for start in starts]
    return simulate(make_engine(engine), scenes, actions.shape[1] + 1, actions).states


def per_frame(task: Task, decisions: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Actions at every frame up to the horizon [frames, A]: the decision, then nothing until the next one."""
    control = task.template.control
    assert control is not None
    actions = np.zeros((task.frames, len(control.low)))
    for number, decision in enumerate(decisions):
        actions[number * task.stride] = decision
    return actions


def judge(task: Task, starts: Sequence[Start], true: np.ndarray, frames: np.ndarray, context: int) -> Outcome:
    """The outcome [N] of true states [N, context + T, B, 6] after `frames` [N] frames, as a perfect tracker
    would have led to."""
    goal = torch.as_tensor(np.stack([start.goal for start in starts]), dtype=torch.float32)
    half = [[body.half[0] for body in start.scene.bodies] for start in starts]
    size = torch.tensor(half, dtype=torch.float32)
    before = _track(true[:, context - 1], size)
    outcome = task.open(before, goal)
    for t in range(task.frames):
        after = _track(true[:, context + t], size)
        left = torch.full((len(starts),), task.frames - t - 1, dtype=torch.int64)
        judged = task.judge(outcome, before, after, goal, left)
        playing = ~outcome.over & torch.as_tensor(t < frames)
        outcome, before = judged.where(playing, outcome), after
    return outcome


def parting(
    position: np.ndarray, status: np.ndarray, true: np.ndarray, bodies: Sequence[int], far: float = PARTED
) -> int | None:
    """The first frame at which a tracked body is more than `far` m from the true one, None where it never is.

    `position` [T, B, 2] and `status` [T, B] of the tracker, `true` [T, B, 6]. A body whose true centre is
    in view and that is lost or duplicated in the picture has parted as well; one that has left the view in
    either is not judged.
    """
    inside = ((true[..., :2] > 0) & (true[..., :2] < VIEW)).all(-1)
    off = np.linalg.norm(position - true[..., :2], axis=-1) > far
    apart = inside & (((status == VISIBLE) & off) | (status >= LOST))
    when = apart[:, list(bodies)].any(-1)
    return int(when.argmax()) if when.any() else None


def dynamic(task: Task) -> list[int]:
    """Indices of the bodies that obey forces."""
    return [b for b, body in enumerate(task.template.bodies) if body.motion == "dynamic"]


def _track(true: np.ndarray, size: torch.Tensor) -> Track:
    """Exact states [N, B, 6] of bodies of radius or half width `size` [N, B] m as a track."""
    place = torch.as_tensor(true[..., :2], dtype=torch.float32)
    inside = ((place >= 0) & (place <= VIEW)).all(-1)
    velocity = torch.as_tensor(true[..., 3:5], dtype=torch.float32)
    return Track(place, velocity, size, torch.where(inside, VISIBLE, LEFT))
