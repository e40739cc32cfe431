"""No leak: training clips must not show what the tasks call out of distribution."""

from collections.abc import Sequence

import numpy as np

from worldsim.scenes import Scene

SIZE_BANDS = ((0.3, 0.6), (1.6, 2.0))  #: m
SPEED_BAND = (4.5, 6.0)  #: m/s; of the horizontal launch speed where there is gravity


def radii_and_speeds(scenes: Sequence[Scene], states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radii [M] of all dynamic bodies and their speeds [M, T] m/s, from true states [N, T, B, 6].

    Under gravity the speed is the horizontal one, which a fall does not change.
    """
    radii, speeds = [], []
    for scene, clip in zip(scenes, states, strict=True):
        for b, body in enumerate(scene.bodies):
            if body.motion == "dynamic":
                radii.append(body.radius)
                vx, vy = clip[:, b, 3], clip[:, b, 4]
                speeds.append(np.abs(vx) if scene.gravity else np.hypot(vx, vy))
    return np.array(radii), np.array(speeds)


def check(scenes: Sequence[Scene], states: np.ndarray) -> None:
    """Raise ValueError when a clip shows, at any frame, a radius or speed of an out-of-distribution band.

    Scenes with friction are other tasks' scenes: what is held out there are templates, not sizes or speeds.
    """
    smooth = [i for i, scene in enumerate(scenes) if not scene.friction]
    scenes, states = [scenes[i] for i in smooth], states[smooth]
    radii, speeds = radii_and_speeds(scenes, states)
    for name, values, bands in (("radius", radii, SIZE_BANDS), ("speed", speeds, (SPEED_BAND,))):
        for low, high in bands:
            found = values[(values >= low) & (values <= high)]
            if found.size:
                raise ValueError(
                    f"{found.size} values of {name}, like {found.flat[0]:.2f}, lie in the band {low}–{high}, "
                    f"which tasks use as out of distribution; narrow the scenario's id level"
                )
