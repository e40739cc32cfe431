"""`worldsim bench attempts`: how soon a ranked list of attempts contains one that works, as PHYRE asks.

The candidates of a shooting planner are imagined in a world each, ranked by what imagination says comes of
them, and tried in ground truth one after the other, 100 at most. AUCCESS weighs success within k attempts by
w_k = ln(k + 1) - ln k: early ones count most (Bakhtin et al. 2019, "PHYRE", section 3.2). An attempt that
the picture shows to be impossible is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from agents.imagination import Imagination, TrueWorld, private_world, seen_world, take, true_imagination
from agents.plans import Layout, kind_of
from agents.trials import Trial, Trials
from benchmarks.episodes.protocol import FIRST_REPORTED
from benchmarks.episodes.versions import code_version
from benchmarks.episodes.workshop import Workshop
from benchmarks.reports.tables import number
from benchmarks.results_io import RESULTS, Row, command, meta, select, write
from benchmarks.statistics import mean
from benchmarks.suite.parts import Part
from envs.base import Observation, Start, Task
from envs.episodes import episode_keys
from envs.rollouts import Rollouts
from worldsim import keys as key
from worldsim.engines import ENGINES, make_engine
from worldsim.placing import Placing
from worldsim.worlds import make_world

BATCH = 512
WITHIN = (1, 10, 100)  #: attempts within which success is told


@dataclass(frozen=True)
class Args:
    """Rank candidates by imagination and try them in ground truth; run again to go on."""

    task: str = "Place"
    """a task of one decision"""
    levels: tuple[str, ...] = ("id", "held_out")
    """levels"""
    imagine: tuple[str, ...] = ("none", "mujoco", "box2d")
    """worlds that rank: engines (which begin from the true scene), "learned", or "none" for no order"""
    world: str = "box2d"
    """the engine that executes"""
    starts: int = 20
    """starts of each level"""
    candidates: int = 150
    """candidates imagined for each start"""
    attempts: int = 100
    """most attempts"""
    model: str | None = None
    """what "learned" means; the task's shipped model if not given"""
    work: Path = Path("runs/bench/attempts")
    """folder for what was measured at each level with each ranking"""
    out: Path = RESULTS / "attempts.json"
    """result file"""


def main(args: Args) -> None:
    """Measure, show and write. Raises ValueError for an unknown name or a task of several decisions."""
    from rich.console import Console

    console, workshop = Console(), Workshop(args.model)
    rows: list[Row] = []
    task = workshop.task(args.task)
    if task.stride < task.frames:
        raise ValueError(f"{task.name} has several decisions; attempts are ranked for tasks of one")
    for level in args.levels:
        starts: list[Start] = []
        for world in args.imagine:
            part = _part(task, level, world, args, workshop)
            if part.lack():
                starts = starts or [task.sample(level, FIRST_REPORTED + i) for i in range(args.starts)]
                part.write(
                    summarise(task, level, world, measure(task, level, starts, world, args, workshop), args)
                )
            rows += (found := part.rows())
            score = select(found, metric="auccess")
            console.print(f"{task.name} {level}, ranked by {world}: AUCCESS {number(score)}", markup=False)
    write(args.out, meta(command("bench attempts", args), 0), rows)
    console.print(f"written to {args.out}")


def _part(task: Task, level: str, world: str, args: Args, workshop: Workshop) -> Part:
    """What is kept of one level and ranking."""
    settings = {name: getattr(args, name) for name in ("world", "starts", "candidates", "attempts")}
    weights = workshop.weights(world, task) if world == "learned" else ""
    settings |= {"weights": weights, "code": code_version()}
    return Part(args.work / f"{task.name}-{level}-{world}.json", settings, "attempts")


def summarise(task: Task, level: str, world: str, worked: np.ndarray, args: Args) -> list[Row]:
    """Rows of attempts [N, attempts] that worked or not: AUCCESS, and what is solved within some of them."""
    cell: Row = {"task": task.name, "level": level, "policy": "shooting", "world": args.world}
    cell["prepared_in"] = world
    found = mean([auccess(row) for row in worked])
    rows = [cell | {"metric": "auccess"} | found.row()]
    for k in WITHIN:
        share = mean(worked[:, :k].any(1))
        rows.append(cell | {"factor": k, "metric": "solved_within"} | share.row())
    return rows


def auccess(worked: Sequence[bool] | np.ndarray) -> float:
    """Share of the weights from the first attempt that worked on, of attempts [K] in order."""
    worked = np.asarray(worked, dtype=bool)
    number = np.arange(1, len(worked) + 1)
    weight = np.log(number + 1) - np.log(number)
    return float((weight * np.logical_or.accumulate(worked)).sum() / weight.sum())


def measure(
    task: Task, level: str, starts: Sequence[Start], world: str, args: Args, workshop: Workshop
) -> np.ndarray:
    """[N, attempts] bool: which attempts, in the order of the ranking, worked."""
    rows = Rollouts(task, make_world("reference", task.template), len(starts))
    keys = episode_keys(starts)
    rows.begin(np.arange(len(starts)), starts, keys)
    seen = rows.observe(privileged=True)
    plans = candidates(task, level, seen, keys, args.candidates)
    if world == "none":
        order = np.tile(np.arange(args.candidates), (len(starts), 1))
    else:
        where = _imagination(task, level, world, workshop)
        order = np.argsort(_try(where, task, seen, keys, plans).cost, axis=1, kind="stable")
    chosen = np.take_along_axis(plans, order[:, : args.attempts, None, None], axis=1)
    executing = true_imagination(make_engine(args.world), task)
    return _try(executing, task, seen, keys, chosen).success


def candidates(task: Task, level: str, seen: Observation, keys: np.ndarray, count: int) -> np.ndarray:
    """Actions [N, count, H, A]: what random shooting proposes, less what the picture forbids."""
    control = task.template.control
    assert control is not None and seen.scenes is not None
    kind = kind_of(control.kind)
    region, layout = kind.region(*task.bounds(level)), Layout(task.frames, task.stride, 1)
    found = []
    for row, k in enumerate(key.fold(keys, "attempts")):
        rng, mine = key.generator(k), np.zeros((0, layout.pieces, len(region.low)))
        while len(mine) < count:
            plans = rng.permutation(region.spread(rng, 2 * count, layout.pieces, 0.0))
            placing = Placing.of([seen.scenes[row]] * len(plans))
            if placing is not None:
                frame = seen.frames[row, -1].expand(len(plans), -1, -1, -1)
                plans = plans[placing.allowed(frame, torch.as_tensor(plans[:, 0]).float()).numpy()]
            mine = np.concatenate([mine, plans])
        found.append(kind.actions(mine[:count], layout))
    return np.stack(found)


def _imagination(task: Task, level: str, world: str, workshop: Workshop) -> Imagination:
    """Engines begin from the true scene, models from the frames seen."""
    made = private_world(workshop.world(world, task), task, level)
    return (TrueWorld if world in ENGINES else seen_world)(made, task)


def _try(where: Imagination, task: Task, seen: Observation, keys: np.ndarray, plans: np.ndarray) -> Trial:
    """What comes of plans [N, C, H, A]: each to its own end, success at one does not stop the others."""
    shape = plans.shape[:2]
    rows = np.repeat(np.arange(shape[0]), shape[1])
    flat = plans.reshape(-1, 1, *plans.shape[2:])
    trial = Trials(task, BATCH)(where, take(seen, rows), keys[rows], flat)
    success, miss, cost = (a.reshape(shape) for a in (trial.success, trial.miss, trial.cost))
    return Trial(success, miss, cost, None, trial.frames.reshape(shape).sum(1))
