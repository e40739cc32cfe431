"""The family `motion`: what it carries along, what it cannot see, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.metrics.rollouts import make_clips as fresh_clips
from worldsim.metrics.rollouts import truth
from worldsim.models import load_model
from worldsim.models.covering import OVER
from worldsim.models.fields import differences
from worldsim.models.inks import to_inks
from worldsim.models.motion import MotionModel
from worldsim.rendering import Looks, render
from worldsim.scenarios.push import DAMPING
from worldsim.scenes import DT, Body, Control, Scene
from worldsim.tracking import Tracker
from worldsim.training.data import make_clips
from worldsim.training.recipes import get_recipe
from worldsim.training.trainer import train

KEYS = key.fold(np.arange(3, dtype=np.uint64), "test motion")
SMALL = {"widths": (16, 16), "look_widths": (16, 16), "blocks": (1, 1), "look_blocks": (1, 1)}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    made = MotionModel(**SMALL).eval()
    with torch.no_grad():
        for last in (made.correct, made.leave, made.passing, made.sharpen[-1]):  # silent at first
            last.weight.normal_(0, 0.02)
    return made


def test_a_common_velocity_is_not_seen():
    motion = torch.randn(2, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    boost = torch.tensor([1.5, -0.7])[:, None, None]
    assert torch.allclose(differences(motion + boost), differences(motion), atol=1e-6)
    assert differences(torch.ones(1, 2, 16, 16)).abs().max() == 0


def test_before_it_has_learned_everything_moves_on_as_it_did():
    """With the true motion in its state, an untrained model is right about a ball that nothing disturbs."""
    clips = fresh_clips("uniform", "id", 3, "test motion")
    frames = truth(clips, 64, 6) * 2 - 1
    velocity = torch.as_tensor(clips.states[:, 0, 0, 3:5], dtype=torch.float32)
    motion = velocity * torch.tensor([1.0, -1.0]) * 0.64  # pixels a frame, rows run downward
    motion = motion.repeat(1, 3)[:, :, None, None].expand(-1, -1, 16, 16)
    fresh = MotionModel(**SMALL).eval()
    state, _ = fresh.watch(frames[:, 1:5], torch.zeros(3, 3, 2))
    state, predicted = fresh.advance(replace(state, motion=motion), torch.zeros(3, 2))
    assert (predicted - frames[:, 5]).square().mean() < 0.02 * (frames[:, 4] - frames[:, 5]).square().mean()
    assert torch.allclose(state.motion, motion, atol=1e-5)


def test_a_damped_ball_rolls_to_rest_by_one_learned_number():
    """x(t) = x0 + v0 (1 - exp(-d t)) / d: each frame moves exp(-d 0.1 s) as far as the one before it."""
    scene = Scene((Body("sky", (0.9,), (2.0, 3.0), (4.0, 2.5)),), damping=DAMPING)
    states = torch.from_numpy(simulate(make_engine("reference"), [scene], 24).states).float()
    frames = render(states, Looks.of([scene]), 64) * 2 - 1
    moved = (states[:, 4, 0, :2] - states[:, 3, 0, :2]) * torch.tensor([6.4, -6.4])
    fresh = MotionModel(**SMALL, drag=True).eval()
    with torch.no_grad():
        fresh.losing.bias.fill_(1 - float(np.exp(-DAMPING * DT)))
        state, _ = fresh.watch(frames[:, 1:5], torch.zeros(1, 3, 2))
        state = replace(state, motion=moved.repeat(1, 3)[:, :, None, None].expand(-1, -1, 16, 16))
        frame = frames[:, 4]
        for _ in range(19):
            last, (state, frame) = frame, fresh.advance(state, torch.zeros(1, 2))
    track = Tracker(scene).begin(torch.stack([last, frame], 1).clamp(-1, 1) / 2 + 0.5)
    assert (track.position[0, 0] - states[0, -1, 0, :2]).norm() < 0.05  # a third of a pixel
    slower = np.exp(-DAMPING * DT * 19)
    assert torch.allclose(state.motion[0, :2, 8, 8], moved[0] * slower, rtol=1e-3)


def test_damping_of_pale_things_alone_is_one_learned_number():
    """It slows pale balls of any size down and leaves full ones alone."""
    made = MotionModel(**SMALL, pale=True).eval()
    with torch.no_grad():
        made.fading[1] = 1 - float(np.exp(-DAMPING * DT))  # of blue ink, which sky has half of
    for color, kept in (("sky", float(np.exp(-DAMPING * DT * 10))), ("blue", 1.0)):
        scenes = [Scene((Body(color, (radius,), (2.0, 3.0), (1.5, 1.0)),)) for radius in (0.7, 1.5)]
        states = torch.from_numpy(simulate(make_engine("reference"), scenes, 4).states).float()
        frames = render(states, Looks.of(scenes), 64) * 2 - 1
        motion = torch.tensor([0.96, -0.64]).repeat(3)[:, None, None].expand(2, -1, 16, 16)
        with torch.no_grad():
            state, _ = made.watch(frames, torch.zeros(2, 3, 2))
            state = replace(state, motion=motion)
            for _ in range(10):
                state, _ = made.advance(state, torch.zeros(2, 2))
        assert torch.allclose(state.motion[:, 2:4, 5, 5], kept * motion[:, 2:4, 5, 5], rtol=0.1)


@pytest.mark.parametrize(("place", "learned"), (((9.0, 9.0), True), ((4.4, 5.0), False)))
def test_damping_is_learned_from_what_rolls_by_itself(place, learned):
    scene = Scene(
        (
            Body("sky", (0.9,), (2.5, 5.0), (2.0, 0.0)),
            Body("red", (0.8, 0.8), place, shape="box", motion="kinematic"),
        ),
        damping=DAMPING,
    )
    states = torch.from_numpy(simulate(make_engine("reference"), [scene], 7).states).float()
    frames = render(states, Looks.of([scene]), 64) * 2 - 1
    made = MotionModel(**SMALL, pale=True)
    state, _ = made.watch(frames[:, :4], torch.zeros(1, 3, 2))
    motion = torch.tensor([0.0, 0.0, 1.28, 0.0, 0.0, 0.0])[None, :, None, None].expand(1, -1, 16, 16)
    _, frame = made.advance(replace(state, motion=motion), torch.zeros(1, 2))
    (frame - frames[:, 4]).square().mean().backward()
    gradient = made.fading.grad[1].abs().item()
    assert gradient > 1e-3 if learned else gradient < 1e-4


@pytest.mark.parametrize("kind", ("steer", "follow"))
def test_a_commanded_box_goes_where_it_is_told_by_constant_numbers(kind):
    """It keeps nothing of its motion and takes a matrix times the action, or obeys, whatever the speed and
    whatever it was made to do: no error adds up, and an edge of the view leaves no trail."""
    scene = Scene(
        (Body("red", (0.8, 0.8), (5.0, 9.2), shape="box", motion="kinematic"),),
        control=Control(0, "velocity", (-9.0, -9.0), (9.0, 9.0)),
    )
    actions = np.zeros((1, 13, 2))
    actions[0, 3:6], actions[0, 6:10], actions[0, 10:] = (1.5, -4.0), (-8.0, -1.0), (0.0, 2.0)
    states = torch.from_numpy(simulate(make_engine("reference"), [scene], 14, actions).states).float()
    frames = render(states, Looks.of([scene]), 64) * 2 - 1
    fresh = MotionModel(**SMALL, drag=True, **{kind: True}).eval()
    with torch.no_grad():
        if kind == "steer":  # red goes right by the first action and up by the second
            fresh.losing.bias[0], fresh.steering.bias[0], fresh.steering.bias[3] = 1.0, 0.64, -0.64
        else:
            fresh.obeying.bias[0] = 6.0
        state, _ = fresh.watch(frames[:, :4], torch.zeros(1, 3, 2))
        for action in torch.from_numpy(actions[:, 3:]).float().unbind(1):
            state = replace(state, motion=state.motion + 0.7)  # as something that it met may make it do
            with torch.autocast("cpu", dtype=torch.bfloat16):  # as in training and in worlds
                state, frame = fresh.advance(state, action)
            wanted = (action[0] * torch.tensor([0.64, -0.64])).double()
            assert torch.allclose(state.motion[0, :2].mean((1, 2)).double(), wanted, atol=1e-4)
    assert (frame - frames[:, -1]).abs().mean() < 0.01
    seen = to_inks(frame)[0, 0].clamp(0, 1)
    assert seen.sum() == pytest.approx(to_inks(frames[:, -1])[0, 0].sum().item(), rel=0.02)


def test_launches_and_commands_have_channels_of_their_own():
    """A launch changes a motion once and for all, a command while it lasts; what does not obey goes on, and
    what does is free before the first command."""
    made = MotionModel(
        **SMALL, action_size=4, controls=("launch", "velocity"), steer=True, follow=True
    ).eval()
    with torch.no_grad():
        made.steering.bias[0] = made.steering.bias[2 * 4] = 0.64  # red and black go right when launched
        made.obeying.bias[:] = torch.tensor([6.0, 6.0, -6.0])  # red and blue obey
        frames, launch, command = torch.ones(1, 4, 3, 64, 64), torch.zeros(1, 4), torch.zeros(1, 4)
        launch[0, 0], command[0, 2:] = 2.0, torch.tensor([1.0, 0.5])
        state, _ = made.watch(frames, torch.zeros(1, 3, 4))
        seen = []
        for action in (launch, 0 * launch, command, command, 0 * command):
            state, _ = made.advance(state, action)
            seen.append(state.motion[0, :, 8, 8])
    right, down = torch.stack(seen).unflatten(1, (3, 2)).unbind(2)
    assert torch.allclose(right[:, 0] / 0.64, torch.tensor([2.0, 2.0, 1.0, 1.0, 0.0]), atol=1e-3)
    assert torch.allclose(right[:, 1] / 0.64, torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0]), atol=1e-3)
    assert torch.allclose(right[:, 2] / 0.64, torch.full((5,), 2.0), atol=1e-3)
    assert torch.allclose(down[:, 0] / 0.64, torch.tensor([0.0, 0.0, -0.5, -0.5, 0.0]), atol=1e-3)


def test_commands_have_at_most_two_directions():
    with pytest.raises(ValueError, match="up to two channels, right and up, not of 3"):
        MotionModel(**SMALL, action_size=3, follow=True)


@pytest.mark.parametrize("falls", (False, True))
def test_without_gravity_what_nothing_happens_to_keeps_its_motion_whatever_was_learned(falls):
    torch.manual_seed(2)
    clips = fresh_clips("uniform", "id", 2, "test motion")
    made = MotionModel(**SMALL, meets=True, aligned=True, falls=falls).eval()
    motion = torch.tensor([0.9, -0.4]).repeat(3)[None, :, None, None].expand(2, -1, 16, 16)
    with torch.no_grad():
        for last in (made.leave, made.passing):
            last.weight.normal_(0, 0.02)
        state, _ = made.watch(truth(clips, 64, 4) * 2 - 1, torch.zeros(2, 3, 2))
        state = replace(state, motion=motion)
        for _ in range(3):
            state, _ = made.advance(state, torch.zeros(2, 2))
    assert torch.allclose(state.motion, motion, atol=1e-5) != falls


def test_balls_that_pass_through_each_other_keep_their_colours():
    """Untrained, nothing collides: inks overlap on the way and part again, each at its own speed."""
    clips = fresh_clips("collision", "id", 2, "test motion")
    start = truth(clips, 64, 4) * 2 - 1
    velocity = torch.as_tensor(clips.states[:, 0, :, 3:5], dtype=torch.float32)[:, [1, 0]]  # red, blue
    motion = torch.cat([velocity * torch.tensor([1.0, -1.0]) * 0.64, torch.zeros(2, 1, 2)], 1).flatten(1)
    fresh = MotionModel(**SMALL).eval()
    state, _ = fresh.watch(start, torch.zeros(2, 3, 2))
    state = replace(state, motion=motion[:, :, None, None].expand(-1, -1, 16, 16))
    before = state.inks.sum((2, 3))
    for _ in range(12):
        state, _ = fresh.advance(state, torch.zeros(2, 2))
    assert torch.allclose(state.inks.sum((2, 3))[:, :2], before[:, :2], rtol=0.02)
    assert state.inks[:, 2].max() < 0.05


@pytest.mark.parametrize("recalls", [False, True])
def test_a_ball_comes_out_from_behind_a_screen_as_it_went_in(recalls):
    """Untrained but for one number, that black hides blue: what is hidden stays in the state and moves on."""
    clips = fresh_clips("screen", "id", 6, "test motion")
    true = truth(clips, 64) * 2 - 1
    velocity = torch.as_tensor(clips.states[:, 0, 0, 3:5], dtype=torch.float32)
    motion = torch.zeros(6, 3, 2)
    motion[:, 1] = velocity * torch.tensor([1.0, -1.0]) * 0.64
    fresh = MotionModel(**SMALL, recalls=recalls).eval()
    with torch.no_grad():
        (fresh.hiding if recalls else fresh.covering.bias)[OVER.index((2, 1))] = 20.0
        state, _ = fresh.watch(true[:, :4], torch.zeros(6, 3, 2))
        state = replace(state, motion=motion.flatten(1)[:, :, None, None].expand(-1, -1, 16, 16))
        shown = []
        for _ in range(true.shape[1] - 4):
            state, frame = fresh.advance(state, torch.zeros(6, 2))
            shown.append(to_inks(frame)[:, 1].clamp(0, 1).sum((1, 2)))
    expected = to_inks(true[:, 4:])[:, :, 1].sum((2, 3))
    area = to_inks(true[:, 0])[:, 1].sum((1, 2))
    error = (torch.stack(shown, 1) - expected).abs() / area[:, None]
    hidden = expected == 0
    assert hidden.any(1).all() and (expected[:, -1] > 0).any()
    assert error.mean() < 0.05


def test_what_is_recalled_must_be_hidden_first():
    with pytest.raises(ValueError, match="covers=True"):
        MotionModel(covers=False, recalls=True)


def test_what_the_context_hides_in_the_end_is_remembered():
    """A screen comes over a disc at rest: the state holds all of it, and its frames explain what was seen."""
    screen = Body("black", (1.0, 5.0), (2.0, 5.0), shape="box", motion="fixed", solid=False)
    scene = Scene((Body("blue", (1.0,), (4.0, 5.0)), screen))
    states = torch.zeros(4, 2, 6)
    states[:, 0, :2] = torch.tensor([4.0, 5.0])
    states[:, 1, :2] = torch.tensor([[2.0, 5.0], [2.6, 5.0], [3.2, 5.0], [3.8, 5.0]])
    frames = render(states, Looks.of([scene] * 4), 64) * 2 - 1
    blue = to_inks(frames)[:, 1].sum((1, 2))
    fresh = MotionModel(**SMALL, recalls=True).eval()
    with torch.no_grad():
        fresh.hiding.fill_(-20.0)[OVER.index((2, 1))] = 20.0
        state, explained = fresh.watch(frames[None], torch.zeros(1, 3, 2))
    assert blue[3] < 0.3 * blue[0]
    assert state.inks[0, 1].sum() == pytest.approx(blue[0].item(), rel=0.05)
    told = to_inks(explained)[0, :, 1].sum((1, 2))  # untrained, it expects the screen where it last was
    assert torch.allclose(told, blue[:3], atol=0.05 * blue[0].item())


def test_steps_at_once_equal_steps_one_by_one_and_a_saved_twin_agrees(model, tmp_path):
    clips = fresh_clips("launch", "id", 3, "test motion")
    actions = torch.as_tensor(clips.actions, dtype=torch.float32)
    state = begun = model.init(truth(clips, 64, 4), actions[:, :3], KEYS)
    _, together = model.step(state, actions[:, 3:7])
    singly = []
    for t in range(3, 7):
        state, frame = model.step(state, actions[:, t : t + 1])
        singly.append(frame)
    assert torch.equal(together, torch.cat(singly, 1))
    assert together.min() >= 0 and together.max() <= 1
    assert not torch.equal(model.step(begun, actions[:, 3:7] + 1)[1], together)
    model.save_pretrained(tmp_path)
    twin = load_model(tmp_path)
    assert torch.equal(twin.step(begun, actions[:, 3:7])[1], together)


def test_gradients_reach_back_as_far_as_they_may(model):
    frames = (truth(fresh_clips("launch", "id", 1, "test motion"), 64, 4) * 2 - 1).requires_grad_()
    actions = torch.zeros(1, 7, 2)
    whole, _ = model(frames, actions)
    parts, _ = model(frames, actions, truncate=2)
    assert torch.equal(whole, parts)
    for predicted, reaches in ((whole[:, 3], True), (parts[:, 3], False), (parts[:, 1], True)):
        (gradient,) = torch.autograd.grad(predicted.sum(), frames, retain_graph=True, allow_unused=True)
        assert (gradient is not None and bool(gradient.any())) == reaches


def test_the_first_look_is_at_what_a_guess_expects():
    frames = truth(fresh_clips("uniform", "id", 2, "test motion"), 64, 4) * 2 - 1
    guess = torch.tensor([4.0, -8.0]).repeat(3)[None, :, None, None]  # pixels right and down, of each ink
    blind = MotionModel(**SMALL).eval()  # it corrects nothing
    _, explained = blind.watch(frames, torch.zeros(2, 3, 2), guess)
    expected = torch.roll(frames[:, 0], (-8, 4), (2, 3))
    assert torch.allclose(explained[:, 0], expected, atol=1e-3)
    assert torch.allclose(blind.watch(frames, torch.zeros(2, 3, 2))[1][:, 0], frames[:, 0], atol=1e-3)


def test_wrong_shapes_are_named(model):
    with pytest.raises(ValueError, match=r"expected \(2, 4, 3, 64, 64\)"):
        model.init(torch.zeros(2, 3, 3, 64, 64), torch.zeros(2, 3, 2), KEYS[:2])


def test_looking_learns_to_explain_the_context(tmp_path):
    recipe = get_recipe("uniform")
    recipe = replace(recipe, family="motion", model={**recipe.model, **SMALL}, clips=60, steps=30)
    recipe = replace(recipe, batch_frames=8, horizons=((0.0, 1),), warmup=5, learning_rate=3e-3)
    losses = []
    train(recipe, make_clips(recipe), tmp_path, lambda told: losses.append(told.loss))
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])
