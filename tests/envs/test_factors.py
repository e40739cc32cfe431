"""Factors of variation: what a task has, what engines make of them, and how environments keep them."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from envs.draws import RADIUS_OOD
from envs.factors import change, factors_of, quantiles, read
from envs.mixture import Mixture
from envs.sb3 import WorldVecEnv
from envs.single import WorldEnv
from envs.tasks import TASKS, make_task
from envs.vector import WorldVectorEnv
from worldsim.engines import make_engine, simulate
from worldsim.scenes import DT, Body, Scene

STRIKE, CATCH, DROP, PUSH = map(make_task, ("Strike", "Catch", "Drop", "Push"))
ENGINES = pytest.mark.parametrize("world", ["box2d", "mujoco", "analytic"])


def changed(task, values, start_id=0, level="id"):
    """The scene of a start with some factors changed."""
    return change(task.sample(level, start_id).scene, values, factors_of(task.template))


def test_tasks_have_the_factors_that_do_something_in_their_scenes():
    kinds = {name: {f.name: f.kind for f in factors_of(make_task(name).template)} for name in TASKS}
    assert kinds["Strike"] == {
        "restitution": "hidden",
        **{"blue_radius": "visible", "blue_speed": "visible", "blue_density": "hidden"},
        **{"red_radius": "visible", "red_density": "hidden"},  # red rests until it is launched
    }
    assert kinds["Catch"] == {
        **{"gravity": "inferable", "restitution": "hidden", "blue_radius": "visible", "blue_speed": "visible"}
    }
    assert kinds["Drop"]["gravity"] == "hidden"  # nothing falls before the first decision
    assert kinds["Push"]["damping"] == "inferable"
    assert kinds["Place"] == dict.fromkeys(("gravity", "restitution", "friction"), "hidden")
    assert "restitution" not in kinds["Intercept"]  # nothing ever meets


@pytest.mark.parametrize("name", TASKS)
def test_what_is_read_can_be_set_and_levels_keep_what_is_not_visible(name):
    task = make_task(name)
    factors = factors_of(task.template)
    for level in task.levels[: 1 if name == "Place" else None]:  # whose starts are searched for
        start = task.sample(level, 0)
        told = read(start.scene, factors)
        assert change(start.scene, told, factors) == start.scene
        assert all(f.low <= told[f.name] <= f.high for f in factors)
        constant = read(task.template, factors)
        assert all(told[f.name] == constant[f.name] for f in factors if f.kind != "visible")


@ENGINES
def test_gravity_pulls_as_much_as_was_asked_for(world):
    env = WorldVectorEnv(CATCH, world, num_envs=2, autoreset_mode="Disabled")
    _, info = env.reset(seed=0, options={"factors": {"gravity": 3.7, "blue_speed": 2.0}})
    body = env.rollouts.starts[0].scene.bodies[2]
    time = 3 * DT  # of the context
    assert info["states"][0, 2, 1] == pytest.approx(body.position[1] - 3.7 * time**2 / 2, abs=1e-3)
    assert abs(info["states"][0, 2, 3]) == pytest.approx(2.0) and info["factors"][0]["gravity"] == 3.7


@ENGINES
def test_restitution_is_the_share_of_the_speed_that_is_left(world):
    scene = changed(CATCH, {"restitution": 0.5, "gravity": 5.0})
    floor, basket, ball = scene.bodies
    scene = replace(scene, bodies=(floor, basket, replace(ball, position=(5.0, 4.0), velocity=(0.0, 0.0))))
    height = simulate(make_engine(world), [scene], 40).states[0, :, 2, 1]
    fall = 4.0 - ball.radius - 0.3
    after = int(np.ceil(np.sqrt(2 * fall / 5.0) / DT)) + 1
    rebound = height[after : after + 12].max() - ball.radius - 0.3
    assert rebound == pytest.approx(0.25 * fall, abs=0.02)  # e² of the height


@ENGINES
def test_density_decides_what_a_head_on_impact_leaves(world):
    scene = changed(STRIKE, {"red_density": 3.0, "restitution": 0.5})
    blue, red = scene.bodies
    blue = replace(blue, position=(5.0, 5.0), velocity=(0.0, 0.0), size=(0.8,))
    red = replace(red, position=(2.0, 5.0), velocity=(2.0, 0.0), size=(0.8,))
    after = simulate(make_engine(world), [replace(scene, bodies=(blue, red))], 20).states[0, -1, :, 3]
    # three times the mass: m (v - v') = m' u' and u' - v' = e v
    np.testing.assert_allclose(after, [2.0 * 1.5 * 3 / 4, 2.0 * (3 - 0.5) / 4], atol=0.01)


@pytest.mark.parametrize("world", ["box2d", "mujoco"])
def test_damping_slows_as_much_as_was_asked_for(world):
    scene = changed(PUSH, {"damping": 2.0, "sky_radius": 0.5, "sky_speed": 1.5})
    ball = scene.bodies[0]
    states = simulate(make_engine(world), [scene], 5).states[0, :, 0]
    time = np.arange(5)[:, None] * DT
    way = np.array(ball.velocity) * (1 - np.exp(-2.0 * time)) / 2.0
    assert np.hypot(*ball.velocity) == pytest.approx(1.5)
    np.testing.assert_allclose(states[:, :2], ball.position + way, atol=1e-3)


def test_a_load_hangs_below_its_carriage_and_moves_with_it():
    _, carriage, ball = changed(DROP, {"blue_radius": 1.2, "red_speed": 1.5}).bodies
    assert ball.velocity == carriage.velocity and abs(ball.velocity[0]) == pytest.approx(1.5)
    assert ball.position[1] + 1.2 + carriage.half[1] == pytest.approx(carriage.position[1])


@pytest.mark.parametrize(
    ("task", "values", "message"),
    [
        (CATCH, {"mass": 1.0}, "no factor 'mass'; there are gravity, restitution, blue_radius, blue_speed"),
        (CATCH, {"gravity": np.nan}, "gravity is nan; expected 0 to 20 m/s²"),
        (CATCH, {"restitution": 1.2}, "restitution is 1.2; expected 0 to 1$"),
        (CATCH, {"blue_radius": "large"}, "blue_radius is 'large'; expected 0.2 to 2.5 m"),
        (DROP, {"blue_radius": 2.5}, "blue_radius=2.5: the blue disc would not be in view at the start"),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_allowed(task, values, message):
    with pytest.raises(ValueError, match=message):
        changed(task, values)


def test_bodies_that_would_overlap_are_named():
    blue = STRIKE.template.bodies[0]  # the red one is 4 m away
    factors = factors_of(STRIKE.template)
    assert change(STRIKE.template, {"red_radius": 2.5}, factors).bodies[1].radius == 2.5
    with pytest.raises(ValueError, match=r"the blue and the red body would overlap by 0\.40 m"):
        change(STRIKE.template, {"red_radius": 2.4, "blue_radius": 2.0}, factors)
    wall = Body("black", (0.5, 5.0), (7.0, 5.0), shape="box", motion="fixed")
    scene = Scene((blue, wall))  # whose edge is 3.5 m away from the disc's centre
    assert change(scene, {"blue_radius": 2.4}, factors_of(scene)).bodies[0].radius == 2.4
    near = replace(scene, bodies=(replace(blue, position=(4.2, 5.0)), wall))
    with pytest.raises(ValueError, match=r"the blue and the black body would overlap by 0\.10 m"):
        change(near, {"blue_radius": 2.4}, factors_of(scene))


def test_a_body_at_rest_has_no_direction_to_be_faster_in():
    ids = [i for i in range(20) if not any(STRIKE.sample("id", i).scene.bodies[0].velocity)]
    with pytest.raises(ValueError, match="blue_speed is 1 m/s, but the blue disc rests here"):
        changed(STRIKE, {"blue_speed": 1.0}, ids[0])
    env = WorldVectorEnv(STRIKE, "analytic", num_envs=8)
    _, info = env.reset(seed=0, options={"factors": {"blue_speed": 1.0}})  # others are drawn instead
    assert [told["blue_speed"] for told in info["factors"]] == pytest.approx([1.0] * 8)


def test_a_start_that_geometry_forbids_is_drawn_again_and_not_for_ever():
    plain, env = (WorldVectorEnv("Drop", "analytic", num_envs=12) for _ in range(2))
    _, before = plain.reset(seed=0)
    _, info = env.reset(seed=0, options={"factors": {"blue_radius": 2.0}})
    kept = before["start_id"] == info["start_id"]
    assert 0 < kept.sum() < 12 and all(told["blue_radius"] == 2.0 for told in info["factors"])
    with pytest.raises(ValueError, match="none of 100 starts of level 'id' allows these factors; red_radius"):
        WorldVectorEnv("Bank", "box2d").reset(options={"factors": {"red_radius": 2.5}})


def test_a_start_that_was_given_keeps_its_number_and_its_goal():
    start = CATCH.sample("id", 3)
    env = WorldVectorEnv(CATCH, "box2d", num_envs=2)
    _, info = env.reset(options={"starts": [start] * 2, "factors": {"gravity": 1.0}})
    assert info["start_id"].tolist() == [3, 3] and (env.rollouts.starts[0].goal == start.goal).all()
    assert [told["gravity"] for told in info["factors"]] == [1.0, 1.0] and start.scene.gravity == 2.5
    with pytest.raises(ValueError, match="a start of Strike was given to Catch"):
        env.reset(options={"starts": [STRIKE.sample("id", 0)] * 2, "factors": {"blue_radius": 1.0}})


def is_large(told):
    low, high = RADIUS_OOD
    return low[0] <= told["blue_radius"] <= low[1] or high[0] <= told["blue_radius"] <= high[1]


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_rows_that_begin_anew_keep_their_level_and_factors(mode):
    env = WorldVectorEnv(CATCH, "analytic", num_envs=4, autoreset_mode=mode, seed=0)
    env.reset()
    some = np.array([True, True, False, False])
    env.reset(options={"level": "size", "reset_mask": some})
    env.reset(options={"factors": {"gravity": 3.0}, "reset_mask": np.roll(some, 1)})
    begun = [set() for _ in range(4)]
    for _ in range(50):
        *_, info = env.step(np.zeros((4, 1)))
        for row in range(4):
            begun[row].add(int(info["start_id"][row]))
        assert info["level"].tolist() == ["size", "id", "id", "id"]
        assert [told["gravity"] for told in info["factors"]] == [2.5, 3.0, 3.0, 2.5]
        assert is_large(info["factors"][0]) and not is_large(info["factors"][1])
    assert min(map(len, begun)) > 1
    _, info = env.reset()
    assert set(info["level"]) == {"id"} and {told["gravity"] for told in info["factors"]} == {2.5}


def test_rows_reset_by_hand_take_what_the_reset_names():
    env = WorldVectorEnv(CATCH, "analytic", num_envs=2, autoreset_mode="Disabled", seed=0)
    env.reset(options={"level": "size", "factors": {"gravity": 3.0}})
    _, info = env.reset(options={"reset_mask": np.array([True, False])})
    assert info["level"].tolist() == ["id", "size"]
    assert [told["gravity"] for told in info["factors"]] == [2.5, 3.0]


def test_the_single_and_the_stable_baselines_views_set_factors_too():
    options = {"level": "size", "factors": {"gravity": 3.0}}
    single = WorldEnv(task=CATCH, world="analytic")
    _, info = single.reset(seed=0, options=options)
    assert info["factors"]["gravity"] == 3.0 and info["level"] == "size"
    assert [f.name for f in single.factors][:2] == ["gravity", "restitution"]
    for env in (WorldVecEnv(2, task=CATCH, world="analytic"), Mixture([WorldVecEnv(2, task=CATCH)])):
        env.seed(0)
        env.set_options(options)
        env.reset()
        infos = env.reset_infos
        for _ in range(40):
            assert all(i["factors"]["gravity"] == 3.0 and i["level"] == "size" for i in infos)
            infos = env.step(np.zeros((2, 1), dtype=np.float32))[3]
        assert env.get_attr("factors")[0] == single.factors


def test_quantiles_tell_what_a_level_holds():
    held = {level: quantiles(CATCH, level, starts=40)["blue_radius"] for level in ("id", "size")}
    assert 0.7 <= held["id"][0] <= held["id"][1] <= held["id"][2] <= 1.5
    assert held["size"][0] < 0.6 and held["size"][2] > 1.6
    assert quantiles(CATCH, "size", starts=40)["gravity"] == (2.5, 2.5, 2.5)
    radii = [CATCH.sample("size", 10_000 + i).scene.bodies[2].radius for i in range(40)]
    assert held["size"] == pytest.approx(np.quantile(radii, [0.1, 0.5, 0.9]))
