"""`worldsim bridge`: the same policies on the same starts in learned worlds and in the engines.

Every cell (task, level, policy, executing world) plays the starts that its records do not hold yet. What no
model has a part in is played once for all of them.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.episodes.protocol import Protocol
from benchmarks.episodes.runs import SHIPPED


@dataclass(frozen=True)
class Args(Protocol):
    """Run policies on the same starts in several worlds and write a report."""

    models: tuple[str, ...] = (SHIPPED,)
    """what "learned" means, one after another: names or folders of checkpoints, your own models or worlds as
    module:attribute, or "shipped" for each task's own; one report tells them apart"""
    trained: Path = Path("runs/learn")
    """folder with trained policies"""
    rows: int = 50
    """episodes side by side"""
    workers: int = 2
    """processes, one thread each"""
    videos: int = 12
    """videos in the report, at most"""
    out: Path = Path("runs/bridge/default")
    """folder for records, results and the report"""


def main(args: Args) -> None:
    """Play what is missing, then write summary.json and report.html.

    What a model cannot be played on is left out with a note. Raises ChildProcessError, after the report of
    all others has been written, where cells or models failed.
    """
    from rich.console import Console

    from benchmarks import results_io
    from benchmarks.episodes import records
    from benchmarks.episodes.playable import entries_of, ready
    from benchmarks.episodes.runs import Played, config_text, source_of, workshop_of
    from benchmarks.episodes.workers import Job, play_all
    from benchmarks.reports import publish

    console = Console()
    entries, notes = entries_of(args.models, args.trained, args)
    models = {name: m for m in args.models if (name := results_io.checkpoint_name(m)) in entries}
    told = replace(args, models=tuple(models.values()))
    results_io.write_text(args.out / "config.json", config_text(told, entries))
    folder, faults = args.out / "episodes", []
    workshops = {name: workshop_of(model, args.trained) for name, model in models.items()}
    for name, shop in workshops.items():
        try:
            cells, lacking = ready(entries[name].part(args).cells(shop), shop)
            notes += [f"{name}: {note}" for note in lacking]
            play_all(Job(cells, folder, source_of(models[name]), args.trained, args.rows, args.workers))
        except (ChildProcessError, ValueError) as error:
            faults.append(f"{name}: {error}")
    known = records.read(folder)
    played = [Played.find(entry, entry.part(args), known) for entry in entries.values()]
    meta = results_io.meta(results_io.command("bridge", args), seed=0)
    path = publish.write(args.out, played, workshops, meta, args.videos, notes=[*notes, *faults])
    for note in notes:
        console.print(note, markup=False)
    console.print(f"report: {path}", soft_wrap=True)
    if faults:
        raise ChildProcessError("\n".join(faults))
