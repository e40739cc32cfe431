"""Training data: simulated clips, and keyed batches of windows rendered on the device."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.engines.damping import decay
from worldsim.models.channels import channels
from worldsim.rendering import Looks, quantise, render
from worldsim.scenarios import get_scenario, sample
from worldsim.scenes import DT, VIEW, Scene
from worldsim.training.leak import check
from worldsim.training.recipes import Recipe
from worldsim.training.schedule import rows_at

JUMP = 0.05  #: m/s; a larger change of velocity within a frame is a contact or a launch
RIDING = 1e-4  #: m; a load that moves less against its carriage within a frame rides along
CHUNK = 1000


@dataclass(frozen=True)
class ClipSet:
    """Clips padded to one length and number of bodies.

    `states` [N, T, B, 6] float32, `actions` [N, T-1, A] float32, `length` [N] frames that are real, `looks`,
    `scenes`; `part` [N], which scenario of the mixture each is of; `event` [N, T-1] bool, between t and t + 1
    a dynamic body's velocity jumps, it is let go of, or a screen begins or ceases to cut it off;
    `seen` [N, T] bool, a dynamic body is in view, and none is cut off by a screen; `rejected`, draws that
    belonged to no clip.
    """

    states: Tensor
    actions: Tensor
    length: np.ndarray
    part: np.ndarray
    looks: Looks
    scenes: list[Scene]
    event: np.ndarray
    seen: np.ndarray
    rejected: int

    @property
    def fingerprint(self) -> str:
        """A hash that names the data: everything that batches are drawn from, and the rejected draws.

        Numbers count in thousandths, for their last digits differ between processors.
        """
        looks = [value for value in vars(self.looks).values() if isinstance(value, Tensor)]
        parts = vars(self.looks.parts).values() if self.looks.parts else ()
        drawn = (self.states, self.actions, self.length, self.part, self.event, self.seen, *looks, *parts)
        name = hashlib.blake2b(str(self.rejected).encode(), digest_size=8)
        for array in map(np.asarray, drawn):
            name.update(str(array.shape).encode())
            for first in range(0, len(array), CHUNK):
                some = np.rint(array[first : first + CHUNK].astype(np.float64) * 1000)
                name.update(some.astype(np.int64).tobytes())
        return name.hexdigest()


def make_clips(recipe: Recipe) -> ClipSet:
    """Simulate the recipe's clips with the reference engine."""
    parts = [_simulate(recipe, name, round(share * recipe.clips)) for name, share in recipe.mixture]
    part = np.repeat(np.arange(len(parts)), [len(p[0]) for p in parts])
    bodies = max(p[1].shape[2] for p in parts)
    frames = max(p[1].shape[1] for p in parts)
    size = max(int(recipe.model.get("action_size", 0)), *(p[2].shape[2] for p in parts))
    controls = recipe.model.get("controls", ())
    total = sum(len(p[0]) for p in parts)
    states = np.zeros((total, frames, bodies, 6), dtype=np.float32)
    actions = np.zeros((total, frames - 1, size), dtype=np.float32)
    length = np.zeros(total, dtype=np.int64)
    event = np.zeros((total, frames - 1), dtype=bool)
    seen = np.zeros((total, frames), dtype=bool)
    row, scenes, rejected = 0, [], 0
    for part_scenes, part_states, part_actions, part_rejected in parts:
        n, t, b = part_states.shape[:3]
        here = slice(row, row + n)
        states[here, :t, :b] = part_states
        first = channels(controls, size, part_scenes[0].control).start
        actions[here, : t - 1, first : first + part_actions.shape[2]] = part_actions
        length[here] = t
        event[here, : t - 1], seen[here, :t] = events(part_scenes, part_states)
        row, rejected = row + n, rejected + part_rejected
        scenes += part_scenes
    looks = Looks.of(scenes)
    return ClipSet(
        torch.from_numpy(states),
        torch.from_numpy(actions),
        length,
        part,
        looks,
        scenes,
        event,
        seen,
        rejected,
    )


def _simulate(recipe: Recipe, name: str, clips: int) -> tuple[list[Scene], np.ndarray, np.ndarray, int]:
    scenario, engine = get_scenario(name), make_engine("reference")
    scenes, states, actions, rejected = [], [], [], 0
    for first in range(0, clips, CHUNK):
        number = np.arange(first, min(first + CHUNK, clips), dtype=np.uint64)
        keys = key.fold(number, "train", recipe.name, recipe.seed, name)
        some, refused = sample(scenario, "id", keys)
        act = scenario.actions(some, keys, scenario.frames)
        states.append(simulate(engine, some, scenario.frames, act).states)
        check(some, states[-1])
        actions.append(act)
        scenes += some
        rejected += refused
    most = max(len(scene.bodies) for scene in scenes)
    padded = [np.pad(s, ((0, 0), (0, 0), (0, most - s.shape[2]), (0, 0))) for s in states]
    return scenes, np.concatenate(padded), np.concatenate(actions), rejected


