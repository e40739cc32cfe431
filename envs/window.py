"""A window for pictures, and the keys and the mouse of whoever looks at it; by pygame, which is optional."""

import os
from typing import Any

import numpy as np

from envs.controls import Inputs, Place

KEYS = ("left", "right", "up", "down", "space")
HOW = "pip install 'worldsim[play]' (or pygame-ce)"


def _pygame() -> Any:
    """The library with a display. Raises ImportError without the one, OSError without the other."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError as error:
        raise ImportError(f"a window needs pygame, which is not installed: {HOW}") from error
    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
    except pygame.error as error:
        driver, reason = "", str(error)
    else:
        reason = f"only the driver {driver!r} was found"
    if not driver or (driver == "offscreen" and not os.environ.get("SDL_VIDEODRIVER")):
        raise OSError(
            f"no display for a window ({reason}): run where there is a desktop or set DISPLAY (ssh -X), or "
            f"take render_mode 'rgb_array' and write the pictures to a file"
        )
    return pygame


class Window:
    """Shows pictures uint8 [H, W, 3] at their own size, `fps` a second at most.

    Raises ImportError where pygame is missing, OSError where there is no display; both say what to do.
    """

    def __init__(self, title: str = "worldsim", fps: float = 10) -> None:
        self._pygame, self._fps = _pygame(), fps
        self._pygame.display.set_caption(title)
        self._screen: Any = None
        self._clock = self._pygame.time.Clock()
        self._pressed: Place | None = None

    def show(self, picture: np.ndarray) -> None:
        """Show a picture and wait until it is time for the next."""
        size = (picture.shape[1], picture.shape[0])
        if self._screen is None or self._screen.get_size() != size:
            self._screen = self._pygame.display.set_mode(size)
        surface = self._pygame.surfarray.make_surface(np.ascontiguousarray(picture.swapaxes(0, 1)))
        self._screen.blit(surface, (0, 0))
        self._pygame.event.pump()
        self._pygame.display.flip()
        self._clock.tick(self._fps)

    def inputs(self) -> Inputs:
        """What was done since the last call; places are pixels of the picture."""
        pg = self._pygame
        dragged: tuple[Place, Place] | None = None
        forward, leave = False, False
        tapped: set[str] = set()
        names = {
            pg.K_LEFT: "left",
            pg.K_RIGHT: "right",
            pg.K_UP: "up",
            pg.K_DOWN: "down",
            pg.K_SPACE: "space",
        }
        for event in pg.event.get():
            if event.type == pg.QUIT:
                leave = True
            elif event.type == pg.KEYDOWN:
                leave |= event.key in (pg.K_q, pg.K_ESCAPE)
                forward |= event.key in (pg.K_SPACE, pg.K_RETURN)
                tapped |= {names[event.key]} if event.key in names else set()
            elif event.type == pg.MOUSEBUTTONDOWN and event.button == 1:
                self._pressed = event.pos
            elif event.type == pg.MOUSEBUTTONUP and event.button == 1 and self._pressed is not None:
                dragged, self._pressed = (self._pressed, event.pos), None
        state = pg.key.get_pressed()
        held = {name for code, name in names.items() if state[code]}
        pointer = None if self._pressed is None else pg.mouse.get_pos()
        return Inputs(frozenset(held | tapped), pointer, self._pressed, dragged, forward, leave)

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()
