"""From recorded episodes to what people read: videos, summary.json and report.html."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import figures, report, results_io, truth, videos
from benchmarks.records import EpisodeRecord
from benchmarks.results_io import Row
from benchmarks.specs import Workshop
from envs.base import Task
from envs.episodes import episode_keys, world_keys
from worldsim.tracking import Tracker, track_clip

PANELS = (("learned", "learned model"), ("box2d", "Box2D"), ("mujoco", "MuJoCo"))


def write(
    out: Path,
    rows: Sequence[Row],
    found: Sequence[EpisodeRecord],
    workshop: Workshop,
    meta: dict[str, Any],
    done: str,
    most: int = 6,
) -> Path:
    """Write `summary.json`, `videos/*.mp4` and `report.html` into a folder; returns the report's path.

    `found` are the episodes to choose videos from, `most` how many; `done` says what this run did.
    """
    results_io.write(out / "summary.json", meta, rows)
    clips = [film(record, workshop, out / "videos") for record in choose(found, most)]
    content = report.Content(
        meta=meta, rows=rows, done=done, commands=meta["command"], videos=clips, reference=reference()
    )
    return report.write(out / "report.html", content)


def reference() -> tuple[dict[str, Any], list[Row]] | None:
    """The committed reference results, None while there are none."""
    path = results_io.RESULTS / "loop.json"
    return results_io.read(path) if path.exists() else None


def choose(found: Sequence[EpisodeRecord], most: int) -> list[EpisodeRecord]:
    """Episodes worth seeing: plans from the learned model carried out in Box2D.

    Phantom successes come first, from every task and level in turn, and make up at most two thirds where
    there are others; then solved starts, then failures that the planner foresaw.
    """
    played = [r for r in found if r.prepared_in == "learned" and r.world == "box2d" and r.policy == "cem"]
    played.sort(key=lambda r: r.start_id)
    phantom = _in_turn([r for r in played if is_phantom(r)])
    others = _in_turn([r for r in played if r.success]) + _in_turn(
        [r for r in played if not r.success and not is_phantom(r)]
    )
    phantom = phantom[: max(most - len(others), most * 2 // 3)]
    return phantom + others[: most - len(phantom)]


def is_phantom(record: EpisodeRecord) -> bool:
    """Success in imagination, failure in execution."""
    return bool(record.imagined_success) and not record.success


def _in_turn(found: list[EpisodeRecord]) -> list[EpisodeRecord]:
    """One of each task and level, then the second ones, and so on."""
    ranks: dict[tuple[str, str], int] = {}
    ranked = []
    for record in found:
        place = record.task, record.level
        ranks[place] = ranks.get(place, -1) + 1
        ranked.append((ranks[place], record))
    return [record for _, record in sorted(ranked, key=lambda pair: pair[0])]


def film(record: EpisodeRecord, workshop: Workshop, folder: Path) -> report.Video:
    """The record's actions, open-loop, in the learned model, Box2D and MuJoCo, side by side."""
    task = workshop.task(record.task)
    start = task.sample(record.level, record.start_id)
    actions = truth.per_frame(task, record.actions)
    (seed,) = world_keys(episode_keys([start]), record.sample)
    true, panels = None, []
    for name, label in PANELS:
        world = workshop.world(name, task)
        frames = videos.replay(world, start.scene, actions, seed)
        if true is None:
            true = truth.states("box2d", [start], actions[None], world.context_frames)[0]
        panels.append(videos.Panel(label, frames, _parting(task, frames, world.context_frames, true)))
    goal = torch.as_tensor(start.goal, dtype=torch.float32)[None]
    data = videos.mp4(videos.side_by_side(panels, lambda frames: task.paint(frames, goal)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{record.task}-{record.level}-{record.start_id}.mp4").write_bytes(data)
    return _describe(record, task, panels[0].divergence, videos.data_uri(data))


def _parting(task: Task, frames: Tensor, context: int, true: np.ndarray) -> int | None:
    track = track_clip(Tracker(task.template, frames.shape[-1]), frames[None], context)
    return truth.parting(track.position[0].numpy(), track.status[0].numpy(), true, truth.dynamic(task))


def _describe(record: EpisodeRecord, task: Task, apart: int | None, uri: str) -> report.Video:
    level = figures.LEVEL_NAMES.get(record.level, record.level)
    kind = "phantom" if is_phantom(record) else "ordinary"
    promised = (
        ""
        if record.imagined_miss is None
        else f" The planner expected to miss by {record.imagined_miss:.2f} m;"
    )
    real = (
        "lost sight of a ball" if record.spoiled or record.miss is None else f"missed by {record.miss:.2f} m"
    )
    parted = (
        "The model's picture never parts from the truth"
        if apart is None
        else f"The picture parts at frame {apart}"
    )
    caption = (
        f"{record.task}, {level}, start {record.start_id}.{promised} in Box2D it {real}, where "
        f"{task.tolerance:g} m count as success. {parted}."
    )
    tag = "Phantom success" if is_phantom(record) else "Solved" if record.success else "Failure, as expected"
    title = f"{record.task} start {record.start_id}: learned model, Box2D and MuJoCo side by side"
    return report.Video(kind, title, tag, caption, uri)
