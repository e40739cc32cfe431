"""Errors of one type put into the law, rendered and tracked, against what the measure of that type says."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from worldsim.engines import make_engine, simulate
from worldsim.engines.perturbed import PerturbedEngine
from worldsim.metrics.rollouts import Clips, make_clips, truth
from worldsim.metrics.scoring import ByFrame
from worldsim.metrics.typed import in_engine, typed_batches
from worldsim.metrics.types import TYPES, TypedErrors
from worldsim.rendering import Looks, quantise, render
from worldsim.scenes import DT, VIEW

CLIPS = 6


@cache
def clips(scenario: str) -> Clips:
    return make_clips(scenario, "id", CLIPS, "typed")


def under(clips: Clips, change=None, engine=None) -> Clips:
    """What happens under another law or in another engine; pictures keep the scenes' own looks."""
    scenes = [change(s) for s in clips.scenes] if change else clips.scenes
    engine = engine or make_engine("reference")
    return replace(clips, states=simulate(engine, scenes, clips.states.shape[1], clips.actions).states)


def errors(true: Clips, predicted: Clips) -> TypedErrors:
    return typed_batches(true, lambda some, first: truth(predicted.rows(first, first + len(some.scenes)), 64))


@cache
def floor(scenario: str) -> TypedErrors:
    return errors(clips(scenario), clips(scenario))


def value(found: TypedErrors, name: str) -> float:
    return found.per_clip(name).mean()


def off(found: TypedErrors, name: str) -> float:
    """How far a measure is from its best value; 0 where nothing is scored."""
    return abs(np.nan_to_num(value(found, name) - TYPES[name].best))


@pytest.mark.parametrize("scenario", ["oblique", "drop"])
def test_the_trackers_floor_is_low_in_every_type(scenario):
    for name, kind in TYPES.items():
        assert off(floor(scenario), name) < 0.1 * kind.diverged, name
    assert floor(scenario).velocity_public.mean() < 0.01


@pytest.mark.parametrize("scenario", ["oblique", "drop"])
def test_two_right_engines_differ_by_little_more(scenario):
    box2d, mujoco = (in_engine(clips(scenario), e) for e in ("box2d", "mujoco"))
    found = errors(box2d, mujoco)
    for name, kind in TYPES.items():
        assert off(found, name) < 0.1 * kind.diverged, name
    assert value(found, "position") > value(floor(scenario), "position")


def drifting(some: Clips, speed: float) -> Clips:
    """The same with all dynamic bodies carried along sideways, toward the middle of the view."""
    moving = [b for b, body in enumerate(some.scenes[0].bodies) if body.motion == "dynamic"]
    states = some.states.copy()
    way = np.sign(VIEW / 2 - states[:, -1, moving, 0].mean(1))[:, None, None] * speed
    states[:, :, moving, 0] += way * DT * np.arange(states.shape[1])[:, None]
    states[:, :, moving, 3] += way
    return replace(some, states=states)


def test_a_velocity_error_is_one_of_velocity():
    """Galileo: to be carried along changes no law."""
    for scenario in ("oblique", "drop"):
        found = errors(clips(scenario), drifting(clips(scenario), 0.3))
        assert value(found, "velocity") == pytest.approx(0.3, abs=0.02)
        for name in ("momentum", "gravity_ratio", "restitution", "penetration", "identity", "shape"):
            assert off(found, name) < 0.5 * TYPES[name].diverged, (scenario, name)


def test_another_gravity_is_one_of_gravity():
    found = errors(clips("drop"), under(clips("drop"), lambda s: replace(s, gravity=1.3 * s.gravity)))
    assert value(found, "gravity_ratio") == pytest.approx(1.3, abs=0.02)
    for name in ("restitution", "momentum", "energy", "penetration", "permanence", "shape"):
        assert off(found, name) < 0.5 * TYPES[name].diverged, name


def test_another_restitution_is_one_of_restitution_and_energy():
    found = errors(clips("drop"), under(clips("drop"), lambda s: replace(s, restitution=0.5)))
    assert value(found, "restitution") == pytest.approx(0.3, abs=0.02)
    assert value(found, "energy") > TYPES["energy"].diverged
    for name in ("gravity_ratio", "momentum", "penetration", "permanence", "shape"):
        assert off(found, name) < 0.1 * TYPES[name].diverged, name


def test_another_mass_is_one_of_momentum():
    def heavy(scene):
        return replace(scene, bodies=(replace(scene.bodies[0], density=3.0), *scene.bodies[1:]))

    found = errors(clips("oblique"), under(clips("oblique"), heavy))
    assert value(found, "momentum") > TYPES["momentum"].diverged
    for name in ("restitution", "contact_precision", "penetration", "permanence", "identity", "shape"):
        assert off(found, name) < 0.5 * TYPES[name].diverged, name


def test_no_contacts_are_missed_contacts_and_penetration():
    found = errors(clips("collision"), under(clips("collision"), engine=make_engine("inertia")))
    assert value(found, "contact_recall") == 0 and value(found, "penetration") > 0.3
    assert np.isnan(value(found, "restitution"))  # what does not happen obeys no law


def painted(some: Clips, edit) -> torch.Tensor:
    """Frames of true states whose looks and states from frame 10 on were edited in place."""
    looks, states = Looks.of(some.scenes), torch.as_tensor(some.states, dtype=torch.float32).clone()
    before = quantise(render(states[:, :10], looks, 64))
    edit(states, looks)
    return torch.cat((before, quantise(render(states[:, 10:], looks, 64))), 1)


