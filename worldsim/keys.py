"""Keys: every random draw is named by what it is for, never by the order in which it happens.

A key is one uint64. `make` hashes names and numbers into a key, `fold` derives new keys row by row, and
`generator` turns a key into a NumPy generator. Rows of a batch therefore never share a stream.
"""

import hashlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def make(*parts: int | str) -> np.uint64:
    """One key from any names and numbers, the same on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def fold(keys: np.ndarray, *parts: int | str) -> np.ndarray:
    """New keys [N] uint64 from keys [N] and further names or numbers, the same for each row."""
    keys = np.asarray(keys, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            word = make(part) if isinstance(part, str) else np.uint64(part & 0xFFFFFFFFFFFFFFFF)
            keys = _mix(keys * np.uint64(3) + _mix(np.asarray(word + _GOLDEN)))
    return keys


def generator(key: int | np.uint64) -> np.random.Generator:
    """A NumPy generator for one key."""
    return np.random.Generator(np.random.Philox(key=int(key)))
