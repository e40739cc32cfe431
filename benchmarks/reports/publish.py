"""From recorded episodes to what people read: videos, summary.json and report.html."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import results_io
from benchmarks.bridging.measured import measured, with_model
from benchmarks.episodes import records, truth
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.runs import Played, title
from benchmarks.episodes.workshop import Workshop
from benchmarks.reports import figures, report, videos
from benchmarks.reports.tables import tasks_of
from benchmarks.results_io import Row, select
from envs.base import Task
from envs.episodes import episode_keys, world_keys
from worldsim.tracking import Tracker, track_clip

PANELS = (("learned", "learned model"), ("box2d", "Box2D"), ("mujoco", "MuJoCo"))


def write(
    out: Path,
    played: Sequence[Played],
    workshops: Mapping[str, Workshop],
    meta: dict[str, Any],
    most: int = 6,
    done: str = "",
    notes: Sequence[str] = (),
) -> Path:
    """Write `summary.json`, `videos/*.mp4` and `report.html` into a folder; returns the report's path.

    `workshops` hold each model by its entry's name, `most` is how many videos are chosen; `done` says what
    else this run did, `notes` what it left out.
    """
    found = measured(played)
    found.notes[:0] = notes
    once = {record.key: record for one in played for record in one.records}
    models = {one.entry.titles[t]: weights for one in played for t, weights in one.entry.weights.items()}
    meta = {**meta, "models": models, "records": records.digest(once.values()), "notes": found.notes}
    results_io.write(out / "summary.json", meta, found.rows)
    chosen = choose({one.entry.name: one.records for one in played}, most)
    clips = [film(record, workshops[name], out / "videos") for name, record in chosen]
    content = report.Content(
        meta=meta,
        rows=found.rows,
        done=f"{told(list(once.values()))} {done}".strip(),
        commands=meta["command"],
        videos=clips,
        notes=found.notes,
        reference=reference(found.rows, models),
    )
    return report.write(out / "report.html", content)


def told(found: Sequence[EpisodeRecord]) -> str:
    """In a sentence, what has been played."""
    if not found:
        return "Nothing has been played yet."
    starts = [r.start_id for r in found]
    return f"This run played {len(found):,} episodes, on starts {min(starts):,} to {max(starts):,}."


def reference(rows: Sequence[Row], models: Mapping[str, str]) -> tuple[dict[str, Any], list[Row]] | None:
    """The committed reference results of this run's tasks, where they are of the same weights and rest on
    more starts."""
    path = results_io.RESULTS / results_io.CAMPAIGN
    if not models or not path.exists():
        return None
    meta, firm = results_io.read(path)
    known, tasks = meta.get("models", {}), set(tasks_of(rows))
    firm = [r for r in firm if r.get("task", "") in {"", *tasks}]
    starts, more = (max((r["n"] for r in select(x, metric="success")), default=0) for x in (rows, firm))
    if starts >= more or any(known.get(model) != weights for model, weights in models.items()):
        return None
    titles = {r["task"]: r["model"] for r in select(firm, metric="velocity_error") if "task" in r}
    mine = [r for r in firm if "policy" in r and r.get("task") in titles]
    others = [r for r in firm if not ("policy" in r and r.get("task") in titles)]
    return meta, [row for r in mine for row in with_model([r], titles[r["task"]])] + others


def choose(found: Mapping[str, Sequence[EpisodeRecord]], most: int) -> list[tuple[str, EpisodeRecord]]:
    """Episodes worth seeing, from records by model: plans made in the model and carried out in Box2D.

    Phantom successes come first, from every model, task and level in turn, and make up at most two thirds
    where there are others; then solved starts, then failures that the planner foresaw.
    """
    played = [
        (model, r)
        for model, mine in found.items()
        for r in mine
        if r.prepared_in == "learned" and r.world == "box2d" and r.imagined_success is not None
    ]
    played.sort(key=lambda pair: pair[1].start_id)
    phantom = _in_turn([pair for pair in played if is_phantom(pair[1])])
    others = _in_turn([pair for pair in played if pair[1].success]) + _in_turn(
        [pair for pair in played if not pair[1].success and not is_phantom(pair[1])]
    )
    phantom = phantom[: max(most - len(others), most * 2 // 3)]
    return phantom + others[: most - len(phantom)]


def is_phantom(record: EpisodeRecord) -> bool:
    """Success in imagination, failure in execution."""
    return bool(record.imagined_success) and not record.success


def _in_turn(found: list[tuple[str, EpisodeRecord]]) -> list[tuple[str, EpisodeRecord]]:
    """One of each model, task and level, then the second ones, and so on."""
    ranks: dict[tuple[str, str, str], int] = {}
    ranked = []
    for model, record in found:
        place = model, record.task, record.level
        ranks[place] = ranks.get(place, -1) + 1
        ranked.append((ranks[place], model, record))
    return [(model, record) for _, model, record in sorted(ranked, key=lambda one: one[0])]


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
    pictures = videos.side_by_side(panels, lambda frames: task.paint(frames, goal))
    data, model = videos.mp4(pictures), title(workshop, task)
    folder.mkdir(parents=True, exist_ok=True)
    told = f"{record.task}-{record.level}-{record.start_id}-{record.policy}-{model}"
    (folder / (re.sub(r"[^\w.=,-]+", "_", told) + ".mp4")).write_bytes(data)
    decided = pictures[len(pictures) - len(actions) + record.frames - 1]  # its end, where it was judged
    addresses = videos.data_uri(data), videos.data_uri(videos.still(decided), "image/webp")
    return _describe(record, task, model, panels[0].divergence, *addresses)


def _parting(task: Task, frames: Tensor, context: int, true: np.ndarray) -> int | None:
    track = track_clip(Tracker(task.template, frames.shape[-1]), frames[None], context)
    return truth.parting(track.position[0].numpy(), track.status[0].numpy(), true, truth.dynamic(task))


def _describe(
    record: EpisodeRecord, task: Task, model: str, apart: int | None, uri: str, poster: str
) -> report.Video:
    level = figures.LEVEL_NAMES.get(record.level, record.level)
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
    who = figures.policy_name(record.policy, None)
    caption = (
        f"{record.task}, {level}, start {record.start_id}, {who} in “{model}”.{promised} in Box2D it {real}, "
        f"where {task.tolerance:g} m count as success. {parted}."
    )
    return report.Video(
        kind="phantom" if is_phantom(record) else "ordinary",
        title=f"{record.task} start {record.start_id}: learned model, Box2D and MuJoCo side by side",
        tag="Phantom success"
        if is_phantom(record)
        else "Solved"
        if record.success
        else "Failure, as expected",
        caption=caption,
        uri=uri,
        poster=poster,
        model=model,
        task=record.task,
        level=level,
    )
