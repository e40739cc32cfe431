"""Every task at every level: starts, what doing nothing comes to, and what a perfect shot comes to."""

import gymnasium
import numpy as np
import pytest
import torch

from agents.imagination import TrueStates
from agents.trials import try_out
from envs.bank import Bank
from envs.bounce import FLOOR_TOP, Bounce
from envs.drop import Drop
from envs.intercept import Intercept
from envs.push import Push
from envs.tasks import TASKS, make_task
from envs.vector import WorldVectorEnv
from worldsim.engines import make_engine
from worldsim.scenarios import cushion, screen
from worldsim.scenarios.push import HALF, PUSHER_SPEED
from worldsim.scenes import DT, VIEW
from worldsim.tracking import HIDDEN, LOST, VISIBLE, Track

LEVELS = [(name, level) for name, task in TASKS.items() for level in task().levels]
NONE = np.zeros(1, dtype=np.uint64)


def played(task, level: str, plans: np.ndarray, starts: list, world: str = "box2d") -> WorldVectorEnv:
    """The environment after plans [N, H, A] were executed frame by frame."""
    env = WorldVectorEnv(task, world, num_envs=len(starts), level=level, autoreset_mode="Disabled")
    env.reset(options={"starts": starts})
    t = 0
    while not env.over.all():
        env.step(plans[:, t])
        t += task.stride
    return env


def searched(task, level: str, starts: list, plans: np.ndarray) -> np.ndarray:
    """For each start the best of `plans` [C, H, A] on Box2D's true states, [N, H, A]."""
    env = WorldVectorEnv(task, "box2d", num_envs=len(starts), level=level, autoreset_mode="Disabled")
    env.reset(options={"starts": starts})
    states, many = TrueStates(make_engine("box2d")), np.repeat(plans[None], len(starts), 0)
    trial = try_out(states, task, env.observe(privileged=True), NONE.repeat(len(starts)), many)
    return plans[trial.miss.argmin(1)]


@pytest.mark.parametrize("name, level", LEVELS)
def test_a_start_is_the_same_wherever_it_is_drawn_and_not_solved_by_doing_nothing(name, level):
    task, twin = make_task(name), make_task(name)
    count = 2 if name == "Place" else 6  # whose starts are searched for
    starts = [task.sample(level, i) for i in range(count)]
    assert [s.scene for s in starts] == [twin.sample(level, i).scene for i in range(count)]
    assert len({s.scene for s in starts}) == count
    assert all(s.goal.shape == (task.goal_size,) for s in starts)
    nothing = np.zeros((count, task.frames, len(task.bounds(level)[0])))
    env = played(task, level, nothing, starts)
    assert not env.outcome.success.any() and not env.outcome.spoiled.any()


def test_every_task_is_registered_with_gymnasium():
    registered = {name for name in gymnasium.registry if name.startswith("worldsim/")}
    assert registered == {f"worldsim/{name}-v0" for name in TASKS}


@pytest.mark.parametrize("name", TASKS)
def test_unknown_levels_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} has no level 'far'"):
        make_task(name).sample("far", 0)


@pytest.mark.parametrize("level", Bank.levels)
def test_the_mirror_image_solves_bank(level):
    """The closed form of the sampler, executed in Box2D and judged from frames."""
    task = Bank()
    starts = [task.sample(level, i) for i in range(8)]
    plans = np.zeros((8, task.frames, 2))
    for plan, start in zip(plans, starts):
        ball = start.scene.bodies[0]
        turn = cushion.TOP - ball.radius
        image = np.array([start.goal[0], 2 * turn - start.goal[1]])
        plan[0] = (image - ball.position) / (task.frames * DT)
        speed = np.linalg.norm(plan[0])
        assert 4.5 <= speed <= 6.0 if level in ("speed", "both") else speed <= 4.0
    env = played(task, level, plans, starts)
    assert env.outcome.success.all() and (env.outcome.miss < 0.1).all()
    straight = plans.copy()
    for plan, start in zip(straight, starts):
        plan[0] = (start.goal - start.scene.bodies[0].position) / (task.frames * DT)
    assert not played(task, level, straight, starts).outcome.success.any()


