"""Draw docs/picture.png: the loop, and one start under one action in several worlds.

    python docs/picture.py

The launch is the first of 512 random ones that solves the start in Box2D; every other world gets the same.
"""

from pathlib import Path

import matplotlib.patches
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from envs.vector import WorldVectorEnv
from worldsim.models import shipped_models

START = 0
FRAMES = (3, 7, 11, 15, 19, 23, 27, 31)
WORLDS = {"table": "learned video model", "box2d": "Box2D", "mujoco": "MuJoCo", "inertia": "no contacts"}
BOXES = ("scene", "world", "frames", "tracker", "task", "record")
INK, PAPER, ACCENT = "#24292f", "white", "#D55E00"


def solving_launch(count: int = 512) -> np.ndarray:
    """An action [2] that solves the start in Box2D."""
    env = WorldVectorEnv("Strike", "box2d", count, autoreset_mode="Disabled")
    start = env.task.sample("id", START)
    env.reset(options={"starts": [start] * count})
    space = env.single_action_space
    actions = np.random.default_rng(0).uniform(space.low, space.high, (count, 2))
    info = env.step(actions)[4]
    return actions[np.flatnonzero(info["success"])[0]]


def play(world: str, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, bool]:
    """Frames uint8 [T, H, W, 3] of the start under the action, goal (x, y, radius) and miss in m, success."""
    env = WorldVectorEnv("Strike", world, 1, autoreset_mode="Disabled", history=True)
    start = env.task.sample("id", START)
    env.reset(options={"starts": [start]})
    info = env.step(action[None])[4]
    frames = np.stack([frame[0] for frame in env.rollouts.frames_seen])
    return frames, np.append(start.goal, env.task.tolerance), float(info["miss"][0]), bool(info["success"][0])


def pipeline(axis: Axes) -> None:
    """scene -> world -> frames -> tracker -> task -> record, and the way back through the policy."""
    axis.set(xlim=(0, 6), ylim=(-1.15, 0.75))
    axis.axis("off")
    for i, text in enumerate(BOXES):
        colour = ACCENT if text == "world" else INK
        box = {"boxstyle": "round,pad=0.45", "facecolor": PAPER, "edgecolor": colour, "linewidth": 1.6}
        axis.text(i + 0.5, 0.25, text, ha="center", va="center", color=colour, bbox=box, fontsize=10)
        if i:
            arrow = {"arrowstyle": "-|>", "color": INK}
            axis.annotate("", (i + 0.17, 0.25), (i - 0.19, 0.25), arrowprops=arrow)
    back = {"arrowstyle": "-|>", "color": INK, "connectionstyle": "bar,angle=180,fraction=-0.22"}
    axis.annotate("", (1.5, -0.05), (3.5, -0.05), arrowprops=back)
    box = {"boxstyle": "round,pad=0.35", "facecolor": PAPER, "edgecolor": INK}
    axis.text(2.5, -0.62, "policy: action", ha="center", va="center", color=INK, bbox=box, fontsize=10)
    note = "the world is the variable:\nBox2D, MuJoCo, closed form,\na wrong physics, a learned model"
    axis.text(0.02, -0.66, note, ha="left", va="center", color=ACCENT, fontsize=8.5)


def strip(axes: list[Axes], world: str, action: np.ndarray) -> None:
    """One row of the picture: a world's frames with the goal."""
    frames, goal, miss, success = play(world, action)
    for axis, t in zip(axes, FRAMES):
        axis.imshow(frames[t], extent=(0, 10, 0, 10), interpolation="bicubic")
        axis.add_patch(
            matplotlib.patches.Circle(goal[:2], goal[2], fill=False, edgecolor="#009E73", linewidth=1.6)
        )
        axis.set(xticks=[], yticks=[])
    axes[0].set_ylabel(WORLDS[world], fontsize=10, color=ACCENT if world == "table" else INK)
    verdict = f"misses by {miss:.2f} m:\n{'success' if success else 'failure'}"
    axes[-1].text(10.4, 5, verdict, va="center", fontsize=9.5, color=INK)


def main() -> None:
    """Write docs/picture.png."""
    worlds = [w for w in WORLDS if w != "table" or w in shipped_models()]
    action = solving_launch()
    figure = Figure(figsize=(10.6, 1.9 + 1.13 * len(worlds)), facecolor=PAPER)
    outer = figure.add_gridspec(2, 1, height_ratios=(1.7, 1.13 * len(worlds)), hspace=0.06)
    outer.update(left=0.04, right=0.865, top=0.99, bottom=0.02)
    pipeline(figure.add_subplot(outer[0]))
    axes = outer[1].subgridspec(len(worlds), len(FRAMES), hspace=0.06, wspace=0.06).subplots()
    for row, world in zip(axes, worlds):
        strip(list(row), world, action)
    for axis, t in zip(axes[0], FRAMES):
        axis.set_title(f"frame {t}", fontsize=8.5, color=INK, pad=3)
    figure.savefig(Path(__file__).with_name("picture.png"), dpi=110)


if __name__ == "__main__":
    main()
