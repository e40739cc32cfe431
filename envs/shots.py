"""What a launch does on the table, in closed form: two discs without friction or gravity meet at most once.

Everything broadcasts, so that thousands of launches of thousands of scenes are answered at once.
"""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Table:
    """Two discs at the moment of the launch: the blue one moves, the red one rests.

    `blue`, `red` [..., 2] m, `velocity` [..., 2] of the blue one, m/s, radii [...] m.
    """

    blue: Array
    velocity: Array
    red: Array
    blue_radius: Array
    red_radius: Array

    def select(self, index: Array | int) -> "Table":
        """The chosen tables."""
        return Table(*(getattr(self, f)[index] for f in self.__dataclass_fields__))


@dataclass(frozen=True)
class Shot:
    """What came of a launch.

    `contact` [...] s (infinite without one), the blue disc at the contact and at the end [..., 2] m, and the
    fastest speed of any body after the contact [...] m/s.
    """

    contact: Array
    at_contact: Array
    at_end: Array
    fastest: Array


def shoot(table: Table, launch: Array, duration: float) -> Shot:
    """Answer launches [..., 2] m/s of the red disc, `duration` s long.

    The impact conserves momentum and energy: the relative velocity along the line of centres turns around.
    """
    reach = table.blue_radius + table.red_radius
    gap, closing = table.red - table.blue, launch - table.velocity
    approach = -(gap * closing).sum(-1)
    speed2 = (closing**2).sum(-1)
    root2 = approach**2 - speed2 * ((gap**2).sum(-1) - reach**2)
    meets = (approach > 0) & (root2 > 0)
    contact = np.full(meets.shape, np.inf)
    distance = approach - np.sqrt(np.where(meets, root2, 0.0))
    np.divide(distance, speed2, out=contact, where=meets)
    contact[contact > duration] = np.inf
    free = np.minimum(contact, duration)[..., None]
    at_contact = table.blue + table.velocity * free
    normal = (table.red + launch * free - at_contact) / reach[..., None]
    heavy = table.red_radius**2 / (table.red_radius**2 + table.blue_radius**2)  # red's share of the mass
    along = (closing * normal).sum(-1) * np.isfinite(contact)
    blue = table.velocity + (2 * heavy * along)[..., None] * normal
    red = launch - (2 * (1 - heavy) * along)[..., None] * normal
    fastest = np.sqrt(np.maximum((blue**2).sum(-1), (red**2).sum(-1)))
    return Shot(contact, at_contact, at_contact + blue * (duration - free), fastest)


def aim(table: Table, offset: Array, speed: Array) -> Array:
    """The launches [..., 2] of norm `speed` that hit the blue disc off centre.

    `offset` in (-1, 1) is the distance of undeflected centres at their closest, over the sum of radii.
    `speed` must exceed the blue disc's.
    """
    gap = table.blue - table.red
    distance = np.sqrt((gap**2).sum(-1))
    turn = np.arcsin(np.clip(offset * (table.blue_radius + table.red_radius) / distance, -1, 1))
    angle = np.arctan2(gap[..., 1], gap[..., 0]) + turn
    way = np.stack([np.cos(angle), np.sin(angle)], -1)  # of the relative velocity
    along = (table.velocity * way).sum(-1)
    closing = -along + np.sqrt(np.maximum(along**2 - (table.velocity**2).sum(-1) + speed**2, 0.0))
    return table.velocity + closing[..., None] * way


def grid(limit: float, speeds: int, angles: int) -> Array:
    """Launches [speeds · angles, 2] that cover the disc of norms up to `limit`, the largest included."""
    norm = limit * np.sqrt(np.arange(1, speeds + 1) / speeds)  # equal areas
    angle = 2 * np.pi * np.arange(angles) / angles
    return (norm[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], -1)).reshape(-1, 2)


def misses(table: Table, goal: Array, launches: Array, duration: float) -> Array:
    """Distance [...] m of the blue disc from the goal [..., 2] at the end, for launches [..., 2]."""
    return np.sqrt(((shoot(table, launches, duration).at_end - goal) ** 2).sum(-1))


def closest(table: Table, goal: Array, limit: float, duration: float, launches: Array) -> float:
    """The smallest miss in m of any launch up to `limit` m/s: `launches`, then finer grids near the best."""
    values = misses(table, goal, launches, duration)
    best = float(values.min())
    for centre in launches[np.argsort(values)[:5]]:
        step, local = limit / 24, centre
        for _ in range(3):
            around = local + step * np.stack(np.meshgrid(*[np.linspace(-1, 1, 13)] * 2), -1).reshape(-1, 2)
            norm = np.maximum(np.sqrt((around**2).sum(-1)), 1e-12)
            around *= np.minimum(1.0, limit / norm)[:, None]
            values = misses(table, goal, around, duration)
            local, step = around[values.argmin()], step / 4
            best = min(best, float(values.min()))
    return best
