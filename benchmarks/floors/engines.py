"""`worldsim bench engines`: the engines against the closed form and against each other, and their speed.

Errors are distances from the closed form, m, over all frames, and differences of velocity at the last
frame, m/s; disagreements are the same between Box2D and MuJoCo, kept under the world "mujoco". The level
"slow" holds the collisions of "id" at closing speeds below 1 m/s, where engines made for games stick. Speed
is clips per second of processor time, so that other work on the machine does not count.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.results_io import RESULTS, Row, command, meta, write
from worldsim import keys as key
from worldsim.engines import make_engine, simulate
from worldsim.scenarios import SCENARIOS, sample
from worldsim.scenes import Scene

FIRST = 10_000  #: first of the start ids that reported figures use
APPROACH = 0.02  #: s; around an impact, apexes are not read
SCENES = ("collision", "oblique", "parabola", "drop")
ENGINES = ("box2d", "mujoco")
SHOWN = {
    "position_error": "position, m",
    "position_error_max": "max",
    "velocity_error": "velocity, m/s",
    "velocity_error_max": "max",
    "apex_error_max": "apex, m",
    "energy_drift_max": "energy",
    "position_disagreement": "from Box2D, m",
    "position_disagreement_max": "max",
    "clips_per_core_s": "clips/s",
}


@dataclass
class Args:
    """Measure how far the engines agree, and how fast they are."""

    clips: int = 500
    """clips of each scenario and level"""
    seed: int = 0
    """of the scenes"""
    out: Path = RESULTS / "engines.json"
    """where the result goes"""


@dataclass(frozen=True)
class Runs:
    """The same scenes in every engine: `states` [N, T, B, 6] and processor time, s, by engine."""

    scenes: list[Scene]
    states: dict[str, np.ndarray]
    seconds: dict[str, float]


def main(args: Args) -> None:
    """Measure, write the result file and show a table."""
    rows: list[Row] = []
    for scenario in SCENES:
        levels = SCENARIOS[scenario].levels
        for level in (*levels, "slow") if scenario == "collision" else levels:
            scenes = draw(scenario, level, args.clips, args.seed)
            rows += measure(scenario, level, scenes)
            if scenario == "drop":
                elastic = [replace(s, restitution=1.0) for s in scenes]
                rows += elastic_drops(level, run(elastic, SCENARIOS[scenario].frames))
    write(args.out, meta(command("bench engines", args), args.seed), rows)
    Console().print(table(rows))


def draw(scenario: str, level: str, clips: int, seed: int) -> list[Scene]:
    """Scenes of a scenario and level; see `slowed` for the level "slow"."""
    keys = key.fold(np.arange(FIRST, FIRST + clips), "bench engines", seed)
    scenes, _ = sample(SCENARIOS[scenario], "id" if level == "slow" else level, keys)
    return [slowed(s, key.generator(k)) for s, k in zip(scenes, keys)] if level == "slow" else scenes


def slowed(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same head-on collision, at the same time, with a closing speed of 0.05 to 1 m/s."""
    first, second = scene.bodies
    factor = rng.uniform(0.05, 1.0) / abs(first.velocity[0] - second.velocity[0])
    reach = np.copysign(first.radius + second.radius, second.position[0] - first.position[0])
    gap = second.position[0] - first.position[0] - reach
    middle = (first.position[0] + reach + gap * factor, second.position[1])
    velocities = [(b.velocity[0] * factor, 0.0) for b in scene.bodies]
    bodies = (
        replace(first, velocity=velocities[0]),
        replace(second, velocity=velocities[1], position=middle),
    )
    return replace(scene, bodies=bodies)


def run(scenes: list[Scene], frames: int) -> Runs:
    """Simulate the scenes in every engine."""
    states, seconds = {}, {}
    for name in ("analytic", *ENGINES):
        engine = make_engine(name)
        simulate(engine, scenes[:2], 3)  # imports and caches
        begin = time.process_time()
        states[name] = simulate(engine, scenes, frames).states
        seconds[name] = time.process_time() - begin
    return Runs(scenes, states, seconds)


def measure(scenario: str, level: str, scenes: list[Scene]) -> list[Row]:
    """All rows of one scenario and level."""
    runs = run(scenes, SCENARIOS[scenario].frames)
    rows: list[Row] = []

    def add(world: str, values: dict[str, float]) -> None:
        if scenario == "drop":  # a clip may end within an impact, where velocities say nothing
            values = {m: v for m, v in values.items() if not m.startswith("velocity")}
        same = {"scenario": scenario, "world": world, "level": level}
        rows.extend({**same, "metric": m, "value": float(v), "n": len(scenes)} for m, v in values.items())

    for name in ENGINES:
        add(name, apart(runs.states[name], runs.states["analytic"], "error"))
        if scenario in ("collision", "oblique"):
            add(name, drifts(runs, name))
        if scenario == "drop":
            add(name, {"apex_error_max": apex_errors(runs, name).max()})
    add("mujoco", apart(runs.states["mujoco"], runs.states["box2d"], "disagreement"))
    for name, seconds in runs.seconds.items():
        add(name, {"clips_per_core_s": len(scenes) / seconds})
    return rows


