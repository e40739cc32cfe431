"""Tables of the suite: planners, learners, ground truth that imagination saves, speed of worlds."""

import math
from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.episodes.specs import Spec
from benchmarks.reports import tables
from benchmarks.reports.figures import TASKS, WORLDS, in_order, policy_name
from benchmarks.reports.tables import Table
from benchmarks.results_io import Row, select
from benchmarks.suite.attempts import WITHIN
from benchmarks.suite.cells import LEARNED
from benchmarks.suite.rows import COMPARED
from benchmarks.suite.savings import WAYS

RANKED = {"none": "nothing, in random order", "learned": "the model", "box2d": "Box2D", "mujoco": "MuJoCo"}


def planners(rows: Sequence[Row]) -> Table:
    """Success of every planner at an equal budget of imagined frames, and what it spent, by task."""
    found = select(rows, factor=COMPARED)
    solved, spent = (select(found, metric=metric) for metric in ("success", "imagined_frames"))
    tasks = in_order({r["task"] for r in solved}, TASKS)
    lines = []
    for policy, prepared_in in dict.fromkeys((r["policy"], r.get("prepared_in")) for r in solved):
        cells = []
        for task in tasks:
            who = {"task": task, "policy": policy, "prepared_in": prepared_in}
            frames = select(spent, **who)
            beside = f"; {frames[0]['value']:,.0f}" if frames else ""
            cells.append(tables.percent(select(solved, **who)) + beside)
        lines.append([policy_name(policy.partition(",")[0], prepared_in), *cells])
    starts = "–".join(map(str, sorted({r["n"] for r in solved})))
    caption = (
        "Planners at an equal budget, in distribution, executed in Box2D: success in % [95 % interval]; "
        f"frames imagined for a start. {starts} starts"
    )
    return Table(caption, ["Planner", *tasks], lines)


def trained(rows: Sequence[Row], *levels: str) -> Table:
    """Success of what was trained in the model and of what was trained in Box2D; at all levels if none are
    named."""
    found = select(rows, metric="success", factor=None)
    lines, starts = [], set()
    for task in in_order(set(LEARNED), TASKS):
        engine = Spec.parse(LEARNED[task][0])  # the one that has its best chance there
        here = select(found, task=task, policy="ppo", prepared_in="learned")
        for level in (name for name in tables.levels_of(here, task) if not levels or name in levels):
            own = select(here, level=level)
            beside = select(
                found, task=task, level=level, policy=engine.name, prepared_in="box2d", world="box2d"
            )
            cells = [tables.percent(select(own, world=world)) for world in ("learned", "box2d", "mujoco")]
            lines.append([f"{task}, {tables.level_name(level)}", *cells, tables.percent(beside)])
            starts |= {r["n"] for r in own}
    caption = (
        "PPO trained in the learned model, and PPO (Strike: SAC) trained in Box2D: success in % "
        f"[95 % interval]. {'–'.join(map(str, sorted(starts)))} starts"
    )
    where = ["Trained in the model, played there", "in Box2D", "in MuJoCo", "Trained and played in Box2D"]
    return Table(caption, ["Task and level", *where], lines)


def saved(rows: Sequence[Row]) -> Table:
    """Frames of ground truth until a level of real success: from scratch, started in the model, mixed."""
    found = select(rows, metric="frames_spent")
    lines, runs = [], set()
    for task, level in dict.fromkeys((r["task"], r["factor"]) for r in found):
        cells, scratch = [], math.inf
        for way in WAYS:
            where = {"task": task, "factor": level, "policy": way}
            seeds = [r["seed"] for r in select(found, **where)]
            runs.add(len(seeds))
            needed = [_needed(rows, where | {"seed": seed}) for seed in seeds]
            scratch = min(scratch, median(needed)) if way == "ppo" and needed else scratch
            cells.append(_frames(needed, scratch))
        lines.append([f"{task}, {level:.0%} solved", *cells])
    caption = (
        f"Frames of ground truth that PPO needs, median of {'–'.join(map(str, sorted(runs)))} training runs "
        "(least to most), and how many fewer than from scratch"
    )
    return Table(caption, ["Task", "From scratch", "Started in the model", "Mixed with the model"], lines)


def _needed(rows: Sequence[Row], where: Row) -> float:
    """Frames that a run needed, infinitely many where it never came so far."""
    reached = select(rows, metric="frames_to_success", **where)
    return float(reached[0]["value"]) if reached else math.inf


def _frames(needed: Sequence[float], scratch: float) -> str:
    """Median, range and what is saved against the median from scratch."""
    if not needed:
        return "–"
    middle, least, most = (
        "never" if math.isinf(n) else f"{n:,.0f}" for n in (median(needed), min(needed), max(needed))
    )
    less = scratch - median(needed)
    beside = f"; {less:,.0f} fewer" if 0 < less < math.inf else ""
    return f"{middle} ({least} to {most}){beside}"


def pace(rows: Sequence[Row]) -> Table:
    """Decisions and frames per second of each world, by environments side by side; decisions of learners."""
    found = [
        r for r in rows if "world" in r and "batch" in r and r["metric"] in ("steps_per_s", "frames_per_s")
    ]
    worlds = [r for r in found if "policy" not in r]
    batches = sorted({r["batch"] for r in worlds})
    lines = []
    for world in dict.fromkeys(r["world"] for r in worlds):
        name = WORLDS[world][0] if world in WORLDS else world
        for metric, unit in (("frames_per_s", "frames"), ("steps_per_s", "decisions, tracked and judged")):
            mine = select(worlds, world=world, metric=metric)
            values = {r["batch"]: f"{r['value']:,.0f}" for r in mine}
            lines.append([f"{name}, {unit}", *(values.get(batch, "–") for batch in batches)])
    for row in (r for r in found if "policy" in r):
        name = policy_name(row["policy"], row["prepared_in"])
        value = f"{row['value']:,.0f} ({row['batch']} rows)"
        lines.append([f"{name}, decisions with updates", *[""] * (len(batches) - 1), value])
    return Table("Per second, by environments side by side", ["World", *map(str, batches)], lines)


def attempts(rows: Sequence[Row]) -> Table:
    """How soon one of a ranked list of attempts works, by level and by what ranked it."""
    lines = []
    for row in select(rows, metric="auccess"):
        mine = select(rows, metric="solved_within", level=row["level"], prepared_in=row["prepared_in"])
        within = {r["factor"]: tables.percent([r]) for r in mine}
        place = f"{row['task']}, {tables.level_name(row['level'])}"
        ranked = str(row["prepared_in"])
        lines.append(
            [place, RANKED.get(ranked, ranked), tables.percent([row]), *(within.get(k, "–") for k in WITHIN)]
        )
    starts = "–".join(map(str, sorted({r["n"] for r in rows})))
    caption = (
        f"Ranked attempts, tried in Box2D: AUCCESS and share solved in % [95 % interval]. {starts} starts"
    )
    heads = [f"Solved within {k}" for k in WITHIN]
    return Table(caption, ["Task and level", "Ranked by imagining in", "AUCCESS", *heads], lines)


SUITE_TABLES: dict[str, Callable[..., Table]] = {
    "planners": planners,
    "trained": trained,
    "saved": saved,
    "pace": pace,
    "attempts": attempts,
}
