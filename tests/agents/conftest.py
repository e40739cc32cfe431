"""A task that is trivial to learn, and a world for it that lives in torch alone."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from envs.base import Outcome, Start
from worldsim.models.state import TensorState
from worldsim.scenes import PALETTE, VIEW, Body, Control, Scene
from worldsim.worlds import ImaginedWorld

BOX = Scene(
    bodies=(Body("red", (0.8, 1.15), (5.0, 5.0), shape="box", motion="kinematic", solid=False),),
    control=Control(0, "velocity", (-10.0,), (10.0,)),
)


@dataclass
class Side:
    """In one frame, move the box by 1 m to the side on which the goal lies."""

    name: str = "Side"
    scenario: str = "drop"
    frames: int = 1
    stride: int = 1
    levels: tuple[str, ...] = ("id",)
    tolerance: float = 0.3
    goal_size: int = 1
    template: Scene = BOX

    def sample(self, level: str, start_id: int) -> Start:
        return Start(self.name, level, start_id, self.template, np.array([4.0 + 2.0 * (start_id % 2)]))

    def bounds(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        return np.array([-10.0]), np.array([10.0])

    def open(self, track, goal) -> Outcome:
        none = torch.zeros(len(goal), dtype=torch.bool)
        miss = (track.position[:, 0, 0] - goal[:, 0]).abs()
        return Outcome(none, none, none, miss, torch.zeros(len(goal)))

    def judge(self, outcome, before, after, goal, time_left) -> Outcome:
        miss = (after.position[:, 0, 0] - goal[:, 0]).abs()
        success = miss < self.tolerance
        return Outcome(success, ~success, outcome.spoiled, miss, -miss)

    def aim(self, track, goal):
        return torch.stack([goal[:, 0], track.position[:, 0, 1]], -1)

    def paint(self, frames, goal):
        """A dark bar at the edge on which the goal lies."""
        columns = torch.arange(frames.shape[-1]) < 8
        left = (goal[:, 0] < 5)[:, None, None, None]
        return frames * torch.where(left, ~columns, ~columns.flip(0))


@dataclass(frozen=True)
class Place(TensorState):
    x: torch.Tensor  # [N]


class Slide:
    """A world model of `Side`: the box moves by its velocity and is drawn by how far it covers each pixel."""

    name, context_frames, action_size, resolution, max_frames = "slide", 4, 1, 64, None
    ink = 1 - torch.tensor(PALETTE["red"], dtype=torch.float32)[:, None, None]

    def init(self, frames, actions, keys):
        return Place(torch.full((len(frames),), 5.0))

    def step(self, state, actions):
        x, side = state.x + 0.1 * actions[:, 0, 0], VIEW / 64
        centres = (torch.arange(64) + 0.5) * side
        across = ((0.8 - (centres - x[:, None]).abs()) / side + 0.5).clamp(0, 1)
        along = ((1.15 - (centres - 5.0).abs()) / side + 0.5).clamp(0, 1)
        covered = along[:, None] * across[:, None, None, :]
        return Place(x), (1 - covered * self.ink)[:, None]


@pytest.fixture(scope="session")
def side() -> type[Side]:
    return Side


@pytest.fixture
def slide() -> ImaginedWorld:
    return ImaginedWorld(Slide(), name="slide")
