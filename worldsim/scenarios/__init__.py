"""Scenarios by name."""

from worldsim.scenarios.bands import BANDED
from worldsim.scenarios.base import Scenario, sample
from worldsim.scenarios.carriage import Carriage, CarriageWall
from worldsim.scenarios.collision import Collision, Oblique
from worldsim.scenarios.cushion import Cushion
from worldsim.scenarios.fall import Catch, Drop, Parabola
from worldsim.scenarios.launch import Launch, Triple
from worldsim.scenarios.pairs import PAIRED
from worldsim.scenarios.push import Push, Roll
from worldsim.scenarios.screen import Passing, Screen
from worldsim.scenarios.templates import Templates
from worldsim.scenarios.uniform import Uniform

BASIC: tuple[Scenario, ...] = (Uniform(), Collision(), Oblique(), Launch(), Parabola(), Drop(), Catch())
STAGED: tuple[Scenario, ...] = (  # what tasks add
    Triple(),
    Screen(),
    Passing(),
    Cushion(),
    Carriage(),
    CarriageWall(),
    Push(),
    Roll(),
    Templates(),
)
SCENARIOS: dict[str, Scenario] = {s.name: s for s in (*BASIC, *STAGED, *BANDED, *PAIRED)}

__all__ = ["BASIC", "SCENARIOS", "Scenario", "get_scenario", "sample"]


def get_scenario(name: str) -> Scenario:
    """A scenario by name; an unknown one raises ValueError listing what exists."""
    if name not in SCENARIOS:
        raise ValueError(f"unknown scenario {name!r}; scenarios are {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
