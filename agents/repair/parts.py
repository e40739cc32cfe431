"""The parts of a predicted trajectory that can be repaired, and how worlds with repaired parts are named."""

from collections.abc import Iterable
from dataclasses import dataclass

from worldsim.engines import make_engine

PARTS = {
    "before": "the path up to a body's first contact, and the velocity with which it arrives",
    "time": "when the first contact comes, if it comes at all",
    "outcome": "the change of velocity at that contact, for each m/s at which the bodies close",
    "after": "how the path departs from a straight line after it, further contacts included",
    "existence": "whether a body is there: neither lost nor seen twice",
    "identity": "which body is which: they do not exchange their places",
}
REPAIRED = "repaired:"  #: how names of worlds with repaired parts begin
NONE, ALL = "none", "all"


@dataclass(frozen=True)
class Repair:
    """Which `parts` of what `world` imagines are replaced by what happens in `engine`.

    Its text is `repaired:PARTS:ENGINE:WORLD`, parts joined by "+" in the order of `PARTS`, or none, or all.
    """

    parts: tuple[str, ...]
    engine: str
    world: str

    @classmethod
    def of(cls, parts: Iterable[str], engine: str, world: str) -> "Repair":
        """Parts in any order. Raises ValueError for an unknown part, listing what exists."""
        chosen = set(parts)
        if unknown := chosen - set(PARTS):
            raise ValueError(f"no part is called {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
        return cls(tuple(part for part in PARTS if part in chosen), engine, world)

    @classmethod
    def parse(cls, name: str) -> "Repair":
        """Inverse of its text. Raises ValueError for anything else."""
        pieces = name.removeprefix(REPAIRED).split(":", 2)
        if len(pieces) < 3 or not name.startswith(REPAIRED):
            raise ValueError(f"{name!r} is no repaired world; expected {REPAIRED}PARTS:ENGINE:WORLD")
        parts, engine, world = pieces
        make_engine(engine)
        chosen = {NONE: (), ALL: tuple(PARTS)}.get(parts, tuple(parts.split("+")))
        return cls.of(chosen, engine, world)

    def __str__(self) -> str:
        short = {0: NONE, len(PARTS): ALL}.get(len(self.parts), "+".join(self.parts))
        return f"{REPAIRED}{short}:{self.engine}:{self.world}"
