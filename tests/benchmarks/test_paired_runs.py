"""Paired runs: streams of their own for worlds and policies, records that repeat bit by bit, tampering."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.planners import make_planner
from agents.refits.cem import CEMConfig
from agents.scripted import Random
from benchmarks.episodes import records, workers
from benchmarks.episodes.playing import Cell, play
from benchmarks.episodes.records import Writer
from benchmarks.episodes.replay import verify
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workers import Job, play_all
from benchmarks.episodes.workshop import Workshop
from envs.episodes import episode_keys, run_episodes, world_keys
from envs.tasks import make_task
from envs.vector import WorldVectorEnv
from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.worlds import SimulatedWorld

CATCH, STRIKE = make_task("Catch"), make_task("Strike")


@pytest.fixture(autouse=True)
def one_thread():
    """As workers play."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Drawing(SimulatedWorld):
    """A world that draws: it pushes what is controlled, by noise named by its keys; it keeps them all."""

    def __init__(self, task):
        super().__init__(make_engine("reference"), template=task.template)
        self.asked = []

    def reset(self, scenes, keys, rows=None):
        self.keys, self.age = np.array(keys), 0
        self.asked += keys.tolist()
        return super().reset(scenes, keys, rows)

    def step(self, actions):
        draws = [key.generator(k).normal(size=np.shape(actions)[1]) for k in key.fold(self.keys, self.age)]
        self.age += 1
        return super().step(np.asarray(actions) + 0.2 * np.stack(draws))


def run(task, world, policy, samples, starts=(0, 0)):
    env = WorldVectorEnv(task, world, num_envs=len(starts), autoreset_mode="Disabled")
    return run_episodes(env, policy, [task.sample("id", i) for i in starts], samples=samples)


def test_samples_of_a_start_differ_in_the_draws_of_the_world_alone():
    first, second = run(CATCH, Drawing(CATCH), Random(CATCH), (0, 1))
    shared = min(len(first.actions), len(second.actions))
    assert (first.actions[:shared] == second.actions[:shared]).all()
    assert first.miss != second.miss
    again, same = run(CATCH, Drawing(CATCH), Random(CATCH), (1, 1))
    assert again.miss == same.miss == second.miss  # a row knows its sample, not its neighbours


def test_the_noise_a_planner_used_is_never_that_of_the_executing_world():
    config = CEMConfig(candidates=(3, 2), refresh=(2, 2), replan_every=12)
    executed, planner = Drawing(CATCH), make_planner("cem", CATCH, "reference", config=config)
    begin, planned = planner.where.begin, []
    planner.where.begin = lambda seen, keys, n: (planned.extend(keys.tolist()), begin(seen, keys, n))[1]
    run(CATCH, executed, planner, (0, 1), starts=(0, 1))
    starts = [CATCH.sample("id", i) for i in (0, 1)]
    assert executed.asked == world_keys(episode_keys(starts), (0, 1)).tolist()
    many = {k for s in range(100) for k in world_keys(episode_keys(starts), s).tolist()}
    assert len(many) == 200 and len(set(planned)) == len(planned) >= 4
    assert not many & set(planned)


def played(world="box2d", policies=("reactive", "random,noise=0.3"), count=3):
    shop = Workshop("reference")
    cells = [Cell("Catch", "id", Spec.parse(p), world, 0, count) for p in policies]
    return shop, [r for c in cells for r in play(c, range(count), shop, {})]


@pytest.mark.parametrize("world", ["box2d", "learned"])
def test_records_repeat_bit_by_bit_and_altered_ones_are_found(world):
    shop, found = played(world)
    assert verify(found, shop, count=len(found)) == []
    lie = replace(found[0], success=not found[0].success)
    nudged = replace(found[4], actions=((-found[4].actions[0][0],), *found[4].actions[1:]))
    told = verify([lie, found[1], nudged], shop, count=3)
    assert {d.record.start_id for d in told} == {0, 1} and len(told) == 2
    assert "start 0 sample 0, reactive" in str(told[0]) and "success" in told[0].names


