"""Physics engines by name; each is imported only when it is asked for."""

from collections.abc import Callable
from importlib import import_module

from worldsim.engines.base import Engine, Simulation, simulate

__all__ = ["ENGINES", "PERTURBED", "Engine", "Simulation", "is_engine", "make_engine", "simulate"]

PERTURBED = "perturbed:"  #: how names of engines with a law error begin


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


def is_engine(name: object) -> bool:
    """Whether a name is that of an engine, or of one with a law error."""
    return name in ENGINES or (isinstance(name, str) and name.startswith(PERTURBED))


def make_engine(name: str) -> Engine:
    """The engine called `name`, or `perturbed:LAW:STRENGTH[:ENGINE]`, one with a law error, see
    `worldsim.engines.perturbed` (the reference engine where none is named).

    Raises ValueError listing what exists.
    """
    if is_engine(name) and name not in ENGINES:
        return _perturbed(*name.removeprefix(PERTURBED).split(":"))
    if name not in ENGINES:
        raise ValueError(
            f"unknown engine {name!r}; choose one of {', '.join(ENGINES)}, or {PERTURBED}LAW:STRENGTH:ENGINE"
        )
    return ENGINES[name]()


def _perturbed(law: str, strength: str = "", engine: str = "reference", *more: str) -> Engine:
    from worldsim.engines.perturbed import PerturbedEngine

    try:
        value = float(strength)
    except ValueError:
        raise ValueError(f"law error {law!r} has strength {strength!r}; expected a number") from None
    if more:
        raise ValueError(f"an engine has one law error; {':'.join(more)!r} is too much after {engine!r}")
    return PerturbedEngine(make_engine(engine), law, value)
