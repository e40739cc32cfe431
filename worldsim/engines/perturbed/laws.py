"""Law errors that change the scene: the engine underneath runs, without error, a world with other laws."""

from dataclasses import replace

from worldsim.engines.base import is_floor
from worldsim.engines.perturbed.base import LawError, collides, lacks_contacts, lacks_pair
from worldsim.scenes import Body, Scene


class Gravity(LawError):
    """Bodies fall with another acceleration from the first frame on."""

    about = "gravity is (1 + strength) times the true one"
    unit = "share of g"
    low, high = -1.0, 3.0

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        return "" if scene.gravity else "needs gravity"

    def edit(self, scene: Scene) -> Scene:
        """See `LawError.edit`."""
        return replace(scene, gravity=scene.gravity * (1 + self.strength))


class Restitution(LawError):
    """Every impact, also those that follow, returns less of the closing speed."""

    about = "restitution is (1 - strength) times the true one"
    unit = "share of e"
    high = 1.0

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        return lacks_contacts(scene) or ("" if scene.restitution else "needs restitution above zero")

    def edit(self, scene: Scene) -> Scene:
        """See `LawError.edit`."""
        return replace(scene, restitution=scene.restitution * (1 - self.strength))


class MassRatio(LawError):
    """Impacts share momentum by another ratio of masses; speeds after them, and all later paths, change."""

    about = "the mass of what is controlled (else of the first body) is 2^strength times the true one"
    unit = "octaves"
    low, high = -6.0, 6.0

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        return lacks_pair(scene)

    def edit(self, scene: Scene) -> Scene:
        """See `LawError.edit`."""
        able = [i for i, body in enumerate(scene.bodies) if collides(body)]
        moved = scene.control.body if scene.control is not None else able[0]
        heavy = moved if moved in able else able[0]
        bodies = list(scene.bodies)
        bodies[heavy] = replace(bodies[heavy], density=bodies[heavy].density * 2.0**self.strength)
        return replace(scene, bodies=tuple(bodies))


class Interpenetration(LawError):
    """Bodies meet later, closer and along another normal, so that they also leave in other directions."""

    about = "bodies overlap by the strength before they touch; each gives way by half of it"
    unit = "m"
    high = 0.5

    @classmethod
    def lacks(cls, scene: Scene) -> str:
        """See `LawError.lacks`."""
        whole = not any(body.parts for body in scene.bodies)
        return lacks_contacts(scene) or ("" if whole else "needs bodies of one piece")

    def edit(self, scene: Scene) -> Scene:
        """See `LawError.edit`. Raises ValueError where a body would vanish."""
        bodies = (_thinner(b, self.strength / 2) if b.solid else b for b in scene.bodies)
        return replace(scene, bodies=tuple(bodies))


def _thinner(body: Body, by: float) -> Body:
    """A body smaller all around, of the same mass; a floor is lower, and what moves as told stays."""
    if body.motion == "kinematic":
        return body
    if is_floor(body):
        return replace(body, position=(body.position[0], body.position[1] - by))
    if min(body.size) <= by:
        raise ValueError(f"interpenetration of {2 * by:g} m leaves nothing of a body of size {body.size} m")
    smaller = replace(body, size=tuple(s - by for s in body.size))
    return replace(smaller, density=body.density * (body.mass / smaller.mass))
