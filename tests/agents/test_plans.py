"""What a plan's numbers do under each kind of control, without any engine."""

import numpy as np
import pytest

from agents.plans import KINDS, Layout, kind_of

LOW, HIGH = np.array([-2.0, -1.0]), np.array([2.0, 1.0])


def test_layout_counts_pieces_and_frames():
    layout = Layout(frames=14, stride=2, piece=3)  # 7 decisions: 3, 3 and 1
    assert layout.pieces == 3
    assert layout.index.tolist() == [0] * 6 + [1] * 6 + [2] * 2
    assert layout.decides.tolist() == [True, False] * 7
    assert Layout(28, 28, 12).pieces == 1


def test_a_launch_acts_at_the_first_frame_of_a_decision():
    plans = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    actions = KINDS["launch"].actions(plans, Layout(4, 2, 1))
    assert actions.tolist() == [[[1, 2], [0, 0], [3, 4], [0, 0]]]
    assert KINDS["launch"].region(-HIGH[:1].repeat(2), HIGH[:1].repeat(2)).disc


@pytest.mark.parametrize("size", [1, 2])
def test_velocities_are_held(size):
    plans = np.arange(2 * size, dtype=float).reshape(1, 2, size)
    actions = KINDS["velocity"].actions(plans, Layout(5, 1, 3))
    np.testing.assert_array_equal(actions[0], plans[0][[0, 0, 0, 1, 1]])
    assert not KINDS["velocity"].region(LOW[:size], HIGH[:size]).disc


@pytest.mark.parametrize(("share", "first"), [(0.0, 0), (0.3, 3), (0.5, 5), (1.0, 10)])
def test_a_carriage_releases_after_a_share_of_the_frames(share, first):
    plans = np.array([[[0.5, share], [-0.5, 0.123]]])  # the second piece has no say in the release
    actions = KINDS["carry"].actions(plans, Layout(10, 1, 5))[0]
    assert actions[:, 0].tolist() == [0.5] * 5 + [-0.5] * 5
    assert actions[:, 1].tolist() == [0.0] * first + [1.0] * (10 - first)
    assert plans[0, 0, 1] == share  # the plan itself is left alone
    region = KINDS["carry"].region(np.array([-2.0, 0.0]), np.array([2.0, 1.0]))
    assert region.low.tolist() == [-2, 0] and region.high.tolist() == [2, 1]


def test_a_running_plan_is_read_back_from_the_present_on():
    plans = np.array([[[0.5, 0.6], [-0.5, 0.6]]])
    actions = KINDS["carry"].actions(plans, Layout(10, 1, 5))
    later = KINDS["carry"].plans(actions[:, 2:], Layout(8, 1, 4))
    np.testing.assert_allclose(later[0], [[0.25, 0.5], [-0.5, 0.5]])  # release in 4 of 8 frames
    again = KINDS["carry"].actions(later, Layout(8, 1, 4))
    np.testing.assert_array_equal(again[..., 1], actions[:, 2:, 1])
    released = KINDS["carry"].plans(actions[:, 7:], Layout(3, 1, 3))
    assert released[0, 0, 1] == 0.0
    never = KINDS["carry"].plans(0 * actions, Layout(10, 1, 5))
    assert never[0, 0, 1] == 1.0
    whole = KINDS["velocity"].plans(actions, Layout(10, 1, 5))
    np.testing.assert_allclose(whole[0, :, 0], plans[0, :, 0])
    pushes = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    layout = Layout(6, 3, 1)
    launched = KINDS["launch"].actions(pushes, layout)
    np.testing.assert_array_equal(KINDS["launch"].plans(launched, layout), pushes)


@pytest.mark.parametrize("name", list(KINDS))
def test_slopes_follow_the_chain_rule(name):
    kind, layout, rng = KINDS[name], Layout(7, 2, 2), np.random.default_rng(0)
    plans, slopes = rng.uniform(0.1, 0.9, (3, layout.pieces, 2)), rng.normal(size=(3, 7, 2))
    found, small = kind.slopes(slopes, layout), 1e-6
    for m in range(layout.pieces):
        for a in range(2):
            moved = plans.copy()
            moved[:, m, a] += small
            change = ((kind.actions(moved, layout) - kind.actions(plans, layout)) * slopes).sum((1, 2))
            np.testing.assert_allclose(found[:, m, a], change / small, atol=1e-6)


def test_an_unknown_control_is_named():
    with pytest.raises(ValueError, match="'magnet'; there are plans for launch, velocity, carry"):
        kind_of("magnet")
