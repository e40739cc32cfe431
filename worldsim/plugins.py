"""Brought things by name: an installed entry point, or `module:attribute` (the current directory counts too).

Entry points are listed from metadata alone; a module is imported only when it is asked for by name.
"""

import inspect
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

GROUPS = {  #: the entry point group of each kind
    "task": "worldsim.tasks",
    "world": "worldsim.worlds",
    "model": "worldsim.models",
    "policy": "worldsim.policies",
}


def installed(kind: str) -> dict[str, EntryPoint]:
    """The entry points of a kind by name; nothing is imported."""
    return {point.name: point for point in entry_points(group=GROUPS[kind])}


def brought(kind: str, name: Any) -> bool:
    """Whether a name is that of an entry point, or has the form `module:attribute`."""
    if not isinstance(name, str):
        return False
    module, _, attribute = name.partition(":")
    return (module.replace(".", "").isidentifier() and attribute.isidentifier()) or name in installed(kind)


def find(kind: str, name: str) -> Any:
    """The object behind a name that is `brought`.

    Raises ValueError, saying what went wrong, where it cannot be imported.
    """
    points = installed(kind)
    if os.getcwd() not in sys.path and name not in points:
        sys.path.insert(0, os.getcwd())
    module, _, attribute = (points[name].value if name in points else name).partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # whatever a foreign module raises
        raise ValueError(
            f"the {kind} {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def make(kind: str, name: str, needs: Iterable[str], **arguments: Any) -> Any:
    """The brought thing itself: a class or function is called with those `arguments` that it has names for.

    Raises ValueError where it cannot be made, or is not `whole`.
    """
    thing = find(kind, name)
    if isinstance(thing, type) or inspect.isroutine(thing):
        known = inspect.signature(thing).parameters
        every = any(p.kind is p.VAR_KEYWORD for p in known.values())
        try:
            thing = thing(**{k: v for k, v in arguments.items() if every or k in known})
        except TypeError as error:
            offer = ", ".join(arguments) or "no arguments"
            raise ValueError(
                f"the {kind} {name!r} cannot be made: {error}; it is called with {offer}"
            ) from error
    return whole(kind, name, thing, needs)


def whole(kind: str, name: str, thing: Any, needs: Iterable[str]) -> Any:
    """The thing itself. Raises ValueError where it lacks one of the attributes that it `needs`."""
    if missing := [n for n in needs if not hasattr(thing, n)]:
        raise ValueError(
            f"{name!r} is no {kind}: it lacks {', '.join(missing)}; `worldsim check {kind} {name}` tells more"
        )
    return thing


def advice(kind: str) -> str:
    """What else can be named: the last words of an error about an unknown name."""
    points = ", ".join(installed(kind))
    return (f"installed are {points}; " if points else "") + (
        f"your own is named module:attribute, or by an entry point of the group {GROUPS[kind]!r}"
    )
