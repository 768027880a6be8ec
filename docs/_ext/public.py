"""What is public: all that the packages list in ``__all__``, packages within packages included."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import spinlab


def names_of(module: ModuleType) -> list[str]:
    """``__all__``, or of a small module without one the functions that teach by an example."""
    own = [n for n, t in vars(module).items() if inspect.isfunction(t) and ">>>" in (t.__doc__ or "")]
    return list(getattr(module, "__all__", own))


def public_modules() -> list[ModuleType]:
    """The packages, each once, from the top down."""
    waiting, found = [spinlab], [spinlab]
    while waiting:
        module = waiting.pop(0)
        for name in names_of(module):
            thing = getattr(module, name)
            if inspect.ismodule(thing) and thing not in found:
                waiting.append(thing)
                found.append(thing)
    return found


def public_objects() -> Iterator[tuple[str, Any]]:
    """(name, object); an object that two packages list comes once with each name."""
    for module in public_modules():
        for name in names_of(module):
            thing = getattr(module, name)
            if not inspect.ismodule(thing):
                yield f"{module.__name__}.{name}", thing
