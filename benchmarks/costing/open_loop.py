"""A model's open-loop errors on a task's own starts: by type, as pictures, as a dose, and in answer to
actions.

Starts are development starts, disjoint from those that score success; actions are the random ones by which
doses are measured (see `benchmarks.costing.dose`), so that a learned model and a wrong engine are measured
alike.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import results_io
from benchmarks.costing import dose, position
from benchmarks.episodes.records import file_hash, text_hash
from benchmarks.results_io import Row
from benchmarks.statistics import mean, proportion
from envs.base import Task
from envs.draws import CONTEXT
from worldsim.engines import is_engine, make_engine
from worldsim.engines.base import simulate
from worldsim.metrics.actions import action_fidelity, swap_actions
from worldsim.metrics.pictures import psnr, ssim
from worldsim.metrics.rollouts import BATCH, Clips, roll_out, truth
from worldsim.metrics.scoring import PerClip
from worldsim.metrics.typed import typed_errors
from worldsim.metrics.types import TYPES, TypedErrors
from worldsim.models import checkpoint_folder, load_model
from worldsim.scenes import VIEW
from worldsim.tracking import HIDDEN, VISIBLE, Track, Tracker, track_clip

TASKS = ("Strike", "Catch")  #: tasks whose bodies a scenario's tracker follows, one for one
FIRST, STARTS = 5_000, 64
VERSION = 1  #: of what is measured here: raised, earlier measurements are no longer read
RESOLUTION = 64  #: of an engine's pictures
PREFIX = "open_loop_"  #: of metrics in rows
Film = Callable[[Clips, int], Tensor]  #: clips and the number of the first -> frames [N, T, 3, H, W]


@dataclass(frozen=True)
class OpenLoop:
    """Rows of all measures, and the means by start of those in `BY_START` (None where nothing is scored)."""

    rows: list[Row]
    by_start: dict[str, list[float | None]]

    def value(self, name: str) -> float | None:
        """A measure's value, None where what it measures does not occur."""
        found = [r["value"] for r in self.rows if r["metric"] == PREFIX + name]
        return float(found[0]) if found else None


BY_START = ("psnr", "ssim", "position_error")


def open_loop(
    source: str, name: str, task: Task, level: str, work: Path, first: int = FIRST, starts: int = STARTS
) -> OpenLoop:
    """Measure a model or an engine (`source`), or read what `work` holds of it; rows call it `name`.

    Raises ValueError for a task whose bodies no tracker follows here, and for a model that cannot be read.
    """
    kept = kept_at(source, task, level, work, first, starts)
    if not kept.exists():
        clips, numbers = clips_of(task, level, first, starts)
        if is_engine(source):
            measured = measure(lambda some, _: _in_engine(some, source), clips, numbers, task)
        else:
            model = load_model(source)
            with torch.no_grad():
                measured = measure(lambda some, at: roll_out(model, some, at), clips, numbers, task)
        results_io.write_text(kept, json.dumps({"rows": measured.rows, "by_start": measured.by_start}) + "\n")
    found = read(kept)
    where = {"task": task.name, "level": level, "world": "learned", "model": name}
    return OpenLoop([where | row for row in found.rows], found.by_start)


def kept_at(
    source: str, task: Task, level: str, work: Path, first: int = FIRST, starts: int = STARTS
) -> Path:
    """The file that keeps what was measured of a model or an engine, by its weights and the settings."""
    version = text_hash(VERSION, first, starts, *dose.DRAWS, *position.RULE)
    label = source.replace(":", "_") if is_engine(source) else file_hash(checkpoint_folder(source))
    return work / f"{label}-{task.name}-{level}-{version}.json"


def read(kept: Path) -> OpenLoop:
    """What a file keeps; its rows say nothing of where they were measured."""
    data = json.loads(kept.read_text())
    return OpenLoop(data["rows"], data["by_start"])


def clips_of(task: Task, level: str, first: int, count: int) -> tuple[Clips, np.ndarray]:
    """Clips of a task's starts with their idle context, then the random actions of its doses, and the number
    [N] of each clip's start; several clips of a start lie side by side."""
    if task.name not in TASKS:
        raise ValueError(f"open-loop errors are measured on {' and '.join(TASKS)}, not on {task.name}")
    scenes, actions, numbers = [], [], []
    for start in range(first, first + count):
        drawn = dose.trials(task, [start], level).actions
        scenes += [task.sample(level, start).scene] * len(drawn)
        actions.append(drawn)
        numbers += [start] * len(drawn)
    idle = np.zeros((len(scenes), CONTEXT - 1, actions[0].shape[-1]))
    every = np.concatenate([idle, np.concatenate(actions)], 1)
    states = simulate(make_engine("reference"), scenes, every.shape[1] + 1, every).states
    return Clips(task.name, task.template, scenes, states, every), np.array(numbers)


