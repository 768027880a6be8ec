"""Instances as text with the signs of this package: ``i j J`` lines after a header of ``# key: value``."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np

from ._labels import dump_labels, parse_labels
from ._lines import LARGEST_EXACT, InstanceError, Lines, check_size, edges, header_value, table
from .base import IsingModel
from .sparse import SparseIsing

RESERVED = ("N", "nnz", "ghost", "offset", "labels", "convention", "vartype")
_CONVENTION = "E(s) = offset - sum_{i<j} J_ij s_i s_j, s = +-1, 0-based, i<j"

# Some generators announce a block of lines `i b` before the couplings, all keys in one comment.
_BLOCKS = re.compile(r"[ \t]*#.*\bnum_fields=", re.ASCII)
_PAIR = re.compile(r"([A-Za-z]\w*)=(\S+)", re.ASCII)


def has_field_block(text: str) -> bool:
    """Whether the first comment announces a block of fields."""
    return _BLOCKS.match(text) is not None


def parse(text: str, name: str, first: int | None = None) -> tuple[SparseIsing, dict[str, Any]]:
    """The model and its metadata; ``first`` is the lowest site, 0 or 1."""
    lines = Lines(text, name)
    try:
        if has_field_block(text):
            model = _parse_blocks(lines, first or 0)
        else:
            model = _parse_edges(lines, first)
    except InstanceError:
        raise
    except (ValueError, TypeError) as error:
        raise lines.error(str(error)) from None
    return model, {key: header_value(value) for key, value in lines.header.items()}


def _parse_edges(lines: Lines, given: int | None) -> SparseIsing:
    first = given or 0
    N, i, j, J = edges(lines, lines.integer("N"), lines.integer("nnz"), first)
    if given is None and "0-based" not in lines.header.get("convention", ""):
        _warn_of_unused(lines, i, j)
    b, ghost = None, lines.integer("ghost")
    if ghost is not None:
        ghost -= first
        if not 0 <= ghost < N:
            raise ValueError(
                f"the header names the ghost {ghost + first}, but the sites are {first}..{N - 1 + first}"
            )
        N, i, j, J, b = _without_ghost(ghost, N, i, j, J)
    offset = float(lines.header.get("offset", 0.0))
    labels = parse_labels(lines.header["labels"]) if "labels" in lines.header else None
    return SparseIsing.from_edges(i, j, J, N, b, offset=offset, labels=labels)


def _warn_of_unused(lines: Lines, i: np.ndarray, j: np.ndarray) -> None:
    """Files that count from 1 look like this."""
    if len(i) and (i > 0).all() and (j > 0).all():
        warnings.warn(
            f"{lines.name}: no line names site 0, which is left as a free spin; if the file counts from 1, "
            "say first=1, else first=0",
            stacklevel=5,
        )


def _parse_blocks(lines: Lines, first: int) -> SparseIsing:
    """num_fields lines ``i b``, then num_couplings lines ``i j J``."""
    lines.header |= dict(_PAIR.findall(lines.lines[0]))
    N, n_fields, n_couplings = (lines.integer(key) for key in ("N", "num_fields", "num_couplings"))
    if n_fields is None or n_fields < 0:
        raise ValueError("num_fields must be the number of lines 'i b'")
    data = list(lines.data())
    if len(data) < n_fields:
        raise ValueError(f"{n_fields} fields are announced, the file has {len(data)} lines; is it complete?")
    rest = data[n_fields][0] - 1 if n_fields < len(data) else len(lines.lines)
    head = Lines("", lines.name)
    head.lines, head.start = lines.lines[:rest], lines.start
    sites = table(head, columns=2)
    lines.start = rest
    if N is None:
        N = 1 - first + int(max(sites[:, 0].max(initial=first), table(lines)[:, :2].max(initial=first)))
    check_size(N, n_fields + 2 * (len(data) - n_fields))
    b = np.zeros(N)
    seen = np.zeros(N, dtype=bool)
    for (number, tokens), (site, value) in zip(data, sites, strict=False):
        k = int(site) - first
        if site != int(site) or not 0 <= k < N or seen[k]:
            raise lines.error(
                f"site {tokens[0]}: sites must be in {first}..{N - 1 + first}, each with one field", number
            )
        b[k], seen[k] = value, True
    _, i, j, J = edges(lines, N, n_couplings, first)
    return SparseIsing.from_edges(i, j, J, N, b)


def dump(model: IsingModel, metadata: dict[str, str | int | float]) -> bytes:
    N, b = model.n_spins, model.b
    i, j, J = model.to_sparse().edges()
    header: dict[str, str | int | float] = {"convention": _CONVENTION}
    if model.has_fields:
        ghosted = np.flatnonzero(b)
        i, j, J = np.append(i, ghosted), np.append(j, np.full_like(ghosted, N)), np.append(J, b[ghosted])
        header |= {"convention": f"{_CONVENTION}, s_ghost = +1 carries the fields", "ghost": N}
    header |= {"N": N + model.has_fields, "nnz": len(J)}
    if model.offset:
        header["offset"] = model.offset
    if model.labels is not None:
        header["labels"] = dump_labels(model.labels)
    return join([f"# {key}: {value}" for key, value in (header | metadata).items()], i, j, J)


def join(head: list[str], i: np.ndarray, j: np.ndarray, J: np.ndarray) -> bytes:
    """A header, and a line for each edge."""
    body = (f"{a} {b} {_number(x)}" for a, b, x in zip(i.tolist(), j.tolist(), J.tolist(), strict=True))
    return "\n".join([*head, *body, ""]).encode()


def _number(x: float) -> str:
    """The shortest text that reads back as ``x``."""
    return str(int(x)) if abs(x) <= LARGEST_EXACT and x == int(x) else repr(x)


def _without_ghost(
    ghost: int, N: int, i: np.ndarray, j: np.ndarray, J: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The couplings of the ghost as fields of the others, which close ranks."""
    at = (i == ghost) | (j == ghost)
    b = np.zeros(N)
    b[(i + j - ghost)[at]] = J[at]
    i, j, J = i[~at], j[~at], J[~at]
    return N - 1, i - (i > ghost), j - (j > ghost), J, np.delete(b, ghost)
