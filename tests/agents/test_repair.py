"""Repairing an engine with a known error: which part gets the credit, and what planning gains by it."""

import numpy as np
import pytest
import torch
from reach import observe

from agents.imagination import SeenWorld, TrueWorld, private_world
from agents.planner import Planner
from agents.planners import make_repaired
from agents.refits.cem import CEM, CEMConfig
from agents.repair.compose import compose
from agents.repair.imagination import Memory, Repaired, repaired
from agents.repair.parts import PARTS, Repair
from agents.repair.reading import read, stack
from benchmarks.episodes.playing import Witness
from benchmarks.statistics.shapley import shapley
from envs.catch import Catch
from envs.episodes import run_episodes
from envs.strike import Strike
from envs.vector import WorldVectorEnv
from worldsim.tracking import LOST, VISIBLE
from worldsim.worlds import SimulatedWorld, make_world

SETS = [tuple(p for i, p in enumerate(PARTS) if s >> i & 1) for s in range(2 ** len(PARTS))]
FEW = CEMConfig(candidates=(12, 4), refresh=(3,), replan_every=24)


def rollout(engine, task, now, actions):
    """What is tracked in an engine from the true scenes, under actions [N, T, A]."""
    world = make_world(engine, task.template)
    assert isinstance(world, SimulatedWorld)
    where = TrueWorld(world, task)
    tracks = [where.begin(now, np.zeros(len(now.goal), dtype=np.uint64), 1)]
    return stack([*tracks, *(where.step(actions[:, t]) for t in range(actions.shape[1]))])


def head_on(task, now):
    """Launches of red [N, T, 2] toward blue, the later starts more and more off its centre."""
    way = (now.track.position[:, 0] - now.track.position[:, 1]).numpy()
    angle = np.arctan2(way[:, 1], way[:, 0]) + np.linspace(-0.1, 0.1, len(way))
    actions = np.zeros((len(way), task.frames, 2))
    actions[:, 0] = 3.5 * np.stack([np.cos(angle), np.sin(angle)], -1)
    return actions


@pytest.mark.parametrize(
    ("task", "law", "part"),
    [
        (Strike, "restitution:0.6", "outcome"),
        (Strike, "momentum_leak:0.4", "outcome"),
        (Strike, "contact_delay:0.3", "time"),
        (Catch, "vanishing:1", "existence"),
        (Strike, "identity_swap:1", "identity"),
        (Catch, "gravity:0.5", "before"),
        (Catch, "velocity_bias:0.5", "before"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_the_credit_goes_to_the_part_that_is_wrong(task, law, part):
    """The credit for the fall of the mean position error, while the truth shows the bodies, under fixed
    actions: on Strike balls meet, on Catch the ball is caught before it meets the floor."""
    task = task()
    _, now = observe(task, range(4))
    frames = task.frames if task.name == "Strike" else 12
    actions = head_on(task, now) if task.name == "Strike" else np.zeros((4, frames, 1))
    launch = actions[:, 0] if task.name == "Strike" else None
    tracks = [rollout(engine, task, now, actions) for engine in (f"perturbed:{law}:box2d", "box2d")]
    model, truth = (read(track, task.template, launch) for track in tracks)
    moving = [b for b, body in enumerate(task.template.bodies) if body.motion == "dynamic"]
    shown = (tracks[1].status == VISIBLE)[:, :, moving]
    value = []
    for parts in SETS:
        track = compose(now.track, model, truth, parts)
        error = (track.position - tracks[1].position).norm(dim=-1)[:, :, moving]
        error += (track.status >= LOST)[:, :, moving] * 5.0
        value.append(-float(error[shown].mean()))
    credits = dict(zip(PARTS, shapley(np.array(value))))
    assert value[0] < -0.1 and value[-1] == 0.0
    assert credits[part] > 0.75 * -value[0]
    assert max(abs(v) for p, v in credits.items() if p != part) < 0.2 * -value[0]


def planned(policy, task, starts, level="id"):
    """What comes of some starts in Box2D: the misses, the actions, and what the first plan promised."""
    env = WorldVectorEnv(task, "box2d", num_envs=len(starts), level=level, autoreset_mode="Disabled")
    witness = Witness(policy)
    with torch.no_grad():
        episodes = run_episodes(env, witness, [task.sample(level, i) for i in starts])
    return np.array([e.miss for e in episodes]), [e.actions for e in episodes], witness.promised


@pytest.mark.parametrize(("task", "law"), [(Strike, "restitution:0.8"), (Catch, "gravity:0.5")])
def test_none_repaired_plans_as_the_model_and_all_repaired_as_the_engine(task, law):
    """Put together from both worlds, and not only by leaving one of them out."""
    task, engine = task(), f"perturbed:{law}:box2d"
    starts = range(2)

    def both():
        model = SeenWorld(private_world(engine, task, "id"), task)
        world = private_world("box2d", task, "id")
        return model, TrueWorld(world, task)

    def plan(where, privileged):
        return planned(Planner(task, where, CEM(FEW), "id", privileged), task, starts)

    plain = [plan(where, i > 0) for i, where in enumerate(both())]
    for parts, wanted in (((), plain[0]), (tuple(PARTS), plain[1])):
        short = make_repaired("cem", task, engine, Repair.of(parts, "box2d", engine), config=FEW)
        composed = plan(Repaired(*both(), task, parts), True)
        for miss, actions, promised in (composed, planned(short, task, starts)):
            assert (miss == wanted[0]).all()
            assert all((a == b).all() for a, b in zip(actions, wanted[1], strict=True))
            assert all((a == b).all() for a, b in zip(promised, wanted[2], strict=True))
    assert (plain[0][2][1] != plain[1][2][1]).all()  # the two worlds promise different things


@pytest.mark.parametrize(("law", "part"), [("restitution:1", "outcome"), ("contact_delay:0.5", "time")])
def test_plans_keep_their_promise_where_the_wrong_part_is_repaired_and_nowhere_else(law, part):
    task, engine = Strike(), f"perturbed:{law}:box2d"

    def broken(parts):
        """How far the miss in Box2D is from the one that was promised, m."""
        repair = Repair.of(parts, "box2d", engine)
        miss, _, promised = planned(make_repaired("cem", task, engine, repair, config=FEW), task, range(4))
        return np.abs(miss - promised[1])

    others = [p for p in PARTS if p != part]
    kept = broken([part])
    assert kept.max() < 0.05 and broken(others).mean() > 10 * kept.mean()


def test_what_is_remembered_changes_nothing_and_saves_rollouts():
    task, engine, memory = Strike(), "perturbed:restitution:1:box2d", Memory()
    for parts, known in ((("outcome",), 2), (("outcome", "identity"), 2), (("time",), 3)):  # at most
        repair = Repair.of(parts, "box2d", engine)
        plain, shared = (
            planned(make_repaired("cem", task, engine, repair, config=FEW, memory=m), task, range(2))
            for m in (None, memory)
        )
        assert (plain[0] == shared[0]).all() and (plain[2][1] == shared[2][1]).all()
        assert all((a == b).all() for a, b in zip(plain[1], shared[1], strict=True))
        assert 1 < len(memory.known) <= known and memory.size > 0


def test_what_is_imagined_is_named():
    task = Strike()
    for parts, kind in (((), SeenWorld), (("time",), Repaired), (PARTS, TrueWorld)):
        repair = Repair.of(parts, "box2d", "inertia")
        where = repaired(repair, "inertia", task)
        assert isinstance(where, kind) and where.name == str(repair)
