"""Physics engines by name; each is imported only when it is asked for."""

from collections.abc import Callable
from importlib import import_module

from worldsim.engines.base import Engine, Simulation, simulate

__all__ = ["ENGINES", "Engine", "Simulation", "make_engine", "simulate"]


def _lazily(module: str, name: str) -> Callable[[], Engine]:
    return lambda: getattr(import_module(f"worldsim.engines.{module}"), name)()


ENGINES: dict[str, Callable[[], Engine]] = {
    "analytic": _lazily("analytic", "AnalyticEngine"),
    "box2d": _lazily("box2d", "Box2DEngine"),
    "mujoco": _lazily("mujoco", "MuJoCoEngine"),
    "reference": _lazily("reference", "ReferenceEngine"),
    "inertia": _lazily("inertia", "InertiaEngine"),
    "frozen": _lazily("inertia", "FrozenEngine"),
    "undamped": _lazily("reference", "UndampedEngine"),
}


def make_engine(name: str) -> Engine:
    """The engine called `name`. Raises ValueError listing what exists."""
    if name not in ENGINES:
        raise ValueError(f"unknown engine {name!r}; choose one of {', '.join(ENGINES)}")
    return ENGINES[name]()
