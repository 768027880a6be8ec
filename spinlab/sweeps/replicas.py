"""How many replicas a cell of the grid needs for a wanted standard error of its means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import numpy as np

from .._core.validate import as_real
from .dataset import Row


def as_targets(errors: Any) -> dict[str, float]:
    """Standard errors wanted, by the name of the result."""
    if not isinstance(errors, Mapping) or not errors:
        raise ValueError(f'errors must be a dict such as {{"energy": 0.01}}, got {errors!r}')
    return {name: as_real(value, f"errors[{name!r}]", 0.0, exclusive=True) for name, value in errors.items()}


def shortfalls(targets: Mapping[str, float], rows: Iterable[Row], cells: Iterable[int]) -> Iterator[float]:
    """For each cell, how many times too large its errors are; ``cells`` names the cell of each row."""
    known: set[str] = set()
    for _, group in groupby(zip(rows, cells, strict=True), key=lambda pair: pair[1]):
        results = [result for (_, result, _), _ in group if result is not None]
        for result in results:
            known.update(result)
        yield max(_standard_error(results, name) / target for name, target in targets.items())
    for name in targets:
        if known and name not in known:
            raise ValueError(
                f"errors names {name!r}, which no result has; they have {', '.join(sorted(known))}"
            )


def _standard_error(results: list[dict[str, np.ndarray]], name: str) -> float:
    """Of the mean over replicas, the largest over the elements of an array; infinite where unknown."""
    values = [result[name].astype(float) for result in results if name in result]
    if len(values) < 2 or not values[0].size:
        return math.inf
    if len({value.shape for value in values}) > 1:
        raise ValueError(f"errors: {name!r} has arrays of different shapes in one cell, so it has no mean")
    error = float(np.max(np.std(values, axis=0, ddof=1))) / math.sqrt(len(values))
    return error if math.isfinite(error) else math.inf


def next_replicas(n: int, shortfall: float, most: int) -> int:
    """Errors fall with the square root of the number; at most twice as many at once: they are estimates."""
    if shortfall <= 1:
        return n
    return min(most, 2 * n, max(n + 1, math.ceil(n * min(shortfall, 2.0) ** 2)))
