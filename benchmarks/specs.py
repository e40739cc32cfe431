"""Policy specs such as `cem@learned`: which policy, prepared in which world."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agents.base import Policy
from benchmarks.records import file_hash, text_hash
from envs.base import Task
from worldsim import plugins
from worldsim.engines import PERTURBED, is_engine, make_engine
from worldsim.models import WEIGHTS as SHIPPED
from worldsim.models import WorldModel, shipped_models
from worldsim.worlds import ImaginedWorld, World, make_world

LEARNERS = {  #: algorithm and observation of each policy that is trained
    algo + ending: (algo, observation)
    for algo in ("ppo", "sac", "td3", "ppo_resident")
    for observation, ending in (("tracked", ""), ("frames", "_frames"))
}
WORLDS = ("learned", "box2d", "mujoco")  #: worlds in which the bridge executes
ENGINES_AND_MODEL = ("inertia", "frozen", "undamped", "box2d", "mujoco", "analytic", "learned")
PREPARED = {
    "noop": ("",),
    "random": ("",),
    "reactive": ("",),
    "oracle": ("",),
    "shooting": ENGINES_AND_MODEL,
    "cem": ENGINES_AND_MODEL,
    "cem_privileged": ("box2d", "mujoco", "analytic"),
    "icem": ENGINES_AND_MODEL,
    "mppi": ENGINES_AND_MODEL,
    "gradient": ("learned",),
    **{policy: ("box2d", "mujoco", "analytic", "learned") for policy in LEARNERS},
}
SETTINGS_OF = {"cem_privileged": "cem", "oracle": "cem"}  #: planners with the settings of another one


@dataclass(frozen=True, order=True)
class Spec:
    """A policy and the world it is prepared in ("" when in none, or, for the oracle, the executing one)."""

    policy: str
    prepared_in: str = ""

    @classmethod
    def parse(cls, text: str) -> "Spec":
        """From `policy` or `policy@world`. Raises ValueError, listing what exists."""
        spec = cls(*text.partition("@")[::2])
        if spec.archive or spec.brought:
            return spec
        if spec.wrong:
            make_engine(spec.prepared_in)
        elif spec.prepared_in not in PREPARED.get(spec.policy, ()):
            known = [p + f"@{w}" * bool(w) for p, worlds in PREPARED.items() for w in worlds]
            raise ValueError(
                f"unknown policy {text!r}; choose among {', '.join(known)}; planners also imagine in "
                f"{PERTURBED}LAW:STRENGTH:ENGINE; an archive of "
                f"Stable-Baselines3 is named by its .zip; {plugins.advice('policy')}"
            )
        return spec

    def __str__(self) -> str:
        return self.policy + f"@{self.prepared_in}" * bool(self.prepared_in)

    @property
    def archive(self) -> bool:
        """Whether it is an archive of Stable-Baselines3; its world is then only what it is called."""
        return self.policy.endswith(".zip")

    @property
    def brought(self) -> bool:
        """Whether it is one of `worldsim.plugins`."""
        return self.policy not in PREPARED and plugins.brought("policy", self.policy)

    @property
    def wrong(self) -> bool:
        """Whether it plans in an engine with a law error."""
        return self.prepared_in.startswith(PERTURBED) and PREPARED.get(self.policy) == ENGINES_AND_MODEL

    @property
    def planner(self) -> str | None:
        """The entry of `agents.planners.PLANNERS` whose settings it has, None where it does not plan."""
        from agents.planners import PLANNERS

        name = SETTINGS_OF.get(self.policy, self.policy)
        return name if name in PLANNERS else None

    @property
    def plans_once(self) -> bool:
        """Its plan depends on the context alone where a task has one decision; the oracle's on the world."""
        return self.planner is not None and self.policy != "oracle"

    def runs_in(self, world: str) -> bool:
        """The oracle searches true states, which no learned world has."""
        return not (world == "learned" and (self.policy == "oracle"))


def brought_world(name: str) -> str:
    """ "world" or "model" where a name is that of a brought one (see `worldsim.plugins`), else ""."""
    if is_engine(name) or name in shipped_models() or Path(name).is_dir():
        return ""
    return next((kind for kind in ("world", "model") if plugins.brought(kind, name)), "")


def source_hash(kind: str, name: str) -> str:
    """Hash of the file that defines a brought thing: records made before it was edited are not its own."""
    thing = plugins.find(kind, name)
    module = inspect.getmodule(thing) or inspect.getmodule(type(thing))
    file = getattr(module, "__file__", None)
    return text_hash(Path(file).read_bytes()) if file else ""