def test_what_cannot_be_played_again_here_is_refused():
    shop, (record, *_) = played(policies=("noop",), count=1)
    for change, words in (
        ({"weights": "/0123"}, "made with the weights '0123'"),
        ({"device": "cuda/1"}, "played on cuda/1"),
        ({"rows": 0}, "in 0 rows"),
        ({"actions": record.actions * 99}, "more than the task allows"),
    ):
        with pytest.raises(ValueError, match=words):
            verify([replace(record, **change)], shop, count=1)


def test_altered_lines_are_refused_by_name(tmp_path):
    _, (record, *_) = played(policies=("noop",), count=1)
    with Writer(tmp_path) as writer:
        writer.append([record])
    assert list(records.read(tmp_path).values()) == [record]
    path, line = tmp_path / "main.jsonl", record.to_json()
    bare = {k: v for k, v in json.loads(line).items() if k != "seal"}
    for altered in (line.replace('"success":false', '"success":true'), json.dumps(bare)):
        assert altered != line
        path.write_text(altered + "\n")
        with pytest.raises(ValueError, match=r"main\.jsonl:1 cannot be read: it was altered"):
            records.read(tmp_path)
    del bare["version"]  # of a time before seals
    path.write_text(json.dumps(bare) + "\n")
    assert list(records.read(tmp_path).values()) == [record]
    assert records.digest([record]) != records.digest([replace(record, miss=0.5)])


class Here:
    """Workers in this process: `work` ends with an exit code."""

    def __init__(self, work, shares):
        self.exitcodes = [self._run(work, share) for share in shares]

    def _run(self, work, share):
        try:
            work(*share)
        except SystemExit:
            self.exitcode = 1
            return 1
        return 0

    def __enter__(self):
        ended = [
            type("Ended", (), {"exitcode": code, "is_alive": lambda self: False})() for code in self.exitcodes
        ]
        return ended

    def __exit__(self, *error):
        pass


@pytest.mark.parametrize("fault, words", [(ZeroDivisionError("ouch"), "ouch"), (SystemExit(), "was killed")])
def test_a_crash_in_one_cell_costs_that_cell_only(tmp_path, monkeypatch, fault, words):
    def crashes(cell, *rest):
        if cell.spec.policy == "random":
            raise fault
        return play(cell, *rest)

    monkeypatch.setattr(workers, "play", crashes)
    monkeypatch.setattr(workers, "running", Here)
    specs = [Spec("random"), Spec("noop"), Spec("reactive")]
    cells = tuple(Cell("Strike", "id", spec, "box2d", 0, 2) for spec in specs)
    job = Job(cells, tmp_path, None, tmp_path, rows=2, workers=1)
    with pytest.raises(ChildProcessError, match=f"Strike id, random in box2d: .*{words}"):
        play_all(job)
    assert list(job.missing_by_cell().values()) == [2, 0, 0]
    monkeypatch.setattr(workers, "play", play)
    play_all(job)
    assert job.missing() == 0


def test_graded_specs_are_spelled_told_apart_and_checked():
    spec = Spec.parse("cem,noise=0.2,frames=600@box2d")
    assert str(spec) == "cem,frames=600,noise=0.2@box2d" and Spec.named(spec.name, "box2d") == spec
    shop = Workshop()
    names = ("cem@box2d", "cem,frames=600@box2d", "cem,noise=0.2@box2d", "cem,iterations=2@box2d")
    assert len({shop.config_hash(Spec.parse(name), STRIKE) for name in names}) == 4
    policy = shop.policy(Spec.parse("cem,iterations=7,horizon=9@inertia"), STRIKE, "id", "box2d")
    assert policy.refit.config.candidates == (40, 14, 14, 14, 14, 14, 14) and policy.refit.config.horizon == 9
    path = shop.policy_file(Spec.parse("ppo,frames=50000,noise=0.1@box2d"), STRIKE)
    assert path.name == "Strike-ppo,frames=50000@box2d"
    for wrong in (
        "cem,skill=1@box2d",
        "reactive,frames=5",
        "cem,frames=1.5@box2d",
        "noop,gain=x",
        "noop,gain",
    ):
        with pytest.raises(ValueError, match="expected gain, noise"):
            Spec.parse(wrong)
    with pytest.raises(ValueError, match="turns a knob twice"):
        Spec.parse("noop,gain=1,gain=2")
    with pytest.raises(ValueError, match="carries and releases"):
        shop.policy(Spec.parse("reactive,gain=0.5"), make_task("Drop"), "id", "box2d")
