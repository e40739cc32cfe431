"""Trajectories put together from parts of two others, against closed forms on a line."""

from dataclasses import dataclass, replace
from itertools import chain, combinations

import numpy as np
import pytest
import torch

from agents.repair.compose import compose
from agents.repair.parts import PARTS, Repair
from agents.repair.reading import read
from worldsim.scenes import DT, Body, Scene
from worldsim.tracking import DUPLICATED, HIDDEN, LEFT, LOST, VISIBLE, Track

TABLE = Scene((Body("blue", (0.5,), (5.0, 5.0)), Body("red", (0.5,), (2.0, 5.0))))
FRAMES = 30
SUBSETS = list(chain.from_iterable(combinations(PARTS, k) for k in range(len(PARTS) + 1)))


@dataclass(frozen=True)
class Line:
    """A collision on a line: red comes with `speed` m/s, blue at rest is hit at `contact` (frames), both
    leave with velocities `out` (blue, red), and 0.67 s later, at a frame, each is slower by `slower` m/s."""

    speed: float
    contact: float
    out: tuple[float, float]
    slower: float

    def arrive(self, s):
        """Places (blue, red) m, s seconds after the start if there were no contact."""
        return np.array([5.0, 2.0 + self.speed * s])

    def bend(self, s):
        """How far later contacts have taken the bodies off straight lines, s seconds after the first."""
        return -self.slower * max(s - 0.67, 0.0) * np.ones(2)

    def places(self):
        """Places [FRAMES, bodies] m."""
        return np.array([self.at(t) for t in range(FRAMES)])

    def at(self, t):
        s, hit = t * DT, self.contact * DT
        if s <= hit:
            return self.arrive(s)
        return self.arrive(hit) + np.array(self.out) * (s - hit) + self.bend(s - hit)


MODEL = Line(2.0, 11.3, (1.5, -0.5), 0.7)
TRUTH = Line(1.6, 12.5, (1.6, 0.0), 0.0)


def track(x, y=5.0, status=VISIBLE):
    """What a tracker tells of bodies at x [T, B] m: on a line, seen unless `status` [T, B]."""
    x = np.asarray(x)
    place = torch.tensor(np.stack([x, np.broadcast_to(y, x.shape)], -1), dtype=torch.float32)[None]
    told = torch.as_tensor(np.broadcast_to(status, x.shape).copy())[None]
    position, velocity, unseen = place.clone(), torch.zeros_like(place), torch.zeros_like(told)
    velocity[:, 0] = (place[:, 1] - place[:, 0]) / DT
    for t in range(1, x.shape[0]):
        known = (told[:, t] == VISIBLE) | (told[:, t] == LEFT)
        moved = (place[:, t] - position[:, t - 1]) / ((unseen[:, t - 1, :, None] + 1) * DT)
        position[:, t] = torch.where(known[..., None], place[:, t], position[:, t - 1])
        velocity[:, t] = torch.where(known[..., None], moved, velocity[:, t - 1])
        unseen[:, t] = torch.where(known, 0, unseen[:, t - 1] + 1)
    return Track(position, velocity, torch.full(told.shape, 0.5), told, unseen)


def at(track, t):
    return Track(*(getattr(track, f)[:, t] for f in track.__dataclass_fields__))


def together(model, truth, parts, scene=TABLE):
    return compose(at(model, 0), read(model, scene), read(truth, scene), parts)


def same(a, b):
    return all(torch.equal(getattr(a, f), getattr(b, f)) for f in a.__dataclass_fields__)


def by_hand(model, truth, parts):
    """The definition, for bodies on a line: [FRAMES, bodies] m."""
    before, time, outcome, after = (truth if p in parts else model for p in list(PARTS)[:4])
    places = []
    for t in range(FRAMES):
        s = (t - time.contact) * DT
        if s <= 0:
            places.append(before.arrive(t * DT))
            continue
        gained = np.array(outcome.out) - (0.0, outcome.speed)
        leaving = np.array([0.0, before.speed]) + gained * before.speed / outcome.speed
        places.append(before.arrive(time.contact * DT) + leaving * s + after.bend(s))
    return np.array(places)


