"""A binary heap in two arrays, the least key on top, for kernels."""

from __future__ import annotations

from typing import Any

from .jit import kernel


@kernel
def push(keys: Any, items: Any, size: Any, key: Any, item: Any) -> Any:
    """Add an item; returns the new size."""
    at = size
    while at > 0:
        up = (at - 1) // 2
        if keys[up] <= key:
            break
        keys[at], items[at] = keys[up], items[up]
        at = up
    keys[at], items[at] = key, item
    return size + 1


@kernel
def pop(keys: Any, items: Any, size: Any) -> Any:
    """Take the top away, keys[0] and items[0], which the caller has read; returns the new size."""
    size -= 1
    key, item = keys[size], items[size]
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and keys[down + 1] < keys[down]:
            down += 1
        if keys[down] >= key:
            break
        keys[at], items[at] = keys[down], items[down]
        at = down
    keys[at], items[at] = key, item
    return size
