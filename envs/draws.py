"""What the starts of all tasks share: ranges by level, and draws that keep what a level does not change."""

import numpy as np

from envs.base import Start
from worldsim import keys
from worldsim.scenes import Scene

CONTEXT = 4  #: frames that are seen before the first decision
CONTEXT_TIME = 0.3  #: s from t = 0 to the last of them
DEVELOPMENT_IDS = 10_000  #: start_ids below are for development and training, reported figures use others
RESERVE = 1_000  #: the last of them are for evaluation while something learns: no reset draws them
RADIUS = (0.7, 1.5)
RADIUS_OOD = ((0.3, 0.6), (1.6, 2.0))
SPEED_OOD = (4.5, 6.0)
LAUNCH, LAUNCH_FAST = 4.0, 6.0  #: m/s, longest launches in distribution and at levels that change the speed


def drawn(number: np.uint64, attempt: int = 0) -> int:
    """The development start that a random number names; further attempts name those after it."""
    return (int(number) + attempt) % (DEVELOPMENT_IDS - RESERVE)


def reserved(count: int) -> range:
    """The last `count` development starts, which no reset draws. Raises ValueError for too many."""
    if not 0 <= count <= RESERVE:
        raise ValueError(
            f"{count} starts were asked for evaluation; at most {RESERVE} development starts are kept out of "
            "what training draws"
        )
    return range(DEVELOPMENT_IDS - count, DEVELOPMENT_IDS)


def spread(u: np.ndarray, *bands: tuple[float, float]) -> np.ndarray:
    """Map uniform draws in [0, 1) to the bands, each with equal share."""
    u = np.asarray(u) * len(bands)
    band = np.minimum(u.astype(int), len(bands) - 1)
    low, high = np.array(bands).T
    return low[band] + (u - band) * (high - low)[band]


def radii(u: np.ndarray, level: str) -> np.ndarray:
    """Radii in m: in distribution, or from both bands outside of it at levels that change the size."""
    return spread(u, *RADIUS_OOD) if level in ("size", "both") else spread(u, RADIUS)


def longest_launch(level: str) -> float:
    """Of tasks that launch, m/s."""
    return LAUNCH_FAST if level in ("speed", "both") else LAUNCH


def check(name: str, levels: tuple[str, ...], level: str, start_id: int) -> None:
    """Raise ValueError for an unknown level or a negative number."""
    if level not in levels:
        raise ValueError(f"{name} has no level {level!r}; it has {', '.join(levels)}")
    if start_id < 0:
        raise ValueError(f"start_id is {start_id}; start_ids count from 0")


def stream(name: str, start_id: int) -> np.random.Generator:
    """The draws of one start: the same at all levels."""
    return keys.generator(keys.make(name, "start", start_id))


class Sampled:
    """Starts by level and number, each drawn once."""

    name: str
    levels: tuple[str, ...]
    template: Scene

    def __init__(self) -> None:
        self._starts: dict[tuple[str, int], Start] = {}

    def bounds(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Task.bounds`: those of the template's control, the same at all levels."""
        check(self.name, self.levels, level, 0)
        assert self.template.control is not None, f"{self.name} has nothing to control"
        return np.array(self.template.control.low), np.array(self.template.control.high)

    def sample(self, level: str, start_id: int) -> Start:
        """See `Task.sample`; raises ValueError for an unknown level, RuntimeError where none can be found."""
        check(self.name, self.levels, level, start_id)
        if (level, start_id) not in self._starts:
            found = self._sample(level, start_id)
            if found is None:
                raise RuntimeError(
                    f"no {self.name} start {start_id} at level {level!r}; its ranges hardly meet"
                )
            self._starts[level, start_id] = found
        return self._starts[level, start_id]

    def _sample(self, level: str, start_id: int) -> Start | None:
        """Draw a start; None where none was found in the time allowed."""
        raise NotImplementedError
