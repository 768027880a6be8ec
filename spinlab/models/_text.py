"""Models as text: ``i j J`` lines after a header, and rudy / Biq Mac graphs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.validate import check_memory
from ._labels import dump_labels, parse_labels
from .base import IsingModel
from .sparse import SparseIsing, edge_fault

RESERVED = ("N", "nnz", "ghost", "offset", "labels", "convention", "vartype")
_CONVENTION = "E(s) = offset - sum_{i<j} J_ij s_i s_j, s = +-1, 0-based, i<j"
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,300})(\.\d+)?([eE][+-]?\d+)?")
_EXACT = 2**53


class InstanceError(ValueError):
    """A fault of a file, whose message has its path."""


class _Lines:
    """The lines of a file, its header, and errors that say where they are."""

    def __init__(self, text: str, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.lines = text.split("\n")
        self.header: dict[str, str] = {}
        self.start = len(self.lines)  # the first line of data
        for number, line in enumerate(self.lines):
            line = line.strip()
            if line and not line.startswith("#"):
                self.start = number
                break
            key, colon, value = line[1:].partition(":")
            if colon:
                self.header[key.strip()] = value.strip()

    def data(self) -> Iterator[tuple[int, list[str]]]:
        """(line number from 1, fields) of the lines with data."""
        for number in range(self.start, len(self.lines)):
            tokens = self.lines[number].partition("#")[0].split()
            if tokens:
                yield number + 1, tokens

    def error(self, message: str, line: int | None = None) -> InstanceError:
        return InstanceError(f"{self.path}{'' if line is None else f', line {line}'}: {message}")

    def integer(self, key: str) -> int | None:
        """An integer from the header."""
        if key not in self.header:
            return None
        try:
            return int(self.header[key])
        except ValueError:
            raise self.error(f"header key {key} must be an integer, got {self.header[key]!r}") from None


def metadata(text: str, format: str, path: str | os.PathLike[str]) -> dict[str, Any]:
    lines = _Lines(text, path)
    found = {key: header_value(value) for key, value in lines.header.items()}
    if format == "rudy":
        found["N"], found["nnz"] = _take_sizes(lines)
    return found


def parse(text: str, format: str, path: str | os.PathLike[str]) -> SparseIsing:
    lines = _Lines(text, path)
    try:
        if format == "rudy":
            N, i, j, w = _edges(lines, *_take_sizes(lines), first=1)
            return SparseIsing.from_edges(i, j, -w, N)
        N, i, j, J = _edges(lines, lines.integer("N"), lines.integer("nnz"), first=0)
        b, ghost = None, lines.integer("ghost")
        if ghost is not None:
            if not 0 <= ghost < N:
                raise ValueError(f"the header names the ghost {ghost}, but the sites are 0..{N - 1}")
            N, i, j, J, b = _without_ghost(ghost, N, i, j, J)
        offset = float(lines.header.get("offset", 0.0))
        labels = parse_labels(lines.header["labels"]) if "labels" in lines.header else None
        return SparseIsing.from_edges(i, j, J, N, b, offset=offset, labels=labels)
    except InstanceError:
        raise
    except (ValueError, TypeError) as error:
        raise lines.error(str(error)) from None


def dump(model: IsingModel, format: str, metadata: dict[str, str | int | float]) -> bytes:
    N, b = model.n_spins, model.b
    i, j, J = model.to_sparse().edges()
    if format == "rudy":
        if model.has_fields or model.offset or metadata:
            raise ValueError("a rudy file holds no fields, offset or metadata; save as 'ij' or 'npz'")
        return _join([f"{N} {len(J)}"], i + 1, j + 1, 0.0 - J)
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
    return _join([f"# {key}: {value}" for key, value in (header | metadata).items()], i, j, J)


def _join(head: list[str], i: np.ndarray, j: np.ndarray, J: np.ndarray) -> bytes:
    body = (f"{a} {b} {_number(x)}" for a, b, x in zip(i.tolist(), j.tolist(), J.tolist(), strict=True))
    return "\n".join([*head, *body, ""]).encode()


def _number(x: float) -> str:
    """The shortest text that reads back as ``x``."""
    return str(int(x)) if abs(x) <= _EXACT and x == int(x) else repr(x)


def header_value(text: str) -> str | int | float:
    if not _NUMBER.fullmatch(text):
        return text
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _take_sizes(lines: _Lines) -> tuple[int, int]:
    """n and m of a rudy file, whose data begin on the line after."""
    for number, tokens in lines.data():
        lines.start = number
        if len(tokens) == 2 and all(re.fullmatch(r"\d{1,18}", token) for token in tokens):
            return int(tokens[0]), int(tokens[1])
        raise lines.error("a rudy file begins with its numbers of vertices and edges, 'n m'", number)
    raise lines.error("the file has no data")


def _edges(
    lines: _Lines, N: int | None, nnz: int | None, first: int
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """N, and 0-based sites and numbers of all lines, checked; ``first`` is the file's lowest site."""
    table = _table(lines)
    if nnz is not None and nnz != len(table):
        raise lines.error(f"{nnz} edges are announced, the file has {len(table)}; is it complete?")
    i, j, x = table[:, 0] - first, table[:, 1] - first, table[:, 2]
    if N is None:
        N = int(max(i.max(initial=0), j.max(initial=0))) + 1
    if N < 1:
        raise lines.error(f"a model needs at least one spin, N = {N} is announced")
    check_memory(10 * 8 * N, f"a model of {N} spins")
    fault = edge_fault(i, j, N, first)
    if fault is not None:
        edge, message = fault
        raise lines.error(message, list(lines.data())[edge][0])
    if (np.abs(x) >= _EXACT).any():
        for number, tokens in lines.data():
            if re.fullmatch(r"[+-]?\d+", tokens[2]) and int(tokens[2]) != int(float(tokens[2])):
                raise lines.error(f"float64 cannot hold the integer {tokens[2]}; rescale it", number)
    return N, i.astype(np.int64), j.astype(np.int64), x


def _table(lines: _Lines) -> np.ndarray:
    """Three finite numbers from each line."""
    if next(lines.data(), None) is None:
        return np.zeros((0, 3))
    try:
        table = np.loadtxt(lines.lines[lines.start :], comments="#", ndmin=2)
    except ValueError as error:
        table, reason = np.zeros((0, 0)), str(error)
    if table.shape[1] == 3 and np.isfinite(table).all():
        return table
    for number, tokens in lines.data():  # slowly, to say where it is
        try:
            if len(tokens) == 3 and np.isfinite([float(token) for token in tokens]).all():
                continue
        except ValueError:
            pass
        raise lines.error(f"expected three finite numbers 'i j J', got {' '.join(tokens)[:80]!r}", number)
    raise lines.error(f"cannot be read as lines of three numbers ({reason})")


def _without_ghost(
    ghost: int, N: int, i: np.ndarray, j: np.ndarray, J: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The couplings of the ghost as fields of the others, which close ranks."""
    at = (i == ghost) | (j == ghost)
    b = np.zeros(N)
    b[(i + j - ghost)[at]] = J[at]
    i, j, J = i[~at], j[~at], J[~at]
    return N - 1, i - (i > ghost), j - (j > ghost), J, np.delete(b, ghost)
