"""Do impacts follow the laws of impact? Restitution, momentum and energy, impact by impact."""

from collections.abc import Sequence

import numpy as np

from worldsim.metrics.contacts import Contacts
from worldsim.scenes import Scene

GRAZING = 0.5  #: of the relative speed; discs that approach more slowly graze each other
WORST = 1.0  #: errors are cut off here: what an impact costs that is not shown


def law_errors(
    contacts: Contacts, scenes: Sequence[Scene], actions: np.ndarray
) -> dict[str, tuple[Contacts, np.ndarray]]:
    """Errors by law, each with the impacts that it is told of; all are relative, and at most 1.

    restitution
        |separation / approach - the scene's restitution|; not for discs that graze each other, whose ratio
        is ill-conditioned.
    momentum
        |Σ m Δv| / Σ m |v|, before the impact; with a fixed body along its surface alone.
    energy
        |ΔE - the loss that the restitution asks for| / E, E the kinetic energy before the impact.

    Masses are those of the scene. Impacts whose velocities belong to something else as well are left out
    (`undisturbed`). `actions` [N, T-1, A].
    """
    clean = contacts.select(undisturbed(contacts, scenes, actions))
    bodies = [
        [scenes[n].bodies[b] for b in pair] for n, pair in zip(clean.clip.tolist(), clean.pair.tolist())
    ]
    mass = np.array([[b.mass for b in two] for two in bodies]).reshape(-1, 2)
    free = np.array([[b.motion == "dynamic" for b in two] for two in bodies], dtype=bool).reshape(-1, 2)
    asked = np.array([scenes[n].restitution for n in clean.clip.tolist()])
    relative = np.sqrt(((clean.before[:, 1] - clean.before[:, 0]) ** 2).sum(-1))
    square = ~free.all(1) | (clean.approach >= GRAZING * relative)
    bounce = np.abs(clean.separation / np.maximum(clean.approach, 1e-9) - asked)
    return {
        "restitution": (clean.select(square), np.minimum(bounce, WORST)[square]),
        "momentum": (clean, np.minimum(_momentum(clean, mass, free), WORST)),
        "energy": (clean, np.minimum(_energy(clean, mass, free, asked), WORST)),
    }


def _momentum(contacts: Contacts, mass: np.ndarray, free: np.ndarray) -> np.ndarray:
    moving = mass * free
    change = (moving[..., None] * (contacts.after - contacts.before)).sum(1)
    along = np.stack([-contacts.normal[:, 1], contacts.normal[:, 0]], axis=-1)
    residual = np.where(free.all(1), np.sqrt((change**2).sum(-1)), np.abs((change * along).sum(-1)))
    carried = (moving * np.sqrt((contacts.before**2).sum(-1))).sum(1)
    return np.asarray(residual / np.maximum(carried, 1e-9))


def _energy(contacts: Contacts, mass: np.ndarray, free: np.ndarray, asked: np.ndarray) -> np.ndarray:
    before, after = (((mass * free) * (v**2).sum(-1)).sum(1) / 2 for v in (contacts.before, contacts.after))
    reduced = 1 / np.where(free, 1 / np.maximum(mass, 1e-12), 0.0).sum(1)
    loss = reduced * (1 - asked**2) * contacts.approach**2 / 2
    return np.asarray(np.abs(after - before + loss) / np.maximum(before, 1e-9))


def undisturbed(contacts: Contacts, scenes: Sequence[Scene], actions: np.ndarray) -> np.ndarray:
    """[E] bool: no other impact of the same discs within two frames, and nothing launched at the frame after
    the impact or the two before it."""
    near = (contacts.clip[:, None] == contacts.clip) & (np.abs(contacts.time[:, None] - contacts.time) <= 2)
    fixed = np.array([body.motion == "fixed" for body in scenes[0].bodies])
    discs = np.where(fixed[contacts.pair], -1 - np.arange(len(contacts.clip))[:, None], contacts.pair)
    same = discs[:, None, :, None] == discs[None, :, None]
    np.fill_diagonal(near, False)
    alone = ~(near & same.any((2, 3))).any(1)
    control = scenes[0].control
    if control is None or control.kind != "launch":
        return np.asarray(alone)
    launched = np.pad((actions != 0).any(-1), ((0, 0), (1, 2)))
    t = np.ceil(contacts.time).astype(int)[:, None] + (-1, 0, 1)  # frames of the action before and around
    return np.asarray(alone & ~launched[contacts.clip[:, None], t].any(1))
