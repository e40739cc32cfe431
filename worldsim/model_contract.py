"""The contract of a world model: what `worldsim.models.base.WorldModel` promises, clause by clause."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
from worldsim.engines import make_engine
from worldsim.models import PARTS, State, WorldModel, device_of
from worldsim.models.channels import channels, laid_out
from worldsim.scenes import Scene
from worldsim.worlds import SimulatedWorld

ROWS, FRAMES = 3, 2
MODEL = Contract("model")


@dataclass
class Case:
    """A model with ROWS contexts [B, K, 3, H, W] of true scenes and actions [B, T, A] within their limits."""

    model: WorldModel
    scenes: Sequence[Scene]
    keys: np.ndarray = field(default_factory=lambda: key.fold(np.arange(ROWS, dtype=np.uint64), "contract"))

    @cached_property
    def plain(self) -> Tensor:
        """What `step` answers to the actions: frames [B, T, 3, H, W]."""
        return self.model.step(self.init(), self.actions())[1]

    @cached_property
    def context(self) -> tuple[Tensor, Tensor]:
        """Frames and actions that a world would begin with."""
        truth = SimulatedWorld(make_engine("reference"), self.model.resolution)
        truth.context_frames = self.model.context_frames
        frames = truth.reset(self.scenes, self.keys).to(device_of(self.model))
        return frames, torch.zeros(ROWS, frames.shape[1] - 1, self.model.action_size, device=frames.device)

    def actions(self) -> Tensor:
        """A push in the first frame and none afterwards, other pushes for other rows."""
        control = self.scenes[0].control
        high = torch.tensor(control.high if control else ()).float()
        actions = torch.zeros(ROWS, FRAMES, len(high))
        actions[:, 0] = torch.tensor([0.5, -0.5, 0.25])[:, None] * high
        return laid_out(self.model, actions, control).to(device_of(self.model))

    def init(self, rows: slice = slice(None)) -> State:
        """A state of some of the rows."""
        frames, actions = self.context
        return self.model.init(frames[rows], actions[rows], self.keys[rows])

    def shape(self) -> tuple[int, ...]:
        """Of what `step` answers."""
        return (ROWS, FRAMES, 3, self.model.resolution, self.model.resolution)


def check_model(model: WorldModel, scenes: Sequence[Scene]) -> list[Finding]:
    """Ask every clause; the context comes from the first three of `scenes`, which have one control."""
    return MODEL.check(Case(model, scenes[:ROWS]))


@MODEL.clause("it has the parts of a world model: " + ", ".join(PARTS))
def _parts(case: Case) -> str | None:
    return lacking(case.model, PARTS)


@MODEL.clause("its name, sizes and limits can be used")
def _sizes(case: Case) -> str | None:
    model = case.model
    limit = None if model.max_frames is None else wrong_number(model, "max_frames", 1)
    sizes = (wrong_number(model, n, least) for n, least in (("context_frames", 2), ("action_size", 0)))
    return wrong_picture(model) or next((s for s in sizes if s), None) or limit


@MODEL.clause("its action_size is at least that of the task's control")
def _actions(case: Case) -> str | None:
    scene, model = case.scenes[0], case.model
    try:
        own = channels(getattr(model, "controls", ()), model.action_size, scene.control)
    except ValueError as error:
        return str(error)
    size = own.stop - own.start
    return None if size >= scene.action_size else f"it is {size}; the task's is {scene.action_size}"


@MODEL.clause("init takes context frames, the actions between them, and keys")
def _init(case: Case) -> str | None:
    return lacking(case.init(), ("select", "repeat", "where"))


@MODEL.clause("step answers T actions with T frames [B, T, 3, H, W], float32")
def _step(case: Case) -> str | None:
    answer = case.model.step(case.init(), case.actions())
    if not isinstance(answer, tuple) or len(answer) != 2:
        return f"it answers with a {type(answer).__name__}; expected (state, frames)"
    return wrong_shape("frames", answer[1], case.shape())


@MODEL.clause("frames are finite and in [0, 1]")
def _values(case: Case) -> str | None:
    return wrong_values(case.plain)


@MODEL.clause("the same context, actions and keys give the same frames")
def _repeats(case: Case) -> str | None:
    return differ(case.plain, case.model.step(case.init(), case.actions())[1])


@MODEL.clause("step leaves the state that it was given as it was")
def _pure(case: Case) -> str | None:
    state = case.init()
    once, again = (case.model.step(state, case.actions())[1] for _ in range(2))
    return differ(once, again)


@MODEL.clause("step takes a state that it has returned")
def _goes_on(case: Case) -> str | None:
    state, _ = case.model.step(case.init(), case.actions())
    if case.model.max_frames is not None and case.model.max_frames < 2 * FRAMES:
        return None
    frames = case.model.step(state, case.actions())[1]
    return wrong_shape("frames", frames, case.shape()) or wrong_values(frames)


@MODEL.clause("a row is the same whatever its neighbours, up to rounding")
def _alone(case: Case) -> str | None:
    alone = case.model.step(case.init(slice(1, 2)), case.actions()[1:2])[1]
    return differ(case.plain[1:2], alone, BATCH_NOISE)


@MODEL.clause("a state's rows can be selected, in any order")
def _select(case: Case) -> str | None:
    index = torch.tensor([2, 0, 1], device=device_of(case.model))
    chosen = case.model.step(case.init().select(index), case.actions()[index])[1]
    return differ(case.plain[index], chosen, BATCH_NOISE)


@MODEL.clause("a state repeats each row n times in a row, as torch.repeat_interleave")
def _repeat(case: Case) -> str | None:
    many = case.model.step(case.init().repeat(2), case.actions().repeat_interleave(2, 0))[1]
    return differ(case.plain.repeat_interleave(2, 0), many, BATCH_NOISE)


@MODEL.clause("where takes rows of one state where the mask is true, else of the other")
def _where(case: Case) -> str | None:
    device = device_of(case.model)
    mask, turned = torch.tensor([True, False, True], device=device), torch.tensor([2, 0, 1], device=device)
    one, other = case.init(), case.init().select(turned)
    turned_actions, mixed = case.actions()[turned], mask[:, None, None]
    actions = torch.where(mixed, case.actions(), turned_actions)
    frames = case.model.step(one.where(mask, other), actions)[1]
    return differ(torch.where(mixed[..., None, None], case.plain, case.plain[turned]), frames, BATCH_NOISE)
