"""`motion`: the next frame is the last one moved by fields of motion that the model carries along.

A convolutional model of pixels reads every speed from the offset between frames again at each step, so a
small misreading, at a speed or size it has never seen, grows over a rollout. Here motion is part of the
state: `look` finds it by comparing context frames, correcting the moved last frame against the present one
as often as needed (as Lucas and Kanade's registration does), and `act` changes it only where something
happens. `act` sees the present inks, the action and differences of motion between places and inks, but not
motion itself: what does not depend on a common velocity of everything (Galileo) need not be learned at every
speed. Motion belongs to things: each ink has a field of its own, so that bodies that touch come apart
cleanly, and a field is filled in from the nearest contrast, so that a body of any size moves as one piece.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from worldsim.models.base import check_context, gradients_where_asked
from worldsim.models.carrier import Carrier
from worldsim.models.contacts import Contacts, Meeting, along
from worldsim.models.controls import UNIT, Controls
from worldsim.models.covering import OVER, shown, whole
from worldsim.models.fields import REACH, differences
from worldsim.models.inks import BLACK, INKS, to_frames, to_inks
from worldsim.models.state import TensorState
from worldsim.models.trunk import Trunk, precisely, silent

RELUCTANCE = 2.0  #: at first inks hide little of each other, as some colours are mixtures; things obey little
#: logits at first of the shares that inks hide, if they are the same everywhere: black hides most of others
HIDING = [RELUCTANCE if above == BLACK else -RELUCTANCE for above, _ in OVER]
REPAIR = 0.1  #: repairs of pixels are learned slower than motion, lest they blur what is not yet understood


@dataclass(frozen=True)
class MotionState(TensorState):
    """The inks [B, 3, H, W] of the last frame, hidden ones too, the least and most that its context shows
    [B, 3, 1, 1], its motion [B, 2 fields, h, w], (right, down) pixels per frame for each field in turn, the
    last action [B, A], and whether a command other than zero was given, in the context or since,
    [B, 1, 1, 1], 0 or 1."""

    inks: Tensor
    least: Tensor
    most: Tensor
    motion: Tensor
    action: Tensor
    commanded: Tensor


class MotionModel(ModelMixin, ConfigMixin):
    """A world model of the family `motion`.

    Parameters
    ----------
    action_size, action_scale : size A of an action and the magnitude (m/s) that counts as one
    controls : kinds of controls that have channels of their own in an action (see `channels`)
    resolution, context_frames : pictures H = W and how many of them are the context, K
    patch : side of the squares that space-to-depth folds into channels; cells of the motion
    widths, blocks : channels and residual blocks at the two resolutions of `act`
    look_widths, look_blocks : the same of `look`
    looks : comparisons of each pair of context frames
    detail : channels of the three convolutions that sharpen the picture at full resolution
    relative : `act` sees differences of motion alone; else motion itself too
    filled : fill motion in from the nearest contrast
    layered : each ink has a field of its own; else all move by one
    transfer : `act` may also change a field's motion by a matrix times its difference from another field's,
        as a collision does whatever the speeds
    covers : an ink may hide another, which stays in the state; else what is not seen is gone
    recalls : in the context frames too, what one shows of a thing is not lost when the next ones hide it, and
        where it is cut off it is not taken for slow or small. An ink hides the same share of another
        everywhere. Needs `covers`
    falls : a thing's motion may change by itself, as by gravity; else only by what is passed on, by launches,
        commands and damping: what nothing happens to keeps its motion exactly
    drag : a thing may lose a share of its motion at each frame. The loss depends on a speed that `act` does
        not see, so that without this a damped ball cannot be learned
    steer : a thing's motion may change by a matrix times the launch, whatever their sizes
    follow : a thing may keep a share of the velocity commanded, (right, up) m/s, whatever it meets. Which
        things do, and how far, is learned; nothing does before the first command, in the context or since:
        what is told here need not be told from what is launched there. `act` sees no actions. Matrices for
        commands as for launches are not learned: commands change rarely, and what keeps to them half is worse
        than what does not
    pale : things of half an ink may lose a share of their motion that others do not. To the normalised
        features of `act` a pale thing is much like a full one: without this its damping is not learned
    meets : `act` sees how much ink each cell has, and where inks would lie over each other if all moved on,
        instead of pixels; what `transfer` passes is told there, and holds for the whole of both things. In
        pixels the contact of small bodies looks like nothing that larger ones have taught
    aligned : where inks meet, differences of motion and their matrices are along and across the normal of the
        contact, not right and down: what is learned of one direction holds for all. Needs `meets`
    weighed : the matrices of `transfer` may grow with the other's share in the ink of both. A linear function
        goes on beyond the sizes seen
    """

    name = "motion"
    differentiable = True
    max_frames = None
    _repeated_blocks = ["Block"]

    @register_to_config
    def __init__(
        self,
        action_size: int = 2,
        action_scale: float = 4.0,
        controls: tuple[str, ...] = (),
        resolution: int = 64,
        context_frames: int = 4,
        patch: int = 4,
        widths: tuple[int, int] = (48, 96),
        blocks: tuple[int, int] = (1, 3),
        look_widths: tuple[int, int] = (32, 64),
        look_blocks: tuple[int, int] = (1, 2),
        looks: int = 2,
        detail: int = 8,
        relative: bool = True,
        filled: bool = True,
        layered: bool = True,
        transfer: bool = True,
        covers: bool = True,
        falls: bool = True,
        drag: bool = False,
        steer: bool = False,
        follow: bool = False,
        pale: bool = False,
        meets: bool = False,
        aligned: bool = False,
        weighed: bool = False,
        recalls: bool = False,
    ) -> None:
        super().__init__()
        if aligned and not meets:
            raise ValueError("aligned needs to know where inks meet: give meets=True as well")
        if recalls and not covers:
            raise ValueError("recalls needs inks that hide others: give covers=True as well")
        self.action_size, self.resolution, self.context_frames = action_size, resolution, context_frames
        self.controls = tuple(controls)
        self.asked = Controls(controls, action_size, action_scale, resolution)
        if follow and (size := _length(self.asked.commands)) > 2:
            raise ValueError(f"follow takes commands of up to two channels, right and up, not of {size}")
        self.patch, self.looks = patch, looks
        self.carrier = Carrier(resolution, patch, layered, filled)
        fields = self.carrier.fields
        self.contacts = Contacts(resolution, patch, fields)
        pairs = len(self.contacts.pairs)
        pixels, motion = INKS * patch**2, 2 * fields
        self.look = Trunk(2 * pixels, look_widths, look_blocks)
        self.correct = silent(nn.Conv2d(look_widths[0], motion + fields, 3, padding=1))
        told = motion * 4 * len(REACH) + 2 * pairs + fields + (0 if relative else motion)
        inputs = INKS * (1 + patch**2 + 1) if meets else pixels  # of each pair of inks as of each ink
        self.act = Trunk(inputs + told + (0 if follow else 2 * action_size), widths, blocks)
        changes = 2 * motion if falls else 0
        self.leave = silent(nn.Conv2d(widths[0], pixels + changes + fields, 3, padding=1))
        self.guide = nn.Conv2d(widths[0], 4 * patch**2, 1)
        self.sharpen = nn.Sequential(
            nn.Conv2d(INKS + 4, detail, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(detail, detail, 3, padding=1),
            nn.SiLU(),
            silent(nn.Conv2d(detail, INKS, 3, padding=1)),
        )
        self.covering = silent(nn.Conv2d(widths[0], len(OVER), 1)) if covers and not recalls else None
        self.hiding = nn.Parameter(torch.tensor(HIDING)) if recalls else None
        matrices = 16 * pairs * (2 if weighed else 1) if transfer else 0
        self.passing = silent(nn.Conv2d(widths[0], matrices, 1)) if matrices else None
        self.losing = silent(nn.Conv2d(widths[0], fields, 1)) if drag else None
        self.fading = nn.Parameter(torch.zeros(fields)) if pale else None
        launched = motion * _length(self.asked.launches)
        self.steering = silent(nn.Conv2d(widths[0], launched, 1)) if steer else None
        self.obeying = silent(nn.Conv2d(widths[0], fields, 1)) if follow else None

    def forward(
        self, frames: Tensor, actions: Tensor, truncate: int | None = None, guess: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The frames [B, T, 3, H, W] after `frames` [B, K, 3, H, W] in [-1, 1].

        `actions` [B, K - 1 + T, A] lead to all frames but the first. Also the context's frames from the
        second on, [B, K - 1, 3, H, W], as the motion found explains them. Gradients reach back over at most
        `truncate` frames. `guess` is taken for the motion before the first look, see `watch`.
        """
        past, coming = actions.tensor_split([frames.shape[1] - 1], 1)
        state, explained = self.watch(frames, past, guess)
        predicted = []
        for t, action in enumerate(coming.unbind(1)):
            if truncate and t and t % truncate == 0:
                state = state.detach()
            state, frame = self.advance(state, action)
            predicted.append(frame)
        return torch.stack(predicted, 1), explained

    def watch(
        self, frames: Tensor, actions: Tensor, guess: Tensor | None = None
    ) -> tuple[MotionState, Tensor]:
        """The state after frames [B, K, 3, H, W] and actions [B, K - 1, A], and the frames it explains.
        Before the first look everything is taken to be at rest, or to move by `guess` [B, 2 fields, 1, 1]."""
        inks, carrier, hidden = to_inks(frames), self.carrier, self._hidden()
        motion, explained, last = carrier.still(inks), [], inks[:, 0]
        if guess is not None:
            motion = motion + guess
        for now in inks[:, 1:].unbind(1):
            motion = carrier.carried(motion, motion)
            moved = carrier.moved(last, motion)
            for _ in range(self.looks):
                features = self.look(torch.cat([self._fold(shown(moved, hidden) - now), self._fold(now)], 1))
                found = precisely(self.correct, features)
                change, sure = found.tensor_split([motion.shape[1]], 1)
                weight = carrier.weight(whole(now, moved, hidden)) * certainty(sure)
                motion = carrier.filled(motion + change, weight)
                moved = carrier.moved(last, motion)
            explained.append(to_frames(shown(moved, hidden)))
            last = whole(now, moved, hidden)
        least = inks.amin((1, 3, 4))[..., None, None].clamp(max=0)
        most = inks.amax((1, 3, 4))[..., None, None].clamp(min=1)
        state = MotionState(last, least, most, motion, actions[:, -1], self.asked.given(actions))
        return state, torch.stack(explained, 1)

    def advance(self, state: MotionState, action: Tensor) -> tuple[MotionState, Tensor]:
        """The next state, and its frame [B, 3, H, W] in [-1, 1], not yet clamped."""
        inks, carrier = state.inks, self.carrier
        weight = carrier.weight(inks)
        there = carrier.presence(weight)
        motion = self._faded(state, there)
        seen, apart, meeting = self._seen(state, motion, action, there)
        features = self.act(seen)
        exact = features.float()
        c = motion.shape[1] if self.config.falls else 0
        parts = [c, c, carrier.fields, INKS * self.patch**2]
        at_once, after, sure, repair = precisely(self.leave, exact).split(parts, 1)
        if not self.config.falls:
            at_once = after = torch.zeros_like(motion)
        if self.passing:
            amounts = self.contacts.amounts(inks) if self.config.weighed else None
            passed = self.contacts.passed(precisely(self.passing, exact), apart, amounts)
            if meeting:
                passed = self.contacts.met(passed, meeting)
            now, later = self.contacts.joined(passed).unbind(1)
            at_once, after = at_once + now, after + later
        if self.steering:
            at_once = at_once + self.asked.launched(precisely(self.steering, exact), action)
        if self.losing:
            at_once = at_once - motion * precisely(self.losing, exact).repeat_interleave(2, 1)
        leaving, weight = motion + at_once, weight * certainty(sure)
        commanded = state.commanded
        if self.obeying:
            commanded = torch.maximum(commanded, self.asked.given(action[:, None]))
            obeyed = commanded * obedience(precisely(self.obeying, exact))
            command = self.asked.commanded(action, carrier.fields)
            leaving = leaving + obeyed.repeat_interleave(2, 1) * (command - leaving)
        travel = carrier.filled(carrier.carried(leaving, leaving), carrier.carried(weight, leaving))
        rough = carrier.moved(inks, travel) + REPAIR * F.pixel_shuffle(repair, self.patch)
        guide = F.pixel_shuffle(self.guide(features), self.patch)
        sharp = rough + self.sharpen(_lean(torch.cat([rough.to(guide.dtype), guide], 1))).float().contiguous()
        inks = torch.clamp(sharp, state.least, state.most)
        motion = carrier.filled(travel + after, carrier.weight(inks) * certainty(sure))
        frame = to_frames(shown(sharp, self._hidden(exact)))
        return MotionState(inks, state.least, state.most, motion, action, commanded), frame

    @torch.no_grad()
    def init(self, frames: Tensor, actions: Tensor, keys: np.ndarray) -> MotionState:
        """See `WorldModel.init`; raises ValueError for shapes that do not fit. Nothing here is random."""
        check_context(self, frames, actions, keys)
        with torch.autocast(frames.device.type, dtype=torch.bfloat16):
            state, _ = self.watch(frames * 2 - 1, actions.float())
        return state

    @gradients_where_asked
    def step(self, state: MotionState, actions: Tensor) -> tuple[MotionState, Tensor]:
        """See `WorldModel.step`."""
        frames = []
        with torch.autocast(state.inks.device.type, dtype=torch.bfloat16):
            for action in actions.float().unbind(1):
                state, frame = self.advance(state, action)
                frames.append(torch.add(0.5, frame, alpha=0.5).clamp(0, 1))
        return state, torch.stack(frames, 1)

    def _faded(self, state: MotionState, there: Tensor) -> Tensor:
        """The motion without what pale things lose of it, before anything meets: a ball that is pushed all
        the while does not fall behind. It is learned where nothing else is near: to be damped less looks
        like to be pushed more, as long as pushing is learned too."""
        if self.fading is None:
            return state.motion
        lost = self.fading[:, None, None] * self.carrier.pale(state.inks)
        others = (there.sum(1, keepdim=True) - there).clamp(0, 1).detach()
        lost = torch.lerp(lost, lost.detach(), others)
        return state.motion * (1 - lost.repeat_interleave(2, 1))

    def _seen(
        self, state: MotionState, motion: Tensor, action: Tensor, there: Tensor
    ) -> tuple[Tensor, Tensor, Meeting | None]:
        """What `act` sees, [B, C, h, w], the differences of motion that may pass from field to field, and
        where things meet."""
        inks, contacts, meeting = state.inks, self.contacts, None
        apart = contacts.between(motion, there)
        if self.config.meets:
            ahead = self.carrier.moved(inks, motion).clamp(0, 1)
            meeting = contacts.meeting(ahead, self.config.aligned)
            if meeting.normals is not None:
                apart = along(apart, meeting.normals[:, : apart.shape[1]])  # one field for all has no pairs
            overlap = F.pixel_unshuffle(meeting.overlap, self.patch)
            looks = [F.avg_pool2d(inks, self.patch), overlap, meeting.near]
        else:
            looks = [F.pixel_unshuffle(inks, self.patch)]
        moving = [differences(motion), apart.flatten(1, 2)] + [motion] * (not self.config.relative)
        parts = [*looks, there, *(x / UNIT for x in moving)]
        if not self.config.follow:
            pushed = torch.cat([action, action - state.action], 1) / self.config.action_scale
            parts.append(pushed[..., None, None].expand(-1, -1, *motion.shape[-2:]))
        return torch.cat([_lean(x) for x in parts], 1), apart, meeting

    def _hidden(self, features: Tensor | None = None) -> Tensor | None:
        """The shares of inks that others hide, in the order of `OVER`: [B, 6, H, W], or [1, 6, 1, 1] if they
        are the same everywhere; None if nothing is hidden, or only `features` [B, C, h, w] could tell."""
        if self.hiding is not None:
            return torch.sigmoid(self.hiding)[None, :, None, None]
        if self.covering is None or features is None:
            return None
        return self.carrier.finer(torch.sigmoid(precisely(self.covering, features) - RELUCTANCE))

    def _fold(self, inks: Tensor) -> Tensor:
        return _lean(F.pixel_unshuffle(inks, self.patch))


def obedience(willing: Tensor) -> Tensor:
    """The share that a place keeps to a command, in [0, 1]; an eighth for 0, from which it learns fast."""
    return torch.sigmoid(RELUCTANCE * (2 * willing - 1))


def certainty(sure: Tensor) -> Tensor:
    """How much more than others a place has to say about the motion of its thing: 1 / 20 to 20 times."""
    return (3 * torch.tanh(sure / 3)).exp()


def _length(part: slice) -> int:
    return part.stop - part.start


def _lean(x: Tensor) -> Tensor:
    """As convolutions take it under autocast: channels last, in the precision that they use."""
    kind = x.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
    return x.to(dtype, memory_format=torch.channels_last)
