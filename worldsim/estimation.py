"""Tracks to scenes: where a simulation begins that knows only what was seen."""

from dataclasses import replace

from worldsim.scenes import DT, Scene
from worldsim.tracking import Track


def estimate_scenes(track: Track, template: Scene) -> list[Scene]:
    """Scenes whose present state is what the tracker saw: positions, sizes of discs, velocities.

    A displacement over one frame is the velocity in the middle of that frame; half a frame of gravity is
    added to bring it to the present.
    """
    position, velocity, size = (
        t.double().cpu().numpy() for t in (track.position, track.velocity, track.size)
    )
    scenes: list[Scene] = []
    for n in range(len(position)):
        if n and all((a[n] == a[n - 1]).all() for a in (position, velocity, size)):
            scenes.append(scenes[-1])  # candidates of one episode share their scene
            continue
        bodies = []
        for b, body in enumerate(template.bodies):
            if body.motion == "fixed":
                bodies.append(body)
                continue
            fall = template.gravity * DT / 2 if body.motion == "dynamic" else 0.0
            moved = replace(
                body,
                position=(float(position[n, b, 0]), float(position[n, b, 1])),
                velocity=(float(velocity[n, b, 0]), float(velocity[n, b, 1]) - fall),
            )
            bodies.append(replace(moved, size=(float(size[n, b]),)) if body.shape == "disc" else moved)
        scenes.append(replace(template, bodies=tuple(bodies)))
    return scenes
