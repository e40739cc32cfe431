"""Metrics on tracks made by hand, against values worked out on paper."""

import numpy as np
import pytest
import torch

from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.metrics import (
    PerClip,
    disc_mass,
    energy_drift,
    impacts,
    in_view,
    midway,
    momentum_drift,
    permanence,
    position_error,
    position_error_by_frame,
    scoring_mask,
    velocity_error,
    velocity_error_public,
)
from worldsim.rendering import Looks, quantise, render
from worldsim.scenes import Body, Scene
from worldsim.tracking import DUPLICATED, LEFT, LOST, NEVER, VISIBLE, Track, Tracker, track_clip

HEAD_ON = Scene((Body("blue", (1.0,), (3.0, 5.0), (2.0, 0.0)), Body("red", (0.7,), (7.0, 5.0), (-1.5, 0.0))))


def truth_of(scene: Scene, frames: int = 24) -> torch.Tensor:
    """True states [1, T, B, 6] by the closed form."""
    return torch.tensor(simulate(make_engine("analytic"), [scene], frames).states)


def perfect(states: torch.Tensor) -> Track:
    """A track [N, T, B, ...] that is exactly the truth."""
    zero = torch.zeros(states.shape[:3], dtype=torch.int64)
    return Track(states[..., :2].clone(), states[..., 3:5].clone(), zero.double() + 1, zero, zero)


def hide(track: Track, frames: slice, status: int) -> Track:
    """The same track with body 0 not visible at some frames, its position kept, as the tracker does it."""
    position, statuses, unseen = track.position.clone(), track.status.clone(), track.unseen.clone()
    for n, t in enumerate(range(*frames.indices(position.shape[1]))):
        position[:, t, 0] = position[:, frames.start - 1, 0]
        statuses[:, t, 0], unseen[:, t, 0] = status, n + 1
    return Track(position, track.velocity, track.size, statuses, unseen)


def test_a_perfect_track_has_no_error():
    states = truth_of(HEAD_ON)
    mask = scoring_mask(states, [HEAD_ON])
    track = perfect(states)
    assert velocity_error(track, states, mask).mean() == pytest.approx(0.0, abs=1e-9)
    assert velocity_error_public(track, states, mask).mean() == pytest.approx(0.0, abs=1e-9)
    assert position_error(track, states, mask).mean() == 0.0
    assert permanence(track, in_view(states, [HEAD_ON])).mean() == 1.0


def test_the_paper_and_the_public_code_differ_on_alternating_errors():
    scene = Scene((Body("blue", (0.7,), (2.0, 5.0), (1.0, 0.0)),))
    states = truth_of(scene, 25)
    track = perfect(states)
    track.position[:, ::2, 0, 1] += 0.01  # ±0.1 m/s in turn
    mask = scoring_mask(states, [scene], context=5)
    assert int(mask.sum()) == 20
    assert velocity_error(track, states, mask).mean() == pytest.approx(0.1)
    assert velocity_error_public(track, states, mask).mean() == pytest.approx(0.0, abs=1e-9)


def test_a_constant_velocity_error_is_the_same_in_both():
    scene = Scene((Body("blue", (0.7,), (2.0, 5.0), (1.0, 0.0)),))
    states = truth_of(scene)
    track = perfect(states)
    track.position[..., 0] += 0.03 * torch.arange(24)[:, None]
    mask = scoring_mask(states, [scene])
    assert velocity_error(track, states, mask).mean() == pytest.approx(0.3)
    assert velocity_error_public(track, states, mask).mean() == pytest.approx(0.3)


@pytest.mark.parametrize("status", [LOST, DUPLICATED, LEFT])
def test_a_missing_body_costs_its_true_speed_plus_one(status):
    scene = Scene((Body("blue", (0.7,), (2.0, 5.0), (1.5, 0.0)),))
    states = truth_of(scene)
    track = hide(perfect(states), slice(10, 15), status)
    mask = scoring_mask(states, [scene])
    frames = int(mask.sum())
    # 5 of the frames cost 2.5 m/s; on its return the body is compared over the whole gap, without error
    assert velocity_error(track, states, mask).mean() == pytest.approx(5 * 2.5 / frames)
    assert velocity_error_public(track, states, mask).mean() == pytest.approx(5 * 2.5 / frames)
    assert permanence(track, mask).mean() == pytest.approx(1 - 5 / frames)
    distance = 0.15 * sum(range(1, 6))
    assert position_error(track, states, mask).mean() == pytest.approx(distance / frames)


def test_a_body_never_seen_costs_its_true_speed_plus_one():
    scene = Scene((Body("blue", (0.7,), (2.0, 5.0), (1.5, 0.0)),))
    states = truth_of(scene)
    track = perfect(states)
    track.status[:], track.unseen[:] = LOST, NEVER
    track.status[:, -1] = VISIBLE
    assert velocity_error(track, states, scoring_mask(states, [scene])).mean() == pytest.approx(2.5)


def test_the_mask_excludes_context_and_bodies_cut_by_the_edge():
    scene = Scene((Body("blue", (1.0,), (7.0, 5.0), (2.0, 0.0)),))
    states = truth_of(scene)  # the edge is touched when x = 9, at frame 10
    mask = scoring_mask(states, [scene], context=4)[0, :, 0]
    assert mask.nonzero()[:, 0].tolist() == list(range(4, 11))


