"""What a sweep computes: a grid of points, each with an identity and a seed made from its content alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .._core.validate import as_count

MOST_POINTS = 10**8  # of one sweep; a store of so many takes 30 GB and half an hour to read


class Point(NamedTuple):
    """One call of the point function: ``function(rng=seed, **params)``."""

    id: str
    params: dict[str, Any]
    replica: int
    seed: int
    text: str
    """The parameters as JSON, types kept."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A sweep without its function object: everything that names the points, as plain data.

    With ``json(x) = json.dumps(x, sort_keys=True, separators=(",", ":"))``, parameters that are whole
    floats written as integers (1.0 and 1 are one number) and the hash blake2b of 16 bytes,

        seed = hash(json([function, version, sweep seed, parameters without pair_over, replica]))
        id   = hash(json([function, version, sweep seed, all parameters, replica, str(seed)]))
    """

    function: str
    axes: dict[str, tuple[Any, ...]]
    replicas: int
    seed: int
    pair_over: tuple[str, ...]
    fixed: dict[str, Any]
    dims: dict[str, tuple[str, ...]]
    coords: dict[str, list[Any]]
    version: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis, replicas last."""
        return (*map(len, self.axes.values()), self.replicas)

    def __len__(self) -> int:
        return math.prod(self.shape)

    def points(self, indices: Iterable[int] | None = None) -> Iterator[Point]:
        """The points at these places of the flattened grid (None: all), replicas running fastest."""
        head = f"[{_json(self.function)},{_json(self.version)},{self.seed}"
        fixed = [(name, *_texts(value)) for name, value in self.fixed.items()]
        tables = [(name, [_texts(value) for value in axis]) for name, axis in self.axes.items()]
        last = -1
        for index in range(len(self)) if indices is None else indices:
            cell, replica = divmod(index, self.replicas)
            if cell != last:
                last = cell
                entries = fixed.copy()
                for name, table in reversed(tables):
                    cell, digit = divmod(cell, len(table))
                    entries.append((name, *table[digit]))
                entries.sort()
                params = {name: value for name, _, _, value in entries}
                text = _object((name, kept) for name, _, kept, _ in entries)
                content = _object((name, number) for name, number, _, _ in entries)
                shared = _object(
                    (name, number) for name, number, _, _ in entries if name not in self.pair_over
                )
            seed = int.from_bytes(_hash(f"{head},{shared},{replica}]"), "big")
            name = _hash(f'{head},{content},{replica},"{seed}"]').hex()
            yield Point(name, params, replica, seed, text)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """A plan that was stored; ValueError where the text is none."""
        try:
            given = json.loads(text)
            axes = as_axes({name: read_value(values) for name, values in given["axes"].items()})
            dims = as_dims(given["dims"], axes)
            fixed = {name: read_value(value) for name, value in given["fixed"].items()}
            if not isinstance(given["function"], str) or not isinstance(given["version"], str):
                raise TypeError("function and version must be text")
            return cls(
                function=given["function"],
                axes=axes,
                replicas=as_count(given["replicas"], "replicas"),
                seed=as_count(given["seed"], "seed", minimum=0),
                pair_over=as_pair_over(given["pair_over"], axes),
                fixed=as_fixed(fixed, axes),
                dims=dims,
                coords=as_coords(given["coords"], dims),
                version=given["version"],
            ).checked()
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def checked(self) -> Plan:
        """The plan itself; ValueError where it has more points than anybody can compute."""
        if len(self) > MOST_POINTS:
            raise ValueError(f"a sweep of {len(self)} points; the most are {MOST_POINTS}: make several of it")
        return self

    @property
    def family(self) -> tuple[Any, ...]:
        """Plans of one family differ in values only, so that their points lie on one common grid."""
        names = tuple(sorted([*self.axes, *self.fixed]))
        return self.function, self.version, self.seed, tuple(sorted(self.pair_over)), names

    @property
    def columns(self) -> dict[str, tuple[Any, ...]]:
        """Values of every parameter; a fixed one is an axis of length one."""
        return self.axes | {name: (value,) for name, value in self.fixed.items()}


