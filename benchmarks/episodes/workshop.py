"""The workshop: worlds and policies by name, and the hashes of all that decides what they do."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from agents.base import Policy
from agents.graded import ACTING, Graded
from agents.repair.imagination import Memory
from benchmarks.episodes.records import file_hash, text_hash
from benchmarks.episodes.specs import LEARNERS, Spec
from benchmarks.results_io import model_name
from envs.base import Task
from envs.episodes import episode_keys, world_keys
from worldsim import plugins
from worldsim.engines import is_engine
from worldsim.models import WorldModel, checkpoint_folder, shipped_models
from worldsim.worlds import ImaginedWorld, World, make_world

ANSWERS = 4  #: frames by which a world shows whether it draws

Made = TypeVar("Made")


def brought_world(name: str) -> str:
    """ "world" or "model" where a name is that of a brought one (see `worldsim.plugins`), else ""."""
    if is_engine(name) or name in shipped_models() or Path(name).is_dir():
        return ""
    return next((kind for kind in ("world", "model") if plugins.brought(kind, name)), "")


def source_hash(kind: str, name: str) -> str:
    """Hash of a brought thing's name and of the file that defines it: records made before it was edited, or
    by another thing of the same file, are not its own."""
    thing = plugins.find(kind, name)
    module = inspect.getmodule(thing) or inspect.getmodule(type(thing))
    file = getattr(module, "__file__", None)
    return text_hash(name, Path(file).read_bytes()) if file else ""


class Workshop:
    """Makes worlds and policies, loading each model once.

    What a model, a policy or a brought thing's file holds is hashed when it is first asked for. Whatever was
    changed afterwards is refused when it is read, so that a hash and what was loaded belong together.

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
        self._hashes: dict[str, str] = {}
        self._tasks: dict[str, Task] = {}
        self._remembered: tuple[tuple[str, ...], Memory] = ((), Memory())

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
            if is_engine(str(source)):
                return make_world(source, task.template)
            world = self._read(checkpoint_folder(source), lambda: make_world(source, task.template))
            if not isinstance(world, ImaginedWorld):
                return world
            self._loaded[str(source)] = world.model
        return ImaginedWorld(self._loaded[str(source)], "learned", task.template)

    def weights(self, name: str, task: Task) -> str:
        """Hash of the weights behind a world, or of the file that defines a brought one, "" for engines; an
        engine in the model's place goes by its name, so that records of two such are told apart."""
        source = self.source(task) if name == "learned" else name
        if isinstance(source, str) and (kind := brought_world(source)):
            return self._once(f"{kind} {source}", lambda: source_hash(kind, source))
        if name != "learned" or not isinstance(source, str | Path):
            return ""
        if is_engine(str(source)):
            return str(source)
        return self._hash(checkpoint_folder(source))

    def draws(self, task: Task) -> bool:
        """Whether what "learned" means answers one start differently from sample to sample: it is asked."""
        world, start = self.world("learned", task), task.sample("id", 0)
        keys = np.array([world_keys(episode_keys([start]), sample)[0] for sample in (0, 1)])
        nothing = np.zeros((2, task.template.action_size))
        with torch.no_grad():
            pairs = [world.reset([start.scene] * 2, keys)[:, -1]]
            pairs += [world.step(nothing) for _ in range(ANSWERS)]
        return any(not torch.equal(pair[0], pair[1]) for pair in pairs)

    def model_name(self, task: Task) -> str:
        """What "learned" is called in result rows."""
        source = self.source(task)
        return model_name(source) if isinstance(source, str | Path) else source.name

    def policy_file(self, spec: Spec, task: Task) -> Path:
        """Folder of a trained policy; one trained in other weights lies elsewhere."""
        weights = self.weights(spec.prepared_in, task)
        return self.policies / f"{task.name}-{spec.trained}{weights and '-' + weights}"

    def policy(self, spec: Spec, task: Task, level: str, executing: str) -> Policy:
        """The policy for one cell. Raises ValueError when it has not been trained."""
        acting = {k: v for k, v in spec.knobs if k in ACTING}
        policy = self._policy(spec, task, level, executing)
        return Graded(policy, task, level, **acting) if acting else policy

    def _policy(self, spec: Spec, task: Task, level: str, executing: str) -> Policy:
        """The policy with all of its skill."""
        from agents import scripted
        from agents.oracle import Oracle
        from agents.planners import config_for, make_planner, make_repaired

        if spec.policy in ("noop", "random", "reactive"):
            made: dict[str, Callable[[Task, str], Policy]]
            made = {"noop": scripted.NoOp, "random": scripted.Random, "reactive": scripted.Reactive}
            return made[spec.policy](task, level)
        if spec.policy == "oracle":
            return Oracle(task, executing, level)
        if spec.policy in LEARNERS:
            from agents.learning import load
            from agents.learning.folders import WEIGHTS

            folder = self.policy_file(spec, task)
            return self._read(folder / WEIGHTS, lambda: load(folder, task, level))
        if spec.archive:
            from agents.archive import ArchivePolicy

            return self._read(
                Path(spec.policy), lambda: ArchivePolicy(spec.policy, task, level, spec.prepared_in)
            )
        if spec.brought:
            from agents.contracts import PARTS

            given = {"world": self.world(spec.prepared_in, task)} if spec.prepared_in else {}
            return plugins.make("policy", spec.policy, PARTS, task=task, level=level, **given)
        assert spec.planner is not None, f"{spec} is no policy"
        world, knobs = self.world(spec.imagines_in, task), dict(spec.knobs)
        config = config_for(spec.planner, task, knobs)
        if spec.repair:
            memory = self._memory(
                task.name, level, spec.repair.engine, spec.repair.world, spec.name, executing
            )
            return make_repaired(spec.planner, task, world, spec.repair, level, config, memory)
        privileged = spec.policy == "cem_privileged"
        return make_planner(spec.planner, task, world, level, config, privileged)

    def _memory(self, *place: str) -> "Memory":
        """What rollouts are remembered in while worlds that differ in what is repaired alone are made."""
        if self._remembered[0] != place:
            self._remembered = place, Memory()
        return self._remembered[1]

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
            return self._hash(path) if path.exists() else ""
        own = [self.weights(spec.imagines_in, task)] if spec.prepared_in else []
        if spec.archive:
            own.append(self._hash(Path(spec.policy)))
        elif spec.brought:
            own.append(self._once(f"policy {spec.policy}", lambda: source_hash("policy", spec.policy)))
        return "-".join(filter(None, own))

    def config_hash(self, spec: Spec, task: Task) -> str:
        """Hash of the settings that decide a result and are not in its key otherwise."""
        from agents.planners import config_for

        settings: list[object] = [task.name, task.frames, task.stride, task.tolerance]
        if spec.planner is not None:
            settings.append(config_for(spec.planner, task, dict(spec.knobs)))
        settings += [knob for knob in spec.knobs if knob[0] in ACTING]
        return text_hash(*settings)

    def _hash(self, path: Path) -> str:
        """Hash of a file or a model's folder as it was when it was first asked for."""
        return self._once(str(path), lambda: file_hash(path))

    def _once(self, name: str, make: Callable[[], str]) -> str:
        if name not in self._hashes:
            self._hashes[name] = make()
        return self._hashes[name]

    def _read(self, path: Path, read: Callable[[], Made]) -> Made:
        """What is made of a file or folder. Raises ValueError where that is not what was hashed."""
        if path.exists():
            self._hash(path)
        made = read()
        if path.exists() and file_hash(path) != self._hash(path):
            raise ValueError(f"{path} was changed while it was in use; begin again")
        return made

    def source(self, task: Task) -> "str | Path | World":
        """What "learned" means for a task."""
        return task.scenario if self.model is None else self.model
