"""Names of sites as JSON, for files: text, numbers, and tuples of them."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any, NoReturn

import numpy as np

_DEPTH = 20


def dump_labels(labels: tuple[Hashable, ...]) -> str:
    """JSON that reads back as equal labels; numpy's numbers become Python's."""
    try:
        text = json.dumps(_plain(labels), allow_nan=False)
        if parse_labels(text) == labels:
            return text
    except (TypeError, ValueError, RecursionError):
        pass
    raise ValueError(
        "a file holds labels that are text, numbers or tuples of them; build the model without labels"
    )


def parse_labels(text: str) -> Any:
    """Whatever JSON says, with tuples for lists."""
    return _tuples(parse_json(text))


def parse_json(text: str) -> Any:
    """JSON from a file; ValueError for all that is none, NaN and deep nesting included."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _tuples(x: Any, depth: int = 0) -> Any:
    if depth > _DEPTH:
        raise ValueError(f"labels nested more than {_DEPTH} deep")
    return tuple(_tuples(y, depth + 1) for y in x) if isinstance(x, list) else x


def _plain(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(_plain(y) for y in x)
    return x.item() if isinstance(x, np.number) else x
