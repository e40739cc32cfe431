"""Where inks meet: normals against geometry, and what passes there against mechanics."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.models.contacts import Contacts, along, turned
from worldsim.models.inks import to_inks
from worldsim.models.motion import MotionModel
from worldsim.rendering import Looks, render
from worldsim.scenarios.push import DAMPING, Push
from worldsim.scenes import DT, Body, Scene

CONTACTS = Contacts(64, 4, 3)
SMALL = {"widths": (16, 16), "look_widths": (16, 16), "blocks": (1, 1), "look_blocks": (1, 1)}


def inks_of(*bodies):
    """Each body on a picture of its own, so that they may lie over each other."""
    drawn = []
    for body in bodies:
        state = torch.tensor([[[[*body.position, body.angle, 0.0, 0.0, 0.0]]]])
        drawn.append(to_inks(render(state, Looks.of([Scene((body,))]), 64)[:, 0] * 2 - 1))
    return sum(drawn).clamp(0, 1)


def angle_between(normal, way):
    return math.atan2(normal[0] * way[1] - normal[1] * way[0], normal[0] * way[0] + normal[1] * way[1])


@pytest.mark.parametrize("deep", (0.1, 0.5))
@pytest.mark.parametrize("radii", ((0.4, 0.6), (1.3, 0.8), (1.9, 1.5)))
@pytest.mark.parametrize("angle", (0.3, 2.0, 4.4))
def test_the_normal_of_two_discs_is_the_line_of_their_centres(radii, angle, deep):
    way = math.cos(angle), math.sin(angle)
    apart = radii[0] + radii[1] - deep
    at = [(5.1 + side * apart / 2 * way[0], 4.8 + side * apart / 2 * way[1]) for side in (-1, 1)]
    inks = inks_of(*(Body(c, (r,), p, (0.0, 0.0)) for c, r, p in zip(("red", "blue"), radii, at)))
    normals = CONTACTS.normals(inks, CONTACTS.overlap(inks))
    touching = (radii[0] - deep / 2) - apart / 2
    column, row = (5.1 + touching * way[0]) * 1.6, 16 - (4.8 + touching * way[1]) * 1.6
    right, down = normals[0, 0, :, int(row), int(column)].tolist()
    assert math.hypot(right, down) == pytest.approx(1, abs=0.01)
    assert abs(angle_between((right, -down), way)) < 0.03
    assert normals[0, 1:].abs().max() == 0  # nothing black is there


def test_motion_along_a_normal_and_back():
    random = torch.Generator().manual_seed(0)
    vectors, angle = torch.randn(5, 2, 3, 3, generator=random), torch.rand(5, 3, 3, generator=random) * 6
    normals = torch.stack([angle.cos(), angle.sin()], 1)
    parts = along(vectors, normals)
    assert torch.allclose(parts[:, 0], (vectors * normals).sum(1), atol=1e-6)
    assert torch.allclose(parts.square().sum(1), vectors.square().sum(1), atol=1e-5)
    assert torch.allclose(turned(parts, normals), vectors, atol=1e-6)


def test_balls_of_equal_mass_exchange_their_motion_by_a_constant_matrix():
    """The elastic collision of equal masses, v1' = v2 and v2' = v1, is the same matrix at every speed."""
    pair, speeds = CONTACTS.pairs.index((0, 1)), torch.tensor([[1.5, -0.5], [-2.0, 0.25], [0.0, 0.0]])
    motion = speeds.flatten()[None, :, None, None].expand(1, -1, 16, 16)
    there = torch.ones(1, 3, 16, 16)
    apart = CONTACTS.between(motion, there)
    matrices = torch.zeros(1, 2, 2, 3, 2, 2, 16, 16)
    one = torch.eye(2)[..., None, None]
    matrices[0, 1, 0, pair], matrices[0, 1, 1, pair] = -one, one
    at_once, after = CONTACTS.joined(CONTACTS.passed(matrices.flatten(1, 5), apart)).unbind(1)
    assert at_once.abs().max() == 0
    exchanged = (motion + after)[0, :, 8, 8].view(3, 2)
    assert torch.allclose(exchanged, speeds[[1, 0, 2]])
    alone = there * torch.tensor([1.0, 0, 1])[:, None, None]
    assert CONTACTS.between(motion, alone)[:, pair].abs().max() == 0


def test_of_discs_that_collide_each_changes_as_the_other_weighs():
    """v1' = v1 - 2 m2 / (m1 + m2) (v1 - v2): one constant number times the other's amount of ink, m as r²."""
    radii = 0.7, 1.4
    inks = inks_of(*(Body(c, (r,), (x, 5.0)) for c, r, x in zip(("red", "blue"), radii, (2.0, 7.0))))
    amounts = CONTACTS.amounts(inks)
    speeds = torch.tensor([[1.5, -0.5], [-2.0, 0.25], [0.0, 0.0]])
    motion = speeds.flatten()[None, :, None, None].expand(1, -1, 16, 16)
    apart = CONTACTS.between(motion, torch.ones(1, 3, 16, 16))
    matrices = torch.zeros(1, 2, 2, 2, 3, 2, 2, 16, 16)
    one = torch.eye(2)[..., None, None]
    matrices[0, 1, 0, 0, 0], matrices[0, 1, 0, 1, 0] = -one, one
    changes = CONTACTS.joined(CONTACTS.passed(matrices.flatten(1, 6), apart, amounts))
    change = changes[0, 0, :, 8, 8].view(3, 2)
    m1, m2 = radii[0] ** 2, radii[1] ** 2
    expected = torch.stack([-2 * m2 * (speeds[0] - speeds[1]), 2 * m1 * (speeds[0] - speeds[1])]) / (m1 + m2)
    assert torch.allclose(change[:2], expected, rtol=0.01)
    assert change[2].abs().max() == 0


def test_a_thing_takes_the_same_change_everywhere_and_what_is_far_away_none():
    """The matrix counts at the contact alone; along a slanting normal nothing passes across it."""
    way, radius = torch.tensor([0.8, 0.6]), 1.4
    at = [(4.0 + side * (radius - 0.1) * 0.8, 4.0 + side * (radius - 0.1) * 0.6) for side in (-1, 1)]
    meeting = CONTACTS.meeting(inks_of(*(Body(c, (radius,), p) for c, p in zip(("red", "blue"), at))), True)
    motion = torch.tensor([1.0, 0.0, -1.0, 0.0, 0.0, 0.0])[None, :, None, None].expand(1, -1, 16, 16)
    apart = CONTACTS.between(motion, torch.ones(1, 3, 16, 16))
    matrices = torch.randn(1, 2, 2, 3, 2, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    column, row = 6, 9  # the cell of the contact
    matrices[..., row - 1 : row + 2, column - 1 : column + 2] = 0
    matrices[0, 0, 0, 0, 0, 0, row - 1 : row + 2, column - 1 : column + 2] = -1.0
    passed = CONTACTS.passed(matrices.flatten(1, 5), along(apart, meeting.normals))
    passed = CONTACTS.met(passed, meeting)
    change = CONTACTS.joined(passed)[0, 0, :2]
    expected = torch.tensor([-2 * 0.8 * way[0], 2 * 0.8 * way[1]])
    for x, y in (at[0], (at[0][0] - 1.0, at[0][1]), (at[0][0], at[0][1] - 1.0)):
        found = change[:, int(16 - 1.6 * y), int(1.6 * x)]
        assert torch.allclose(found, expected, atol=0.03), (x, y)
    assert change[:, 0, 15].abs().max() < 1e-3


@pytest.mark.parametrize("angle", (0.0, 0.7))
@pytest.mark.parametrize("radii", ((0.35, 0.35), (1.0, 0.6), (1.9, 1.3)))
def test_balls_collide_by_one_constant_number_whatever_their_size(radii, angle):
    """v' = v - 2 (v - v_c), v_c of the common centre of mass, and nothing is passed on before they meet."""
    speed, gap = 1.5, 0.48  # m/s of each, and m between them after 0.3 s: they meet 0.16 s later
    way = np.array([np.cos(angle), np.sin(angle)])
    first, second = (side * (radius + gap / 2 + 0.3 * speed) * way for side, radius in zip((-1, 1), radii))
    scene = Scene(
        (
            Body("red", (radii[0],), tuple(5 + first), tuple(speed * way)),
            Body("blue", (radii[1],), tuple(5 + second), tuple(-speed * way)),
        )
    )
    states = torch.from_numpy(simulate(make_engine("reference"), [scene], 8).states).float()
    frames = render(states[:, :4], Looks.of([scene]), 64) * 2 - 1
    made = MotionModel(**SMALL, meets=True, aligned=True, weighed=True).eval()
    right, down = 0.64 * speed * way * (1, -1)
    motion = torch.tensor([right, down, -right, -down, 0.0, 0.0], dtype=torch.float32)
    motion = motion[None, :, None, None].expand(1, -1, 16, 16)
    with torch.no_grad():
        # at once, along the normal of red and blue, by the amount of the other
        made.passing.bias.view(2, 2, 2, 3, 2, 2)[1, 0, :, 0, 0, 0] = torch.tensor([-1.0, 1.0])
        state, _ = made.watch(frames, torch.zeros(1, 3, 2))
        state = replace(state, motion=motion)
        state, _ = made.advance(state, torch.zeros(1, 2))
        assert torch.allclose(state.motion, motion, atol=0.02)
        for _ in range(3):
            state, _ = made.advance(state, torch.zeros(1, 2))
    for body in (0, 1):
        x, y = (states[0, -1, body, :2] * 1.6).int().tolist()
        true = 0.64 * states[0, -1, body, 3:5] * torch.tensor([1.0, -1.0])
        found = state.motion[0, 2 * body : 2 * body + 2, 15 - y, x]
        assert found.tolist() == pytest.approx(true.tolist(), abs=0.04), body