def unite(plans: Sequence[Plan]) -> Plan:
    """The smallest grid that holds all plans of one family; new numbers are sorted in."""
    last = plans[-1]
    values: dict[str, dict[str, Any]] = {name: {} for name in last.columns}
    for plan in reversed(plans):
        for name, column in plan.columns.items():
            for value in column:
                values[name].setdefault(_number(value), value)
    axes = {}
    for name, column in last.columns.items():
        union = list(values[name].values())
        if len(union) > len(column) and all(type(value) in (int, float) for value in union):
            union.sort()
        if name in last.axes or len(union) > 1:
            axes[name] = tuple(union)
    fixed = {name: value for name, value in last.fixed.items() if name not in axes}
    replicas = max(plan.replicas for plan in plans)
    return Plan(**vars(last) | {"axes": axes, "fixed": fixed, "replicas": replicas})


def near(axes: Iterable[tuple[str, Iterable[Any]]]) -> str:
    """Names two values of an axis that differ by rounding alone, such as 0.3 and 0.1 + 0.2; or ""."""
    for name, values in axes:
        exact = (value for value in values if type(value) in (int, float) and abs(value) < 2**53)
        numbers = sorted(set(exact))
        for one, other in pairwise(numbers):
            if other - one <= 1e-14 * max(abs(one), abs(other)):
                return (
                    f"axis {name!r} has {one!r} and {other!r}: two points, since they are different numbers; "
                    "if they should be one, round them, for example round(x, 12)"
                )
    return ""


def count_points(plans: Sequence[Plan]) -> int:
    """How many different points the plans of one family ask for."""
    if len(plans) == 1:
        return len(plans[0])
    union = unite(plans)
    if len(union) > MOST_POINTS:
        return sum(map(len, plans))  # grids so far apart hardly share any
    asked = np.zeros(union.shape, dtype=bool)
    for plan in plans:
        places = []
        for name, axis in union.axes.items():
            wanted = {_number(value) for value in plan.columns[name]}
            places.append([i for i, value in enumerate(axis) if _number(value) in wanted])
        asked[np.ix_(*places, range(plan.replicas))] = True
    return int(asked.sum())


def as_axes(axes: Any) -> dict[str, tuple[Any, ...]]:
    """Axes with plain, distinct values."""
    checked = {}
    for name, values in _items(axes, "axes"):
        if isinstance(values, str | bytes | set | frozenset | Mapping) or not isinstance(values, Iterable):
            raise TypeError(f"axis {name!r} must be a sequence of values, got {values!r}")
        axis = tuple(as_value(value, f"axis {name!r}") for value in values)
        if not axis:
            raise ValueError(f"axis {name!r} is empty; give it at least one value or leave it out")
        known: set[str] = set()
        for value in axis:
            if _number(value) in known:
                raise ValueError(f"axis {name!r} holds {value!r} twice; replicas=n repeats a point")
            known.add(_number(value))
        checked[name] = axis
    return checked


def as_fixed(fixed: Any, axes: Mapping[str, Any]) -> dict[str, Any]:
    """Fixed parameters with plain values and names apart from the axes."""
    checked = {name: as_value(value, f"fixed {name!r}") for name, value in _items(fixed, "fixed")}
    for name in checked:
        if name in axes:
            raise ValueError(f"{name!r} is both an axis and a fixed parameter; keep one of the two")
    return checked