@pytest.mark.parametrize("parts", SUBSETS, ids=lambda parts: "+".join(parts) or "none")
def test_every_set_of_parts_is_what_the_definition_says(parts):
    found = together(track(MODEL.places()), track(TRUTH.places()), parts)
    wanted = by_hand(MODEL, TRUTH, parts)
    np.testing.assert_allclose(found.position[0, :, :, 0], wanted, atol=2e-5)
    np.testing.assert_allclose(found.position[0, :, :, 1], 5.0, atol=2e-5)
    np.testing.assert_allclose(found.velocity[0, 1:, :, 0], np.diff(wanted, axis=0) / DT, atol=1e-3)
    assert (found.status == VISIBLE).all() and (found.unseen == 0).all()


def test_a_part_alone_changes_what_it_names():
    model, truth = track(MODEL.places()), track(TRUTH.places())
    red = {part: together(model, truth, [part]).position[0, :, 1, 0] for part in PARTS}
    mine, true = (t.position[0, :, 1, 0] for t in (model, truth))
    hit, true_hit = int(MODEL.contact), int(TRUTH.contact)
    assert torch.equal(red["before"][: hit + 1], true[: hit + 1])
    for part in ("time", "outcome", "after", "existence", "identity"):
        assert torch.equal(red[part][: hit + 1], mine[: hit + 1])
    assert red["time"][true_hit] == pytest.approx(MODEL.arrive(true_hit * DT)[1], abs=1e-5)
    assert red["time"][true_hit + 3] < red["time"][true_hit + 1]  # it comes back, as in the model
    late = slice(hit + 1, hit + 6)
    speeds = {part: torch.diff(red[part][late]).mean().item() / DT for part in PARTS}
    assert speeds["outcome"] == pytest.approx(0.0, abs=1e-3)  # as in truth, at the model's closing speed
    assert speeds["before"] == pytest.approx(-0.4, abs=1e-3)  # as in the model, at the true closing speed
    assert speeds["after"] == pytest.approx(-0.5, abs=1e-3)  # later contacts alone are the truth's
    assert torch.diff(red["after"])[-1].item() / DT == pytest.approx(-0.5, abs=1e-3)
    assert torch.equal(red["existence"], mine) and torch.equal(red["identity"], mine)


