"""Doses of wrong physics: strengths of different law errors that put bodies equally far from the truth.

A dose is the mean distance, in metres, of the bodies from where they truly are, over the horizon of a task,
under one fixed set of random actions on development starts. It is measured from true states in the reference
engine: what a planner makes of the error is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from agents.regions import Region
from benchmarks.records import EpisodeRecord
from benchmarks.truth import per_frame
from envs.base import Task
from envs.draws import CONTEXT
from worldsim import keys as key
from worldsim.engines import make_engine, simulate
from worldsim.engines.base import Engine
from worldsim.engines.perturbed import PerturbedEngine, law_error
from worldsim.scenes import Scene

HELD = 10  #: frames for which a command is held at most
MISSING = 5.0  #: m; a missing body is this far off, and no other error counts more
DOSES = (0.1, 0.2, 0.4, 0.8)  #: m
STARTS = 64  #: development starts on which strengths are matched, from 0 on
DRAWN = 48  #: random action sequences of each start
KEPT = 2  #: of these are kept as they come, and as many under which something is hit
CLOSE = 0.02  #: the search ends this close to a dose, as a share of it
MET = 0.1  #: farther off, it counts as not reached: rare events come in steps
EVALUATIONS = 24  #: of one dose at most
DIGITS = 4  #: significant digits of a strength


@dataclass(frozen=True)
class Trials:
    """What doses are measured on: N scenes at the first decision, their actions [N, T, A], how many of these
    `frames` [N] count, the truth [N, T + 1, B, 6], and which bodies move [B]."""

    scenes: list[Scene]
    actions: np.ndarray
    frames: np.ndarray
    true: np.ndarray
    moving: np.ndarray


def trials(task: Task, starts: Sequence[int], level: str = "id") -> Trials:
    """Random actions of a task on some of its starts, uniform; commands are held as in clips.

    Most launches meet nothing and would not show errors of contact: half of the sequences of a start are the
    first ones that hit something, where some of its `DRAWN` ones do.
    """
    scenes, actions = [], []
    for start in starts:
        now = _at_decision(task.sample(level, start).scene)
        drawn = np.stack([_random(task, level, start, i) for i in range(DRAWN)])
        hits = _hits([now] * DRAWN, drawn)
        chosen = [*range(KEPT), *(np.flatnonzero(hits[KEPT:]) + KEPT)[:KEPT]]
        scenes += [now] * len(chosen)
        actions.append(drawn[chosen])
    every = np.concatenate(actions)
    return _trials(task, scenes, every, np.full(len(scenes), task.frames))


def trials_of(task: Task, episodes: Sequence[EpisodeRecord]) -> Trials:
    """What was done in recorded episodes of a task, as long as they lasted."""
    scenes = [_at_decision(task.sample(r.level, r.start_id).scene) for r in episodes]
    actions = np.stack([per_frame(task, r.actions) for r in episodes])
    return _trials(task, scenes, actions, np.array([r.frames for r in episodes]))


def _trials(task: Task, scenes: list[Scene], actions: np.ndarray, frames: np.ndarray) -> Trials:
    moving = np.array([body.motion != "fixed" for body in task.template.bodies])
    true, _ = _states(make_engine("reference"), scenes, actions)
    return Trials(scenes, actions, frames, true, moving)


def position_error(found: Trials, engine: Engine) -> float:
    """Mean distance, m, of the moving bodies from the truth over the frames that count; a missing body counts
    `MISSING`, as does one that is farther off."""
    states, present = _states(engine, found.scenes, found.actions)
    apart = np.sqrt(np.square(states[..., :2] - found.true[..., :2]).sum(-1))
    apart = np.where(present, np.minimum(apart, MISSING), MISSING)
    counts = np.arange(found.actions.shape[1]) < found.frames[:, None]
    return float(apart[:, 1:, found.moving][counts].mean())


def measure(found: Trials, law: str, strength: float) -> float:
    """The position error of a law error in the reference engine, m."""
    return position_error(found, PerturbedEngine(make_engine("reference"), law, strength))


@dataclass(frozen=True)
class Match:
    """The strength of a law error that comes closest to the dose `target`, and the dose that it measures;
    `reached` unless that is more than a tenth off."""

    target: float
    strength: float
    dose: float
    reached: bool


@dataclass
class Matcher:
    """Finds strengths from 0 to `high` by bisection; what was measured for one dose serves the others.

    `measure` gives the dose of a strength; it should grow with it.
    """

    measure: Callable[[float], float]
    high: float
    known: dict[float, float] = field(default_factory=lambda: {0.0: 0.0})

    def __call__(self, target: float) -> Match:
        """The strength that gives the dose `target`, m. Raises ValueError unless it is above zero."""
        if target <= 0:
            raise ValueError(f"a dose of {target} m cannot be matched; expected more than zero")
        if (most := self._dose(self.high)) <= target:
            return Match(target, self.high, most, target - most <= MET * target)
        for _ in range(EVALUATIONS):
            best = min(self.known, key=lambda s: abs(self.known[s] - target))
            if abs(self.known[best] - target) <= CLOSE * target:
                break
            low = max(s for s, dose in self.known.items() if dose < target)
            above = [s for s, dose in self.known.items() if dose >= target and s > low]
            middle = _rounded((low + min(above, default=self.high)) / 2)
            if middle in self.known:
                break
            self._dose(middle)
        best = min(self.known, key=lambda s: abs(self.known[s] - target))
        return Match(target, best, self.known[best], abs(self.known[best] - target) <= MET * target)

    def _dose(self, strength: float) -> float:
        if strength not in self.known:
            self.known[strength] = self.measure(strength)
        return self.known[strength]


def match(law: str, found: Trials, doses: Sequence[float] = DOSES) -> list[Match]:
    """Strengths of a law error for each dose. Raises ValueError where it means nothing in these scenes."""
    matcher = Matcher(lambda strength: measure(found, law, strength), law_error(law).high)
    return [matcher(dose) for dose in doses]


def _at_decision(scene: Scene) -> Scene:
    """A scene as it stands after the context frames, which pass without actions."""
    now = simulate(make_engine("reference"), [scene], CONTEXT).states[0, -1].tolist()
    bodies = tuple(
        replace(body, position=(x, y), velocity=(vx, vy))
        for body, (x, y, _, vx, vy, _) in zip(scene.bodies, now)
    )
    return replace(scene, bodies=bodies)


def _random(task: Task, level: str, start: int, number: int) -> np.ndarray:
    """One random sequence of actions [frames, A]: one launch at each decision, or commands that are held."""
    control = task.template.control
    assert control is not None
    region = Region(*task.bounds(level), disc=control.kind == "launch")
    rng = key.generator(key.make("dose", task.name, start, number))
    actions = np.zeros((task.frames, len(region.low)))
    t = 0
    while t < task.frames:
        hold = 1 if region.disc else int(rng.integers(1, HELD + 1))
        actions[t : t + hold] = region.uniform(rng)
        t += max(hold, task.stride)
    return actions


def _hits(scenes: list[Scene], actions: np.ndarray) -> np.ndarray:
    """[N] bool: whether something is hit, that is, whether a loss of momentum would show."""
    if law_error("momentum_leak").lacks(scenes[0]):
        return np.zeros(len(scenes), dtype=bool)
    truth = make_engine("reference")
    states, _ = _states(truth, scenes, actions)
    leaking, _ = _states(PerturbedEngine(truth, "momentum_leak", 1.0), scenes, actions)
    return (states != leaking).any((1, 2, 3))


def _states(engine: Engine, scenes: list[Scene], actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    clips = simulate(engine, scenes, actions.shape[1] + 1, actions)
    return clips.states, clips.present


def _rounded(strength: float) -> float:
    return float(f"{strength:.{DIGITS}g}")