def events(scenes: list[Scene], states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`event` [N, T - 1] and `seen` [N, T] of states [N, T, B, 6]; see `ClipSet`."""
    dynamic = np.zeros((len(scenes), states.shape[2]), dtype=bool)
    for row, scene in zip(dynamic, scenes):
        row[: len(scene.bodies)] = [body.motion == "dynamic" for body in scene.bodies]
    released = np.arange(states.shape[1] - 1) >= np.array([s.hold for s in scenes])[:, None]
    fall = (np.array([s.gravity * DT for s in scenes])[:, None] * released)[..., None]
    kept = decay(np.array([s.damping for s in scenes]), DT)[:, None, None, None]
    change = states[:, 1:, :, 3:5] - kept * states[:, :-1, :, 3:5]
    change[..., 1] += fall
    jumps = (np.abs(change).max(-1) > JUMP) & dynamic[:, None]
    inside = (np.abs(states[..., 0:2] - VIEW / 2).max(-1) < VIEW / 2) & dynamic[:, None]
    cut = np.zeros_like(inside)
    for i, scene in enumerate(scenes):
        for j, screen in enumerate(scene.bodies):
            if screen.motion == "fixed" and not screen.solid:
                apart = np.abs(states[i, :, :j, 0:2] - screen.position)
                near = apart < np.add(screen.half, [b.half for b in scene.bodies[:j]])
                cut[i, :, :j] |= near.all(-1) & dynamic[i, :j]
        if scene.control is not None and scene.control.load is not None:
            apart = states[i, :, scene.control.load, 0:2] - states[i, :, scene.control.body, 0:2]
            rides = np.abs(np.diff(apart, axis=0)).max(-1) < RIDING
            jumps[i, :, scene.control.load] &= ~rides
            jumps[i, 1:, scene.control.load] |= rides[:-1] & ~rides[1:]
    jumps |= cut[:, 1:] != cut[:, :-1]
    return jumps.any(-1), inside.any(-1) & ~cut.any(-1)


class Batches:
    """Windows of K context frames and `horizon` frames to predict; batch i depends on (seed, i) alone.

    `processes` draw from these clips side by side, each one batch of a step's.
    """

    def __init__(
        self,
        clips: ClipSet,
        recipe: Recipe,
        context: int,
        resolution: int,
        device: torch.device,
        processes: int = 1,
    ) -> None:
        self.recipe, self.context, self.resolution, self.device = recipe, context, resolution, device
        self.states, self.actions = clips.states.to(device), clips.actions.to(device)
        self.looks = clips.looks.map(lambda tensor: tensor.to(device))
        self._clips = clips
        self._odds: dict[int, np.ndarray] = {}
        self._each = recipe.accumulate * processes  # batches of a step
        self._before = np.cumsum([0, *(rows_at(recipe, step) for step in range(recipe.steps))])
        self._orders: dict[int, np.ndarray] = {}

    def draw(self, step: int, horizon: int, size: int) -> tuple[Tensor, Tensor]:
        """Frames [size, K + horizon, 3, H, W] in [0, 1] and actions [size, K + horizon - 1, A] of batch
        number `step`. Raises ValueError where the clips are too short for such windows."""
        clip, first = (torch.from_numpy(a).to(self.device) for a in self.windows(step, horizon, size))
        window = first[:, None] + torch.arange(self.context + horizon, device=self.device)
        states = self.states[clip[:, None], window]
        frames = quantise(render(states, self.looks.select(clip), self.resolution))
        return frames, self.actions[clip[:, None], window[:, :-1]]

    def windows(self, step: int, horizon: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Clip and first frame, [size] each, of the windows of a batch; see `draw`."""
        if horizon not in self._odds:
            self._odds[horizon] = self._cumulated(horizon)
        odds, number = self._odds[horizon], key.generator(key.make("batch", self.recipe.seed, step))
        if self.recipe.in_turn:
            clip = self._in_turn(step, size)
            chosen = number.random((size, 1)) * odds[clip, -1:]
            return clip, (odds[clip] <= chosen).sum(1)
        flat = np.searchsorted(odds, number.random(size) * odds[-1], side="right")
        return np.divmod(flat, self._clips.states.shape[1])

    def _cumulated(self, horizon: int) -> np.ndarray:
        """Odds of windows added up: within each clip [N, T] where clips take turns, else over all [N * T]."""
        weights, length = self._weights(horizon), self._clips.length
        fit = weights.any(1)
        if not (fit.all() if self.recipe.in_turn else fit.any()):
            has = length.min() if self.recipe.in_turn else length.max()
            raise ValueError(
                f"{self.recipe.name} learns rollouts of {horizon} frames after {self.context} of context, "
                f"but has clips of {has}; lower its horizons"
            )
        if self.recipe.in_turn:
            return np.cumsum(weights, 1)
        for part, (_, share) in enumerate(self.recipe.mixture):
            mine = self._clips.part == part
            weights[mine] *= share / max(weights[mine].sum(), 1e-9)  # 0 where all clips are too short
        return np.cumsum(weights)

    def _in_turn(self, step: int, size: int) -> np.ndarray:
        """Clips [size] that come next in an order in which each is met once before any is met again."""
        clips = len(self._clips.length)
        whole, part = divmod(step, self._each)
        place = self._before[whole] * self._each + part * size + np.arange(size)
        epoch, at = np.divmod(place, clips)
        self._orders = {
            e: self._orders[e]
            if e in self._orders
            else key.generator(key.make("order", self.recipe.seed, e)).permutation(clips)
            for e in np.unique(epoch).tolist()
        }
        return np.array([self._orders[e][i] for e, i in zip(epoch.tolist(), at.tolist())])

    def _weights(self, horizon: int) -> np.ndarray:
        """Odds [N, T] of the windows that begin at each frame. Those are rare whose context cannot tell what
        comes: it begins with nothing in view, or with something behind a screen."""
        n, frames = self._clips.seen.shape
        weights = np.zeros((n, frames))
        span = self.context + horizon
        for first in range(frames - span + 1):
            last = max(first + self.context - 1, 0)
            event = self._clips.event[:, last : last + horizon].any(1)
            seen = self._clips.seen[:, first]
            real = first + span <= self._clips.length
            weights[:, first] = real * np.where(seen, 1 + self.recipe.event_weight * event, 0.1)
        return weights
