"""A run of the bridge: what is played, in which models, and where its records lie.

A run's folder begins with `config.json`: the protocol, and for each model the hashes of all that decides its
records. So a run can be read, compared and ranked where its models are not at hand.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import records, results_io
from benchmarks.playing import Cell
from benchmarks.policy_set import POLICY_SET
from benchmarks.records import EpisodeRecord, Key
from benchmarks.specs import LEARNERS, WORLDS, Spec
from benchmarks.workshop import Workshop, brought_world
from benchmarks.zoo import ACTED, fits
from envs.base import Task
from envs.episodes import episode_keys, world_keys
from worldsim.worlds import ImaginedWorld, World

SHIPPED = "shipped"  #: the name of whatever model ships for a task
POLICIES = (
    "noop",
    "random",
    "reactive",
    "oracle",
    "cem@inertia",
    "cem@box2d",
    "cem_privileged@box2d",
    "cem@learned",
)
SET = "set"  #: the name of the policies that were fixed for `worldsim bench bridge`
FIRST_REPORTED = 10_000  #: smaller start_ids are for development
ANSWERS = 4  #: frames by which a world shows whether it draws


@dataclass(frozen=True)
class Protocol:
    """What is played in each model: two runs are compared, and models ranked, where it is the same."""

    tasks: tuple[str, ...] = ("Strike", "Catch")
    """tasks to play; your own as module:attribute"""
    levels: tuple[str, ...] = ()
    """levels to play; all of a task's when none is named"""
    policies: tuple[str, ...] = POLICIES
    """policies: noop, random, reactive, oracle, LEARNER@WORLD with ppo, sac, td3 or ppo_resident,
    PLANNER@WORLD with shooting, cem, cem_privileged, icem, mppi or gradient, your own as module:attribute, or
    the .zip of Stable-Baselines3; knobs grade them, as in cem,frames=500,noise=0.2@learned; "set" stands for
    the almost 40 graded ones of `worldsim bench bridge`, enough to tell rank agreement"""
    worlds: tuple[str, ...] = WORLDS
    """worlds that execute: learned, box2d, mujoco, analytic"""
    starts: int = 20
    """starts per cell"""
    first: int = FIRST_REPORTED
    """number of the first start; numbers below 10,000 are for development"""
    samples: int = 1
    """samples of each start in learned worlds that draw; in others all are alike and one is played"""

    def cells(self, workshop: Workshop) -> list[Cell]:
        """All cells, those of one policy next to one another.

        Raises ValueError, listing what exists, for an unknown task, level, policy or world.
        """
        from worldsim.engines import ENGINES

        for world in self.worlds:
            if world != "learned" and world not in ENGINES:
                raise ValueError(
                    f"unknown world {world!r}; choose among learned, {', '.join(ENGINES)}; "
                    f"your own goes to --models, and is then what learned means"
                )
        if self.starts < 1 or self.samples < 1:
            raise ValueError(
                f"{self.starts} starts per cell, {self.samples} samples of each; at least 1 is needed"
            )
        cells = []
        for name in self.tasks:
            known, specs = workshop.task(name).levels, self.specs(name)
            samples = samples_of(workshop, name, self.samples) if "learned" in self.worlds else 1
            for level in self.levels or known:
                if level not in known:
                    raise ValueError(f"{name} has no level {level!r}; it has {', '.join(known)}")
                cells += [
                    Cell(name, level, spec, world, self.first, self.starts, sample)
                    for spec in specs
                    for world in self.worlds
                    if spec.runs_in(world)
                    for sample in range(samples if world == "learned" else 1)
                ]
        return cells

    def specs(self, task: str) -> list[Spec]:
        """The policies that play a task. Raises ValueError as `Spec.parse`, and for a task without a set."""
        words: list[str] = []
        for word in self.policies:
            if word == SET and task not in POLICY_SET:
                raise ValueError(f"{task} has no policy set; there is one for {', '.join(POLICY_SET)}")
            words += POLICY_SET[task] if word == SET else (word,)
        return list(dict.fromkeys(map(Spec.parse, words)))

    @property
    def engines(self) -> list[str]:
        """The executing worlds that are no model."""
        return [world for world in self.worlds if world != "learned"]


