"""Contracts hold for all that is built in, and each broken object fails at the clause that it breaks."""

from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch

from agents import scripted
from agents.contracts import check_policy
from agents.planners import make_planner
from agents.refits.cem import CEMConfig
from envs.base import Outcome
from envs.contracts import check_task
from envs.tasks import TASKS, make_task
from worldsim.contracts import failure
from worldsim.engines import ENGINES, make_engine
from worldsim.engines.analytic import has_closed_form
from worldsim.model_contract import check_model
from worldsim.models import load_model, shipped_models
from worldsim.models.physics import PhysicsModel
from worldsim.models.state import TensorState
from worldsim.scenarios import SCENARIOS
from worldsim.world_contract import check_world
from worldsim.worlds import ImaginedWorld, SimulatedWorld, make_world

OWN = {"table": "Strike", "drop": "Catch", "uniform": "Strike", "collision": "Strike", "parabola": "Catch"}
MADE = {name: make_task(name) for name in TASKS}
STRIKE = MADE["Strike"]


def scenes(task):
    return [task.sample("id", i).scene for i in range(3)]


@pytest.mark.parametrize("name", TASKS)
def test_tasks_keep_their_contract(name):
    assert failure(check_task(TASKS[name])) is None


@pytest.mark.parametrize("engine, name", product(ENGINES, TASKS))
def test_engines_keep_the_contract_of_a_world(engine, name):
    if engine == "analytic" and not has_closed_form(MADE[name].template):
        pytest.skip("no closed form")
    assert failure(check_world(make_world(engine, MADE[name].template), scenes(MADE[name]))) is None


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_models_keep_their_contract_and_that_of_a_world(name):
    model, own = load_model(name, "cpu"), scenes(MADE[OWN[name]])
    assert failure(check_model(model, own)) is None
    assert failure(check_world(ImaginedWorld(model), own)) is None


def test_the_oracle_of_engines_keeps_the_contract_of_a_model():
    assert "collision" in SCENARIOS and failure(check_model(PhysicsModel(), scenes(STRIKE))) is None


@pytest.mark.parametrize("policy", [scripted.NoOp, scripted.Random, scripted.Reactive])
@pytest.mark.parametrize("name", TASKS)
def test_scripted_policies_keep_their_contract(policy, name):
    task = MADE[name]
    assert failure(check_policy(lambda: policy(task), task)) is None


def test_a_planner_keeps_its_contract():
    make = partial(make_planner, "cem", STRIKE, "analytic", config=CEMConfig(candidates=(6, 3)))
    assert failure(check_policy(make, STRIKE)) is None


# ---------------------------------------------------------------- broken on purpose


@dataclass(frozen=True)
class Last(TensorState):
    frame: torch.Tensor
    count: torch.Tensor


class Still:
    """Nothing moves; whole."""

    name, context_frames, action_size, resolution, max_frames = "still", 4, 2, 64, None

    def init(self, frames, actions, keys):
        return Last(frames[:, -1], torch.zeros(len(frames)))

    def step(self, state, actions):
        return state, state.frame[:, None].repeat(1, actions.shape[1], 1, 1, 1)


class OneFrame(Still):
    def step(self, state, actions):
        return state, state.frame[:, None]


class Bright(Still):
    def step(self, state, actions):
        return state, super().step(state, actions)[1] * 255


class Drifting(Still):
    calls = 0

    def step(self, state, actions):
        self.calls += 1
        return state, super().step(state, actions)[1] / self.calls


class InPlace(Still):
    def step(self, state, actions):
        frames = super().step(state, actions)[1] / (1 + state.count[:, None, None, None, None])
        state.count.add_(1)
        return state, frames


class Averaging(Still):
    def step(self, state, actions):
        frames = super().step(state, actions)[1]
        return state, (frames + frames.mean(0, keepdim=True)) / 2


class Tiled(Last):
    def repeat(self, n):
        return Tiled(self.frame.repeat(n, 1, 1, 1), self.count.repeat(n))


class TilingModel(Still):
    def init(self, frames, actions, keys):
        return Tiled(frames[:, -1], torch.zeros(len(frames)))


MODELS = {
    OneFrame: "step answers T actions with T frames",
    Bright: "finite and in [0, 1]",
    Drifting: "the same context, actions and keys",
    InPlace: "step leaves the state",
    Averaging: "whatever its neighbours",
    TilingModel: "repeats each row n times",
}


def test_a_model_that_imagines_nothing_is_whole():
    assert failure(check_model(Still(), scenes(STRIKE))) is None