class Workshop:
    """Makes worlds and policies, loading each model once.

    Parameters
    ----------
    model
        What "learned" means: a checkpoint's name or folder, an engine's name (to try things out) or a World;
        None for the task's shipped model.
    policies
        Folder with trained policies, `<task>-<policy>@<world>` (a hash of the world's weights added).
    """

    def __init__(
        self, model: "str | Path | World | None" = None, policies: str | Path = "runs/learn"
    ) -> None:
        self.model, self.policies = model, Path(policies)
        self._loaded: dict[str, WorldModel] = {}
        self._tasks: dict[str, Task] = {}

    def task(self, name: str) -> Task:
        """The task of this name; it remembers its starts. Raises ValueError when unknown."""
        from envs.tasks import make_task

        if name not in self._tasks:
            self._tasks[name] = make_task(name)
        return self._tasks[name]

    def world(self, name: str, task: Task) -> World:
        """A fresh world: an engine by name, or what "learned" means. Raises ValueError when unknown."""
        source = self.source(task) if name == "learned" else name
        if not isinstance(source, str | Path):
            return source
        if str(source) not in self._loaded:
            world = make_world(source, task.template)
            if not isinstance(world, ImaginedWorld):
                return world
            self._loaded[str(source)] = world.model
        return ImaginedWorld(self._loaded[str(source)], "learned", task.template)

    def weights(self, name: str, task: Task) -> str:
        """Hash of the weights behind a world, or of the file that defines a brought one, "" for engines."""
        source = self.source(task) if name == "learned" else name
        if isinstance(source, str) and (kind := brought_world(source)):
            return source_hash(kind, source)
        if name != "learned" or not isinstance(source, str | Path) or is_engine(str(source)):
            return ""
        return file_hash(SHIPPED / source if str(source) in shipped_models() else source)

    def model_name(self, task: Task) -> str:
        """What "learned" is called in result rows."""
        source = self.source(task)
        return Path(source).name if isinstance(source, str | Path) else source.name

    def policy_file(self, spec: Spec, task: Task) -> Path:
        """Folder of a trained policy; one trained in other weights lies elsewhere."""
        weights = self.weights(spec.prepared_in, task)
        return self.policies / f"{task.name}-{spec.policy}@{spec.prepared_in}{weights and '-' + weights}"

    def policy(self, spec: Spec, task: Task, level: str, executing: str) -> Policy:
        """The policy for one cell. Raises ValueError when it has not been trained."""
        from agents import scripted
        from agents.oracle import Oracle
        from agents.planners import make_planner

        if spec.policy in ("noop", "random", "reactive"):
            made: dict[str, Callable[[Task, str], Policy]]
            made = {"noop": scripted.NoOp, "random": scripted.Random, "reactive": scripted.Reactive}
            return made[spec.policy](task, level)
        if spec.policy == "oracle":
            return Oracle(task, executing, level)
        if spec.policy in LEARNERS:
            from agents.learning import load

            return load(self.policy_file(spec, task), task, level)
        if spec.archive:
            from agents.archive import ArchivePolicy

            return ArchivePolicy(spec.policy, task, level, spec.prepared_in)
        if spec.brought:
            from agents.contracts import PARTS

            given = {"world": self.world(spec.prepared_in, task)} if spec.prepared_in else {}
            return plugins.make("policy", spec.policy, PARTS, task=task, level=level, **given)
        assert spec.planner is not None, f"{spec} is no policy"
        world = self.world(spec.prepared_in, task)
        return make_planner(spec.planner, task, world, level, privileged=spec.policy == "cem_privileged")

    def frames_trained(self, spec: Spec, name: str) -> int:
        """For how many frames a policy has been trained to its end, 0 where it has not."""
        from agents.learning.folders import CONFIG, WEIGHTS

        path = self.policy_file(spec, self.task(name))
        finished = (path / WEIGHTS).exists()
        return int(json.loads((path / CONFIG).read_text())["frames"]) if finished else 0

    def policy_hash(self, spec: Spec, task: Task) -> str:
        """Hash of what the policy has learned or plans in, "" for scripted policies and engines."""
        if spec.policy in LEARNERS:
            from agents.learning.folders import WEIGHTS

            path = self.policy_file(spec, task) / WEIGHTS
            return file_hash(path) if path.exists() else ""
        own = [self.weights(spec.prepared_in, task)] if spec.prepared_in else []
        if spec.archive:
            own.append(text_hash(Path(spec.policy).read_bytes()))
        elif spec.brought:
            own.append(source_hash("policy", spec.policy))
        return "-".join(filter(None, own))

    def config_hash(self, spec: Spec, task: Task) -> str:
        """Hash of the settings that decide a result and are not in its key otherwise."""
        from agents.planners import config_for

        settings: list[object] = [task.name, task.frames, task.stride, task.tolerance]
        if spec.planner is not None:
            settings.append(config_for(spec.planner, task))
        return text_hash(*settings)

    def source(self, task: Task) -> "str | Path | World":
        """What "learned" means for a task."""
        return task.scenario if self.model is None else self.model
