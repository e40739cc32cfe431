"""Strike: one launch of the red ball must leave the blue ball inside the goal disc at the last frame."""

from dataclasses import replace

import numpy as np
from torch import Tensor

from envs import draws
from envs.base import Start
from envs.goals import ReachGoal
from envs.shots import Shot, Table, aim, closest, grid, misses, shoot
from worldsim.scenes import VIEW, Body, Control, Scene
from worldsim.tracking import Track

BLUE, RED = 0, 1
DURATION = 2.8  #: s from the launch to the last frame
PROPOSALS = 256  #: geometries drawn at once
HOLD = 10  #: rounds for which sizes are kept
ROUNDS = 400
CHECKS = 10  #: geometries of a round that are searched through
AREA = 0.3  #: (m/s)², smallest area of launches that must solve a start
CLEAR = 0.25  #: m: doing nothing must miss the tolerance by this much
CLEAR_SLOW = 0.1  #: m: and so must any launch in distribution, at levels that change the speed


class Strike(ReachGoal):
    """One decision, then 28 frames; the goal is for the blue ball.

    Levels: `speed` needs launches of 4.5 to 6 m/s (no launch up to 4 m/s solves these starts), `size` has
    radii of 0.3 to 0.6 or 1.6 to 2.0 m, `both` has both. Fast shots leave hardly any room for large balls: at
    `both` no red ball and one blue ball in ten is large, at `size` about half of either (see
    `envs.factors.quantiles`).
    """

    name = "Strike"
    target = BLUE
    levels = ("id", "speed", "size", "both")
    template = Scene(
        (Body("blue", (1.0,), (3.0, 5.0)), Body("red", (1.0,), (7.0, 5.0))),
        control=Control(RED, "launch", (-draws.LAUNCH, -draws.LAUNCH), (draws.LAUNCH, draws.LAUNCH)),
    )

    def __init__(self, tolerance: float = 0.9) -> None:
        super().__init__()
        self.tolerance = tolerance
        self._slow = grid(draws.LAUNCH, 12, 240)
        self._all = {v: grid(v, 8, 360) for v in (draws.LAUNCH, draws.LAUNCH_FAST)}

    def bounds(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Task.bounds`; the norm of a launch is limited alike."""
        draws.check(self.name, self.levels, level, 0)
        high = np.full(2, draws.longest_launch(level))
        return -high, high

    def _sample(self, level: str, start_id: int) -> Start | None:
        rng, dropped, fast = draws.stream(self.name, start_id), 0, level in ("speed", "both")
        for number in range(ROUNDS):
            if number % HOLD == 0:  # while places and the launch are drawn anew
                sizes = rng.random(2)
            table, launch = _propose(level, sizes, rng.random(2), rng.random((PROPOSALS, 7)))
            shot = shoot(table, launch, DURATION)
            solved = self._solved(table, shot.at_end)
            good = _fits(level, table, launch, shot)
            hard = np.ones_like(good)
            if fast:  # cheap first look: the same hit, but slower
                slow = shoot(
                    table, launch * (draws.LAUNCH / np.linalg.norm(launch, axis=-1))[:, None], DURATION
                ).at_end
                hard = np.linalg.norm(slow - shot.at_end, axis=-1) > self.tolerance + CLEAR_SLOW
            chosen = np.flatnonzero(good & hard & ~solved)[:CHECKS]
            for i in chosen[self._solvable(level, table.select(chosen), shot.at_end[chosen])]:
                if not fast or self._needs_speed(table.select(i), shot.at_end[i]):
                    dropped += int((good & solved)[:i].sum())
                    return self._start(level, start_id, table.select(i), shot.at_end[i], dropped)
            dropped += int((good & solved).sum())
        return None

    def _solved(self, table: Table, goal: np.ndarray) -> np.ndarray:
        """[P] bool: solved at the moment of the launch or by doing nothing, or nearly so."""
        idle = shoot(table, np.zeros_like(table.velocity), DURATION).at_end
        near = [
            np.linalg.norm(goal - place, axis=-1) < self.tolerance + CLEAR for place in (table.blue, idle)
        ]
        return near[0] | near[1]

    def _solvable(self, level: str, table: Table, goal: np.ndarray) -> np.ndarray:
        """[C] bool: a fair area of launches solves it."""
        limit = draws.longest_launch(level)
        each = Table(*(getattr(table, f)[:, None] for f in table.__dataclass_fields__))
        miss = misses(each, goal[:, None], self._all[limit], DURATION)
        return (miss <= self.tolerance).mean(-1) * np.pi * limit**2 >= AREA

    def _needs_speed(self, table: Table, goal: np.ndarray) -> bool:
        """Whether no launch in distribution solves it."""
        return closest(table, goal, draws.LAUNCH, DURATION, self._slow) > self.tolerance + CLEAR_SLOW

    def aim(self, track: Track, goal: Tensor) -> Tensor:
        """See `Task.aim`: the blue ball."""
        return track.position[:, BLUE]

    def _start(self, level: str, start_id: int, table: Table, goal: np.ndarray, dropped: int) -> Start:
        at_zero = table.blue - table.velocity * draws.CONTEXT_TIME
        pair = lambda a: (float(a[0]), float(a[1]))  # noqa: E731
        limit = draws.longest_launch(level)
        scene = replace(
            self.template,
            bodies=(
                Body("blue", (float(table.blue_radius),), pair(at_zero), pair(table.velocity)),
                Body("red", (float(table.red_radius),), pair(table.red)),
            ),
            control=Control(RED, "launch", (-limit, -limit), (limit, limit)),
        )
        return Start(self.name, level, start_id, scene, goal.astype(np.float64), dropped)


def _propose(
    level: str, sizes: np.ndarray, motion: np.ndarray, places: np.ndarray
) -> tuple[Table, np.ndarray]:
    """Tables at the moment of the launch, and the reference launches: [P, 2], from uniform draws."""
    many = len(places)
    blue_r, red_r = draws.radii(sizes, level)
    fast = level in ("speed", "both")
    speed = draws.spread(places[:, 6], draws.SPEED_OOD if fast else (2.0, draws.LAUNCH))
    slow = draws.spread(motion[1], (0.5, 1.5)) * (motion[0] < 0.5)
    angle, bearing = 2 * np.pi * places[:, 2], 2 * np.pi * places[:, 3]
    away = blue_r + red_r + 0.3 + 5.5 * places[:, 4]
    red = away[:, None] * np.stack([np.cos(bearing), np.sin(bearing)], -1)
    velocity = slow * np.stack([np.cos(angle), np.sin(angle)], -1)
    table = Table(np.zeros((many, 2)), velocity, red, np.full(many, blue_r), np.full(many, red_r))
    launch = aim(table, 1.8 * places[:, 5] - 0.9, speed)
    shift = _into_view(table, shoot(table, launch, DURATION), places[:, :2])
    return replace(table, blue=table.blue + shift, red=table.red + shift), launch


def _into_view(table: Table, shot: Shot, share: np.ndarray) -> np.ndarray:
    """Shifts [P, 2] that put everything into view where it fits, at `share` of what room is left."""
    blue_r, red_r = table.blue_radius[:, None], table.red_radius[:, None]
    at_zero = table.blue - table.velocity * draws.CONTEXT_TIME
    path = np.stack([at_zero, table.blue, shot.at_contact, shot.at_end])
    low = np.minimum(path.min(0) - blue_r, table.red - red_r)
    high = np.maximum(path.max(0) + blue_r, table.red + red_r)
    return share * (VIEW - (high - low)) - low


def _fits(level: str, table: Table, launch: np.ndarray, shot: Shot) -> np.ndarray:
    """[P] bool: balls in view, no touch before the launch, a contact in time, speeds within the level."""
    blue_r, red_r = table.blue_radius[:, None], table.red_radius[:, None]
    at_zero = table.blue - table.velocity * draws.CONTEXT_TIME
    inside = lambda p, r: ((p >= r) & (p <= VIEW - r)).all(-1)  # noqa: E731
    seen = inside(at_zero, blue_r) & inside(shot.at_contact, blue_r) & inside(shot.at_end, blue_r)
    seen &= inside(table.red, red_r) & inside(table.blue, blue_r)
    apart = np.sqrt(((at_zero - table.red) ** 2).sum(-1)) > table.blue_radius + table.red_radius + 0.1
    timely = (shot.contact > 0.2) & (shot.contact < DURATION - 0.8)
    return seen & apart & timely & (shot.fastest <= draws.longest_launch(level))
