"""Doses of wrong physics: strengths of different law errors that put bodies equally far from the truth.

A dose is the mean distance, in metres, of the bodies from where they truly are, over the horizon of a task,
under one fixed set of random actions on development starts (see `benchmarks.costing.position`). It is
measured from true states in the reference engine: what a planner makes of the error is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from agents.regions import Region
from benchmarks.costing import position
from benchmarks.episodes.records import EpisodeRecord
from benchmarks.episodes.truth import per_frame
from envs.base import Task
from envs.draws import CONTEXT
from worldsim import keys as key
from worldsim.engines import make_engine, simulate
from worldsim.engines.base import Engine
from worldsim.engines.perturbed import PerturbedEngine, law_error
from worldsim.scenes import Scene

HELD = 10  #: frames for which a command is held at most
DOSES = (0.1, 0.2, 0.4, 0.8)  #: m
STARTS = 64  #: development starts on which strengths are matched, from 0 on
DRAWN = 48  #: random action sequences of each start
KEPT = 2  #: of these are kept as they come, and as many under which something is hit
CLOSE = 0.02  #: the search ends this close to a dose, as a share of it
MET = 0.1  #: farther off, it counts as not reached: rare events come in steps
EVALUATIONS = 24  #: of one dose at most
STEPS = 8  #: strengths that are tried where the largest one is not enough
DIGITS = 4  #: significant digits of a strength
DRAWS = (DRAWN, KEPT, HELD)  #: all that decides the actions of a start


@dataclass(frozen=True)
class Trials:
    """What doses are measured on: N scenes at the first decision, their actions [N, T, A], the truth
    [N, T + 1, B, 6], and what `counts` of it [N, T + 1, B]."""

    scenes: list[Scene]
    actions: np.ndarray
    true: np.ndarray
    counts: Tensor


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
    return trials_in(scenes, np.concatenate(actions))


def trials_of(task: Task, episodes: Sequence[EpisodeRecord]) -> Trials:
    """What was done in recorded episodes of a task, as long as they lasted."""
    scenes = [_at_decision(task.sample(r.level, r.start_id).scene) for r in episodes]
    actions = np.stack([per_frame(task, r.actions) for r in episodes])
    return trials_in(scenes, actions, [r.frames for r in episodes])


def trials_in(scenes: list[Scene], actions: np.ndarray, frames: Sequence[int] | None = None) -> Trials:
    """Actions [N, T, A] in scenes at the first decision, of which the first `frames` count, else all."""
    true, _ = _states(make_engine("reference"), scenes, actions)
    counts = position.counted(scenes, true)
    counts[:, 0] = False
    for mine, last in zip(counts, frames or []):
        mine[last + 1 :] = False
    return Trials(scenes, actions, true, counts)


def position_error(found: Trials, engine: Engine) -> float:
    """The position error of an engine, m (see `benchmarks.costing.position`): a body that has vanished or
    left the view is missing. NaN where nothing counts."""
    states, present = _states(engine, found.scenes, found.actions)
    place = torch.as_tensor(states[..., :2])
    there = torch.as_tensor(present) & position.in_view(place)
    return position.mean(position.distance(place, there, found.true), found.counts)


def measure(found: Trials, law: str, strength: float) -> float:
    """The position error of a law error in the reference engine, m."""
    return position_error(found, PerturbedEngine(make_engine("reference"), law, strength))


@dataclass(frozen=True)
class Match:
    """The strength of a law error that comes closest to the dose `target`, and the dose that it measures, the
    largest one where none comes up to it; `reached` unless that is more than a tenth off."""

    target: float
    strength: float
    dose: float
    reached: bool


@dataclass
class Matcher:
    """Finds strengths from 0 to `high` by bisection; what was measured for one dose serves the others.

    `measure` gives the dose of a strength; it should grow with it, but may fall again: of what is so wrong
    that it misses a later contact, say. The smallest strength that is found counts.
    """

    measure: Callable[[float], float]
    high: float
    known: dict[float, float] = field(default_factory=lambda: {0.0: 0.0})

    def __call__(self, target: float) -> Match:
        """The strength that gives the dose `target`, m. Raises ValueError unless it is above zero."""
        if target <= 0:
            raise ValueError(f"a dose of {target} m cannot be matched; expected more than zero")
        if self._dose(self.high) < target:
            for step in range(1, STEPS):
                self._dose(_rounded(self.high * step / STEPS))
        for _ in range(EVALUATIONS):
            best = min(self.known, key=lambda s: abs(self.known[s] - target))
            if abs(self.known[best] - target) <= CLOSE * target:
                break
            first = min((s for s, dose in self.known.items() if dose >= target), default=None)
            if first is None:
                break
            below = max(s for s in self.known if s < first)
            middle = _rounded((below + first) / 2)
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