def as_pair_over(pair_over: Any, axes: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of axes."""
    if not isinstance(pair_over, Iterable):
        raise TypeError(f"pair_over must be names of axes, got {pair_over!r}")
    names = (pair_over,) if isinstance(pair_over, str) else tuple(pair_over)
    for name in names:
        if name not in axes:
            raise ValueError(f"pair_over names {name!r}, which is no axis; axes: {', '.join(axes) or 'none'}")
    return names


def as_dims(dims: Any, axes: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Names for the dimensions of array results."""
    checked = {}
    for variable, names in _items(dims, "dims"):
        names = (names,) if isinstance(names, str) else tuple(names)
        for name in names:
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(
                    f"dims of {variable!r}: a dimension's name must be an identifier, got {name!r}"
                )
            if name in axes or name == "replica":
                raise ValueError(f"dims of {variable!r}: {name!r} is already an axis; choose another name")
        if len(set(names)) < len(names):
            raise ValueError(f"dims of {variable!r} repeat a name: {names}")
        checked[variable] = names
    return checked


def as_coords(coords: Any, dims: Mapping[str, tuple[str, ...]]) -> dict[str, list[Any]]:
    """Coordinates along the dimensions of array results."""
    checked = {}
    known = sorted({name for names in dims.values() for name in names})
    for name, values in _items(coords, "coords"):
        if name not in known:
            raise ValueError(f"coords names {name!r}, which is no dimension in dims; known: {known}")
        array = np.asarray(values)
        if array.ndim != 1 or array.dtype.kind not in "biufU":
            raise ValueError(
                f"coords of {name!r} must be a 1-d sequence of numbers or strings, got {values!r}"
            )
        checked[name] = array.tolist()
    return checked


def as_value(value: Any, name: str) -> Any:
    """A parameter value whose content is unmistakable: str, int, float, bool, None or a tuple of these."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufU":  # a date would become a number
        value = value.item()
    if type(value) is float:
        if math.isnan(value):
            raise ValueError(
                f"{name}: NaN cannot be a parameter, because it is not equal to itself; use None"
            )
        return value + 0.0  # -0.0 is 0.0
    if value is None or type(value) in (str, int, bool):
        return value
    if type(value) is tuple:
        return tuple(as_value(part, name) for part in value)
    raise TypeError(
        f"{name}: a parameter must be a str, int, float, bool, None or a tuple of these, "
        f"got {value!r} of type {type(value).__name__}; pass a name and build the object in the point"
    )


def as_shard(shard: Any) -> tuple[int, int]:
    """Place of the first point of a shard, and the step to the next."""
    if shard is None:
        return 0, 1
    try:
        if isinstance(shard, str):
            part, n = (int(text) for text in shard.split("/"))
        else:
            part, n = (as_count(number, "shard") for number in shard)
    except (TypeError, ValueError):
        raise ValueError(f"shard must be 'i/n' or (i, n), like '3/16', got {shard!r}") from None
    if not 1 <= part <= n:
        raise ValueError(f"shard i/n needs 1 <= i <= n, got {shard!r}; job arrays that count from 0 add 1")
    return part - 1, n


def read_value(value: Any) -> Any:
    """A value back from JSON, where tuples became lists."""
    return tuple(map(read_value, value)) if isinstance(value, list) else value


def _items(mapping: Any, what: str) -> Iterator[tuple[str, Any]]:
    if mapping is None:
        return
    if not isinstance(mapping, Mapping):
        raise TypeError(f"{what} must be a dict by name, got {mapping!r}")
    for name, value in mapping.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"{what}: a name must be an identifier, got {name!r}")
        if name in ("rng", "replica"):
            raise ValueError(f"{what}: {name!r} is a name the sweep uses itself; choose another")
        yield name, value


def _texts(value: Any) -> tuple[str, str, Any]:
    return _number(value), _json(value), value


def _number(value: Any) -> str:
    """JSON in which equal numbers are one text."""
    return _json(_whole(value))


def _whole(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(map(_whole, value))
    return int(value) if type(value) is float and value.is_integer() else value


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _object(entries: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{_json(name)}:{text}" for name, text in entries) + "}"


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