@pytest.mark.parametrize("model", MODELS)
def test_a_broken_model_fails_at_its_clause(model):
    findings = check_model(model(), scenes(STRIKE))
    failed = failure(findings)
    assert failed and failed.found and MODELS[model] in failed.says
    after = findings[findings.index(failed) + 1 :]
    assert {f.verdict for f in after} == {"skipped"}


class World(SimulatedWorld):
    def __init__(self):
        super().__init__(make_engine("analytic"), template=STRIKE.template)


class Raw(World):
    def step(self, actions):
        return super().step(actions) * 0.999


class Forgetful(World):
    """Resets all rows where some were asked for."""

    def reset(self, scenes, keys, rows=None):
        if rows is not None:
            everyone = super().reset([scenes[0]] * len(self._scenes), keys, None)
            return everyone[: len(scenes)]
        return super().reset(scenes, keys, rows)


class Sharing(World):
    """Its fork is the world itself, begun anew."""

    def fork(self, rows, copies):
        twin = SimulatedWorld(self.engine, template=self.template)
        twin.reset([self._scenes[r] for r in rows for _ in range(copies)], np.zeros(len(rows) * copies))
        return twin


class Blind(World):
    def begin(self, context, keys):
        raise NotImplementedError("this world cannot begin in the middle")


WORLDS = {
    Raw: "rounded to the 256 levels",
    Forgetful: "reset of some rows leaves the others",
    Sharing: "a fork goes on exactly",
    Blind: "begin starts from what was seen",
}


@pytest.mark.parametrize("world", WORLDS)
def test_a_broken_world_fails_at_its_clause(world):
    failed = failure(check_world(world(), scenes(STRIKE)))
    assert failed and WORLDS[world] in failed.says and failed.found


class Strike(TASKS["Strike"]):
    """Few levels, to be quick."""

    levels = ("id",)


class Fickle(Strike):
    made = 0

    def sample(self, level, start_id):
        Fickle.made += 1
        start = super().sample(level, start_id)
        return replace(start, goal=start.goal + 0.01 * Fickle.made)


class Generous(Strike):
    def judge(self, outcome, before, after, goal, time_left):
        judged = super().judge(outcome, before, after, goal, time_left)
        return replace(judged, success=(time_left <= 0), failure=torch.zeros_like(judged.failure))


class Mixing(Strike):
    def judge(self, outcome, before, after, goal, time_left):
        judged = super().judge(outcome, before, after, goal, time_left)
        return replace(judged, reward=judged.reward + judged.miss.mean())


class Lenient(Strike):
    def judge(self, outcome, before, after, goal, time_left):
        judged = super().judge(outcome, before, after, goal, time_left)
        return Outcome(
            (time_left <= 0) & (judged.miss <= self.tolerance), *(getattr(judged, f) for f in FIELDS)
        )


FIELDS = ("failure", "spoiled", "miss", "reward")
TASK_FAULTS = {
    Fickle: "a start is the same on every call",
    Generous: "no start is solved by doing nothing",
    Mixing: "judge is vectorised",
    Lenient: "a spoiled episode never succeeds",
}


@pytest.mark.parametrize("task", TASK_FAULTS)
def test_a_broken_task_fails_at_its_clause(task):
    failed = failure(check_task(task))
    assert failed and TASK_FAULTS[task] in failed.says and failed.found


class Flat(scripted.NoOp):
    def act(self, observation):
        return super().act(observation)[:, 0]


class Wild(scripted.NoOp):
    def act(self, observation):
        return super().act(observation) + 9


class Unkeyed(scripted.NoOp):
    def act(self, observation):
        return super().act(observation) + np.random.default_rng().random()


class Herd(scripted.Reactive):
    def act(self, observation):
        return 0 * super().act(observation) + super().act(observation).mean(0)


class Late(scripted.NoOp):
    """Acts as it was last reset, whichever rows were."""

    def reset(self, rows, keys):
        self.push = len(keys) / 10

    def act(self, observation):
        return super().act(observation) + (self.push if len(observation.goal) > 1 else 0.3)


POLICIES = {
    Flat: "finite actions [N, A]",
    Wild: "within the bounds",
    Unkeyed: "the same keys",
    Herd: "whatever its neighbours",
    Late: "reset of some rows leaves the others",
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_broken_policy_fails_at_its_clause(policy):
    failed = failure(check_policy(lambda: policy(STRIKE), STRIKE))
    assert failed and POLICIES[policy] in failed.says and failed.found