def test_nothing_repaired_is_the_model_and_everything_is_the_truth_bit_by_bit():
    """Whatever the rollouts: bodies that jump, vanish, leave, hide, are seen twice and exchange places."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        both = []
        for _ in range(2):
            x = np.array([5.0, 2.0]) + rng.normal(0, 0.4, (FRAMES, 2)).cumsum(0)
            far = rng.random(FRAMES) < 0.05
            x[far] = x[far, ::-1]
            x[:2] = 5.0, 2.0  # both begin at the same moment
            odds = [0.8, 0.05, 0.05, 0.05, 0.05]
            status = rng.choice([VISIBLE, LEFT, HIDDEN, LOST, DUPLICATED], (FRAMES, 2), p=odds)
            status[0] = VISIBLE
            both.append(track(x, status=status))
        model, truth = both
        assert same(together(model, truth, ()), model)
        assert same(together(model, truth, PARTS), truth)


def test_a_contact_that_the_model_misses_needs_its_time_and_its_outcome():
    missed = replace(MODEL, contact=1000.0)
    truth, model = track(TRUTH.places()), track(missed.places(), y=np.array([6.2, 5.0]))
    for parts in (("time",), ("outcome",)):
        found = together(model, truth, parts).position[0, :, :, 0]
        np.testing.assert_allclose(found, missed.places(), atol=1e-4)
    found = together(model, truth, ("time", "outcome")).position[0, -1, :, 0].numpy()
    since = (FRAMES - 1 - TRUTH.contact) * DT
    wanted = missed.arrive(TRUTH.contact * DT) + np.array([1.6, 2.0 - 1.6]) * since
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_existence_brings_a_lost_body_back_in_free_flight_and_nothing_else():
    """Blue falls beside red, which lies still, and is lost on the way."""
    blue, red = TABLE.bodies
    scene = Scene((blue, replace(red, motion="fixed")), gravity=2.5)
    s = np.arange(FRAMES) * DT
    x, y = np.stack([1.0 + 2.0 * s, 6.0 + 0 * s], -1), np.stack([9.0 - 1.25 * s**2, 0.6 + 0 * s], -1)
    status = np.full((FRAMES, 2), VISIBLE)
    status[8:, 0] = LOST
    model, truth = track(x, y, status), track(x + s[:, None] * [0.3, 0.0], y)
    found = together(model, truth, ["existence"], scene)
    assert (found.status[0, :, 0] == np.where(y[:, 0] >= 0, VISIBLE, LEFT)).all()
    shows = y[:, 0] > -0.5  # with its radius
    np.testing.assert_allclose(found.position[0, shows, 0], np.stack([x, y], -1)[shows, 0], atol=1e-3)
    assert found.unseen[0, -1, 0] == (~shows).sum()
    others = together(model, truth, [part for part in PARTS if part != "existence"], scene)
    assert torch.equal(others.status, model.status)
    assert torch.equal(others.position[0, :8], truth.position[0, :8])
    assert torch.equal(others.position[0, 8:, 0], others.position[0, 7:-1, 0])  # held where it was last seen


def test_a_wrong_path_out_of_view_is_an_error_of_motion():
    s = np.arange(FRAMES)[:, None] * DT
    away, near = np.array([5.0, 4.0]) + s * [2.5, 0.0], np.array([5.0, 4.0]) + s * [1.0, 0.0]
    model = track(away, status=np.where(away > 10.0, LEFT, VISIBLE))
    truth = track(near)
    assert (together(model, truth, ["existence"]).status == model.status).all()
    assert (together(model, truth, ["before"]).status == VISIBLE).all()
    assert (together(truth, model, ["before"]).status == model.status).all()


def test_identity_undoes_an_exchange_and_nothing_else():
    x = MODEL.places()
    swapped = np.where(np.arange(FRAMES)[:, None] > 12, x[:, ::-1], x)
    model, truth = track(swapped), track(TRUTH.places())
    np.testing.assert_allclose(together(model, truth, ["identity"]).position[0, :, :, 0], x, atol=1e-6)
    others = together(model, truth, [part for part in PARTS if part != "identity"]).position[0, :, :, 0]
    true = TRUTH.places()
    np.testing.assert_allclose(others[:13], true[:13], atol=1e-6)
    np.testing.assert_allclose(others[13:], true[13:, ::-1], atol=1e-6)


def test_names_are_read_back_and_unknown_ones_are_refused():
    repair = Repair.of(["time", "before"], "box2d", "perturbed:gravity:0.5:box2d")
    assert str(repair) == "repaired:before+time:box2d:perturbed:gravity:0.5:box2d"
    assert Repair.parse(str(repair)) == repair
    assert str(Repair.of((), "box2d", "learned")) == "repaired:none:box2d:learned"
    assert Repair.parse("repaired:all:mujoco:learned").parts == tuple(PARTS)
    with pytest.raises(ValueError, match="no part is called luck; parts are before, time, outcome"):
        Repair.parse("repaired:luck:box2d:learned")
    with pytest.raises(ValueError, match="expected repaired:PARTS:ENGINE:WORLD"):
        Repair.parse("repaired:time")
    with pytest.raises(ValueError, match="unknown engine 'magic'"):
        Repair.parse("repaired:time:magic:learned")