def test_a_damped_ball_that_is_pushed_keeps_up_with_the_pusher():
    """Three numbers: how much it is damped, that it takes the pusher's motion, and that the pusher obeys."""
    scene = replace(
        Push.template,
        bodies=(
            Body("sky", (0.9,), (4.5, 5.0)),
            Body("red", (0.8, 0.8), (2.0, 5.0), shape="box", motion="kinematic"),
        ),
    )
    actions = np.zeros((1, 33, 2))
    actions[0, 3:, 0] = 1.5
    states = torch.from_numpy(simulate(make_engine("reference"), [scene], 34, actions).states).float()
    frames = render(states, Looks.of([scene]), 64) * 2 - 1
    made = MotionModel(**SMALL, pale=True, follow=True, meets=True, aligned=True).eval()
    with torch.no_grad():
        made.fading[1] = 1 - float(np.exp(-DAMPING * DT))
        made.passing.bias.view(2, 2, 3, 2, 2)[0, 1, 0, 0, 0] = 1.0
        made.obeying.bias[:] = torch.tensor([6.0, -6.0, -6.0])
        state, _ = made.watch(frames[:, :4], torch.zeros(1, 3, 2))
        for action in torch.from_numpy(actions[:, 3:]).float().unbind(1):
            state, _ = made.advance(state, action)
    share = state.inks[0, 1].clamp(0, 1).sum(0)
    place = (share * (torch.arange(64) + 0.5)).sum() / share.sum() / 6.4
    assert states[0, -1, 0, 0] > 6.9  # it is pushed for more than two metres
    assert place.item() == pytest.approx(states[0, -1, 0, 0].item(), abs=0.2)


def test_alignment_needs_to_know_where_things_meet():
    with pytest.raises(ValueError, match="meets=True"):
        MotionModel(aligned=True)