@dataclass(frozen=True)
class Entry:
    """A model in a run, called `name` there: for each task that it can be played on what rows call it, the
    hash of its weights, and by policy the hash of what the policy has learned or plans in; where several
    samples are asked for, whether it draws."""

    name: str
    titles: dict[str, str]
    weights: dict[str, str]
    policies: dict[str, dict[str, str]]
    draws: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, workshop: Workshop, protocol: Protocol) -> "Entry":
        """What `workshop` holds now. Errors as in `Protocol.cells`."""
        cells = protocol.cells(workshop)
        specs = {(cell.task, cell.spec) for cell in cells}
        tasks = {task: workshop.task(task) for task in protocol.tasks}
        drawing = {cell.task for cell in cells if cell.sample}
        return cls(
            name,
            {t: title(workshop, task) for t, task in tasks.items()},
            {t: workshop.weights("learned", task) for t, task in tasks.items()},
            {
                t: {str(s): workshop.policy_hash(s, task) for at, s in sorted(specs) if at == t}
                for t, task in tasks.items()
            },
            {t: t in drawing for t in tasks} if protocol.samples > 1 else {},
        )

    def part(self, protocol: Protocol) -> Protocol:
        """What of a protocol the model can be played on."""
        return replace(protocol, tasks=tuple(task for task in protocol.tasks if task in self.weights))


class Remembered(Workshop):
    """A workshop that knows an entry's hashes and has no model: it tells which records are the entry's."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry

    def weights(self, name: str, task: Task) -> str:
        """See `Workshop.weights`; only what "learned" means is remembered."""
        if name != "learned":
            return super().weights(name, task)
        return self.entry.weights.get(self._name(task), "not played")

    def policy_hash(self, spec: Spec, task: Task) -> str:
        """See `Workshop.policy_hash`."""
        return self.entry.policies.get(self._name(task), {}).get(str(spec), "")

    def _name(self, task: Task) -> str:
        """What the run calls a task, which may be module:attribute; "" where it has not played it."""
        return next((name for name in self.entry.weights if self.task(name) is task), "")


@dataclass(frozen=True)
class Played:
    """An entry with the records of its cells, and how many each cell lacks."""

    entry: Entry
    records: tuple[EpisodeRecord, ...]
    missing: dict[Cell, int] = field(default_factory=dict)

    @classmethod
    def find(cls, entry: Entry, protocol: Protocol, known: Mapping[Key, EpisodeRecord]) -> "Played":
        """Those of the known records that a protocol asks of an entry; others are left out."""
        shop, found, missing = Remembered(entry), [], {}
        for cell in protocol.cells(shop):
            keys = cell.keys(shop).values()
            found += [known[key] for key in keys if key in known]
            missing[cell] = sum(key not in known for key in keys)
        return cls(entry, tuple(found), {cell: count for cell, count in missing.items() if count})


@dataclass(frozen=True)
class Run:
    """A run's folder, what it says was played, and its models by name."""

    folder: Path
    protocol: Protocol
    entries: dict[str, Entry]
    sources: dict[str, str]
    trained: Path

    @classmethod
    def read(cls, folder: str | Path) -> "Run":
        """Raises ValueError, saying what is missing, where the folder is none of a run of the bridge."""
        path = Path(folder) / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            said: dict[str, Any] = {
                f.name: tuple(v) if isinstance(v := config[f.name], list) else v for f in fields(Protocol)
            }
            protocol = Protocol(**said)
            entries = {e["name"]: Entry(**e) for e in config["entries"]}
            sources = dict(zip(entries, config["models"], strict=True))
            return cls(Path(folder), protocol, entries, sources, Path(config["trained"]))
        except FileNotFoundError as error:
            raise ValueError(f"{folder} is no run of the bridge: it has no config.json") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} does not tell what was played: {type(error).__name__}: {error}; run `worldsim "
                f"bridge` with its arguments again: what is recorded is not played anew"
            ) from error

    def played(self, name: str, protocol: Protocol | None = None) -> Played:
        """The records of one of the run's models, under a protocol or its own. Raises ValueError for altered
        records (see `records.read`) and unknown names."""
        if name not in self.entries:
            raise ValueError(f"{self.folder} has no model {name!r}; it has {', '.join(self.entries)}")
        known = records.read(self.folder / "episodes")
        entry = self.entries[name]
        return Played.find(entry, protocol or entry.part(self.protocol), known)

    def workshop(self, name: str) -> Workshop:
        """The model itself, where it is at hand."""
        return workshop_of(self.sources[name], self.trained)


def workshop_of(model: str, trained: Path) -> Workshop:
    """Worlds and policies with one of the models that a run names."""
    return Workshop(source_of(model), trained)