def test_a_body_behind_a_screen_is_not_asked_for():
    """At 2 m/s a ball of radius 0.5 from x = 1 touches a screen from x = 4 to 6 between 1.25 and 2.75 s."""
    screen = Body("black", (1.0, 5.0), (5.0, 5.0), shape="box", motion="fixed", solid=False)
    scene = Scene((Body("blue", (0.5,), (1.0, 5.0), (2.0, 0.0)), screen))
    inside = in_view(truth_of(scene, 32), [scene])[0, :, 0]
    assert (~inside).nonzero().flatten().tolist() == list(range(13, 28))
    below = Scene(scene.bodies[::-1])  # drawn first, it hides nothing
    assert in_view(truth_of(below, 32), [below])[0, :, 1].all()


def test_only_frames_after_the_impact_count_on_request():
    states = truth_of(HEAD_ON)  # a gap of 2.3 m closes at 3.5 m/s: impact at 0.657 s
    assert impacts(states, [HEAD_ON])[0].nonzero()[:, 0].tolist() == [7]
    mask = scoring_mask(states, [HEAD_ON], after_impact=True)[0]
    assert mask.any(-1).nonzero()[0, 0] == 8
    apart = Scene((HEAD_ON.bodies[0], Body("red", (0.7,), (7.0, 8.0))))
    assert not scoring_mask(truth_of(apart), [apart], after_impact=True).any()


def test_bounces_and_fixed_bodies_are_no_impacts():
    floor = Body("black", (5.0, 0.15), (5.0, 0.15), shape="box", motion="fixed")
    scene = Scene((floor, Body("blue", (1.0,), (5.0, 4.0))), gravity=2.5, restitution=0.8)
    states = truth_of(scene, 32)
    assert (states[0, 1:, 1, 4] > states[0, :-1, 1, 4]).any()  # it bounced
    assert not impacts(states, [scene]).any()
    assert not in_view(states, [scene])[..., 0].any()


def test_position_error_by_frame_counts_bodies():
    states = truth_of(HEAD_ON)
    track = perfect(states)
    track.position[:, :, 0, 0] += 0.4
    error, count = position_error_by_frame(track, states, scoring_mask(states, [HEAD_ON]))
    assert torch.isnan(error[0, :4]).all() and count[0, :4].tolist() == [0] * 4
    assert error[0, 5].item() == pytest.approx(0.2) and count[0, 5] == 2


def test_clips_are_pooled_by_their_frames():
    clips = PerClip(torch.tensor([1.0, torch.nan, 4.0]), torch.tensor([3, 0, 1]))
    assert clips.mean() == pytest.approx(1.75)
    assert np.isnan(PerClip(torch.tensor([torch.nan]), torch.tensor([0])).mean())


def test_elastic_collisions_conserve_and_sticky_ones_do_not():
    states = truth_of(HEAD_ON)
    valid = in_view(states, [HEAD_ON])
    mass = disc_mass(torch.tensor([[1.0, 0.7]], dtype=torch.float64))
    velocity = states[..., 3:5]
    assert momentum_drift(velocity, mass, valid).mean() < 1e-9
    assert energy_drift(velocity, states[..., 1], mass, valid).mean() < 1e-9
    stuck = velocity.clone()
    common = (mass[..., None] * velocity[:, 0]).sum(1) / mass.sum()
    stuck[:, 7:] = common[:, None, None]
    assert momentum_drift(stuck, mass, valid).mean() < 1e-9
    m1, m2 = mass[0].tolist()
    lost = m1 * m2 / (m1 + m2) * 3.5**2 / (m1 * 4 + m2 * 2.25)  # energy of the relative motion
    drift = energy_drift(stuck, states[..., 1], mass, torch.ones_like(valid), start=6)
    assert drift.mean() == pytest.approx(lost, rel=1e-6)


def test_energy_in_free_fall_is_conserved_by_positions_alone():
    scene = Scene((Body("blue", (0.7,), (2.0, 8.5), (1.0, 0.0)),), gravity=2.5)
    states = truth_of(scene, 20)
    velocity, height = midway(states[..., :2], gravity=2.5)
    mass, valid = torch.ones(1, 1), torch.ones(1, 19, 1, dtype=torch.bool)
    assert energy_drift(velocity, height, mass, valid, gravity=2.5).mean() < 1e-6
    assert energy_drift(velocity, height, mass, valid, gravity=0.0).mean() > 0.1


def test_a_clip_shifted_by_one_frame_scores_badly():
    scenes = [HEAD_ON]
    states = truth_of(HEAD_ON)
    track = track_clip(Tracker(HEAD_ON, 64), quantise(render(states, Looks.of(scenes), 64)))
    mask = scoring_mask(states, scenes)
    late = torch.cat((states[:, :1], states[:, :-1]), 1)
    assert velocity_error(track, states, mask).mean() < 0.01
    assert position_error(track, states, mask).mean() < 0.005
    assert velocity_error(track, late, mask).mean() > 10 * velocity_error(track, states, mask).mean()
    assert position_error(track, late, mask).mean() > 0.1


def test_other_shapes_are_refused():
    states = truth_of(HEAD_ON)
    with pytest.raises(ValueError, match="the tracks need"):
        velocity_error(perfect(states), states[:, :5], scoring_mask(states, [HEAD_ON]))
