"""Proximal policy optimisation (Schulman et al. 2017) on the world's own device, in torch alone.

An update plays a segment of equal length in all rows, estimates advantages and descends; from its first
observation to its last gradient step no tensor goes to the host. New episodes need scenes, which are drawn on
the host, so they begin between updates only: a row that ends within a segment is masked until its end. Frames
of masked rows count as spent. The network is Stable-Baselines3's, so that `load` reads what is written here.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from stable_baselines3.common.logger import configure
from torch import Tensor

from agents.learning import folders
from agents.learning.policy import LearnedPolicy, make_network
from agents.learning.run import Run, segment
from envs.draws import drawn
from envs.encode import encode_tensor
from envs.rollouts import Rollouts
from worldsim import keys as key

CHECKPOINT = "checkpoint.pt"
VALUE_SHARE, MOST_GRADIENT, ADAM_EPSILON = 0.5, 0.5, 1e-5  #: as in Stable-Baselines3


@dataclass
class Segment:
    """What T decisions of N rows gave: `seen` [T, N, ...], `actions` [T, N, A], all others [T, N].

    `alive` rows were playing, `ended` ones ended with this decision, `terminated` ones by their task and not
    by the horizon.
    """

    seen: Tensor
    actions: Tensor
    chances: Tensor
    values: Tensor
    rewards: Tensor
    alive: Tensor
    ended: Tensor
    terminated: Tensor
    last: Tensor


def gae(
    rewards: Tensor,
    values: Tensor,
    last: Tensor,
    terminated: Tensor,
    ended: Tensor,
    gamma: float,
    lam: float,
) -> Tensor:
    """Generalised advantage estimates [T, N] (Schulman et al. 2016); `last` [N] is the value after step T.

    An episode that ended without being terminated was cut by the horizon: the value of where it was cut,
    `values[t + 1]`, counts, and nothing later does.
    """
    advantages, running = torch.empty_like(rewards), torch.zeros_like(last)
    following = torch.cat([values[1:], last[None]])
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * following[t] * ~terminated[t] - values[t]
        running = delta + gamma * lam * running * ~ended[t]
        advantages[t] = running
    return advantages


class Learner:
    """The network, its optimiser and the rows that it plays."""

    def __init__(self, run: Run) -> None:
        self.run, self.config, self.device = run, run.config, run.world.device
        self.rows, self.steps = run.config.n_envs, segment(run.task, run.config.n_steps)
        torch.manual_seed(int(key.make("network", run.seed) % np.uint64(2**63)))
        seen, acted = run.spaces
        self.network = make_network(run.algo, run.observation, seen, acted, vars(run.config)).to(self.device)
        self.optimizer = torch.optim.Adam(
            self.network.parameters(),
            lr=run.config.learning_rate,
            eps=ADAM_EPSILON,
            capturable=self.device.type == "cuda",  # its count of steps then stays on the device
            foreach=False,
        )
        low, high = (torch.as_tensor(b, device=self.device) for b in run.task.bounds(run.task.levels[0]))
        self._middle, self._half = (high + low) / 2, (high - low) / 2
        self.rollouts = Rollouts(run.task, run.world, self.rows, shaping=run.config.shaping)
        self.updates = 0

    # ------------------------------------------------------------------ between updates, on the host

    def begin(self, everywhere: bool) -> None:
        """Begin new episodes in all rows, or in those that are over."""
        rows = np.arange(self.rows) if everywhere else np.flatnonzero(self.rollouts.over)
        if not len(rows):
            return
        task, named = self.run.task, (self.run.seed, self.updates)
        numbers = [drawn(key.make("starts", *named, int(r))) for r in rows]
        keys = np.array([key.make("episode", *named, int(r)) for r in rows], dtype=np.uint64)
        self.rollouts.begin(rows, [task.sample(task.levels[0], n) for n in numbers], keys)

    def prepare(self, share: float) -> torch.Generator:
        """Set the learning rate for the share of training that is left; returns the draws of an update."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * (share if self.config.anneal else 1.0)
        seed = int(key.make("ppo_resident", self.run.seed, self.updates) % np.uint64(2**63))
        return torch.Generator(self.device).manual_seed(seed)

    # ------------------------------------------------------------------ one update, on the device

    def update(self, draws: torch.Generator) -> None:
        """Play a segment and learn from it."""
        seg = self.collect(draws)
        advantages = gae(
            seg.rewards,
            seg.values,
            seg.last,
            seg.terminated,
            seg.ended,
            self.config.gamma,
            self.config.gae_lambda,
        )
        flat = [seg.seen, seg.actions, seg.chances, advantages, advantages + seg.values, seg.alive.float()]
        data = [part.flatten(0, 1) for part in flat]
        size = len(data[0])
        for _ in range(self.config.n_epochs):
            order = torch.randperm(size, generator=draws, device=self.device)
            for batch in order.split(self.config.batch_size):
                self.optimizer.zero_grad()
                self.loss(*(part[batch] for part in data)).backward()
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), MOST_GRADIENT)
                self.optimizer.step()
        self.updates += 1

    @torch.no_grad()
    def collect(self, draws: torch.Generator) -> Segment:
        """One segment of the present policy."""
        kept: list[list[Tensor]] = []
        for _ in range(self.steps):
            seen, alive = self.look(), ~self.rollouts.ended
            mean, value = self.forward(seen)
            noise = torch.randn(mean.shape, generator=draws, device=self.device)
            action = mean + self.network.log_std.exp() * noise
            reward = self.rollouts.play_tensor(self._middle + self._half * action.clamp(-1, 1).double())
            ended, terminated = self.rollouts.ended, self.rollouts.outcome.over
            kept.append([seen, action, self.chance(mean, action), value, reward, alive, ended, terminated])
        last = self.forward(self.look())[1]
        parts = [torch.stack(part) for part in zip(*kept)]
        return Segment(*[*parts, last])

    def look(self) -> Tensor:
        """What the network sees, pictures channel first."""
        kind = self.run.observation
        seen = encode_tensor(kind, self.run.task, self.rollouts.glimpse(pictures=kind == "frames"))
        return seen.movedim(-1, 1) if kind == "frames" else seen

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Mean action [N, A] and value [N]."""
        policy, value = self.network.mlp_extractor(self.network.extract_features(seen))
        return self.network.action_net(policy), self.network.value_net(value)[:, 0]

    def chance(self, mean: Tensor, action: Tensor) -> Tensor:
        """Log density [N] of actions [N, A] under the policy's normal distribution."""
        spread = self.network.log_std
        squares = ((action - mean) / spread.exp()).square() / 2
        return -(squares + spread + math.log(2 * math.pi) / 2).sum(-1)

    def loss(
        self, seen: Tensor, actions: Tensor, before: Tensor, advantages: Tensor, returns: Tensor, mask: Tensor
    ) -> Tensor:
        """The clipped objective with the value's error and the entropy; rows with `mask` 0 count nothing."""
        count = mask.sum().clamp(min=1.0)

        def average(values: Tensor) -> Tensor:
            return (values * mask).sum() / count

        centred = advantages - average(advantages)
        spread = ((centred.square() * mask).sum() / (count - 1).clamp(min=1.0)).sqrt()
        advantages = centred / (spread + 1e-8)
        mean, value = self.forward(seen)
        ratio = (self.chance(mean, actions) - before).exp()
        clipped = ratio.clamp(1 - self.config.clip_range, 1 + self.config.clip_range)
        gain = average(torch.minimum(advantages * ratio, advantages * clipped))
        entropy = (self.network.log_std + (1 + math.log(2 * math.pi)) / 2).sum()
        error = average((returns - value).square())
        return VALUE_SHARE * error - gain - self.config.ent_coef * entropy


