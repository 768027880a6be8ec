"""Lists of edges that count from 1: maximum cuts (rudy, MAX-CUT) and spin glasses (.sg, server mails)."""

from __future__ import annotations

import re
from typing import Any

from ._lines import InstanceError, Lines, edges, header_value
from ._sums import Sums
from ._text import join
from .base import IsingModel
from .sparse import SparseIsing

# Spins of a mail to the spin glass server as a power of its size, by type.
_POWERS = {"pm": 2, "gauss": 2, "pm3": 3, "gauss3": 3, "sk": 1}
_KEY = re.compile(r"[ \t]*(type|size|name)[ \t]*:(.*)", re.ASCII | re.IGNORECASE)
_MAX_CUT = re.compile(r"(?i:MAX-CUT)\s+([0-9]{1,18})\s+([0-9]{1,18})", re.ASCII)


def is_key(line: str) -> bool:
    """Whether a line is a key of the spin glass server."""
    return _KEY.match(line) is not None


def is_mail(text: str) -> bool:
    """Whether the first line that is no comment is a key of the spin glass server."""
    return is_key(_first_line(text, ("#",)))


def is_max_cut(text: str) -> bool:
    """Whether the first line that is no comment begins with MAX-CUT."""
    return _first_line(text, ("#", "c", "C")).upper().startswith("MAX-CUT")


def _first_line(text: str, marks: tuple[str, ...]) -> str:
    lines = (line.strip() for line in text.split("\n"))
    return next((line for line in lines if line and not line.startswith(marks)), "")


def parse(text: str, format: str, name: str) -> tuple[SparseIsing, dict[str, Any]]:
    """The model and its metadata."""
    try:
        if format == "sgs":
            return _parse_mail(text, name)
        if format == "maxcut":
            return _parse_max_cut(text, name)
        lines = Lines(text, name)
        header = {key: header_value(value) for key, value in lines.header.items()}
        n, m = lines.take_sizes("a rudy file" if format == "rudy" else "a file of a spin glass")
        N, i, j, x = edges(lines, n, m, first=1)
        model = SparseIsing.from_edges(i, j, -x if format == "rudy" else x, N)
    except InstanceError as error:
        if format == "rudy" and all(len(tokens) == 2 for _, tokens in Lines(text, name).data()):
            raise InstanceError(
                f"{error}; the first line is read as 'n m', the numbers of spins and edges, which a list of "
                "edges needs above it"
            ) from None
        raise
    except (ValueError, TypeError) as error:
        raise InstanceError(f"{name}: {error}") from None
    return model, header | {"N": n, "nnz": m}


def _parse_max_cut(text: str, name: str) -> tuple[SparseIsing, dict[str, Any]]:
    """Comments begin with c, loops do not count, the weights of repeated edges add up."""
    lines = Lines("", name)
    lines.lines = ["" if line.startswith(("c", "C", "#")) else line for line in text.split("\n")]
    lines.start = 0
    number, tokens = next(lines.data(), (1, []))
    found = _MAX_CUT.fullmatch(" ".join(tokens))
    if not found:
        raise lines.error("the file begins with 'MAX-CUT n m'", number)
    lines.start = number
    n, m = int(found[1]), int(found[2])
    sums = Sums()
    N, i, j, w = edges(lines, n, m, first=1, sums=sums)
    return SparseIsing.from_edges(i, j, -w, N)._off_by(sums.lost), {"N": n, "nnz": m}


def _parse_mail(text: str, name: str) -> tuple[SparseIsing, dict[str, Any]]:
    """``type``, ``size`` and ``name`` in any order, then couplings of positive sign for parallel spins."""
    lines = Lines(text, name)
    header: dict[str, str] = {}
    for number, line in enumerate(lines.lines):
        found = _KEY.match(line)
        if found:
            key, value = found[1].lower(), found[2].strip()
            if key in header:
                raise lines.error(f"{key} is given a second time", number + 1)
            header[key] = value
            lines.lines[number] = ""
    lines.header = header
    N, size = None, lines.integer("size")
    if "type" in header:
        kind = header["type"].lower()
        if kind not in _POWERS:
            raise lines.error(f"type {header['type'][:80]!r} is not known; known: {', '.join(_POWERS)}")
        if size is None or size < 1:
            raise lines.error("a type needs the size of the lattice too, a positive integer")
        N = size ** _POWERS[kind]
    N, i, j, J = edges(lines, N, None, first=1)
    model = SparseIsing.from_edges(i, j, J, N)
    return model, {key: header_value(value) for key, value in header.items()} | {"N": N, "nnz": len(J)}


def dump(model: IsingModel, format: str, metadata: dict[str, str | int | float]) -> bytes:
    if model.has_fields or model.offset or metadata:
        raise ValueError(f"a {format} file holds no fields, offset or metadata; save as 'ij' or 'npz'")
    i, j, J = model.to_sparse().edges()
    sizes = f"{model.n_spins} {len(J)}"
    if format == "sg":
        return join(["# format: sg", sizes], i + 1, j + 1, J)
    return join([sizes], i + 1, j + 1, 0.0 - J)
