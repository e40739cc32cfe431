"""The trivial problems that the tests of planners share, and a differentiable world for them."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from envs.base import Observation, Outcome, Start
from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.models.state import TensorState
from worldsim.rendering import Looks, render
from worldsim.scenes import DT, Body, Control, Scene
from worldsim.tracking import VISIBLE, Track, Tracker, measure
from worldsim.worlds import ImaginedWorld, SimulatedWorld

TABLE = Scene(
    bodies=(Body("blue", (0.8,), (8.0, 8.0)), Body("red", (0.8,), (3.0, 3.0))),
    control=Control(1, "launch", (-4.0, -4.0), (4.0, 4.0)),
)
RAIL = Scene(
    bodies=(
        Body("red", (0.8, 1.15), (5.0, 1.45), shape="box", motion="kinematic", solid=False),
        Body("blue", (0.7,), (5.0, 8.0)),
    ),
    control=Control(0, "velocity", (-1.5,), (1.5,)),
)


@dataclass
class Reach:
    """The controlled body's centre must be at the goal (its first coordinates) at the last frame."""

    template: Scene
    frames: int
    stride: int
    name: str = "Reach"
    scenario: str = "table"
    levels: tuple[str, ...] = ("id",)
    tolerance: float = 0.25
    goal_size: int = 2
    null: str = "inertia"

    def sample(self, level: str, start_id: int) -> Start:
        rng = key.generator(key.make("reach", start_id))
        body = self.template.control.body
        bodies = list(self.template.bodies)
        place = rng.uniform(2.0, 4.0, 2) if bodies[body].shape == "disc" else (rng.uniform(4.0, 6.0), 1.45)
        bodies[body] = replace(bodies[body], position=tuple(map(float, place)))
        reach = 0.8 * self.template.control.high[0] * DT * self.frames
        goal = np.array(place) + rng.uniform(0.3, 1.0) * reach * np.array([rng.choice([-1, 1]), 0.0])
        return Start(self.name, level, start_id, replace(self.template, bodies=tuple(bodies)), goal)

    def bounds(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        control = self.template.control
        return np.array(control.low), np.array(control.high)

    def aim(self, track: Track, goal: torch.Tensor) -> torch.Tensor:
        return track.position[:, 1 - self.template.control.body]

    def _outcome(self, track: Track, goal: torch.Tensor, done: torch.Tensor) -> Outcome:
        size = 1 if self.template.control.kind == "velocity" else 2
        gap = track.position[:, self.template.control.body, :size] - goal[:, :size]
        miss = gap.norm(dim=1)
        spoiled = (track.status > VISIBLE).any(1) & False
        success = done & (miss < self.tolerance)
        return Outcome(success, done & ~success, spoiled, miss, -miss)

    def open(self, track: Track, goal: torch.Tensor) -> Outcome:
        return self._outcome(track, goal, torch.zeros(len(goal), dtype=torch.bool))

    def judge(self, outcome, before, after, goal, time_left) -> Outcome:
        return self._outcome(after, goal, time_left <= 0)


ONE_SHOT = Reach(TABLE, frames=8, stride=8)
STEERED = Reach(RAIL, frames=16, stride=1)


def observe(task, ids, world=None):
    """The world the episodes run in, and what is seen of it at first."""
    starts = [task.sample("id", i) for i in ids]
    world = world or SimulatedWorld(make_engine("analytic"))
    scenes = tuple(s.scene for s in starts)
    frames = world.reset(scenes, np.zeros(len(ids), dtype=np.uint64))
    k, size = world.context_frames, task.template.action_size
    observation = Observation(
        frames=frames,
        actions=torch.zeros(len(ids), k - 1, size),
        track=Tracker(task.template, 64).begin(frames),
        goal=torch.tensor(np.stack([s.goal for s in starts]), dtype=torch.float32),
        time_left=torch.full((len(ids),), task.frames, dtype=torch.int64),
        scenes=scenes,
        past=np.zeros((len(ids), k - 1, size)),
    )
    return world, observation


def run(task, policy, ids, keys=None):
    """Run episodes to the horizon; the last outcome and all actions [N, decisions, A]."""
    world, now = observe(task, ids)
    tracker, taken = Tracker(task.template, 64), []
    policy.reset(
        range(len(ids)), key.fold(np.array(ids if keys is None else keys, dtype=np.uint64), "policy")
    )
    outcome = task.open(now.track, now.goal)
    while now.time_left[0] > 0:
        actions = policy.act(now)
        taken.append(actions)
        for t in range(task.stride):
            sent = actions if t == 0 or task.template.control.kind == "velocity" else 0 * actions
            frame = world.step(sent)
            track = tracker.update(now.track, frame)
            outcome = task.judge(outcome, now.track, track, now.goal, now.time_left - 1)
            now = replace(
                now,
                frames=torch.cat([now.frames[:, 1:], frame[:, None]], 1),
                actions=torch.cat([now.actions[:, 1:], torch.tensor(sent, dtype=torch.float32)[:, None]], 1),
                track=track,
                time_left=now.time_left - 1,
                past=np.concatenate([now.past, sent[:, None]], 1),
            )
    return outcome, np.stack(taken, 1)


@dataclass(frozen=True)
class Places(TensorState):
    """Where bodies are [B, bodies, 2], and how they move."""

    position: Tensor
    velocity: Tensor


class Sliding:
    """A differentiable model without contacts: bodies keep the velocity that the action gave them."""

    name, context_frames, resolution, max_frames, differentiable = "sliding", 4, 64, None, True

    def __init__(self, task):
        self.template, self.action_size = task.template, task.template.action_size

    def init(self, frames, actions, keys):
        _, position = measure(frames[:, -1], self.template)
        return Places(position, torch.zeros_like(position))

    def step(self, state, actions):
        control, action = self.template.control, actions[:, 0]
        own = torch.zeros(len(self.template.bodies), 1)
        own[control.body] = 1.0
        if control.kind == "launch":
            velocity = state.velocity + own * action[:, None]
        else:
            velocity = own * torch.cat([action, torch.zeros_like(action)], 1)[:, None]
        position = state.position + velocity * DT
        states = torch.cat([position, torch.zeros(*position.shape[:2], 4)], -1)
        looks = Looks.of([self.template] * len(states))
        return Places(position, velocity), render(states, looks)[:, None]


def sliding(task):
    """The differentiable world of a task."""
    return ImaginedWorld(Sliding(task), "sliding")


class Counting:
    """An imagination that counts the frames it is asked for, those with slopes twice."""

    def __init__(self, inner):
        self.inner, self.asked = inner, 0
        self.name, self.device, self.differentiable = inner.name, inner.device, inner.differentiable

    def begin(self, observation, keys, copies):
        return self.inner.begin(observation, keys, copies)

    def step(self, actions):
        graded = isinstance(actions, torch.Tensor) and actions.requires_grad
        self.asked += len(actions) * (2 if graded else 1)
        return self.inner.step(actions)

    def keep(self, index):
        self.inner.keep(index)
