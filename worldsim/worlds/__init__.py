"""Worlds: what answers the actions. An engine whose states are rendered, or a model that imagines frames."""

from pathlib import Path

from worldsim import plugins
from worldsim.engines import ENGINES, is_engine, make_engine
from worldsim.models import FAMILIES, family, load_model, shipped_models
from worldsim.models import PARTS as MODEL_PARTS
from worldsim.scenes import Scene
from worldsim.worlds.base import CONTEXT_FRAMES, PARTS, Context, World
from worldsim.worlds.imagined import ImaginedWorld
from worldsim.worlds.simulated import SimulatedWorld

__all__ = [
    "CONTEXT_FRAMES",
    "PARTS",
    "Context",
    "ImaginedWorld",
    "SimulatedWorld",
    "World",
    "differentiable_worlds",
    "make_world",
]


def make_world(world: "str | Path | World", template: Scene | None = None, resolution: int = 64) -> World:
    """A world by name, or a World (as it is).

    Names are those of engines (see `make_engine`) and shipped models, checkpoint folders, and brought worlds
    and models, see `worldsim.plugins`; a class or function that makes a world receives `template` if it has
    that parameter.
    Raises ValueError for an unknown name, listing what exists.
    """
    if not isinstance(world, str | Path):
        return world
    if is_engine(str(world)):
        return SimulatedWorld(make_engine(str(world)), resolution, template)
    if str(world) in shipped_models() or Path(world).is_dir():
        return ImaginedWorld(load_model(world), "learned", template)
    if plugins.brought("world", world):
        made = plugins.make("world", str(world), ("name", "step"), template=template)
        if not hasattr(made, "init"):
            return plugins.whole("world", str(world), made, PARTS)
        return ImaginedWorld(plugins.whole("model", str(world), made, MODEL_PARTS), made.name, template)
    if plugins.brought("model", world):
        return ImaginedWorld(load_model(world), "learned", template)
    raise ValueError(
        f"unknown world {str(world)!r}: engines are {', '.join(ENGINES)}; shipped models are "
        f"{', '.join(shipped_models()) or 'none'}; {plugins.advice('world')}; or pass a checkpoint folder or "
        "a World"
    )


def differentiable_worlds() -> str:
    """A sentence that says which worlds the gradient planner can use."""
    families = [name for name in FAMILIES if getattr(family(name), "differentiable", False)]
    return (
        f"differentiable are learned worlds of the families {', '.join(families)}, and any model with "
        "differentiable = True whose step passes gradients on from actions to frames"
    )
