"""Runs that are handed in: which one is meant, and whether its records can be believed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import results_io
from benchmarks.episodes import records
from benchmarks.episodes.deciding import unasked
from benchmarks.episodes.playing import Cell
from benchmarks.episodes.protocol import Protocol
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.replay import verify
from benchmarks.episodes.runs import Played, Run
from benchmarks.episodes.workshop import Workshop


@dataclass(frozen=True)
class Submission:
    """One model of one run, by the name that tables call it."""

    name: str
    run: Run
    played: Played

    @property
    def digest(self) -> str:
        """Hash of the records that it rests on."""
        return records.digest(self.played.records)

    @property
    def versions(self) -> list[str]:
        """The versions of the code that played it, the most frequent first."""
        return [version for version, _ in Counter(r.version for r in self.played.records).most_common()]


@dataclass
class Findings:
    """What speaks against a submission, and what was left unseen; `replayed` records ended as recorded."""

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    replayed: int = 0


def resolve(text: str, protocol: Protocol | None = None) -> list[Submission]:
    """The models that a word on the command line means: a run's folder or the result file in it, all of its
    models, or FOLDER:MODEL for one.

    Raises ValueError where there is no such run or model, where records were altered, and for a result file
    that does not rest on the records beside it.
    """
    place, _, model = (text, "", "") if Path(text).exists() else text.partition(":")
    path = Path(place)
    run = Run.read(path.parent if path.is_file() else path)
    names = [model] if model else list(run.entries)
    found = [Submission(_name(run, name), run, run.played(name, protocol)) for name in names]
    if path.is_file():
        _check_digest(path, run)
    return found


def validate(submission: Submission, replays: int, seed: int = 0) -> Findings:
    """Whether every cell is complete and a random part of the records follows from its actions, bit by bit,
    and these from their policies.

    Records of engines can always be played again, those of the learned world where the model is at hand. Of
    each version of the code that played, `replays` records are looked at.
    """
    found, own = Findings(), {r.key for r in submission.played.records}
    known = records.read(submission.run.folder / "episodes") if submission.played.missing else {}
    others = [r for key, r in known.items() if key not in own]
    for cell, count in submission.played.missing.items():
        found.faults.append(f"{count} of {cell.count} episodes of {cell} are missing{_others(cell, others)}")
    shop, mine = _at_hand(submission, found.notes)
    for version in submission.versions:
        same = [r for r in mine if r.version == version]
        try:
            wrong = verify(same, shop, replays, seed)
        except ValueError as error:
            told = f"nothing of version {version or 'unknown'} of the code could be played again: {error}"
            (found.notes if len(submission.versions) == 1 else found.faults).append(told)
            continue
        found.replayed += min(replays, len(same)) - len(wrong)
        found.faults += [f"altered, or the code does otherwise now: {difference}" for difference in wrong]
    if silent := unasked(submission.played.records, shop):
        found.notes.append(
            f"whether these decide as recorded was not verified, they are not at hand: {', '.join(silent)}"
        )
    return found


def _check_digest(path: Path, run: Run) -> None:
    """Raise ValueError unless a result file is of the records beside it."""
    meta, _ = results_io.read(path)
    once = {r.key: r for name in run.entries for r in run.played(name).records}
    if meta.get("records") != records.digest(once.values()):
        raise ValueError(
            f"{path} does not rest on the records in {run.folder / 'episodes'}: its digest is "
            f"{meta.get('records')!r}, not theirs; they were altered, or more was played since: run "
            f"`worldsim bridge` again"
        )


def _name(run: Run, model: str) -> str:
    return f"{run.folder.name}:{model}" if len(run.entries) > 1 else run.folder.name


def _others(cell: Cell, others: Sequence[EpisodeRecord]) -> str:
    """What lies in the place of missing records."""
    place = (cell.task, cell.level, cell.world, cell.spec.name, cell.spec.prepared_in)
    starts = range(cell.first, cell.first + cell.count)
    same = [r for r in others if (r.task, r.level, r.world, r.policy, r.prepared_in) == place]
    count = sum(r.start_id in starts for r in same)
    return f"; {count} others there have other weights or settings" if count else ""


def _at_hand(submission: Submission, notes: list[str]) -> tuple[Workshop, Sequence[EpisodeRecord]]:
    """A workshop to play again in, and the records that it can play."""
    mine, entry = submission.played.records, submission.played.entry
    try:
        shop = submission.run.workshop(entry.name)
        if all(shop.weights("learned", shop.task(t)) == w for t, w in entry.weights.items()):
            return shop, mine
        why = "the one at hand has other weights"
    except (ValueError, OSError) as error:
        why = str(error)
    notes.append(f"what happened in the model could not be played again, it is not at hand: {why}")
    return Workshop(None, submission.run.trained), [r for r in mine if r.world != "learned"]
