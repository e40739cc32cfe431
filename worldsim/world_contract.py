"""The contract of a world: what `worldsim.worlds.World` promises, clause by clause."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from worldsim import keys as key
from worldsim.contracts import (
    BATCH_NOISE,
    Contract,
    Finding,
    differ,
    lacking,
    wrong_number,
    wrong_picture,
    wrong_shape,
    wrong_values,
)
from worldsim.pairs import COLORS, make_tracker
from worldsim.scenes import Scene
from worldsim.tracking import Track
from worldsim.worlds import PARTS, World

ROWS = 3
KEYS = key.fold(np.arange(ROWS, dtype=np.uint64), "contract")
WORLD = Contract("world")


@dataclass(frozen=True)
class Seen:
    """A `Context`: what a world begins with in the middle of an episode."""

    frames: Tensor
    actions: Tensor
    track: Track


@dataclass
class Case:
    """A world and ROWS scenes with one control; the same pushes in every clause."""

    world: World
    scenes: Sequence[Scene]

    @cached_property
    def plain(self) -> Tensor:
        """The first four frames [N, 4, 3, H, W] under the pushes."""
        return self.play(4)

    def pushes(self) -> np.ndarray:
        """Actions [N, A] within the limits, other ones for other rows."""
        control = self.scenes[0].control
        assert control is not None, "the contract of a world is checked with scenes that have a control"
        return np.array([0.5, -0.5, 0.25])[:, None] * np.array(control.high)

    def reset(self, rows: Sequence[int] = range(ROWS)) -> Tensor:
        """Context frames of some scenes, begun in all rows."""
        return self.world.reset([self.scenes[r] for r in rows], KEYS[list(rows)])

    def play(self, frames: int, rows: Sequence[int] = range(ROWS)) -> Tensor:
        """Begin some scenes and push them: frames [n, T, 3, H, W]."""
        self.reset(rows)
        return self.go_on(self.world, frames, rows)

    def go_on(self, world: World, frames: int, rows: Sequence[int] = range(ROWS)) -> Tensor:
        """The next frames [n, T, 3, H, W] of a world under the pushes."""
        return torch.stack([world.step(self.pushes()[list(rows)]) for _ in range(frames)], 1)


def check_world(world: World, scenes: Sequence[Scene]) -> list[Finding]:
    """Ask every clause of the contract about a world, with the first three of `scenes`."""
    return WORLD.check(Case(world, scenes[:ROWS]))


@WORLD.clause("it has the parts of a world: " + ", ".join(PARTS))
def _parts(case: Case) -> str | None:
    names = [name for name in PARTS if name != "states"]  # may be a property that needs a reset
    return lacking(case.world, names) or (None if hasattr(type(case.world), "states") else _states_of(case))


def _states_of(case: Case) -> str | None:
    return lacking(case.world, ("states",))


@WORLD.clause("its name, resolution and number of context frames can be used")
def _sizes(case: Case) -> str | None:
    return wrong_picture(case.world) or wrong_number(case.world, "context_frames", 1)


@WORLD.clause("reset answers with the context frames [N, K, 3, H, W], float32, on its device")
def _reset(case: Case) -> str | None:
    side = case.world.resolution
    frames = case.reset()
    wrong = wrong_shape("context frames", frames, (ROWS, case.world.context_frames, 3, side, side))
    if wrong or frames.device.type == torch.device(case.world.device).type:
        return wrong
    return f"they lie on {frames.device}; its device is {case.world.device}"


@WORLD.clause("step answers actions [N, A] with the next frames [N, 3, H, W], float32")
def _step(case: Case) -> str | None:
    case.reset()
    side = case.world.resolution
    return wrong_shape("frames", case.world.step(case.pushes()), (ROWS, 3, side, side))


@WORLD.clause("frames are finite, in [0, 1] and rounded to the 256 levels of a picture")
def _values(case: Case) -> str | None:
    frames = torch.cat([case.reset(), case.plain], 1)
    off = float((frames * 255 - (frames * 255).round()).abs().max())
    return wrong_values(frames) or (f"a value lies {off:.2f} levels beside its level" if off > 1e-2 else None)


@WORLD.clause("the same start under the same actions is the same on every call")
def _repeats(case: Case) -> str | None:
    return differ(case.plain, case.play(4))


@WORLD.clause("a row is the same whatever its neighbours, up to rounding")
def _alone(case: Case) -> str | None:
    return differ(case.plain[1:2, :2], case.play(2, [1]), BATCH_NOISE)


@WORLD.clause("reset of some rows leaves the others")
def _partial(case: Case) -> str | None:
    plain = case.plain
    case.play(2)
    begun = case.world.reset([case.scenes[0]], KEYS[:1], [0])
    side = case.world.resolution
    if wrong := wrong_shape("context frames", begun, (1, case.world.context_frames, 3, side, side)):
        return wrong
    mixed = case.go_on(case.world, 2)
    wrong = differ(plain[1:, 2:], mixed[1:], BATCH_NOISE)
    if wrong:
        return f"in a row that was left alone {wrong}"
    wrong = differ(plain[:1, :2], mixed[:1], BATCH_NOISE)
    return f"in the row that began anew {wrong}" if wrong else None


@WORLD.clause("a fork goes on exactly as the original")
def _fork(case: Case) -> str | None:
    case.play(2)
    return differ(case.plain[:, 2:], case.go_on(case.world.fork(range(ROWS), 1), 2))


@WORLD.clause("the original is not disturbed by its fork")
def _apart(case: Case) -> str | None:
    case.play(2)
    case.go_on(case.world.fork(range(ROWS), 1), 2)
    return differ(case.plain[:, 2:], case.go_on(case.world, 2))


@WORLD.clause("a fork has the chosen rows, each the given number of times in a row")
def _copies(case: Case) -> str | None:
    case.play(2)
    twin, rows = case.world.fork([2, 0], 2), [2, 2, 0, 0]
    return differ(case.plain[rows, 2], twin.step(case.pushes()[rows]), BATCH_NOISE)


@WORLD.clause("begin starts from what was seen of running episodes")
def _begin(case: Case) -> str | None:
    frames = case.reset()
    if case.scenes[0].places and case.world.states is not None:
        return None  # an engine refuses: see `worldsim.estimation.estimate_scenes`
    scene = case.scenes[0]
    template = replace(scene, bodies=scene.bodies[: len(COLORS)]) if scene.places else scene
    track = make_tracker(template, case.world.resolution).begin(frames)
    actions = torch.zeros(ROWS, frames.shape[1] - 1, case.scenes[0].action_size, device=frames.device)
    case.world.begin(Seen(frames, actions, track), KEYS)
    following = case.world.step(case.pushes())
    return wrong_shape("frames", following, tuple(frames[:, 0].shape)) or wrong_values(following)


@WORLD.clause("states is None, or the true states [N, bodies, 6] of the present frame")
def _states(case: Case) -> str | None:
    case.play(1)
    states, bodies = case.world.states, max(len(s.bodies) for s in case.scenes)
    if states is None or np.shape(states) == (ROWS, bodies, 6):
        return None
    return f"its shape is {np.shape(states)}; expected {(ROWS, bodies, 6)}"
