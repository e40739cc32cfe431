"""One cell of the bridge: a policy on the same starts in one executing world, as episode records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from agents.base import Policy
from benchmarks.episodes import truth
from benchmarks.episodes.records import EpisodeRecord, Key
from benchmarks.episodes.specs import Spec
from benchmarks.episodes.versions import code_version, device_of_play
from benchmarks.episodes.workshop import Workshop
from envs.base import Observation, Task
from envs.episodes import Episode, run_episodes
from envs.vector import WorldVectorEnv


@dataclass(frozen=True)
class Cell:
    """One policy at one level of one task in one executing world, over `count` starts from `first` on.

    `sample` numbers the executing world's own draws: starts and what the policy draws stay.
    """

    task: str
    level: str
    spec: Spec
    world: str
    first: int
    count: int
    sample: int = 0

    def __str__(self) -> str:
        drawn = f", sample {self.sample}" * bool(self.sample)
        return f"{self.task} {self.level}, {self.spec} in {self.world}{drawn}"

    def blank(self, start_id: int, workshop: Workshop) -> EpisodeRecord:
        """The record of one start before it has been played: its key is what decides whether it has been."""
        task = workshop.task(self.task)
        own, around = workshop.policy_hash(self.spec, task), workshop.weights(self.world, task)
        return EpisodeRecord(
            task=self.task,
            level=self.level,
            start_id=start_id,
            sample=self.sample,
            world=self.world,
            policy=self.spec.name,
            prepared_in=self.spec.prepared_in,
            weights=f"{own}/{around}" if own or around else "",
            config=workshop.config_hash(self.spec, task),
            success=False,
            miss=None,
            frames=0,
        )

    def keys(self, workshop: Workshop) -> dict[int, Key]:
        """The record key of every start of the cell."""
        if not self.count:
            return {}
        model = list(self.blank(self.first, workshop).key)
        place = model.index(self.first)
        return {
            i: (*model[:place], i, *model[place + 1 :]) for i in range(self.first, self.first + self.count)
        }


class Witness:
    """A policy that notes what another one does: its decisions, and what its first plan promised."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.name, self.prepared_in, self.privileged = policy.name, policy.prepared_in, policy.privileged
        self.decisions: list[np.ndarray] = []
        self.promised: tuple[np.ndarray, np.ndarray] | None = None

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`."""
        self.policy.reset(rows, keys)

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`."""
        actions = self.policy.act(observation)
        self.decisions.append(np.array(actions, dtype=float))
        imagined = getattr(self.policy, "imagined", None)
        if imagined is not None and self.promised is None:
            self.promised = imagined.success.copy(), imagined.miss.copy()
        return actions

    @property
    def frames_imagined(self) -> np.ndarray | None:
        """Frames imagined for each row [N] up to now, None for policies that imagine nothing."""
        return getattr(self.policy, "frames_imagined", None)


class Follow:
    """Acts as recorded before, in each of N rows: a sequence of actions; after its end it does nothing."""

    prepared_in = ""
    privileged = False

    def __init__(self, name: str, actions: Sequence[Sequence[Sequence[float]]], task: Task) -> None:
        self.name, self._decision = name, 0
        per_frame = [truth.per_frame(task, decisions)[:: task.stride] for decisions in actions]
        self._actions = np.stack(per_frame)

    def reset(self, rows: Sequence[int], keys: np.ndarray) -> None:
        """See `Policy.reset`."""
        self._decision = 0

    def act(self, observation: Observation) -> np.ndarray:
        """See `Policy.act`."""
        self._decision += 1
        return self._actions[:, self._decision - 1]


def play(
    cell: Cell, start_ids: Sequence[int], workshop: Workshop, known: Mapping[Key, EpisodeRecord]
) -> list[EpisodeRecord]:
    """Play some starts of a cell side by side and return their records.

    A plan for a one-decision task that `known` holds from another executing world is followed again instead
    of being made anew: the context, and so the plan, is the same in every world.
    """
    task = workshop.task(cell.task)
    blanks = [cell.blank(i, workshop) for i in start_ids]
    plans = _known_plans(cell, task, blanks, known)
    if plans is None:
        policy = Witness(workshop.policy(cell.spec, task, cell.level, cell.world))
    else:
        policy = Witness(Follow(cell.spec.name, [plan.actions for plan in plans], task))
    records = run(blanks, policy, workshop)
    return [replace(r, **_promise(policy, plans, i)) for i, r in enumerate(records)]


def run(blanks: Sequence[EpisodeRecord], policy: Policy, workshop: Workshop) -> list[EpisodeRecord]:
    """Records filled in with what comes of their starts, side by side, when `policy` acts.

    They are of one task, level and executing world; starts and samples are those of each record.
    """
    place = blanks[0]
    task = workshop.task(place.task)
    starts = [task.sample(place.level, blank.start_id) for blank in blanks]
    world = workshop.world(place.world, task)
    env = WorldVectorEnv(
        task, world, num_envs=len(starts), level=place.level, autoreset_mode="Disabled", history=True
    )
    with torch.no_grad():
        episodes = run_episodes(env, policy, starts, samples=[blank.sample for blank in blanks])
    played: dict[str, Any] = {
        "version": code_version(),
        "device": device_of_play(world.device),
        "rows": len(starts),
    }
    records = [
        replace(_record(blank, task, episode), row=row, **played)
        for row, (blank, episode) in enumerate(zip(blanks, episodes))
    ]
    return _with_truth(records, task, episodes, place.world, world.context_frames)


def _known_plans(
    cell: Cell, task: Task, blanks: Sequence[EpisodeRecord], known: Mapping[Key, EpisodeRecord]
) -> list[EpisodeRecord] | None:
    """Records of the same plans in other worlds, None unless there is one for every start."""
    if not cell.spec.plans_once or task.stride < task.frames:
        return None
    wanted = {_plan_key(blank) for blank in blanks}
    place = cell.task, cell.level, cell.spec.name, cell.spec.prepared_in
    near = (r for r in known.values() if (r.task, r.level, r.policy, r.prepared_in) == place)
    found = {k: r for r in near if (k := _plan_key(r)) in wanted}
    return [found[_plan_key(blank)] for blank in blanks] if len(found) == len(wanted) else None


def _plan_key(record: EpisodeRecord) -> Key:
    """What a plan depends on: everything but the executing world, its weights and its own draws."""
    own = record.weights.partition("/")[0]
    same = replace(record, world="", weights=own, sample=0)
    return same.key


def _record(blank: EpisodeRecord, task: Task, episode: Episode) -> EpisodeRecord:
    miss = float(episode.miss) if np.isfinite(episode.miss) else None
    within = {k: bool(not episode.spoiled and episode.miss <= k * task.tolerance) for k in (0.5, 2.0)}
    return replace(
        blank,
        success=episode.success,
        success_half=within[0.5],
        success_twice=within[2.0],
        failure=not episode.success,
        spoiled=episode.spoiled,
        miss=miss,
        frames=episode.frames,
        actions=tuple(tuple(map(float, action)) for action in episode.actions),
    )


def _with_truth(
    records: Sequence[EpisodeRecord], task: Task, episodes: Sequence[Episode], world: str, context: int
) -> list[EpisodeRecord]:
    """Adds what truly happened: in an engine, the outcome by its states; in the learned world, the frame at
    which its picture parts from what Box2D does under the same actions. Nothing where a body is placed: what
    counts then, masks that touch, is a matter of frames."""
    if task.template.places:
        return list(records)
    starts = [episode.start for episode in episodes]
    actions = np.stack([truth.per_frame(task, episode.actions) for episode in episodes])
    true = truth.states("box2d" if world == "learned" else world, starts, actions, context)
    if world != "learned":
        frames = np.array([episode.frames for episode in episodes])
        judged = truth.judge(task, starts, true, frames, context)
        return [
            replace(r, success_true=bool(judged.success[i]), miss_true=float(judged.miss[i]))
            for i, r in enumerate(records)
        ]
    moving = truth.dynamic(task)
    parted = [
        truth.parting(e.tracks["position"], e.tracks["status"], s[: len(e.tracks["status"])], moving)
        for e, s in zip(episodes, true)
    ]
    return [replace(r, divergence=frame) for r, frame in zip(records, parted)]


def _promise(policy: Witness, plans: Sequence[EpisodeRecord] | None, row: int) -> dict[str, Any]:
    """What the planner spent on a row and expected of its first plan."""
    if plans is not None:
        names = ("imagined_frames", "imagined_success", "imagined_miss")
        return {name: getattr(plans[row], name) for name in names}
    if policy.frames_imagined is None or policy.promised is None:
        return {}
    success, miss = (values[row] for values in policy.promised)
    return {
        "imagined_frames": int(policy.frames_imagined[row]),
        "imagined_success": bool(success),
        "imagined_miss": float(miss) if np.isfinite(miss) else None,
    }