@pytest.mark.parametrize("level", Intercept.levels)
def test_intercept_hides_the_ball_as_long_as_its_level_says(level):
    task = Intercept()
    env = WorldVectorEnv(task, "box2d", 6, level=level, autoreset_mode="Disabled", history=True)
    env.reset(options={"starts": [task.sample(level, i) for i in range(6)]})
    while not env.over.all():
        env.step(np.zeros((6, 1)))
    hidden = torch.stack([t.status[:, 0] == HIDDEN for t in env.rollouts.tracks_seen]).sum(0).numpy()
    radius = np.array([s.scene.bodies[0].radius for s in env.rollouts.starts])
    down = -np.array([s.scene.bodies[0].velocity[1] for s in env.rollouts.starts])
    frames = (screen.HIGH - screen.LOW - 2 * radius) / down / DT
    assert (np.abs(hidden - frames) <= 0.35 * frames + 2).all()  # slivers count as hidden
    low, high = (11, 20) if level == "long" else (0.1, 10)
    assert ((frames >= low - 1e-9) & (frames <= high + 1e-9)).all()


def test_intercept_is_solved_by_going_there_at_once_and_not_by_waiting():
    task = Intercept()
    starts = [task.sample("id", i) for i in range(12)]
    plans, late = np.zeros((2, 12, task.frames, 1))
    for plan, wait, start in zip(plans, late, starts):
        ball, paddle, _ = start.scene.bodies
        time = (ball.position[1] - screen.LINE) / -ball.velocity[1]
        x = ball.position[0] + ball.velocity[0] * time
        gap = x - paddle.position[0]
        plan[: int(abs(gap) / 0.09) + 1] = np.sign(gap) * 0.9
        plan[int(abs(gap) / 0.09) :] = 0.0
        shows = (ball.position[1] - screen.LOW) / -ball.velocity[1]  # half of it is out
        wait[int((shows - 0.3) / DT) :] = np.sign(gap) * 0.9
    assert played(task, "id", plans, starts).outcome.success.all()
    assert played(task, "id", late, starts).outcome.success.float().mean() <= 0.3


@pytest.mark.parametrize("level", Drop.levels)
def test_drop_is_solved_by_letting_go_in_time(level):
    """The closed form: a ball let go of flies on with the carriage's speed."""
    task = Drop()
    starts = [task.sample(level, i) for i in range(8)]
    plans = np.zeros((8, task.frames, 2))
    for plan, start in zip(plans, starts):
        ball = start.scene.bodies[2]
        fall = np.sqrt(2 * (ball.position[1] - start.goal[0]) / 2.5)
        at = (start.goal[2] - ball.position[0]) / ball.velocity[0] - fall - 0.3
        plan[round(at / DT) :, 1] = 1.0
    env = played(task, level, plans, starts, "mujoco")
    assert env.outcome.success.all()
    at_once = np.zeros_like(plans)
    at_once[..., 1] = 1.0
    assert not played(task, level, at_once, starts).outcome.success.any()


def test_only_the_first_crossing_counts_for_drop():
    task, start = Drop(), Drop().sample("id", 0)
    goal = torch.as_tensor(start.goal[None], dtype=torch.float32)
    high, low = (_track([5.0, 8.0], [start.goal[2] + 2.0, y]) for y in (3.0, 2.2))
    missed = task.judge(task.open(high, goal), high, low, goal, torch.tensor([10]))
    assert missed.failure.all() and missed.miss.item() == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize("level", Bounce.levels)
