"""Draws docs/tasks.png: one start of each task, planned by CEM in Box2D and executed there.

python docs/tasks.py
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from agents.planners import make_planner
from envs.base import Task
from envs.tasks import TASKS
from envs.vector import WorldVectorEnv

SHOWN = 7  #: pictures of each episode
START = 10_003


def film(task: Task) -> np.ndarray:
    """Pictures [SHOWN, H, W, 3] of one solved episode, the goal drawn."""
    env = WorldVectorEnv(task, "box2d", autoreset_mode="Disabled")
    env.reset(options={"starts": [task.sample("id", START)]})
    pictures = [env.rollouts.picture()[0]]
    env.rollouts.watch = lambda frames: pictures.append(frames[0])
    planner = make_planner("cem", task, "box2d", privileged=task.template.places)
    planner.reset([0], np.array([1], dtype=np.uint64))
    while not env.over.all():
        env.step(planner.act(env.observe(planner.privileged)))
    return np.stack([pictures[i] for i in np.linspace(0, len(pictures) - 1, SHOWN).astype(int)])


def main() -> None:
    figure = Figure(figsize=(SHOWN * 1.3, len(TASKS) * 1.35), layout="constrained")
    axes = figure.subplots(len(TASKS), SHOWN)
    for row, task in zip(axes, (make() for make in TASKS.values())):
        for axis, picture in zip(row, film(task)):
            axis.imshow(picture, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(task.name)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
