"""Names that pandas and xarray give to rows, columns and entries: nobody may be taken for somebody else."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

Names = tuple[Hashable, ...]


def index_along(x: Any, axis: int) -> Names | None:
    """The index of a frame, a series or a DataArray along an axis; None where there is none."""
    if hasattr(x, "iloc"):  # pandas
        indices = [getattr(x, side) for side in ("index", "columns") if hasattr(x, side)]
    elif hasattr(x, "dims") and hasattr(x, "indexes"):  # xarray
        indices = [x.indexes.get(name) for name in x.dims]
    else:
        return None
    try:
        index = indices[axis]
    except IndexError:
        return None
    return None if index is None else tuple(index)


def names_along(x: Any, axis: int) -> Names | None:
    """The index of :func:`index_along` where it is more than the numbers from 0 on."""
    index = index_along(x, axis)
    return None if index is None or index == tuple(range(len(index))) else index


def shared_names(x: Any, name: str = "J") -> Names | None:
    """The names that rows and columns of a matrix share, if both have some."""
    rows, columns = names_along(x, 0), names_along(x, 1)
    for names in (rows, columns):
        if names is not None and len(set(names)) < len(names):
            raise ValueError(f"{name} has a name twice; give every row and column a name of its own")
    if rows is None or columns is None or len(rows) != len(columns):  # one side may go without names
        return None
    if rows == columns:
        return rows
    if set(rows) == set(columns):
        raise ValueError(f"rows and columns of {name} have the same names in another order; sort them alike")
    raise ValueError(
        f"rows and columns of {name} have different names; they name the same spins: rename one of them, "
        f"or give {name}.to_numpy()"
    )


def site_names(labels: Any) -> Names | None:
    """Labels as a tuple; what is no sequence is refused elsewhere."""
    return tuple(labels) if isinstance(labels, Sequence) else None


def check_names(x: Any, name: str, sites: Names | None, axis: int = 0) -> None:
    """Refuse entries with names that are not those of the sites, or in another order."""
    if sites is None:
        return
    names = names_along(x, axis)
    if names is None or names == tuple(sites) or len(names) != len(sites):  # lengths are checked elsewhere
        return
    k = next(k for k in range(len(names)) if names[k] != sites[k])
    remedy = (
        "sort them as the sites are" if set(names) == set(sites) else "they name the same sites: rename them"
    )
    raise ValueError(
        f"{name} has the name {names[k]!r} where the site is {sites[k]!r}; {remedy}, or give "
        f"{name}.to_numpy() to take them by position"
    )