def apart(a: np.ndarray, b: np.ndarray, word: str) -> dict[str, float]:
    """Mean and greatest distance, m, and difference of velocity at the last frame, m/s."""
    distance = np.linalg.norm(a[..., :2] - b[..., :2], axis=-1)
    velocity = np.linalg.norm(a[:, -1, :, 3:5] - b[:, -1, :, 3:5], axis=-1)
    values = {"position": distance, "velocity": velocity}
    return {
        f"{k}_{word}{end}": v for k, x in values.items() for end, v in (("", x.mean()), ("_max", x.max()))
    }


def drifts(runs: Runs, name: str) -> dict[str, float]:
    """Greatest relative drift of momentum (against the sum of its magnitudes) and energy in any clip."""
    mass = np.array([[b.mass for b in s.bodies] for s in runs.scenes])[:, None]
    velocity = runs.states[name][..., 3:5]
    momentum = (mass[..., None] * velocity).sum(axis=2)
    scale = (mass * np.linalg.norm(velocity, axis=-1)).sum(axis=2)[:, 0]
    energy = (mass * np.square(velocity).sum(axis=-1)).sum(axis=2)
    drift = np.linalg.norm(momentum - momentum[:, :1], axis=-1).max(axis=1) / scale
    return {"momentum_drift_max": drift.max(), "energy_drift_max": np.abs(energy / energy[:, :1] - 1).max()}


def apex_errors(runs: Runs, name: str) -> np.ndarray:
    """Errors, m, of the apex that each frame in flight leads to or comes from: y + vy² / (2 g)."""
    gravity = np.array([s.gravity for s in runs.scenes])[:, None]
    radius = np.array([s.bodies[-1].radius for s in runs.scenes])[:, None]
    floor = runs.scenes[0].bodies[0]
    true, seen = (runs.states[n][:, :, -1] for n in ("analytic", name))
    height = true[..., 1] - radius - floor.position[1] - floor.size[1]
    flying = height > np.abs(true[..., 4]) * APPROACH
    apex = [s[..., 1] + s[..., 4] ** 2 / (2 * gravity) for s in (true, seen)]
    return np.abs(apex[0] - apex[1])[flying]


def elastic_drops(level: str, runs: Runs) -> list[Row]:
    """Greatest relative drift of energy of drops at restitution 1."""
    rows = []
    for name in ENGINES:
        ball = runs.states[name][:, :, -1]
        energy = np.square(ball[..., 3:5]).sum(axis=-1) / 2 + runs.scenes[0].gravity * ball[..., 1]
        drift = float(np.abs(energy / energy[:, :1] - 1).max())
        same = {"scenario": "drop", "world": name, "level": level, "factor": "restitution 1"}
        rows.append({**same, "metric": "energy_drift_max", "value": drift, "n": len(runs.scenes)})
    return rows


def limit(row: Row) -> float | None:
    """What the ground truth promises for a row, None where it is only reported."""
    scenario, metric, ood = row["scenario"], row["metric"], row["level"] not in ("id", "slow")
    if metric.endswith("drift_max"):
        return 5e-3 if scenario == "drop" else 1e-3
    mujoco = 0.025 if ood else 0.011
    return {
        ("collision", "velocity_error_max"): 1e-3,
        ("collision", "position_error_max"): mujoco if row["world"] == "mujoco" else 0.005,
        ("parabola", "position_error_max"): 1e-3,
        ("drop", "position_error_max"): 0.03,
        ("drop", "apex_error_max"): 0.01,
    }.get((scenario, metric))


def table(rows: Sequence[Row]) -> Table:
    """The rows for people, one line per scenario, level and engine; figures beyond their promise are red."""
    shown = Table(
        "scenario", "level", "engine", *SHOWN.values(), title="agreement with the closed form, and speed"
    )
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        most = limit(row)
        value = f"{row['value']:.0f}" if row["value"] > 100 else f"{row['value']:.1e}"
        value = f"[red]{value} > {most:g}[/red]" if most is not None and row["value"] > most else value
        level = f"{row['level']}, {row['factor']}" if "factor" in row else row["level"]
        lines.setdefault((row["scenario"], level, row["world"]), {})[row["metric"]] = value
    for where, values in lines.items():
        shown.add_row(*where, *(values.get(metric, "") for metric in SHOWN))
    return shown
