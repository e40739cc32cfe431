"""Place: where must the red ball be put so that the blue and the green body come to touch?"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from envs import draws
from envs.base import Outcome, Start, opened, spoils
from worldsim.engines import make_engine, simulate
from worldsim.pairs import PIXEL, PairTrack, dominance, gap_between
from worldsim.placing import Placing
from worldsim.rendering import Looks, render
from worldsim.scenarios.templates import BALL, BLUE, GREEN, RADIUS, RED, Templates
from worldsim.scenes import VIEW, Control, Scene
from worldsim.tracking import Track

FRAMES = 44
ROUNDS = 400  #: layouts before a start is given up
TRIALS, FIRST = 12, 6  #: placements tried on a layout; if none of the first ones succeeds, it is given up
EVERY = 4  #: frames between two looks at what comes of them
SOLVED = (1, 2)  #: least and most of them that must lead to a touch
CLEAR = 0.25  #: m: doing nothing must leave a gap this wide at any time, for engines differ
SCENARIO = Templates()
CONTROL = Control(RED, "place", (0.0, 0.0), (VIEW, VIEW))


class Place(draws.Sampled):
    """One decision, then 44 frames: where the centre of the red ball goes, in m. Nothing moves before.

    The ball goes nowhere where it would not lie in the view or would cover anything, as the frame shows; such
    an attempt is one that does nothing. Success: the masks of blue and green are at most one pixel apart, in
    a picture of 128 pixels, and neither hides a part of the other, for ten frames in a row; the miss is the
    widest gap of the ten frames in which it was least. The goal is the gap allowed, m. At the level
    `held_out` templates are those never trained on.

    Doing nothing never brings the two near each other, and of twelve random places one or two do, in Box2D:
    starts can be solved, but not by luck.
    """

    name = "Place"
    scenario = "place"
    null = "inertia"
    frames = FRAMES
    stride = FRAMES
    levels = ("id", "held_out")
    tolerance = PIXEL
    goal_size = 1
    template = replace(
        SCENARIO.template,
        bodies=(replace(BALL, position=(-10.0 * VIEW, VIEW / 2)), *SCENARIO.template.bodies[1:]),
        control=CONTROL,
    )

    def aim(self, track: Track, goal: Tensor) -> Tensor:
        """See `Task.aim`: at the top of the view, above the blue body."""
        blue = track.position[:, BLUE]
        return torch.stack([blue[:, 0], torch.full_like(blue[:, 1], VIEW - RADIUS - 0.1)], -1)

    def open(self, track: Track, goal: Tensor) -> Outcome:
        """See `Task.open`."""
        return opened(track, _held(track))

    def judge(
        self, outcome: Outcome, before: Track, after: Track, goal: Tensor, time_left: Tensor
    ) -> Outcome:
        """Success as soon as the touch has lasted; the reward at the end is 1 for it less the miss / 10 m."""
        spoiled, miss = outcome.spoiled | spoils(after), torch.minimum(outcome.miss, _held(after))
        success = ~spoiled & (miss <= self.tolerance + 1e-6)
        failure = ~success & (time_left <= 0)
        reward = (success | failure) * (success.float() - (miss / VIEW).clamp(max=1.0))
        return Outcome(success, failure, spoiled, miss, reward)

    def paint(self, frames: Tensor, goal: Tensor) -> Tensor:
        """Colours tell the goal: nothing is drawn."""
        return frames

    def _sample(self, level: str, start_id: int) -> Start | None:
        rng, dropped = draws.stream(self.name, start_id), 0
        for _ in range(ROUNDS):
            layout = SCENARIO.layout(level, rng)
            if layout is None:
                continue
            scene = replace(layout, control=CONTROL)
            if gaps_left(scene, np.zeros((1, 2)), looks=1)[0] <= self.tolerance + CLEAR:
                dropped += 1
                continue
            first, rest = np.split(places(scene, rng, TRIALS), [FIRST])
            solved = self._count(scene, first)
            solved += self._count(scene, rest) if solved else 0  # what looks hopeless is given up
            if SOLVED[0] <= solved <= SOLVED[1]:
                return Start(self.name, level, start_id, scene, np.array([self.tolerance]), dropped)
        return None

    def _count(self, scene: Scene, where: np.ndarray) -> int:
        """How many of some places lead to a touch."""
        return int((gaps_left(scene, where) <= self.tolerance).sum())


def _held(track: Track) -> Tensor:
    """The widest of the last gaps [N], m."""
    assert isinstance(track, PairTrack), "Place is judged by the gap that a PairTracker measures"
    return track.gaps.amax(1).float()


def gaps_left(scene: Scene, where: np.ndarray, looks: int = 4) -> np.ndarray:
    """About how wide a gap [N] m the ball leaves at each of some places [N, 2] m; (0, 0) places nothing.

    Looked at every few frames only, without the other bodies: the least of the widest of so many looks.
    """
    actions = np.zeros((len(where), draws.CONTEXT + FRAMES - 1, 2))
    actions[:, draws.CONTEXT - 1] = where
    clips = simulate(make_engine("reference"), [scene] * len(actions), actions.shape[1] + 1, actions).states
    pair = replace(scene, bodies=(scene.bodies[BLUE], scene.bodies[GREEN]))
    seen = clips[:, draws.CONTEXT - 1 :: EVERY, [BLUE, GREEN]]
    states = torch.as_tensor(seen, dtype=torch.float32)
    frames = render(states, Looks.of([pair] * len(actions)), 64).flatten(0, 1)
    gaps = gap_between(dominance(frames)[:, 1:]).unflatten(0, seen.shape[:2])
    return gaps.unfold(1, looks, 1).amax(-1).amin(1).numpy()


def places(scene: Scene, rng: np.random.Generator, count: int) -> np.ndarray:
    """Random places [count, 2] m where the ball may go."""
    states = torch.as_tensor(simulate(make_engine("inertia"), [scene], 1).states[:, 0], dtype=torch.float32)
    frame = render(states, Looks.of([scene]), 64)
    found = np.zeros((0, 2))
    placing = Placing.of([scene] * 64)
    assert placing is not None
    while len(found) < count:
        where = rng.uniform(RADIUS, VIEW - RADIUS, (64, 2))
        allowed = placing.allowed(frame.expand(64, -1, -1, -1), torch.as_tensor(where, dtype=torch.float32))
        found = np.concatenate([found, where[allowed.numpy()]])
    return found[:count]
