"""Place: when it is solved, what an impossible place does, and that imagined and simulated worlds agree."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.base import Start
from envs.controls import Inputs, Reading, place
from envs.place import CONTROL, Place
from envs.vector import WorldVectorEnv
from worldsim.bodies import Body
from worldsim.pairs import PIXEL, PairTrack
from worldsim.scenarios.objects import FLOOR_TOP, ROOM
from worldsim.scenarios.templates import RED
from worldsim.tracking import VISIBLE

STAND = Body("black", (0.15, 1.0), (6.3, FLOOR_TOP + 1.0), shape="box", motion="fixed")


def start(number: int = 0) -> Start:
    """A blue disc on the floor, a green one between it and a wall: whoever rolls the blue one over, wins."""
    blue = Body("blue", (0.5,), (4.2, FLOOR_TOP + 0.5))
    green = Body("green", (0.5,), (5.6, FLOOR_TOP + 0.5))
    away = Place.template.bodies[RED]
    scene = replace(Place.template, bodies=(away, blue, green, ROOM, STAND), control=CONTROL)
    return Start("Place", "id", number, scene, np.array([PIXEL]))


def played(places, world: str = "box2d") -> WorldVectorEnv:
    env = WorldVectorEnv(Place(), world, num_envs=len(places), autoreset_mode="Disabled")
    env.reset(options={"starts": [start(i) for i in range(len(places))]})
    env.step(np.array(places))
    return env


@pytest.mark.parametrize("world", ["box2d", "mujoco"])
def test_a_ball_dropped_beside_blue_rolls_it_to_green(world):
    """Left of the blue ball's middle it is pushed to the right, to the wall; else nothing comes of it."""
    env = played([(3.6, 3.5), (8.5, 5.0), (0.0, 0.0), (4.2, 1.2), (9.9, 5.0)], world)
    assert env.outcome.success.tolist() == [True, False, False, False, False]
    miss = env.outcome.miss.tolist()
    assert miss[0] <= PIXEL and miss[2:] == pytest.approx([miss[2]] * 3)  # nothing was placed: 0.4 m stay
    assert miss[2] == pytest.approx(0.4, abs=1.5 * PIXEL)
    placed = env.world.states[:, RED, 0] > -50
    assert placed.tolist() == [True, True, False, False, False]


def track(gaps: list[float]) -> PairTrack:
    full = torch.tensor([gaps])
    here = torch.tensor([[[2.0, 2.0], [4.0, 4.0], [6.0, 6.0]]])
    status, size = torch.full((1, 3), VISIBLE), torch.ones(1, 3)
    return PairTrack(here, torch.zeros_like(here), size, status, gaps=full, area=size)


def test_a_touch_must_last_for_ten_frames_in_a_row():
    task, goal = Place(), torch.tensor([[PIXEL]])
    left = torch.tensor([20])
    before = track([1.0] * 10)
    opened = task.open(before, goal)
    broken = [0.0] * 5 + [2 * PIXEL] + [0.0] * 4
    for gaps, success in (([0.0] * 10, True), ([PIXEL] * 10, True), (broken, False)):
        outcome = task.judge(opened, before, track(gaps), goal, left)
        assert bool(outcome.success) == success and not bool(outcome.failure)
        assert float(outcome.miss) == pytest.approx(max(gaps))
    late = task.judge(opened, before, track([2 * PIXEL] * 10), goal, torch.tensor([0]))
    assert bool(late.failure) and float(late.miss) == pytest.approx(2 * PIXEL)
    best = task.judge(late, before, track([1.0] * 10), goal, torch.tensor([0]))
    assert float(best.miss) == pytest.approx(2 * PIXEL)  # the least so far


def test_starts_hang_still_and_any_place_may_be_tried():
    task = Place()
    scene = task.sample("id", 0).scene
    assert scene.hold == 3 and scene.control == CONTROL and scene.bodies[RED].position[0] < -50
    low, high = task.bounds("id")
    assert low.tolist() == [0, 0] and high.tolist() == [10, 10]


def test_a_click_places_the_ball():
    low, high = Place().bounds("id")
    reading = lambda inputs: Reading(inputs, np.zeros(2), low, high)  # noqa: E731
    assert place(reading(Inputs(pressed=(3.0, 4.0)))) is None
    assert place(reading(Inputs(dragged=((3.0, 4.0), (3.5, 11.0))))).tolist() == [3.5, 10.0]
