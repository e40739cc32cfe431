"""The tracker on frames whose bodies stand at known places."""

import numpy as np
import pytest
import torch

from worldsim import keys
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.metrics import scoring_mask, velocity_error
from worldsim.rendering import Looks, quantise, render
from worldsim.scenarios import SCENARIOS, sample
from worldsim.scenarios.carriage import Carriage
from worldsim.scenes import Body, Control, Scene
from worldsim.tracking import DUPLICATED, HIDDEN, LEFT, LOST, VISIBLE, Track, Tracker, measure, track_clip

FLOOR = Body("black", (5.0, 0.15), (5.0, 0.15), shape="box", motion="fixed")
BASKET = Body("red", (0.8, 1.15), (5.0, 1.45), shape="box", motion="kinematic", solid=False)
CATCH = Scene(
    (FLOOR, BASKET, Body("blue", (1.0,), (5.0, 5.0))), 2.5, 0.8, Control(1, "velocity", (-1.5,), (1.5,))
)
BALL = Scene((Body("blue", (1.0,), (5.0, 5.0)),))
PAIR = Scene((Body("blue", (1.0,), (3.0, 5.0)), Body("red", (1.0,), (7.0, 5.0))))


def clip_of(template: Scene, radius: float, paths: np.ndarray, resolution: int = 64) -> torch.Tensor:
    """Frames [1, T, 3, H, W] of the template's bodies along paths [T, B, 2], discs of one radius."""
    bodies = tuple(Body(b.color, (radius,), b.position) if b.shape == "disc" else b for b in template.bodies)
    states = np.zeros((1, *paths.shape[:2], 6))
    states[0, ..., :2] = paths
    return quantise(render(torch.tensor(states), Looks.of([Scene(bodies)]), resolution))


def straight(start: tuple[float, float], velocity: tuple[float, float], frames: int) -> np.ndarray:
    """A path [T, 1, 2] at constant velocity."""
    return (np.array(start) + np.arange(frames)[:, None] * 0.1 * np.array(velocity))[:, None]


def statuses(track: Track, body: int = 0) -> list[int]:
    return track.status[0, :, body].tolist()


def run(name: str, level: str, n: int, resolution: int) -> tuple[Track, torch.Tensor, list[Scene]]:
    scenario = SCENARIOS[name]
    names = keys.fold(np.arange(n, dtype=np.uint64), "test tracking")
    scenes, _ = sample(scenario, level, names)
    actions = scenario.actions(scenes, names, scenario.frames)
    truth = torch.tensor(simulate(make_engine("analytic"), scenes, scenario.frames, actions).states)
    frames = quantise(render(truth, Looks.of(scenes), resolution))
    return track_clip(Tracker(scenario.template, resolution), frames), truth, scenes


@pytest.mark.parametrize(
    ("name", "resolution", "bound"),
    [
        ("uniform", 64, 0.010),
        ("collision", 64, 0.010),
        ("parabola", 64, 0.016),
        ("uniform", 128, 0.0035),
        ("collision", 128, 0.0035),
        ("parabola", 128, 0.0055),
    ],
)
def test_floor_of_the_velocity_error(name, resolution, bound):
    track, truth, scenes = run(name, "id", 16, resolution)
    error = velocity_error(track, truth, scoring_mask(truth, scenes))
    assert error.count.min() > 0
    assert error.mean() <= bound


@pytest.mark.parametrize("name", ["uniform", "collision", "oblique", "launch", "parabola", "drop", "catch"])
def test_the_truth_is_never_lost_or_duplicated(name):
    for level in ("id", "both"):
        if level in SCENARIOS[name].levels:
            track, truth, _ = run(name, level, 12, 64)
            assert not ((track.status == LOST) | (track.status == DUPLICATED)).any()
            visible = track.status == VISIBLE
            assert (track.position - truth[..., :2]).norm(dim=-1)[visible].max() < 0.05


@pytest.mark.parametrize("radius", [0.3, 0.7, 1.5, 2.0])
def test_radius_is_measured_and_kept(radius):
    frames = clip_of(BALL, radius, straight((6.0, 6.0), (3.0, 1.0), 24))
    track = track_clip(Tracker(BALL, 64), frames)
    assert float((track.size[0, :, 0] - radius).abs().max()) < 0.005


def test_a_ball_that_flies_out_has_left_and_may_come_back():
    out = straight((8.0, 5.0), (5.0, 0.0), 12)
    track = track_clip(Tracker(BALL, 64), clip_of(BALL, 0.6, np.concatenate((out, out[::-1]))))
    crossed = out[:, 0, 0] > 10.02
    expected = np.where(np.concatenate((crossed, crossed[::-1])), LEFT, VISIBLE)
    assert statuses(track) == expected.tolist()
    near = (np.abs(out[:, 0, 0] - 10) < 0.5) & ~crossed  # cut by the edge: corrected
    assert np.abs(track.position[0, :12, 0, 0].numpy() - out[:, 0, 0])[near].max() < 0.05