# ---------------------------------------------------------------------- runs


def learn(run: Run) -> None:
    """Train to the end and leave the finished policy in the run's folder.

    At each checkpoint all rows begin anew, so that a run that goes on from it draws what the run that was
    not interrupted draws.
    """
    learner, curve = Learner(run), run.curve()
    _restore(run, learner)
    decisions = learner.rows * learner.steps
    every = max(1, run.total // decisions // run.config.checkpoints)
    frames = decisions * run.task.stride
    logger = configure(str(run.folder / folders.TENSORBOARD), ["tensorboard"])
    policy = LearnedPolicy(run.task, run.task.levels[0], run.facts, learner.network)
    solved: deque[bool] = deque(maxlen=200)
    if curve is not None:
        curve.resume(learner.updates * frames)
    first, count = True, run.total // decisions
    while learner.updates < count:
        learner.begin(everywhere=first or learner.updates % every == 0)
        if curve is not None and curve.due(learner.updates * frames):
            curve.record(policy, learner.updates * frames, logger.record)
            logger.dump(learner.updates * decisions)
        if learner.updates % every == 0 and not first:
            _checkpoint(run, learner)
        first = False
        learner.update(learner.prepare(1 - (learner.updates + 1) * decisions / run.total))
        over = learner.rollouts.over
        solved.extend(learner.rollouts.outcome.success.cpu().numpy()[over].tolist())
        if run.report is not None:
            run.report(learner.updates * frames, float(np.mean(solved or [np.nan])))
    if curve is not None:
        curve.record(policy, run.total * run.task.stride, logger.record)
        logger.dump(run.total)
    logger.close()
    folders.save_weights(run.folder, learner.network)
    (run.folder / CHECKPOINT).unlink(missing_ok=True)


def _restore(run: Run, learner: Learner) -> None:
    """Weights of the checkpoint, of the policy to start from, or none."""
    path = run.folder / CHECKPOINT
    if path.exists():
        saved = torch.load(path, map_location=learner.device, weights_only=True)
        learner.network.load_state_dict(saved["network"])
        learner.optimizer.load_state_dict(saved["optimizer"])
        learner.updates = saved["updates"]
    elif run.start is not None:
        folders.load_weights(run.start, learner.network)


def _checkpoint(run: Run, learner: Learner) -> None:
    """Write a checkpoint under another name first."""
    path = run.folder / CHECKPOINT
    saved = {
        "network": learner.network.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "updates": learner.updates,
    }
    torch.save(saved, path.with_name(path.name + ".new"))
    path.with_name(path.name + ".new").replace(path)
