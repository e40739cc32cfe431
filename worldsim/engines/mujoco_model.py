"""MuJoCo models of scenes: one for each layout, with sizes, masses and law constants of every scene."""

import os
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from worldsim.bodies import Body
from worldsim.engines.base import is_floor, turns
from worldsim.scenes import Scene

try:
    import mujoco
    from mujoco.batch import Batch
except (ImportError, RuntimeError, AttributeError) as error:
    raise ImportError(
        f"MuJoCo could not be imported (MUJOCO_GL={os.environ.get('MUJOCO_GL', '')!r}): {error}. Physics "
        "needs no graphics: unset MUJOCO_GL, or name a backend that this machine has"
    ) from error

STEP, STEP_FRICTION = 0.001, 0.002  #: s; a frame in which nothing can touch is one step of 0.1 s
HEAVY = 1e9  #: kg; a solid kinematic body: nothing pushes it
DEPTH = 10.0  #: half extent of boxes across the plane, m


_NO = 'contype="0" conaffinity="0"'  # contacts are the named pairs only


def layout(scene: Scene) -> tuple[object, ...]:
    """What scenes that share a model have in common."""
    bodies = tuple(
        (tuple(p.shape for p in b.pieces), b.motion, b.solid, is_floor(b), turns(b, scene), _posed(b, scene))
        for b in scene.bodies
    )
    return (*bodies, scene.friction > 0)


def pushes(body: Body) -> bool:
    """Whether a kinematic body takes part in contacts."""
    return body.motion == "kinematic" and body.solid


def step_of(scene: Scene) -> float:
    """Step of frames in which something can touch, s."""
    return STEP_FRICTION if scene.friction else STEP


def _posed(body: Body, scene: Scene) -> bool:
    """Whether its geoms lie anywhere but upright at the body's centre; a floor is a plane of its own."""
    return body.shape == "compound" or bool(body.angle and not turns(body, scene))


def make_batch(scenes: Sequence[Scene], moving: Sequence[int]) -> Batch:
    """Simulations of scenes of one layout, each with its own sizes, masses and law constants."""
    model = mujoco.MjModel.from_xml_string(_xml(scenes[0], moving))
    batch = Batch(model, len(scenes), nthread=min(_cores(), 1 + len(scenes) // 32))
    batch.expand("opt.gravity")[:] = [(0.0, -s.gravity, 0.0) for s in scenes]
    mass, inertia = batch.expand("body_mass"), batch.expand("body_inertia")
    for k, body in enumerate(scenes[0].bodies):
        if k not in moving and not body.solid:
            continue
        _shape(batch, model, scenes, k, k in moving)
        if k in moving:
            b = model.geom(f"{k}.0").bodyid[0]
            mass[:, b] = [HEAVY if pushes(s.bodies[k]) else s.bodies[k].mass for s in scenes]
            inertia[:, b] = mass[:, b, None]  # unused where nothing turns
            if turns(body, scenes[0]):
                inertia[:, b] = [[s.bodies[k].inertia] for s in scenes]
    if model.npair:
        solref, damping = batch.expand("pair_solref"), 1 / step_of(scenes[0])
        solref[..., 0], solref[..., 1] = 0.0, np.array([[-(1 + s.restitution) * damping] for s in scenes])
        if scenes[0].friction:
            batch.expand("pair_friction")[..., :2] = [[[s.friction]] for s in scenes]
    batch.set_const()
    return batch


def _shape(batch: Batch, model: mujoco.MjModel, scenes: Sequence[Scene], k: int, moves: bool) -> None:
    """Sizes and places of body k's geoms in every scene."""
    size, bound, place = batch.expand("geom_size"), batch.expand("geom_rbound"), batch.expand("geom_pos")
    body = scenes[0].bodies[k]
    for p, part in enumerate(body.pieces):
        g = model.geom(f"{k}.{p}").id
        parts = [s.bodies[k].pieces[p] for s in scenes]
        if part.shape == "disc":
            size[:, g, 0] = bound[:, g] = [one.size[0] for one in parts]
        elif not is_floor(body):
            size[:, g, :2] = [one.size for one in parts]
            bound[:, g] = np.sqrt(np.square(size[:, g]).sum(axis=1))
        if not moves:
            place[:, g, :2] = [s.bodies[k].position for s in scenes]
            place[:, g, 1] += [s.bodies[k].size[1] if is_floor(body) else 0.0 for s in scenes]
        if _posed(body, scenes[0]):
            fixed = [0.0 if turns(body, scenes[0]) else s.bodies[k].angle for s in scenes]
            turn = np.array([a + one.angle for a, one in zip(fixed, parts)])
            c, s, (x, y) = np.cos(fixed), np.sin(fixed), np.array([one.offset for one in parts]).T
            place[:, g, :2] = place[:, g, :2] * (not moves) + np.stack(
                [c * x - s * y, s * x + c * y], axis=-1
            )
            place[:, g, 2] = 0.0
            quaternion = batch.expand("geom_quat")
            quaternion[:, g] = 0.0
            quaternion[:, g, 0], quaternion[:, g, 3] = np.cos(turn / 2), np.sin(turn / 2)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _xml(scene: Scene, moving: Sequence[int]) -> str:
    """The model of a layout. Joints come in the order of `moving`: x, y and, of bodies that turn, θ."""
    parts: list[str] = []
    solid: list[tuple[int, int]] = []
    for k, body in enumerate(scene.bodies):
        if k not in moving and not body.solid:
            continue
        if body.solid:
            solid += [(k, p) for p in range(len(body.pieces))]
        geoms = "".join(_geom(scene, k, p) for p in range(len(body.pieces)))
        if k in moving:
            heavy = 'gravcomp="1"' if pushes(body) else ""
            hinge = '<joint type="hinge" axis="0 0 1"/>' if turns(body, scene) else ""
            geoms = (
                f'<body {heavy}><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
                f'<joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 1 0"/>{hinge}{geoms}</body>'
            )
        parts.append(geoms)
    contact = 'condim="1"'
    if scene.friction:  # friction rows would take over solref, and bounce
        contact = f'condim="3" solreffriction="0 {-1 / STEP_FRICTION}"'
    pairs = "".join(
        f'<pair geom1="{i}.{p}" geom2="{j}.{q}" {contact} solimp="0.9999 0.9999 0.001 0.5 1"/>'
        for (i, p), (j, q) in combinations(solid, 2)
        if i != j and (i in moving or j in moving)
    )
    cone = 'cone="elliptic"' if scene.friction else ""
    return f"""<mujoco>
      <option timestep="{STEP}" integrator="Euler" jacobian="dense" tolerance="1e-12" {cone}>
        <flag eulerdamp="disable"/>
      </option>
      <worldbody>{"".join(parts)}</worldbody>
      <contact>{pairs}</contact>
    </mujoco>"""


def _geom(scene: Scene, k: int, p: int) -> str:
    """Piece p of body k; one that is `_posed` gets its pose later, and must not be compiled as upright."""
    body = scene.bodies[k]
    pose = 'pos="0.1 0.2 0.3" euler="0 0 10"' if _posed(body, scene) else ""
    if is_floor(body):
        return f'<geom name="{k}.{p}" type="plane" size="1 1 1" euler="-90 0 0" {_NO}/>'
    if body.pieces[p].shape == "disc":
        return f'<geom name="{k}.{p}" type="sphere" size="1" {pose} {_NO}/>'
    return f'<geom name="{k}.{p}" type="box" size="1 1 {DEPTH}" {pose} {_NO}/>'
