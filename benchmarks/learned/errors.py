"""The learned model's error on a task's own starts, level by level, under random actions."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from benchmarks.episodes.protocol import FIRST_REPORTED
from benchmarks.episodes.workshop import Workshop
from benchmarks.results_io import Row
from benchmarks.statistics import mean
from envs.base import Start, Task
from worldsim import keys as key
from worldsim.engines import make_engine
from worldsim.engines.base import simulate
from worldsim.metrics.rollouts import Clips, evaluate
from worldsim.models.base import WorldModel
from worldsim.worlds import ImaginedWorld
from worldsim.worlds.loads import COMPONENT

METRICS = ("velocity_error", "velocity_error_public", "permanence")


def measure(workshop: Workshop, task: Task, starts: int) -> list[Row]:
    """All rows of a task's model: on its scenarios (half as many clips), on the task's starts, its speed."""
    return [row for _, measured in parts(workshop, (task.name,), starts) for row in measured()]


def parts(
    workshop: Workshop, tasks: Sequence[str], starts: int
) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    """What makes the rows of some tasks' models, each part with a label that names its weights: every model
    on its scenarios (half as many clips as `starts`) and its speed, then every task's starts."""
    made = [workshop.task(name) for name in tasks]
    labels = {t.name: f"{workshop.model_name(t)}-{workshop.weights('learned', t)}" for t in made}
    for label, task in {labels[task.name]: task for task in made}.items():
        yield label, partial(_on_scenarios, str(workshop.source(task)), starts // 2)
    for task in made:
        yield f"{labels[task.name]}-{task.name}", partial(_on_levels, workshop, task, starts)


def _on_scenarios(model: str, clips: int) -> list[Row]:
    from benchmarks.learned import models

    return [row for cell in models.measure(model, clips) for row in cell] + models.throughput(model)


def _on_levels(workshop: Workshop, task: Task, starts: int) -> list[Row]:
    world, name = workshop.world("learned", task), workshop.model_name(task)
    assert isinstance(world, ImaginedWorld), "only learned models are measured"
    return [
        row
        for level in task.levels
        for row in on_task(world.model, name, task, level, FIRST_REPORTED, starts)
    ]


def on_task(model: WorldModel, name: str, task: Task, level: str, first: int, count: int) -> list[Row]:
    """Rows of velocity error and permanence over whole episodes of `count` starts from `first` on.

    Random decisions stand for what an agent may try; they never follow the goal.
    """
    starts = [task.sample(level, i) for i in range(first, first + count)]
    tried = random_actions(task, level, starts)
    actions = np.pad(tried, ((0, 0), (model.context_frames - 1, 0), (0, 0)))
    scenes = [start.scene for start in starts]
    states = simulate(make_engine("reference"), scenes, actions.shape[1] + 1, actions).states
    clips = Clips(task.name, task.template, scenes, states, actions)
    scores = evaluate(model, clips)
    rows = []
    for metric in METRICS:
        scored = getattr(scores, metric)
        values = scored.value[scored.count > 0].numpy()
        if len(values):
            where = {"task": task.name, "world": "learned", "model": name, "level": level, "metric": metric}
            rows.append(where | mean(values).row())
    return rows


def random_actions(task: Task, level: str, starts: Sequence[Start]) -> np.ndarray:
    """Random decisions within the level's bounds [N, frames, A]: launches act once, velocities are held for
    12 frames, loads are let go of in the first half."""
    control = task.template.control
    assert control is not None
    low, high = task.bounds(level)
    actions = np.zeros((len(starts), task.frames, len(low)))
    for row, start in enumerate(starts):
        rng = key.generator(key.make("model error", task.name, level, start.start_id))
        if control.kind == "launch":
            speed, angle = high[0] * np.sqrt(rng.random()), 2 * np.pi * rng.random()
            actions[row, 0] = speed * np.cos(angle), speed * np.sin(angle)
        else:
            held = rng.uniform(low, high, (-(-task.frames // 12), len(low)))
            actions[row] = held.repeat(12, axis=0)[: task.frames]
        if control.kind == "carry":
            actions[row, :, COMPONENT] = np.arange(task.frames) >= rng.integers(task.frames // 2)
    return actions
