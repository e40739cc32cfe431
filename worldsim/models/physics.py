"""`physics`: an engine behind the protocol of a world model, beginning from what the tracker sees.

With an exact engine it is the oracle: imagination then equals reality up to tracking. With `inertia` it is
the null model of constant velocities.
"""

from collections.abc import Sequence

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from worldsim.engines import Simulation, make_engine
from worldsim.estimation import estimate_scenes
from worldsim.rendering import Looks, render
from worldsim.scenarios import get_scenario
from worldsim.scenes import Scene
from worldsim.tracking import Tracker


class PhysicsState:
    """Scenes as they were seen at first, and every action since: a copy replays them, which is exact.

    The latest state of a rollout also holds the running simulation, which the next step takes over.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        past: Sequence[tuple[np.ndarray, ...]],
        running: Simulation | None = None,
    ) -> None:
        self.scenes, self.past, self.running = list(scenes), list(past), running

    def select(self, index: Tensor) -> "PhysicsState":
        """See `State.select`."""
        rows = index.tolist()
        return PhysicsState([self.scenes[r] for r in rows], [self.past[r] for r in rows])

    def repeat(self, n: int) -> "PhysicsState":
        """See `State.repeat`."""
        return self.select(torch.arange(len(self.scenes)).repeat_interleave(n))

    def where(self, mask: Tensor, other: "PhysicsState") -> "PhysicsState":
        """See `State.where`."""
        chosen = [self if mine else other for mine in mask.tolist()]
        return PhysicsState(
            [s.scenes[r] for r, s in enumerate(chosen)], [s.past[r] for r, s in enumerate(chosen)]
        )


class PhysicsModel(ModelMixin, ConfigMixin):
    """A world model of the family `physics`.

    Parameters
    ----------
    engine : name of the engine that answers
    scenario : its template says which bodies and laws there are
    action_size : of the actions it accepts, at least what the scenario's control reads
    resolution, context_frames : pictures H = W and how many of them are the context, K
    """

    max_frames = None

    @register_to_config
    def __init__(
        self,
        engine: str = "analytic",
        scenario: str = "collision",
        action_size: int = 2,
        resolution: int = 64,
        context_frames: int = 4,
    ) -> None:
        super().__init__()
        self.name, self.action_size = engine, action_size
        self.resolution, self.context_frames = resolution, context_frames
        self.engine, self.template = make_engine(engine), get_scenario(scenario).template
        laws = torch.tensor([self.template.gravity, self.template.restitution, self.template.damping])
        self.register_buffer("laws", laws)  # all that there is to save
        self._tracker = Tracker(self.template, resolution)

    def init(self, frames: Tensor, actions: Tensor, keys: np.ndarray) -> PhysicsState:
        """See `WorldModel.init`; raises ValueError for frames of another shape."""
        scenes = estimate_scenes(self._tracker.begin(frames), self.template, actions)
        return PhysicsState(scenes, [()] * len(scenes), self.engine.start(scenes))

    def step(self, state: PhysicsState, actions: Tensor) -> tuple[PhysicsState, Tensor]:
        """See `WorldModel.step`."""
        commands = actions[..., : self.template.action_size].double().cpu().numpy()
        states = np.zeros((*actions.shape[:2], len(self.template.bodies), 6))
        running, state.running = state.running, None
        if running is not None:
            states = np.stack([running.step(commands[:, t]) for t in range(commands.shape[1])], 1)
        else:
            for age in {len(past) for past in state.past}:  # rows of one age share a simulation
                rows = [r for r, past in enumerate(state.past) if len(past) == age]
                states[rows] = self._replay(state, rows, commands[rows])
        past = [(*before, *row) for before, row in zip(state.past, commands)]
        looks = Looks.of(state.scenes, actions.device)
        frames = render(
            torch.as_tensor(states, dtype=torch.float32, device=actions.device), looks, self.resolution
        )
        return PhysicsState(state.scenes, past, running), frames

    def _replay(self, state: PhysicsState, rows: list[int], commands: np.ndarray) -> np.ndarray:
        """States [n, T, B, 6] under `commands` [n, T, A] after a row's past."""
        simulation = self.engine.start([state.scenes[r] for r in rows])
        for before in zip(*(state.past[r] for r in rows)):
            simulation.step(np.stack(before))
        return np.stack([simulation.step(commands[:, t]) for t in range(commands.shape[1])], 1)