def test_bounce_is_solved_by_a_lift_and_a_release_and_not_by_a_release_alone(level):
    task = Bounce()
    starts = [task.sample(level, i) for i in range(4)]

    def plans(speeds):
        made = np.zeros((len(speeds) * 16, task.frames, 2))
        for i, plan in enumerate(made):
            plan[:14, 0] = speeds[i // 16]
            plan[3 * (i % 16) :, 1] = 1.0
        return made

    lifted = searched(task, level, starts, plans([0.5, 0.9, 1.2, 1.5]))
    assert played(task, level, lifted, starts, "mujoco").outcome.success.all()
    low = searched(task, level, starts, plans([0.0]))
    assert not played(task, level, low, starts).outcome.success.any()


def test_a_bounce_is_one_off_the_floor():
    """Not off the wall's top, nor the jerk of a carriage near the floor."""
    task = Bounce()
    goal = torch.as_tensor(task.sample("id", 0).goal[None], dtype=torch.float32)
    left = torch.tensor([10])
    for carriage, ball, bounces in (
        ([5.0, 8.0], [4.0, FLOOR_TOP + 1.2], True),
        ([5.0, 8.0], [4.0, 3.0], False),
        ([4.0, FLOOR_TOP + 2.4], [4.0, FLOOR_TOP + 1.2], False),
    ):
        before, after = _track(carriage, ball, -2.0), _track(carriage, ball, 1.5)
        outcome = task.judge(task.open(before, goal), before, after, goal, left)
        assert bool(outcome.miss < VIEW) == bounces


def test_bounce_fails_where_the_ball_passes_without_a_bounce_or_too_low():
    task = Bounce()
    goal = torch.as_tensor(task.sample("id", 0).goal[None], dtype=torch.float32)
    left, x = torch.tensor([10]), float(goal[0, 0])
    start = _track([5.0, 8.0], [4.0, FLOOR_TOP + 1.2], -2.0)
    risen = _track([5.0, 8.0], [4.0, FLOOR_TOP + 1.2], 2.0)
    bounced = task.judge(task.open(start, goal), start, risen, goal, left)
    for y, first, success in ((3.5, bounced, True), (2.0, bounced, False), (3.5, None, False)):
        before, after = _track([7.0, 8.0], [x - 0.1, y]), _track([7.0, 8.0], [x + 0.1, y])
        outcome = task.judge(first or task.open(before, goal), before, after, goal, left)
        assert bool(outcome.success) == success and bool(outcome.failure) != success


def _track(carriage: list[float], ball: list[float], climb: float = 0.0) -> Track:
    """Floor, carriage, ball of 1 m and wall at one frame; `climb` is the ball's vertical velocity, m/s."""
    position = torch.tensor([[[5.0, 0.15], carriage, ball, [6.5, 1.05]]])
    velocity = torch.zeros(1, 4, 2)
    velocity[0, 2, 1] = climb
    size = torch.tensor([[5.0, 0.9, 1.0, 0.15]])
    return Track(position, velocity, size, torch.full((1, 4), VISIBLE))


def test_a_carriage_that_hides_behind_the_ball_after_the_release_spoils_nothing():
    task = Bounce()
    starts, release = [task.sample("id", i) for i in (33, 36, 37)], np.array([[26], [7], [12]])
    late = np.arange(task.frames) >= release
    plans = np.stack([np.where(late, -1.5, 0.6), late], -1)
    env = WorldVectorEnv(task, "box2d", num_envs=3, autoreset_mode="Disabled", history=True)
    env.reset(options={"starts": starts})
    for t in range(task.frames):
        env.step(plans[:, t])
    assert not env.outcome.spoiled.any()
    hidden = torch.stack([track.status[:, 1] == HIDDEN for track in env.rollouts.tracks_seen])
    assert hidden.any(0).all()


def shoved(start, let_go) -> np.ndarray:
    """Go to the line of the push, wait until the ball hardly moves across, push at full speed, and go back
    when there are `let_go(remaining)` m left to the goal, `remaining` s before the end; a plan [H, 2]."""
    ball, box = start.scene.bodies
    rest = np.array(ball.position) + ball.velocity  # damping is 1/s
    axis = int(np.abs(start.goal - rest).argmax())
    way, across = np.sign(start.goal - rest)[axis], 1 - axis
    place, pushing, plan = np.array(box.position), True, np.zeros((Push.frames, 2))
    target = start.goal[axis] - way * (ball.radius + HALF)
    before = min(way * ball.position[axis], way * rest[axis]) - ball.radius - HALF - 0.1
    for t in range(Push.frames):
        time, remaining = 0.3 + t * DT, (Push.frames - t) * DT
        aside = rest[across] - place[across]
        steady = abs(ball.velocity[across]) * np.exp(-time) < 0.9 and abs(aside) < 0.1
        pushing &= way * (target - place[axis]) > let_go(remaining)
        ahead = PUSHER_SPEED if steady else min(PUSHER_SPEED, max(0.0, before - way * place[axis]) / DT)
        plan[t, across] = np.clip(aside / DT, -PUSHER_SPEED, PUSHER_SPEED)
        plan[t, axis] = way * (ahead if pushing else -PUSHER_SPEED)
        place += plan[t] * DT
    return plan


@pytest.mark.parametrize("level", Push.levels)
def test_push_is_solved_by_letting_go_where_the_ball_rolls_the_rest_of_the_way(level):
    """The closed form: let go of at v, a ball rolls v (1 - e^(-t)) in t."""
    task = Push()
    far = [s for s in (task.sample(level, i) for i in range(40)) if lacking(s) > PUSHER_SPEED][:6]
    rolling = np.stack([shoved(s, lambda t: PUSHER_SPEED * (1 - np.exp(-t))) for s in far])
    for world in ("box2d", "mujoco"):
        assert played(task, level, rolling, far, world).outcome.success.mean(dtype=float) >= 0.8
    carrying = np.stack([shoved(s, lambda _: 0.0) for s in far])
    assert not played(task, level, carrying, far).outcome.success.any()


def lacking(start) -> float:
    """How far from the goal the ball comes to rest by itself, m."""
    ball = start.scene.bodies[0]
    return float(np.linalg.norm(start.goal - ball.position - np.array(ball.velocity)))


@pytest.mark.parametrize(
    ("ball", "speed", "pusher", "success"),
    [
        ([6.5, 5.0], 0.1, [2.0, 5.0], True),
        ([6.7, 5.0], 0.1, [2.0, 5.0], False),  # outside
        ([6.5, 5.0], 0.5, [2.0, 5.0], False),  # not yet at rest
        ([6.5, 5.0], 0.1, [4.6, 5.0], False),  # the pusher stands 0.1 m from it
        ([6.5, 5.0], 0.1, [4.6, 3.4], True),  # it is 0.28 m away in x and in y
    ],
)
def test_a_ball_must_lie_in_the_goal_and_be_left_alone(ball, speed, pusher, success):
    task, goal = Push(), torch.tensor([[6.0, 5.0]])
    position, velocity = torch.tensor([[ball, pusher]]), torch.tensor([[[speed, 0.0], [0.0, 0.0]]])
    track = Track(position, velocity, torch.tensor([[1.0, HALF]]), torch.full((1, 2), VISIBLE))
    end, before = torch.tensor([0]), torch.tensor([1])
    outcome = task.judge(task.open(track, goal), track, track, goal, end)
    assert bool(outcome.success) == success and bool(outcome.failure) != success
    assert bool(outcome.miss <= task.tolerance) == success
    assert not task.judge(task.open(track, goal), track, track, goal, before).over.any()
    lost = Track(position, velocity, track.size, torch.tensor([[VISIBLE, LOST]]))
    assert not task.judge(task.open(track, goal), track, lost, goal, end).success.any()


def test_pushes_go_all_four_ways():
    ways = set()
    for i in range(40):
        start = Push().sample("id", i)
        lack = start.goal - start.scene.bodies[0].position - start.scene.bodies[0].velocity
        axis = int(np.abs(lack).argmax())
        assert abs(lack[1 - axis]) < 1e-9
        ways.add((axis, float(np.sign(lack[axis]))))
    assert len(ways) == 4
