"""The planners by name, and their settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from agents.budget import budgeted
from agents.graded import graded_settings
from agents.imagination import TrueWorld, private_world, seen_world
from agents.planner import Planner
from agents.refits.base import Refit, Settings
from agents.refits.cem import CEM, CEMConfig
from agents.refits.gradient import Gradient, GradientConfig
from agents.refits.icem import ICEM, ICEMConfig
from agents.refits.mppi import MPPI, MPPIConfig
from agents.refits.shooting import Shooting, ShootingConfig
from agents.repair.imagination import Memory, repaired
from agents.repair.parts import PARTS, Repair
from envs.base import Task
from worldsim.worlds import World


@dataclass(frozen=True)
class Entry:
    """A planner: its refit, its settings by default, and those tuned for a task."""

    refit: Callable[[Any], Refit]
    default: Settings
    tuned: Mapping[str, Settings] = field(default_factory=dict)


def _entry(
    refit: Callable[[Any], Refit],
    default: Settings,
    line: Settings,
    release: Settings,
    bank: Settings | None = None,
    push: Settings | None = None,
    place: Settings | None = None,
) -> Entry:
    """A planner with settings for tasks along a line, for those that let go of a load, and for three more."""
    tuned = {"Catch": line, "Intercept": line, "Drop": release, "Bounce": release}
    others = {"Bank": bank or default, "Push": push or default, "Place": place or default}
    return Entry(refit, default, tuned | others)


PLANNERS: dict[str, Entry] = {
    "shooting": _entry(
        Shooting,
        ShootingConfig(),
        ShootingConfig(candidates=(24,), refresh=(8,)),
        ShootingConfig(candidates=(48,), refresh=(4,)),
        place=ShootingConfig(candidates=(90,)),
    ),
    "cem": _entry(
        CEM,
        CEMConfig(),
        CEMConfig(candidates=(10, 4), refresh=(4,)),
        CEMConfig(candidates=(28, 10, 10), refresh=(3,)),
        CEMConfig(candidates=(56, 20, 20, 20, 20)),
        CEMConfig(candidates=(40, 14, 10), refresh=(3,)),
        CEMConfig(candidates=(50, 20, 20)),  # chaotic: looking about pays more than refining
    ),
    "icem": _entry(
        ICEM,
        ICEMConfig(),
        ICEMConfig(candidates=(12, 6), refresh=(5,)),
        ICEMConfig(candidates=(28, 10, 10), refresh=(3,)),
    ),
    "mppi": _entry(
        MPPI,
        MPPIConfig(),
        MPPIConfig(candidates=(14, 6, 1), refresh=(6, 1)),
        MPPIConfig(candidates=(28, 10, 10, 1), refresh=(3, 1)),
    ),
    "gradient": _entry(
        Gradient,
        GradientConfig(),
        GradientConfig(candidates=(12, 3), refresh=(3, 2)),
        GradientConfig(candidates=(24, 3), refresh=(3, 2)),
    ),
}


def config_for(name: str, task: Task, knobs: Mapping[str, float] = MappingProxyType({})) -> Settings:
    """A planner's settings tuned for a task, or its defaults, with some knobs turned.

    `budget` scales all counts of candidates, up or down, until the planner's worst case is that many frames
    or a little less: planners are compared at equal budgets. `frames` only cuts what goes beyond it; for the
    others see `graded_settings`. Raises ValueError for an unknown planner, and for both of the two knobs.
    """
    if name not in PLANNERS:
        raise ValueError(f"unknown planner {name!r}; choose among {', '.join(PLANNERS)}")
    entry = PLANNERS[name]
    config = graded_settings(entry.tuned.get(task.name, entry.default), knobs)
    if "budget" not in knobs:
        return config
    if "frames" in knobs:
        raise ValueError(f"{name} has the knobs budget and frames, which both say how much is imagined")
    return budgeted(task, config, int(knobs["budget"]), entry.refit(config).slopes)


def make_planner(
    name: str,
    task: Task,
    world: "str | World",
    level: str = "id",
    config: Settings | None = None,
    privileged: bool = False,
) -> Planner:
    """A planner for a task that imagines in a copy of `world`.

    Parameters
    ----------
    name
        One of `PLANNERS`.
    world
        See `worldsim.worlds.make_world`.
    level
        Level whose action bounds are used.
    config
        Its settings; `config_for` if not given.
    privileged
        Start imagination from the true scene (engines only) instead of the frames seen.

    Raises ValueError for an unknown name, and for the gradient planner in a world without gradients.
    """
    config = config or config_for(name, task)
    where = (TrueWorld if privileged else seen_world)(private_world(world, task, level), task)
    return Planner(task, where, PLANNERS[name].refit(config), level, privileged)


def make_repaired(
    name: str,
    task: Task,
    world: "str | World",
    repair: Repair,
    level: str = "id",
    config: Settings | None = None,
    memory: Memory | None = None,
) -> Planner:
    """A planner that imagines in a copy of `world` with some of its errors repaired, see `agents.repair`.

    It is shown the true scenes, but begins from frames as the world itself does unless all is repaired.
    `memory` may be shared with other repairs of the same world and level. Raises as `make_planner` does.
    """
    refit = PLANNERS[name].refit(config or config_for(name, task))
    blind = len(repair.parts) < len(PARTS)
    return Planner(
        task, repaired(repair, world, task, level, memory), refit, level, bool(repair.parts), blind
    )