def test_a_ball_that_vanishes_or_fades_is_lost():
    frames = clip_of(BALL, 0.8, straight((4.0, 5.0), (1.0, 0.5), 10))
    gone, faint = frames.clone(), frames.clone()
    gone[:, 6:] = 1.0
    faint[:, 6:] = 1 - 0.25 * (1 - faint[:, 6:])
    for clip in (gone, faint):
        track = track_clip(Tracker(BALL, 64), clip)
        assert statuses(track) == [VISIBLE] * 6 + [LOST] * 4
        assert torch.equal(track.position[0, 9], track.position[0, 5])  # the last known place


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_ball_that_becomes_two_is_duplicated(share):
    frames = clip_of(BALL, 0.8, straight((4.0, 5.0), (1.0, 0.5), 10))
    copy = torch.roll(frames, (20, 12), (-1, -2))
    frames[:, 6:] = 1 - share * ((1 - frames) + (1 - copy))[:, 6:]
    assert statuses(track_clip(Tracker(BALL, 64), frames)) == [VISIBLE] * 6 + [DUPLICATED] * 4


def test_a_smeared_ball_is_duplicated():
    path = straight((3.0, 5.0), (4.0, 0.0), 12)
    frames = clip_of(BALL, 0.5, path)
    frames[:, 11] = frames.mean(1)
    assert statuses(track_clip(Tracker(BALL, 64), frames))[-1] != VISIBLE


@pytest.mark.parametrize("radius", [1.0, 1.5, 2.0])
def test_a_basket_behind_the_ball_is_found_where_it_is(radius):
    frames = 40
    paths = np.zeros((frames, 3, 2))
    paths[:, 0], paths[:, 1, 1] = (5.0, 0.15), 1.45
    paths[:, 1, 0] = 4.0 + 0.05 * np.arange(frames)
    paths[:, 2, 0] = 3.0 + 0.12 * np.arange(frames)
    paths[:, 2, 1] = 0.3 + radius + np.abs(np.linspace(4.0, -1.0, frames))
    track = track_clip(Tracker(CATCH, 64), clip_of(CATCH, radius, paths))
    assert not ((track.status == LOST) | (track.status == DUPLICATED)).any()
    seen = track.status[0, :, 1] == VISIBLE
    assert seen.float().mean() > 0.8
    error = np.abs(track.position[0, :, 1].numpy() - paths[:, 1]).max(-1)
    assert error[seen.numpy()].max() < 0.05


def test_a_basket_fully_covered_is_hidden_and_one_that_vanishes_lost():
    paths = np.zeros((12, 3, 2))
    paths[:, 0], paths[:, 1] = (5.0, 0.15), (5.0, 1.45)
    paths[:, 2] = np.array((5.0, 7.0))
    covered = paths.copy()
    covered[6:, 2] = (5.0, 1.6)
    track = track_clip(Tracker(CATCH, 64), clip_of(CATCH, 2.0, covered))
    assert statuses(track, 1) == [VISIBLE] * 6 + [HIDDEN] * 6
    bare = clip_of(CATCH, 1.0, paths)
    bare[:, 6:] = clip_of(Scene((FLOOR, CATCH.bodies[2])), 1.0, paths[6:, [0, 2]])
    assert statuses(track_clip(Tracker(CATCH, 64), bare), 1) == [VISIBLE] * 6 + [LOST] * 6


def test_a_carriage_that_stays_behind_its_ball_is_hidden_and_one_that_vanishes_beside_it_lost():
    """Commands turn it around while it is hidden, so it is not where it was going when it was last seen."""
    template, frames = Carriage.template, 24
    paths = np.zeros((frames, 3, 2))
    paths[:, 0], paths[:, 1:, 0] = FLOOR.position, 2.0 + 0.15 * np.arange(frames)[:, None]
    heights = np.concatenate([np.full(4, 6.0), 6.0 - 0.15 * np.arange(10), 4.65 + 0.05 * np.arange(10)])
    paths[:, 1, 1], paths[:, 2, 1] = heights, 4.8
    paths[:4, 2, 1] = 6.0 - 0.15 - 1.1
    track = track_clip(Tracker(template, 64), clip_of(template, 1.1, paths))
    assert statuses(track, 1)[-15:] == [HIDDEN] * 15 and statuses(track, 2) == [VISIBLE] * frames
    bare = clip_of(template, 1.1, paths)
    bare[:, 3:] = clip_of(Scene((FLOOR, template.bodies[2])), 1.1, paths[3:, [0, 2]])
    assert statuses(track_clip(Tracker(template, 64), bare), 1)[3:] == [LOST] * (frames - 3)


