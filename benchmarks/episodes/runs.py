"""A run of the bridge: what was played, in which models, and where its records lie.

A run's folder begins with `config.json`: the protocol, and for each model the hashes of all that decides its
records. So a run can be read, compared and ranked where its models are not at hand.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from benchmarks import results_io
from benchmarks.episodes import records
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.protocol import Protocol
from benchmarks.episodes.records import EpisodeRecord, Key
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.workshop import Workshop
from envs.base import Task

SHIPPED = "shipped"  #: the name of whatever model ships for a task


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

    def draws(self, task: Task) -> bool:
        """See `Workshop.draws`."""
        return self.entry.draws.get(self._name(task), True)

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


def config_text(args: Any, entries: Mapping[str, Entry]) -> str:
    """The `config.json` that `Run.read` reads: the arguments of a run and its entries."""
    return results_io.to_json(args, entries=[asdict(entry) for entry in entries.values()])
