"""`worldsim bench bridge`: imagined against real, by a set of policies that was fixed beforehand.

learn   the learners of the policy set, each of its lengths
play    the policy set in the learned model and in the engines, on the same starts
result  every measure as tidy rows, after a random part of the records was played again bit by bit

One file takes several runs: other tasks, levels, models, or more starts for some (see `merging`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from benchmarks import results_io
from benchmarks.bridging import protocol
from benchmarks.bridging.findings import Findings
from benchmarks.bridging.merging import Part, merge
from benchmarks.bridging.results import Found, at_place, with_advice
from benchmarks.episodes import projection, records
from benchmarks.episodes.deciding import unasked
from benchmarks.episodes.learners import train
from benchmarks.episodes.playable import fitting, ready
from benchmarks.episodes.protocol import FIRST_UNSEEN, samples_of
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.replay import verify
from benchmarks.episodes.runs import SHIPPED, title
from benchmarks.episodes.specs import LEARNERS, Spec
from benchmarks.episodes.versions import code_version
from benchmarks.episodes.workers import Job, play_all
from benchmarks.episodes.workshop import Workshop
from benchmarks.policy_set import POLICY_SET, primary
from benchmarks.results_io import checkpoint_name

Stage = Literal["learn", "play", "result"]
FRAMES = 300_000  #: of learners whose specs name none


@dataclass(frozen=True)
class Args:
    """Make benchmarks/results/bridge.json; run again to go on from what is recorded."""

    stages: tuple[Stage, ...] = ("learn", "play", "result")
    """stages to run, in this order"""
    tasks: tuple[str, ...] = tuple(POLICY_SET)
    """tasks; they need a policy set"""
    levels: tuple[str, ...] = ("id",)
    """levels; a task plays those that it has"""
    engines: tuple[str, ...] = ("box2d", "mujoco")
    """engines that are reality; the first one also judges further models"""
    starts: int = 200
    """starts per cell"""
    primary: int = 0
    """starts per cell of CEM and of the longest trained PPO, prepared in the model and in Box2D: what gap,
    planning gap and exploitation are known by; 0: no more than of the others"""
    first: int = FIRST_UNSEEN
    """number of the first start"""
    samples: int = 1
    """samples of each start in learned worlds that draw; in others all are alike and one is played"""
    model: str | None = None
    """a checkpoint in place of the shipped ones"""
    models: tuple[str, ...] = ()
    """further checkpoints for the tasks that are played, over which agreement is measured as well"""
    replays: int = 50
    """records that are played again, of each version of the code, before they count"""
    rows: int = 50
    """episodes side by side"""
    workers: int = 2
    """processes, one thread each"""
    seed: int = 0
    """seed of the learners, and of which records are played again"""
    work: Path = Path("runs/bench/bridge")
    """folder for records and trained policies"""
    out: Path = results_io.RESULTS / "bridge.json"
    """result file; what other runs have measured stays in it"""

    @property
    def names(self) -> list[str]:
        """What the models are called, the one that the policy set is played in first."""
        return [checkpoint_name(model or SHIPPED) for model in (self.model, *self.models)]

    @property
    def shared(self) -> range:
        """The starts of all policies."""
        return range(self.first, self.first + self.starts)

    @property
    def more(self) -> range:
        """Further starts, of the primary policies."""
        return range(self.shared.stop, self.first + max(self.starts, self.primary))


def main(args: Args) -> None:
    """Print the projected time, then run the stages.

    Raises ValueError for tasks without a policy set or levels, where the first model can be played on none of
    them, and for records that cannot be trusted.
    """
    from rich.console import Console

    console = Console()
    jobs, notes = jobs_of(args)
    results_io.write_text(args.work / "config.json", results_io.to_json(args))
    for note in notes:
        console.print(note, markup=False)
    workshop = jobs[0].workshop()
    for stage in args.stages:
        if stage in PROJECTED:
            console.print(f"{stage}: projected time {PROJECTED[stage](args, jobs, workshop) / 60:.0f} min")
    for stage in args.stages:
        console.rule(stage)
        more = STAGES[stage](args, jobs, workshop, notes)
        for note in dict.fromkeys(more):
            console.print(note, markup=False, soft_wrap=True)
        notes += more


def jobs_of(args: Args) -> tuple[list[Job], list[str]]:
    """One job for each model, the first for the one that the policy set is played in; and notes on where
    models are left out."""
    if unknown := [name for name in args.tasks if name not in POLICY_SET]:
        raise ValueError(f"no policy set for {', '.join(unknown)}; there is one for {', '.join(POLICY_SET)}")
    _check_names(args.names)
    places, jobs, notes = _places(args), [], []
    titles: dict[str, list[str]] = {task: [] for task in args.tasks}
    for number, (name, model) in enumerate(zip(args.names, (args.model, *args.models))):
        shop = Workshop(model, args.work / "policies")
        tasks, why = fitting(shop, name, args.tasks)
        notes += why
        mine, first = [place for place in places if place[0] in tasks], number == 0
        if first and not mine:
            raise ValueError("\n".join(notes))
        for task in tasks:
            titles[task].append(title(shop, shop.task(task)))
            _check_names(titles[task])
        samples = {task: samples_of(shop, task, args.samples) for task in tasks}
        engines = args.engines if first else args.engines[:1]
        policies = POLICY_SET.__getitem__ if first else lambda task: protocol.OVER_MODELS
        cells = protocol.cells(mine, policies, engines, args.shared, samples)
        if first and args.more:
            cells += protocol.cells(mine, _primary, engines, args.more, samples)
        work = args.work
        jobs.append(Job(cells, work / "episodes", model, work / "policies", args.rows, args.workers))
    return jobs, notes


def _check_names(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"models share a name: {', '.join(names)}; their rows could not be told apart")


def _places(args: Args) -> list[tuple[str, str]]:
    workshop = Workshop()
    places = [(t, level) for t in args.tasks for level in args.levels if level in workshop.task(t).levels]
    if not places:
        raise ValueError(f"none of {', '.join(args.tasks)} has a level {' or '.join(args.levels)}")
    return places


def _primary(task: str) -> list[str]:
    return [name for name in primary(task) if name in POLICY_SET[task]]


def _learn(args: Args, jobs: list[Job], workshop: Workshop, notes: list[str]) -> list[str]:
    """Train; what fails costs itself alone."""
    try:
        train(workshop, _runs(jobs[0], workshop), FRAMES, args.seed, args.workers)
    except (ChildProcessError, ValueError) as error:
        return [str(error)]
    return []


def _runs(job: Job, workshop: Workshop) -> list[tuple[Spec, str]]:
    """Training runs that are not finished, the longest first."""
    wanted = dict.fromkeys((c.spec.trained, c.task) for c in job.cells if c.spec.policy in LEARNERS)
    left = [(spec, name) for spec, name in wanted if not workshop.frames_trained(spec, name)]
    return sorted(left, key=lambda run: -_frames(run[0]))


def _frames(spec: Spec) -> float:
    return dict(spec.knobs).get("frames", FRAMES)


def _play(args: Args, jobs: list[Job], workshop: Workshop, notes: list[str]) -> list[str]:
    """Play what is missing; a cell that fails, or whose learner has not been trained, costs itself alone, and
    what keeps a model from being played costs that model."""
    told = []
    for name, job in zip(args.names, jobs):
        try:
            cells, lacking = ready(job.cells, job.workshop())
            told += [f"{name}: {note}" for note in lacking]
            play_all(replace(job, cells=cells))
        except (ChildProcessError, ValueError) as error:
            told.append(f"{name}: {error}")
    return told


def _result(args: Args, jobs: list[Job], workshop: Workshop, notes: list[str]) -> list[str]:
    """Check the records, measure, and write rows and notes beside what other runs have measured."""
    told = checked(args, jobs, [job.found() for job in jobs])
    found = [Found.of(job, args.shared, args.more) for job in jobs]
    told += [f"{name}: {note}" for name, one in zip(args.names, found) for note in one.notes]
    measured, parts = Findings(), {}
    for place in (p for p in _places(args) if any(p[0] == c.task for c in jobs[0].cells)):
        task = workshop.task(place[0])
        names = [title(job.workshop(), task) for job in jobs]
        here = at_place(found, names, *place, args.engines)
        weights = {name: job.workshop().weights("learned", task) for name, job in zip(names, jobs)}
        for model in {row.get("model", "") for row in here.rows}:
            parts[(*place, model)] = _part(args, weights.get(model, ""), here.notes * (model == names[0]))
        measured.extend(here)
    rows, parts, merged = merge(args.out, measured.rows, parts)
    everything = {record.key: record for one in found for record in one.records}
    more = {
        "models": {model: part["weights"] for (_, _, model), part in parts.items() if model},
        "notes": list(dict.fromkeys([*notes, *told, *(n for part in parts.values() for n in part["notes"])])),
        "records": records.digest(everything.values()),
        "replayed": args.replays,
        "parts": [dict(zip(("task", "level", "model"), place)) | part for place, part in parts.items()],
    }
    rows, answers = with_advice(rows)
    results_io.write(args.out, results_io.meta("worldsim bench bridge", args.seed, **more), rows)
    return [
        *told,
        *measured.notes,
        *merged,
        *answers,
        f"{len(everything)} episodes, {len(rows)} rows: {args.out}",
    ]


def _part(args: Args, weights: str, notes: list[str]) -> Part:
    """How what is measured now was made."""
    return {
        "code": code_version(),
        "first": args.first,
        "weights": weights,
        "starts": args.starts,
        "primary": args.starts + len(args.more),
        "date": results_io.meta("", 0)["date"],
        "notes": notes,
    }


def checked(args: Args, jobs: list[Job], found: list[list[EpisodeRecord]]) -> list[str]:
    """Play a random part of the records again, some of each version of the code, and ask their policies
    again; notes on versions, and on policies that could not be asked.

    Raises ValueError where a record differs from what its actions lead to, or its actions from what its
    policy decides.
    """
    everything = [record for mine in found for record in mine]
    notes = []
    if several := records.versions(everything):
        notes.append(f"{several}; some of each were played again and end alike")
    for name, job, mine in zip(args.names, jobs, found):
        shop = job.workshop()
        for version in {r.version: None for r in mine}:
            same = [r for r in mine if r.version == version]
            if wrong := verify(same, shop, args.replays, args.seed):
                lines = "\n".join(map(str, wrong))
                raise ValueError(
                    f"{len(wrong)} of {min(len(same), args.replays)} records of version {version} do not "
                    f"follow from their actions, or these from their policies; they were altered, or the "
                    f"code does otherwise now. Remove them from {job.folder} and play again:\n{lines}"
                )
        if silent := unasked(mine, shop):
            notes.append(f"{name}: whether these decide as recorded was not verified: {', '.join(silent)}")
    return notes


def _training_time(args: Args, jobs: list[Job], workshop: Workshop) -> float:
    runs = _runs(jobs[0], workshop)
    rate = {w: projection.frames_per_second(w, workshop) for w in {spec.prepared_in for spec, _ in runs}}
    return sum(_frames(spec) / rate[spec.prepared_in] for spec, _ in runs) / args.workers


def _playing_time(args: Args, jobs: list[Job], workshop: Workshop) -> float:
    return sum(projection.seconds(job, job.workshop()) for job in jobs)


STAGES: dict[str, Callable[[Args, list[Job], Workshop, list[str]], list[str]]] = {
    "learn": _learn,
    "play": _play,
    "result": _result,
}
PROJECTED: dict[str, Callable[[Args, list[Job], Workshop], float]] = {
    "learn": _training_time,
    "play": _playing_time,
}
