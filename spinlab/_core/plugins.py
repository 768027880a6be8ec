"""What other installed packages offer by name: ensembles, exact methods and studies.

A package declares them as entry points of the groups "spinlab.ensembles", "spinlab.methods" and
"spinlab.studies". They are read when a name is not one of our own, or when names are listed; never on import.
Our own names come first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .validate import as_choice

# Attributes that what is offered must have.
NEEDED: dict[str, tuple[str, ...]] = {
    "ensemble": ("__call__",),
    "method": ("refusal", "cost", "ground_state"),
    "study": ("main",),
}
GROUPS = {"ensemble": "spinlab.ensembles", "method": "spinlab.methods", "study": "spinlab.studies"}


def names(kind: str, own: Iterable[str]) -> list[str]:
    """Our own names, then those of other packages."""
    ours = list(own)
    return [*ours, *sorted({point.name for point in _entry_points(kind)} - set(ours))]


def check(name: Any, kind: str, own: Iterable[str], others: Iterable[str] = ()) -> None:
    """Refuses a name that nobody offers; ``others`` are words that are allowed besides."""
    ours = [*others, *own]
    if name not in ours:
        as_choice(name, kind, names(kind, ours))


def load(kind: str, name: str) -> Any:
    """What another package offers under a name; None if none does."""
    points = [point for point in _entry_points(kind) if point.name == name]
    if not points:
        return None
    packages = sorted({point.dist.name for point in points})
    if len({point.value for point in points}) > 1:
        raise ValueError(
            f"the packages {' and '.join(packages)} both offer the {kind} {name!r}; remove one of them"
        )
    try:
        thing = points[0].load()
    except Exception as error:
        raise ValueError(
            f"the {kind} {name!r} of the package {packages[0]} cannot be loaded: {error!r}"
        ) from error
    lacking = [attribute for attribute in NEEDED[kind] if not hasattr(thing, attribute)]
    if lacking:
        raise TypeError(f"the {kind} {name!r} of the package {packages[0]} lacks {', '.join(lacking)}")
    return thing


def _entry_points(kind: str) -> Any:
    from importlib.metadata import entry_points

    return entry_points(group=GROUPS[kind])
