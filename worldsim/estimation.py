"""Tracks to scenes: where a simulation begins that knows only what was seen."""

from dataclasses import replace

import numpy as np
from torch import Tensor

from worldsim.engines.damping import decay, reach
from worldsim.scenes import DT, RELEASE, Scene
from worldsim.tracking import HIDDEN, Track

APART = 0.1  #: m; a load that is farther from its place under the carriage is no longer carried


def estimate_scenes(track: Track, template: Scene, actions: Tensor) -> list[Scene]:
    """Scenes whose present state is what the tracker saw: positions, sizes of discs, velocities.

    A displacement over one frame is the mean velocity of that frame; half a frame of gravity, or what damping
    takes, brings it to the present. A hidden body has kept its velocity since it was last seen. Whether a
    load is still carried is read from its place and from `actions` [N, K-1, A], those of the context. A
    template that holds is seen right before its release, at rest.

    Raises ValueError where something is to be placed among bodies that no tracker reads.
    """
    if template.places:
        raise ValueError(
            "an engine cannot begin from the frames of a scene in which a body is placed: its other bodies "
            "are not tracked; imagine in a learned world, or from the true scene (cem_privileged)"
        )
    position, velocity, size = (
        t.double().cpu().numpy() for t in (track.position, track.velocity, track.size)
    )
    if track.unseen is not None:
        away = ((track.status == HIDDEN) * track.unseen).double().cpu().numpy() * DT
        position = position + velocity * away[..., None]
    held = _held(position, size, template, actions)
    scenes: list[Scene] = []
    for n in range(len(position)):
        if n and all((a[n] == a[n - 1]).all() for a in (position, velocity, size, held)):
            scenes.append(scenes[-1])  # candidates of one episode share their scene
            continue
        scenes.append(_scene(template, position[n], velocity[n], size[n], bool(held[n])))
    return scenes


def _scene(
    template: Scene, position: np.ndarray, velocity: np.ndarray, size: np.ndarray, held: bool
) -> Scene:
    """One scene from positions and velocities [B, 2] and sizes [B]."""
    control, bodies = template.control, []
    load = control.load if control is not None and held else None
    for b, body in enumerate(template.bodies):
        if body.motion == "fixed":
            bodies.append(body)
            continue
        free = body.motion == "dynamic" and b != load and not template.hold
        fall = template.gravity * DT / 2 if free else 0.0
        kept = float(decay(template.damping, DT) / reach(template.damping, DT)) * DT if free else 1.0
        moved = replace(
            body,
            position=(float(position[b, 0]), float(position[b, 1])),
            velocity=(float(velocity[b, 0]) * kept, float(velocity[b, 1]) * kept - fall),
        )
        bodies.append(replace(moved, size=(float(size[b]),)) if body.shape == "disc" else moved)
    if control is not None:
        control = replace(control, load=load)
    return replace(template, bodies=tuple(bodies), control=control, hold=0)


def _held(position: np.ndarray, size: np.ndarray, template: Scene, actions: Tensor) -> np.ndarray:
    """[N] bool: the load hangs right below its carriage and was not let go of in the context frames."""
    control = template.control
    if control is None or control.load is None:
        return np.zeros(len(position), dtype=bool)
    below = template.bodies[control.body].half[1] + size[:, control.load]
    apart = position[:, control.load] - position[:, control.body]
    apart[:, 1] += below
    released = (actions[..., 1] > RELEASE).any(1).cpu().numpy()
    return ~released & (np.abs(apart) < APART).all(axis=1)
