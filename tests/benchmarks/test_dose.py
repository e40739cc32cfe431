"""Doses: what they measure, that they grow with strength, and that matching finds a known one."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from benchmarks.costing import dose, doses, open_loop, position
from benchmarks.costing.dose import Matcher, trials_in
from benchmarks.episodes.workshop import Workshop
from envs.tasks import make_task
from worldsim.engines import make_engine
from worldsim.engines.perturbed import LAWS
from worldsim.scenes import DT, Body, Scene

TASKS = {name: make_task(name) for name in ("Strike", "Catch")}
TRIALS = {name: dose.trials(task, range(8)) for name, task in TASKS.items()}
PAIRS = [
    (name, law) for name, task in TASKS.items() for law, kind in LAWS.items() if not kind.lacks(task.template)
]


def test_no_error_is_no_dose():
    assert all(dose.position_error(found, make_engine("reference")) == 0.0 for found in TRIALS.values())


def test_a_bias_displaces_by_its_speed_times_the_time():
    """One of two discs moves; it drifts at 0.3 m/s for 20 frames, 12 of which may count."""
    scene = Scene((Body("blue", (0.5,), (2.0, 2.0), (1.5, 0.0)), Body("red", (0.5,), (8.0, 8.0))))
    for frames in (20, 12):
        found = trials_in([scene], np.zeros((1, 20, 0)), [frames])
        expected = 0.3 * DT * np.arange(1, frames + 1).mean() / 2
        assert dose.measure(found, "velocity_bias", 0.3) == pytest.approx(expected)


def test_frames_count_while_the_true_body_is_fully_in_view_and_not_covered():
    """The disc leaves at x = 10; of what passes over it, it shows half when the centres are 0.404 m apart
    (two circles of radius 0.5 m share half of a disc then)."""
    leaves = Scene((Body("blue", (0.5,), (8.05, 5.0), (1.0, 0.0)),))
    found = trials_in([leaves], np.zeros((1, 40, 0)))
    assert found.counts[0, :, 0].nonzero()[:, 0].tolist() == list(range(1, 15))  # its edge is there at 1.45 s
    assert dose.measure(found, "velocity_bias", 0.4) == pytest.approx(0.4 * DT * 7.5)
    over = Scene((Body("blue", (0.5,), (5, 5)), Body("red", (0.5,), (3.02, 5), (1.0, 0.0), solid=False)))
    shows = trials_in([over], np.zeros((1, 40, 0))).counts[0, :, 0]
    hidden = (~shows[1:]).nonzero()[:, 0] + 1
    assert hidden.tolist() == [t for t in range(1, 41) if abs(3.02 + t * DT - 5) < 0.404]


def test_a_body_that_left_the_view_where_it_should_be_seen_is_missing():
    scene = Scene((Body("blue", (0.5,), (8.0, 5.0)),))
    found = trials_in([scene], np.zeros((1, 2, 0)))
    for there, expected in ((9.9, 1.9), (10.1, 5.0)):
        states = np.array([[[[there, 5.0, 0, 0, 0, 0]]] * 3])
        place = torch.as_tensor(states[..., :2])
        far = position.distance(place, position.in_view(place), found.true)
        assert position.mean(far, found.counts) == pytest.approx(expected)


def test_a_missing_body_is_five_metres_off():
    assert dose.measure(TRIALS["Strike"], "vanishing", 10.0) == pytest.approx(5.0, abs=0.4)


@pytest.mark.parametrize(("name", "law"), PAIRS)
def test_doses_grow_with_strength(name, law):
    some = [dose.measure(TRIALS[name], law, s * LAWS[law].high) for s in (0.03, 0.1, 0.3)]
    assert all(a <= b for a, b in pairwise([0.0, *some])) and some[-1] > 0


def test_half_of_the_launches_hit():
    found = TRIALS["Strike"]
    hits = dose._hits(found.scenes, found.actions)
    assert 0.4 < hits.mean() < 0.8 and 28 <= len(hits) <= 8 * 2 * dose.KEPT
    again = dose.trials(TASKS["Strike"], range(8))
    assert (again.actions == found.actions).all() and (again.true == found.true).all()


@pytest.mark.parametrize(
    ("law", "strength"), [("velocity_bias", 0.3), ("action_gain", 0.2), ("jitter", 0.05)]
)
def test_matching_finds_a_known_strength(law, strength):
    wanted = dose.measure(TRIALS["Strike"], law, strength)
    (found,) = dose.match(law, TRIALS["Strike"], (wanted,))
    assert found.reached and found.strength == pytest.approx(strength, rel=0.04)
    assert found.dose == dose.measure(TRIALS["Strike"], law, found.strength)


def test_a_dose_out_of_reach_is_told_with_what_is_reached():
    found = Matcher(lambda s: 0.3 * s, 1.0)(0.8)
    assert not found.reached and (found.strength, found.dose) == (1.0, 0.3)
    assert Matcher(lambda s: 0.78 * s, 1.0)(0.8).reached  # a tenth off is near enough


def test_a_dose_that_falls_again_is_matched_where_it_first_rises():
    """Largest, 0.8 m, at half of the range; nothing is left of it at the end."""
    hill = Matcher(lambda s: 3.2 * s * (1 - s), 1.0)
    found = hill(0.6)
    assert found.reached and found.strength == pytest.approx(0.25, abs=0.01)
    most = hill(1.2)
    assert not most.reached and (most.strength, most.dose) == (0.5, pytest.approx(0.8))


def test_what_decides_a_dose_names_the_file_that_keeps_it(tmp_path, monkeypatch):
    shop = Workshop()
    monkeypatch.setattr(dose, "STARTS", 1)
    task = shop.task("Catch")

    def files():
        doses.matched("Catch", "id", ["action_gain"], (0.1,), shop, tmp_path)
        kept = [*(tmp_path / "doses").iterdir(), open_loop.kept_at("box2d", task, "id", tmp_path)]
        return {path.name for path in kept}

    first = files()
    assert len(first) == 2 and files() == first
    monkeypatch.setattr(position, "RULE", (position.VERSION + 1, position.MISSING, position.SHOWING))
    second = files()
    assert len(second - first) == 2
    monkeypatch.setattr(dose, "DRAWS", (dose.DRAWN + 1, dose.KEPT, dose.HELD))
    assert len(files() - second - first) == 2


def test_a_dose_that_comes_in_steps_is_matched_as_well_as_can_be():
    steps = Matcher(lambda s: np.floor(10 * s) / 10, 1.0)
    assert steps(0.4).dose == pytest.approx(0.4)
    between = steps(0.45)
    assert not between.reached and between.dose in (0.4, 0.5)
    with pytest.raises(ValueError, match="more than zero"):
        steps(0.0)


def test_measures_serve_all_doses():
    asked = []
    matcher = Matcher(lambda s: asked.append(s) or s**2, 1.0)
    found = [matcher(d) for d in (0.1, 0.2, 0.4)]
    assert [m.strength**2 for m in found] == pytest.approx([0.1, 0.2, 0.4], rel=0.02)
    assert len(asked) == len(set(asked)) < 20
