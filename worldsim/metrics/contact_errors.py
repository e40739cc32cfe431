"""Errors of impacts: do they happen, when, and do they follow the laws of impact?

Impacts are those of `contacts.find_contacts`, in the truth and in the prediction. Impacts of the truth at
which the prediction does not show a body cost the most in every measure here, so vanishing never pays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from worldsim.metrics.contacts import SLOWEST, Contacts
from worldsim.metrics.laws import law_errors
from worldsim.metrics.scoring import ByFrame
from worldsim.scenes import DT, Scene

WINDOW = 5  #: frames between an impact and its counterpart at most
LAST = 4  #: frames at the end of a clip in which the finder may miss an impact: it looks 2 to 3 frames ahead
SURE = 1.5 * SLOWEST  #: m/s; slower impacts may escape the finder by a small error of the tracker


@dataclass(frozen=True)
class Matched:
    """Which impacts of a prediction belong to which of the truth.

    `pairs` [M, 2] are indices (true, found); `missed` and `spurious` are indices of those left over that
    count (an impact that the finder could as well have missed does not), `absent` those of true impacts at
    which the prediction shows not all bodies.
    """

    pairs: np.ndarray
    missed: np.ndarray
    spurious: np.ndarray
    absent: np.ndarray


def match(true: Contacts, found: Contacts, shown: np.ndarray) -> Matched:
    """Impacts of the same clip and bodies, nearest in time first, at most 0.5 s apart.

    `shown` [N, T, B] is where the prediction shows each body; fixed bodies always are.
    """
    same = (true.clip[:, None] == found.clip) & (true.pair[:, None] == found.pair).all(-1)
    late = np.abs(true.time[:, None] - found.time)
    candidates = np.argwhere(same & (late <= WINDOW))
    taken: tuple[set[int], set[int]] = (set(), set())
    pairs = []
    for i, j in candidates[np.argsort(late[tuple(candidates.T)], kind="stable")].tolist():
        if i not in taken[0] and j not in taken[1]:
            pairs.append((i, j))
            taken[0].add(i)
            taken[1].add(j)
    frames = shown.shape[1]
    missed = np.setdiff1d(np.arange(len(true.clip)), [i for i, _ in pairs]).astype(int)
    spurious = np.setdiff1d(np.arange(len(found.clip)), [j for _, j in pairs]).astype(int)
    missed = missed[_sure(true.select(missed), frames)]
    spurious = spurious[_sure(found.select(spurious), frames)]
    nearest = np.clip(np.floor(true.time[missed]).astype(int)[:, None] + (0, 1), 0, frames - 1)
    seen = shown[true.clip[missed][:, None, None], nearest[:, :, None], true.pair[missed][:, None]]
    absent = missed[~seen.all((1, 2))]
    return Matched(np.array(pairs, dtype=int).reshape(-1, 2), missed, spurious, absent)


def contact_errors(
    true: Contacts, found: Contacts, scenes: Sequence[Scene], actions: np.ndarray, shown: np.ndarray
) -> dict[str, ByFrame]:
    """All errors of impacts, at the frame after each.

    contact_recall
        1 for true impacts with a counterpart, 0 for others.
    contact_precision
        1 for found impacts with a counterpart, 0 for others and for true ones with an absent body.
    impact_time
        s between an impact and its counterpart; absent: 0.5 s.
    restitution, momentum, energy
        Errors of the laws of impact (`laws.law_errors`) of each found impact; absent: 1.

    `actions` [N, T-1, A] are the clips', `shown` [N, T, B] is where the prediction shows each body.
    """
    matched = match(true, found, shown)
    absent = true.select(matched.absent)
    both = matched.pairs

    def at(parts: list[tuple[Contacts, np.ndarray | float]]) -> ByFrame:
        clip = np.concatenate([c.clip for c, _ in parts])
        frame = np.concatenate([np.ceil(c.time) for c, _ in parts]).astype(int).clip(max=shown.shape[1] - 1)
        values = np.concatenate([np.broadcast_to(v, c.clip.shape) for c, v in parts]).astype(float)
        return ByFrame.at(torch.Size(shown.shape[:2]), *map(torch.as_tensor, (clip, frame, values)))

    late = np.abs(true.time[both[:, 0]] - found.time[both[:, 1]]) * DT
    return {
        "contact_recall": at([(true.select(both[:, 0]), 1.0), (true.select(matched.missed), 0.0)]),
        "contact_precision": at(
            [(found.select(both[:, 1]), 1.0), (found.select(matched.spurious), 0.0), (absent, 0.0)]
        ),
        "impact_time": at([(true.select(both[:, 0]), late), (absent, WINDOW * DT)]),
        **{name: at([law, (absent, 1.0)]) for name, law in law_errors(found, scenes, actions).items()},
    }


def _sure(contacts: Contacts, frames: int) -> np.ndarray:
    """[E] bool: impacts that are neither slow nor at the end of a clip of so many frames."""
    return np.asarray((contacts.time <= frames - 1 - LAST) & (contacts.approach >= SURE))
