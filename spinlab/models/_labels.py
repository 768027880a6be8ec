"""Names of sites as JSON, for files: text, numbers, and tuples of them."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any


def dump_labels(labels: tuple[Hashable, ...]) -> str:
    try:
        text = json.dumps(labels, allow_nan=False)
    except (TypeError, ValueError):
        text = "null"
    if parse_labels(text) != labels:
        raise ValueError(
            "a file holds labels that are text, numbers or tuples of them; build the model without labels"
        )
    return text


def parse_labels(text: str) -> Any:
    return _tuples(json.loads(text))


def _tuples(x: Any) -> Any:
    return tuple(_tuples(y) for y in x) if isinstance(x, list) else x