@pytest.mark.parametrize("scenario", ["oblique", "drop"])
def test_deleting_a_body_costs_in_every_measure(scenario):
    """Even where its truth rests: absence is nowhere free but in the public code's variants."""
    some = clips(scenario)
    ball = len(some.scenes[0].bodies) - 1

    def delete(states, looks):
        looks.present[:, ball] = False

    found = typed_batches(some, lambda c, _: painted(c, delete))
    for name, kind in TYPES.items():
        scored = floor(scenario).per_clip(name)
        if name.endswith("_public") or not int(scored.count.sum()):
            continue
        assert off(found, name) > off(floor(scenario), name) + 0.2 * kind.diverged, name
    assert value(found, "velocity") > 1 and value(found, "position") > 0.5
    assert off(found, "centroid_l2_public") < 0.1 * TYPES["centroid_l2_public"].diverged


def test_exchanged_colours_are_an_error_of_identity():
    def swap(states, looks):
        states[:, 10:] = states[:, 10:].flip(2)

    def radii(scene):
        return replace(scene, bodies=tuple(replace(b, size=(1.0,)) for b in scene.bodies))

    some = replace(clips("collision"), scenes=[radii(s) for s in clips("collision").scenes])
    some = under(some)
    found = typed_batches(some, lambda c, _: painted(c, swap)).by_frame["identity"]
    assert found.per_clip(10).mean() == 1 and found.value[:, 10:12].nanmean() == 0
    assert value(floor("collision"), "identity") == 1


def test_a_growing_body_is_an_error_of_shape():
    def grow(states, looks):
        looks.size[:, 1] *= 1.2

    found = typed_batches(clips("drop"), lambda c, _: painted(c, grow))
    assert float(found.by_frame["shape"].value[:, 12:].nanmean()) == pytest.approx(0.2, abs=0.01)
    assert value(found, "gravity_ratio") == pytest.approx(1.0, abs=0.01)


def test_overlap_is_told_in_metres():
    """Two discs pushed 0.4 m into each other at every frame."""
    some = clips("collision")

    def push(states, looks):
        reach = looks.size[:, :, 0].sum(1)[:, None] - 0.4
        way = torch.sign(states[:, 10:, 1, 0] - states[:, 10:, 0, 0])
        states[:, 10:, 0, :2] = torch.tensor([5.0, 5.0])
        states[:, 10:, 1, 0], states[:, 10:, 1, 1] = 5.0 + way * reach, 5.0

    found = typed_batches(some, lambda c, _: painted(c, push)).by_frame["penetration"]
    assert float(found.value[:, 10:].nanmean()) == pytest.approx(0.4, abs=0.05)


def test_horizons_and_divergence():
    wrong = PerturbedEngine(make_engine("reference"), "velocity_bias", 0.5)
    found = errors(clips("uniform"), under(clips("uniform"), engine=wrong))
    assert found.per_clip("position", 6).mean() < found.per_clip("position", 12).mean()
    # 0.5 m/s off since frame 0: beyond 0.5 m after 1 s, that is at frame 11
    assert found.divergence("position").median() == pytest.approx(11 * DT, abs=DT + 1e-9)
    right = floor("uniform").divergence("position")
    assert right.median() == float("inf") and right.n == CLIPS
    with pytest.raises(ValueError, match="no clip is scored by restitution"):
        found.divergence("restitution")


def test_batches_are_joined_in_order():
    parts = [errors(clips("drop").rows(a, b), clips("drop").rows(a, b)) for a, b in ((0, 4), (4, CLIPS))]
    joined, whole = TypedErrors.join(parts), floor("drop")
    for name in TYPES:
        assert torch.equal(joined.by_frame[name].count, whole.by_frame[name].count), name
    assert joined.by_frame["position"].value[:, 20] == pytest.approx(
        whole.by_frame["position"].value[:, 20].numpy(), abs=1e-5, nan_ok=True
    )


def test_frames_of_other_clips_are_refused():
    some = clips("uniform")
    with pytest.raises(ValueError, match="6×"):
        typed_batches(some, lambda c, _: truth(c, 64, 10))


def test_means_by_frame_and_clip_on_paper():
    values = torch.tensor([[[1.0, 3.0], [5.0, 9.0], [2.0, 2.0]]])
    mask = torch.tensor([[[True, True], [True, False], [False, False]]])
    found = ByFrame.of(values, mask)
    assert found.value[0, :2].tolist() == [2.0, 5.0] and found.count.tolist() == [[2, 1, 0]]
    assert found.per_clip().value.tolist() == [3.0] and found.per_clip(1).value.tolist() == [2.0]
    clip, frame = torch.tensor([0, 0]), torch.tensor([1, 1])
    events = ByFrame.at(torch.Size((1, 3)), clip, frame, torch.tensor([1.0, 2.0]))
    assert events.value[0, 1] == 1.5 and events.count.tolist() == [[0, 2, 0]]


def test_clips_whose_bodies_are_not_all_followed_are_refused():
    some = make_clips("templates", "id", 1, "typed", frames=6)
    with pytest.raises(ValueError, match="a tracker follows 3"):
        typed_batches(some, lambda c, _: truth(c, 64))