def source_of(model: str) -> str | None:
    """What a workshop takes for one of the models that a run names."""
    return None if model == SHIPPED else model


def title(workshop: Workshop, task: Task) -> str:
    """What rows call the model of a task."""
    source = workshop.source(task)
    return results_io.checkpoint_name(source) if isinstance(source, str | Path) else source.name


def samples_of(workshop: Workshop, task: str, asked: int) -> int:
    """How many samples of each start are played in the model of a task: as many as asked for where it
    draws."""
    if asked == 1:
        return 1
    if isinstance(workshop, Remembered):
        drawing = workshop.entry.draws.get(task, True)
    else:
        drawing = draws(workshop.world("learned", workshop.task(task)), workshop.task(task))
    return asked if drawing else 1


def draws(world: World, task: Task) -> bool:
    """Whether a world answers one start differently from sample to sample: it is asked."""
    start = task.sample("id", 0)
    keys = np.array([world_keys(episode_keys([start]), sample)[0] for sample in (0, 1)])
    nothing = np.zeros((2, task.template.action_size))
    with torch.no_grad():
        pairs = [world.reset([start.scene] * 2, keys)[:, -1]]
        pairs += [world.step(nothing) for _ in range(ANSWERS)]
    return any(not torch.equal(pair[0], pair[1]) for pair in pairs)


def fitting(workshop: Workshop, name: str, tasks: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The tasks that a model, called `name`, can be played on, and notes on the others: those whose scenario
    it has not learned, and those for which it cannot be read."""
    found, notes = [], []
    for task in map(workshop.task, tasks):
        try:
            world, source = workshop.world("learned", task), workshop.model
            known = isinstance(world, ImaginedWorld) and task.scenario in ACTED
            if known and isinstance(source, str | Path) and not brought_world(str(source)):
                if not fits(str(source), task.scenario):
                    notes.append(
                        f"{name} is left out of {task.name}: it has not learned from the scenario "
                        f"{task.scenario!r} with the actions of this task"
                    )
                    continue
            found.append(task)
        except (ValueError, OSError) as error:
            notes.append(f"{name} is left out of {task.name}: {error}")
    return tuple(word for word in tasks if workshop.task(word) in found), notes


def entries_of(
    models: tuple[str, ...], trained: Path, protocol: Protocol
) -> tuple[dict[str, Entry], list[str]]:
    """An entry for each model by its name in the run, and notes on where they are left out (see `fitting`).

    Raises ValueError where two could not be told apart in a table, and where none is left. Errors as in
    `Protocol.cells`.
    """
    if not models:
        raise ValueError(f"no model to play; name some, or {SHIPPED!r} for the shipped ones")
    protocol.cells(Workshop("reference"))
    names = [results_io.checkpoint_name(model) for model in models]
    entries: dict[str, Entry] = {}
    notes: list[str] = []
    _check_names(names, "any task")
    for name, model in zip(names, models):
        shop = workshop_of(model, trained)
        tasks, why = fitting(shop, name, protocol.tasks)
        notes += why
        if tasks:
            entries[name] = Entry.of(name, shop, replace(protocol, tasks=tasks))
            for task in tasks:
                mine = [entry for entry in entries.values() if task in entry.titles]
                _check_names([entry.titles[task] for entry in mine], task)
    if not entries:
        raise ValueError("no model can be played:\n" + "\n".join(notes))
    return entries, notes


def _check_names(names: Sequence[str], task: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(
                f"{count} models are called {name!r} on {task}: their rows could not be told apart; rename "
                f"the folder of one, or leave one out"
            )


def ready(cells: Iterable[Cell], workshop: Workshop) -> tuple[tuple[Cell, ...], list[str]]:
    """The cells whose policies are there to be played, and notes on those that have yet to be trained."""
    wanted = list(cells)
    runs = {(c.spec.trained, c.task) for c in wanted if c.spec.policy in LEARNERS}
    lacking = {run for run in runs if not workshop.frames_trained(*run)}
    notes = [f"{spec} has not been trained on {task}; it is left out there" for spec, task in sorted(lacking)]
    return tuple(cell for cell in wanted if (cell.spec.trained, cell.task) not in lacking), notes


def config_text(args: Any, entries: Mapping[str, Entry]) -> str:
    """The `config.json` that `Run.read` reads: the arguments of a run and its entries."""
    return results_io.to_json(args, entries=[asdict(entry) for entry in entries.values()])