def test_one_ball_in_front_of_another_is_corrected_for():
    paths = np.concatenate((straight((3.0, 5.0), (0.0, 0.0), 30), straight((8.0, 5.6), (-2.5, 0.0), 30)), 1)
    track = track_clip(Tracker(PAIR, 64), clip_of(PAIR, 1.0, paths))
    seen = track.status[0] == VISIBLE
    error = (track.position[0] - torch.tensor(paths)).norm(dim=-1)
    assert seen[:, 1].all() and set(track.status[0, :, 0].tolist()) <= {VISIBLE, HIDDEN}
    assert error[seen].max() < 0.05


def test_a_ball_knocked_out_of_view_covers_nothing_any_more():
    paths = np.concatenate((straight((4.0, 5.0), (3.6, 0.0), 16), straight((9.3, 5.0), (0.0, 0.0), 16)), 1)
    paths[10:, 1, 0] = 13.0  # faster than its last seen velocity said
    track = track_clip(Tracker(PAIR, 64), clip_of(PAIR, 0.8, paths))
    assert statuses(track, 1) == [VISIBLE] * 10 + [LEFT] * 6
    assert np.abs(track.position[0, :, 0].numpy() - paths[:, 0]).max() < 0.05


def test_noise_and_faint_traces_hardly_move_the_centre():
    path = straight((3.0, 4.0), (1.5, 1.0), 20)
    frames = clip_of(BALL, 0.8, path)
    generator = torch.Generator().manual_seed(0)
    noisy = frames + 0.03 * torch.randn(frames.shape, generator=generator)
    noisy[..., 4:9, 44:60] -= 0.08 * torch.tensor([1.0, 1.0, 0.0])[:, None, None]
    noisy[:, 4:, :, 50:54, 10:14] -= 0.3 * torch.tensor([1.0, 1.0, 0.0])[:, None, None]
    track = track_clip(Tracker(BALL, 64), noisy.clamp(0, 1))
    assert statuses(track) == [VISIBLE] * 20
    assert (track.position[0, :, 0] - torch.tensor(path[:, 0])).norm(dim=-1).max() < 0.03


def test_nan_frames_are_lost_not_a_crash():
    frames = clip_of(PAIR, 0.8, np.tile(np.array([[[3.0, 5.0], [7.0, 5.0]]]), (8, 1, 1)))
    frames[:, 5:] = torch.nan
    track = track_clip(Tracker(PAIR, 64), frames)
    assert statuses(track, 0) == statuses(track, 1) == [VISIBLE] * 5 + [LOST] * 3
    assert track.position.isfinite().all() and track.velocity.isfinite().all()


def test_rows_do_not_influence_each_other():
    track, truth, scenes = run("catch", "id", 12, 64)
    frames = quantise(render(truth[7:8], Looks.of(scenes[7:8]), 64))
    alone = track_clip(Tracker(CATCH, 64), frames)
    assert torch.allclose(alone.position[0], track.position[7], atol=1e-5)
    assert torch.equal(alone.status[0], track.status[7])


def test_tracks_select_repeat_and_choose_rows():
    n = 3
    rows = torch.arange(float(n))
    track = Track(
        rows[:, None, None].expand(n, 1, 2),
        torch.zeros(n, 1, 2),
        rows[:, None],
        torch.zeros(n, 1, dtype=torch.int64),
    )
    assert track.select(torch.tensor([2, 0])).size[:, 0].tolist() == [2.0, 0.0]
    assert track.repeat(2).size[:, 0].tolist() == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    mask = torch.tensor([True, False, True])
    assert track.where(mask, track.select(torch.tensor([1, 2, 0]))).size[:, 0].tolist() == [0.0, 2.0, 2.0]


def test_positions_are_differentiable_through_the_picture():
    states = torch.zeros(1, 1, 6)
    states[0, 0, :2] = torch.tensor([4.3, 5.7])
    frames = render(states, Looks.of([BALL]), 64)
    track = Tracker(BALL, 64).begin(frames[:, None].expand(-1, 4, -1, -1, -1))
    states = states.clone().requires_grad_()
    found = Tracker(BALL, 64).update(track, render(states, Looks.of([BALL]), 64)).position[0, 0, 0]
    (slope,) = torch.autograd.grad(found, states)
    assert slope[0, 0, :2].tolist() == pytest.approx([1.0, 0.0], abs=0.05)


def test_measure_needs_no_past():
    frames = clip_of(PAIR, 0.9, np.array([[[3.1, 4.2], [7.3, 5.4]]]))
    area, centroid = measure(frames, PAIR)
    assert area.shape == (1, 1, 2) and centroid.shape == (1, 1, 2, 2)
    assert area[0, 0].tolist() == pytest.approx([np.pi * 0.81] * 2, rel=0.01)
    assert centroid[0, 0].flatten().tolist() == pytest.approx([3.1, 4.2, 7.3, 5.4], abs=0.005)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one colour per body"):
        Tracker(Scene((BALL.bodies[0], BALL.bodies[0])), 64)
    with pytest.raises(ValueError, match="expected"):
        Tracker(BALL, 64).begin(torch.ones(1, 4, 3, 32, 32))
