"""Action fidelity of worlds that answer rightly, not at all, too weakly, and without their bodies."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim.metrics.actions import action_fidelity, swap_actions
from worldsim.metrics.rollouts import Clips, make_clips
from worldsim.metrics.scoring import in_view
from worldsim.tracking import LOST, Track


def track_of(states: np.ndarray) -> Track:
    position = torch.as_tensor(states[..., :2])
    zero = torch.zeros(position.shape[:3], dtype=torch.int64)
    return Track(position, torch.zeros_like(position), zero.double() + 1, zero, zero)


@pytest.fixture(scope="module")
def both() -> tuple[Clips, Clips]:
    clips = make_clips("launch", "id", 12, "fidelity")
    return clips, swap_actions(clips)


def measure(both, tracks):
    mask = in_view(both[0].states, both[0].scenes) & in_view(both[1].states, both[1].scenes)
    return action_fidelity(tracks, both, mask)


def test_swapped_actions_are_the_next_clips(both):
    assert np.array_equal(both[1].actions[0], both[0].actions[1])
    assert both[0].scenes == both[1].scenes and not np.allclose(both[0].states, both[1].states)


def test_the_truth_is_faithful(both):
    found = measure(both, tuple(track_of(c.states) for c in both))
    assert found.error.per_clip().mean() == 0 and found.gain.mean() == pytest.approx(1)


def test_a_world_that_ignores_actions_does_not_answer(both):
    found = measure(both, (track_of(both[0].states),) * 2)
    some = found.gain.count > 0
    assert found.gain.value[some].abs().max() == 0
    true = np.linalg.norm(both[1].states[..., :2] - both[0].states[..., :2], axis=-1)
    assert float(found.error.value.nan_to_num().max()) == pytest.approx(1, abs=0.05)
    assert found.error.per_clip().mean() <= (true / (true + 0.1)).max()


def test_half_an_answer_is_half_the_gain(both):
    middle = both[0].states + 0.5 * (both[1].states - both[0].states)
    found = measure(both, (track_of(both[0].states), track_of(middle)))
    assert found.gain.mean() == pytest.approx(0.5)


def test_errors_that_both_predictions_share_are_no_errors_of_the_answer(both):
    tracks = tuple(track_of(c.states + 0.7) for c in both)
    assert measure(both, tracks).error.per_clip().mean() == pytest.approx(0, abs=1e-9)


def test_frames_before_the_actions_differ_do_not_count(both):
    found = measure(both, tuple(track_of(c.states) for c in both))
    first = int(np.flatnonzero((both[0].actions[0] != both[1].actions[0]).any(-1))[0])
    assert not found.error.count[0, : first + 1].any() and found.error.count[0, first + 1] > 0


def test_a_vanished_body_gives_the_worst_answer(both):
    gone = track_of(both[1].states)
    gone = replace(gone, status=torch.full_like(gone.status, LOST))
    found = measure(both, (track_of(both[0].states), gone))
    assert found.error.per_clip().mean() == 1 and found.gain.mean() == 0


def test_other_starts_are_refused(both):
    with pytest.raises(ValueError, match="different starts"):
        turned = replace(both[1], scenes=both[1].scenes[::-1])
        measure((both[0], turned), tuple(track_of(c.states) for c in both))
