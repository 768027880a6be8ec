"""How results show themselves: one line, a few lines, a table in notebooks, plain data for JSON."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

LONGEST = 400  # letters of a text
_LONGEST_VALUE = 60
_FEW = 4  # entries of an array that are written out


class Result:
    """Base of the dataclasses that functions return; derive with ``@dataclass(frozen=True, repr=False)``."""

    def __repr__(self) -> str:
        name = type(self).__name__
        parts: list[str] = []
        for field, value in _items(self):
            part = f"{field}={summary(value)}"
            if len(name) + sum(map(len, parts)) + 2 * len(parts) + len(part) > LONGEST - len("(, ...)"):
                parts.append("...")
                break
            parts.append(part)
        return f"{name}({', '.join(parts)})"

    def __str__(self) -> str:
        if type(self).__repr__ is not Result.__repr__:  # its own line says more than a list of its parts
            return repr(self)
        items = _items(self)
        width = max((len(field) for field, _ in items), default=0)
        lines = [type(self).__name__]
        for field, value in items:
            line = f"  {field:{width}s}  {summary(value, in_full=True)}"
            if sum(map(len, lines)) + len(lines) + len(line) > LONGEST - len("\n  ..."):
                lines.append("  ...")
                break
            lines.append(line)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if type(self).__str__ is not Result.__str__:  # its own page says more than a list of its parts
            return f"<pre>{html.escape(str(self))}</pre>"
        rows = "".join(
            f'<tr><th style="text-align: left">{html.escape(field)}</th>'
            f'<td style="text-align: left">{html.escape(summary(value, in_full=True))}</td></tr>'
            for field, value in _items(self)
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, texts, lists and dictionaries; what is not finite becomes None."""
        return {field: plain_data(value) for field, value in _items(self)}

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), allow_nan=False)


def summary(value: Any, in_full: bool = False) -> str:
    """A value in a few letters: arrays by dtype and shape, ``in_full`` also by their range."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return _of_array(value, in_full)
    if in_full and isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Result):
        text = type(value).__name__ + "(...)"
    elif isinstance(value, Mapping):
        text = f"{len(value)} entries: {', '.join(map(str, value))}" if value else "{}"
    elif isinstance(value, list | tuple) and (
        len(value) > _FEW or any(hasattr(x, "dtype") or isinstance(x, Result) for x in value)
    ):
        text = f"<{type(value).__name__} of {len(value)}>"
    else:
        text = repr(value)
    return shortened(text, _LONGEST_VALUE)


def _of_array(x: Any, in_full: bool) -> str:
    shape = tuple(x.shape)
    if shape == ():
        return repr(x.item())
    host = isinstance(x, np.ndarray)
    if host and x.ndim == 1 and 0 < x.size <= _FEW:
        text = "[" + ", ".join(f"{v:.6g}" if x.dtype.kind == "f" else repr(v.item()) for v in x) + "]"
        if len(text) <= _LONGEST_VALUE:
            return text
    if (
        in_full
        and host
        and x.ndim == 1
        and x.size <= _LONGEST_VALUE
        and x.dtype == np.int8
        and (abs(x) == 1).all()
    ):
        return "".join("+" if spin > 0 else "-" for spin in x)
    text = f"{x.dtype} {shape}"
    if in_full and host and x.size and x.dtype.kind in "iuf":
        finite = x[np.isfinite(x)]
        text += f", {finite.min():.6g} to {finite.max():.6g}" if finite.size else ", nothing finite"
    return f"<{text}>"


def plain_data(value: Any) -> Any:
    """Plain data for JSON: arrays as lists, infinities and NaN as None, keys and all else as text."""
    if hasattr(value, "to_dict") and not isinstance(value, type):
        return plain_data(value.to_dict())
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain_data(x) for key, x in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain_data(value._asdict())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_data(x) for x in value]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return plain_data(value.tolist())
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def cut(lines: list[str], more: str = "...") -> str:
    """As many of the lines as LONGEST letters hold, and ``more`` in place of the others."""
    text = "\n".join(lines)
    while len(text) > LONGEST and lines:
        lines = lines[:-1]
        text = "\n".join([*lines, more])
    return text


def shortened(text: str, width: int) -> str:
    """A text, or its beginning and dots."""
    return text if len(text) <= width else text[: width - 3] + "..."


def _items(result: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(result, field.name)) for field in fields(result)]