def measure(film: Film, clips: Clips, numbers: np.ndarray, task: Task) -> OpenLoop:
    """All measures of what `film` makes of clips whose starts have these `numbers` [N].

    `position_error` is the dose, m (see `benchmarks.costing.position`); `psnr` (dB) and `ssim` are means over
    the predicted frames; `kept` is the share of clips that stay within the task's tolerance of the truth to
    the end; `action_error` and `action_gain` compare two actions (see `worldsim.metrics.actions`); the others
    are those of `worldsim.metrics.types`. Starts are the units of all intervals.
    """
    one, other = _watch(film, clips, True), _watch(film, swap_actions(clips), False)
    seen = one.seen & other.seen
    fidelity = action_fidelity((one.track, other.track), (one.clips, other.clips), seen)
    far = (one.far > task.tolerance) & one.seen
    per_clip = {name: one.typed.per_clip(name) for name in TYPES} | {
        "velocity_public": one.typed.velocity_public,
        "position_error": PerClip.of(one.far, one.seen),
        "psnr": PerClip.of(one.psnr, torch.ones_like(one.psnr, dtype=torch.bool)),
        "ssim": PerClip.of(one.ssim, torch.ones_like(one.ssim, dtype=torch.bool)),
        "action_error": fidelity.error.per_clip(),
        "action_gain": fidelity.gain,
    }
    rows: list[Row] = []
    for name, scored in per_clip.items():
        some = (scored.count > 0).numpy()
        if some.any():
            estimate = mean(scored.value.numpy()[some], clusters=numbers[some], resamples=2000)
            rows.append({"metric": PREFIX + name} | estimate.row())
    first = np.unique(numbers, return_index=True)[1]  # one clip of each start, whose units are starts
    kept = ~far.flatten(1).any(1).numpy()[first]
    rows.append({"metric": PREFIX + "kept"} | proportion(kept).row())
    return OpenLoop(rows, {name: _by_start(per_clip[name], numbers) for name in BY_START})


@dataclass(frozen=True)
class _Watched:
    """What was seen of predicted clips: tracks, typed errors, pictures' scores [N, T - context], distances
    `far` [N, T, B] m, and where the truth counts as `seen` [N, T, B]."""

    clips: Clips
    track: Track
    typed: TypedErrors
    psnr: Tensor
    ssim: Tensor
    far: Tensor
    seen: Tensor


def _watch(film: Film, clips: Clips, everything: bool) -> _Watched:
    """Roll out and look, a batch at a time; typed errors and pictures only where `everything` is asked
    for."""
    tracks, typed, scores, fars, seen = [], [], [], [], []
    for first in range(0, len(clips.scenes), BATCH):
        some = clips.rows(first, first + BATCH)
        frames = film(some, first)
        track = track_clip(Tracker(clips.template, frames.shape[-1]), frames, CONTEXT)
        tracks.append(track)
        fars.append(far_off(track, some))
        seen.append(position.counted(some.scenes, some.states))
        seen[-1][:, :CONTEXT] = False
        if everything:
            true = truth(some, frames.shape[-1])
            typed.append(typed_errors(track, some, frames, CONTEXT))
            pair = frames[:, CONTEXT:], true[:, CONTEXT:]
            scores.append((psnr(*pair), ssim(*pair)))
    names = [f.name for f in fields(Track)]
    joined = Track(*(torch.cat([getattr(t, f) for t in tracks]) for f in names))
    signal, likeness = (torch.cat(s) for s in zip(*scores)) if scores else (torch.zeros(0), torch.zeros(0))
    errors = TypedErrors.join(typed) if typed else TypedErrors({}, PerClip(torch.zeros(0), torch.zeros(0)))
    return _Watched(clips, joined, errors, signal, likeness, torch.cat(fars), torch.cat(seen))


def far_off(track: Track, clips: Clips) -> Tensor:
    """Distances [N, T, B] m of tracked bodies from the true ones as a dose counts them: one that is hidden
    behind another is where it was last seen, any other that is not visible is missing."""
    there = (track.status == VISIBLE) | (track.status == HIDDEN)
    return position.distance(track.position, there, clips.states)


def _in_engine(clips: Clips, engine: str) -> Tensor:
    """Pictures of what an engine makes of the actions from the present moment on, after the true context;
    bodies that have vanished are put out of view."""
    now = clips.states[:, CONTEXT - 1]
    scenes = [
        replace(
            scene,
            bodies=tuple(
                replace(body, position=(x, y), velocity=(vx, vy))
                for body, (x, y, _, vx, vy, _) in zip(scene.bodies, states.tolist())
            ),
        )
        for scene, states in zip(clips.scenes, now)
    ]
    actions = clips.actions[:, CONTEXT - 1 :]
    found = simulate(make_engine(engine), scenes, actions.shape[1] + 1, actions)
    after = np.where(found.present[..., None], found.states, -VIEW)
    states = np.concatenate([clips.states[:, : CONTEXT - 1], after], 1)
    return truth(replace(clips, states=states), RESOLUTION)


def _by_start(scored: PerClip, numbers: np.ndarray) -> list[float | None]:
    values: list[float | None] = []
    for number in np.unique(numbers):
        mine = scored.value.numpy()[(numbers == number) & (scored.count > 0).numpy()]
        values.append(float(mine.mean()) if len(mine) else None)
    return values
