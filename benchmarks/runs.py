"""A run of the bridge: what is played, in which models, and where its records lie.

A run's folder begins with `config.json`: the protocol, and for each model the hashes of all that decides its
records. So a run can be read, compared and ranked where its models are not at hand.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from benchmarks import records, results_io
from benchmarks.playing import Cell
from benchmarks.policy_set import POLICY_SET
from benchmarks.records import EpisodeRecord, Key
from benchmarks.specs import WORLDS, Spec
from benchmarks.workshop import Workshop
from envs.base import Task

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
        if self.starts < 1:
            raise ValueError(f"{self.starts} starts per cell; at least 1 is needed")
        cells = []
        for name in self.tasks:
            known, specs = workshop.task(name).levels, self.specs(name)
            for level in self.levels or known:
                if level not in known:
                    raise ValueError(f"{name} has no level {level!r}; it has {', '.join(known)}")
                cells += [
                    Cell(name, level, spec, world, self.first, self.starts)
                    for spec in specs
                    for world in self.worlds
                    if spec.runs_in(world)
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
    """A model in a run, called `name` there: for each task what rows call it, the hash of its weights, and by
    policy the hash of what the policy has learned or plans in."""

    name: str
    titles: dict[str, str]
    weights: dict[str, str]
    policies: dict[str, dict[str, str]]

    @classmethod
    def of(cls, name: str, workshop: Workshop, protocol: Protocol) -> "Entry":
        """What `workshop` holds now. Errors as in `Protocol.cells`."""
        specs = {(cell.task, cell.spec) for cell in protocol.cells(workshop)}
        tasks = {task: workshop.task(task) for task in protocol.tasks}
        return cls(
            name,
            {t: workshop.model_name(task) for t, task in tasks.items()},
            {t: workshop.weights("learned", task) for t, task in tasks.items()},
            {
                t: {str(s): workshop.policy_hash(s, task) for at, s in sorted(specs) if at == t}
                for t, task in tasks.items()
            },
        )


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
        return Played.find(self.entries[name], protocol or self.protocol, known)

    def workshop(self, name: str) -> Workshop:
        """The model itself, where it is at hand."""
        return workshop_of(self.sources[name], self.trained)


def workshop_of(model: str, trained: Path) -> Workshop:
    """Worlds and policies with one of the models that a run names."""
    return Workshop(source_of(model), trained)


def source_of(model: str) -> str | None:
    """What a workshop takes for one of the models that a run names."""
    return None if model == SHIPPED else model


def entries_of(models: tuple[str, ...], trained: Path, protocol: Protocol) -> dict[str, Entry]:
    """An entry for each model by its name in the run.

    Raises ValueError where two could not be told apart in a table. Errors as in `Protocol.cells`.
    """
    if not models:
        raise ValueError(f"no model to play; name some, or {SHIPPED!r} for the shipped ones")
    entries: dict[str, Entry] = {}
    for model in models:
        name = results_io.model_name(model)
        entry = Entry.of(name, workshop_of(model, trained), protocol)
        for other in entries.values():
            for task, title in entry.titles.items():
                if name == other.name or title == other.titles[task]:
                    raise ValueError(
                        f"the models {other.name!r} and {name!r} are both called {title!r} on {task}: their "
                        f"rows could not be told apart; rename the folder of one, or leave one out"
                    )
        entries[name] = entry
    return entries


def config_text(args: Any, entries: Mapping[str, Entry]) -> str:
    """The `config.json` that `Run.read` reads: the arguments of a run and its entries."""
    return results_io.to_json(args, entries=[asdict(entry) for entry in entries.values()])
