"""Playing: inputs become actions, sessions give pictures and words, and the window says what it lacks."""

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from benchmarks.verbs import play
from envs.canvas import LINE, arrow, grid, sheet
from envs.controls import CONTROLS, Inputs, Reading
from envs.session import Session
from envs.vector import WorldVectorEnv
from worldsim.tracking import VISIBLE

QUIET = Inputs()
ONE, TWO = (np.array([-2.0]), np.array([2.0])), (np.full(2, -3.0), np.full(2, 3.0))


@pytest.mark.parametrize(
    ("kind", "inputs", "bounds", "expected"),
    [
        ("launch", Inputs(pressed=(1, 1), pointer=(2, 3)), TWO, None),
        ("launch", Inputs(dragged=((1, 1), (2, 3))), TWO, [1, 2]),
        ("launch", Inputs(dragged=((0, 0), (6, 8))), TWO, [1.8, 2.4]),
        ("velocity", QUIET, ONE, [0]),
        ("velocity", Inputs(keys=frozenset({"left"})), ONE, [-2]),
        ("velocity", Inputs(keys=frozenset({"left", "right"})), ONE, [0]),
        ("velocity", Inputs(pointer=(5.1, 0)), ONE, [1]),
        ("velocity", Inputs(keys=frozenset({"right", "up"})), TWO, [3, 3]),
        ("velocity", Inputs(pointer=(0, 5.1)), TWO, [-3, 1]),
        ("carry", Inputs(keys=frozenset({"down"})), TWO, [-3, 0]),
        ("carry", Inputs(keys=frozenset({"space"}), pointer=(0, 9)), TWO, [3, 1]),
    ],
)
def test_inputs_become_actions(kind, inputs, bounds, expected):
    action = CONTROLS[kind][0](Reading(inputs, np.array([5.0, 5.0]), *bounds))
    assert (action is None) if expected is None else np.allclose(action, expected)


def test_a_launch_is_dragged_and_the_next_start_asked_for():
    session = Session("Strike", "analytic", beside="inertia")
    first = session.tick(QUIET)
    assert first.dtype == np.uint8 and first.shape[1] > 2 * 448 and "drag" in session.words
    for _ in range(4):  # the context, then time stands still
        still = session.tick(QUIET)
    pixel = 448 / 10
    blue, red = session._envs[0].rollouts.track.position[0].double().numpy()
    push = 3 * (blue - red) / np.linalg.norm(blue - red)
    press, release = (100.0, 200.0), (100.0 + push[0] * pixel, 200.0 - push[1] * pixel)
    aimed = session.tick(Inputs(pressed=press, pointer=release))
    assert not np.array_equal(aimed, still) and session.played == 0  # the arrow
    session.tick(Inputs(dragged=(press, release)))
    assert session.played == 1 and not session.over
    for env in session._envs:
        np.testing.assert_allclose(env.rollouts._log[3][0], push)
    for _ in range(27):
        last = session.tick(QUIET)
    assert session.over and "analytic " in session.words and "inertia missed" in session.words
    half = last.shape[1] // 2
    assert not np.array_equal(last[LINE:-LINE, : half - 4], last[LINE:-LINE, half + 4 :])
    session.tick(Inputs(forward=True))
    assert session.start == 1 and "start 1" in session.words and not session.over


def test_a_basket_is_steered_frame_by_frame():
    session = Session("Catch", "analytic", start=3)
    for _ in range(4):
        session.tick(QUIET)
    before = session._envs[0].rollouts.track.position[0, 1, 0].item()
    way, sign = ("right", 1) if before < 5 else ("left", -1)
    for _ in range(3):
        session.tick(Inputs(keys=frozenset({way})))
    rollouts = session._envs[0].rollouts
    assert rollouts.track.position[0, 1, 0].item() == pytest.approx(before + sign * 0.36, abs=0.05)
    assert rollouts.track.status[0, 1] == VISIBLE and rollouts.left[0] == 45


def test_playing_ends_with_q_and_is_recorded(tmp_path: Path):
    session, shown = Session("Catch", "analytic"), []
    inputs = iter([QUIET] * 6 + [Inputs(quit=True)])
    seen = play.play(session, lambda: next(inputs), shown.append, keep=True)
    assert len(seen) == len(shown) == 6
    for suffix in play.SUFFIXES:
        play.write(tmp_path / f"a{suffix}", seen)
        assert iio.imread(tmp_path / f"a{suffix}").shape[1:] == seen[0].shape


def test_pictures_are_put_together():
    frames = [np.full((64, 64, 3), i, dtype=np.uint8) for i in range(3)]
    four = grid(frames, 256)
    assert four.shape == (2 * 128 + 8, 2 * 128 + 8, 3) and four[0, 200, 0] == 1 and four[200, 0, 0] == 2
    page = sheet(frames[:2], ["a", "b"], "words")
    assert page.shape[0] % 2 == page.shape[1] % 2 == 0 and (page[LINE, 80] == 1).all()
    assert (arrow(frames[0] + 255, (10, 10), (50, 50)) != 255).any()


def test_a_window_without_pygame_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(ImportError, match=r"worldsim\[play\]"):
        WorldVectorEnv("Catch", "analytic", render_mode="human")


def test_a_window_without_a_display_says_what_to_do(monkeypatch):
    pytest.importorskip("pygame").display.quit()
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OSError, match=r"DISPLAY .*rgb_array"):
        WorldVectorEnv("Catch", "analytic", render_mode="human")


def test_a_window_shows_every_frame_and_hands_over_inputs(monkeypatch):
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = WorldVectorEnv("Strike", "analytic", num_envs=3, render_mode="human", autoreset_mode="Disabled")
    shown = []
    monkeypatch.setattr(env._window, "show", shown.append)
    env.reset(seed=0)
    env.step(np.zeros((3, 2)))
    assert len(shown) == 29 and env.render() is None
    window = env._window
    monkeypatch.undo()
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window.show(shown[-1])
    for event in (
        pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=(5, 6)),
        pygame.event.Event(pygame.MOUSEBUTTONUP, button=1, pos=(7, 8)),
        pygame.event.Event(pygame.KEYDOWN, key=pygame.K_SPACE),
    ):
        pygame.event.post(event)
    done = window.inputs()
    assert done.dragged == ((5, 6), (7, 8)) and done.forward and "space" in done.keys and not done.quit
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))
    assert window.inputs().quit
    env.close()
    assert env._window is None
