"""Lines of a text instance: its header, its table of numbers, and errors that say where they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from .._core.validate import check_memory
from ._sums import Sums
from .sparse import edge_fault, sum_parallel

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?"
LARGEST_EXACT = 2**53

# Sites that no line names: a short file must not ask for gigabytes.
FREE_SITES = 10**6

_EXPECTED = {
    1: "one finite number",
    2: "a site and a finite number, 'i b'",
    3: "three finite numbers 'i j J'",
}
_NUMBER = re.compile(NUMBER)
_HEADER_NUMBER = re.compile(r"-?(0|[1-9]\d{0,300})(\.\d+)?([eE][+-]?\d{1,4})?", re.ASCII)


class InstanceError(ValueError):
    """A fault of a file, whose message has its name."""


class Lines:
    """The lines of a file and its header, the ``key: value`` comments before the data."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
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
        return InstanceError(f"{self.name}{'' if line is None else f', line {line}'}: {message}")

    def integer(self, key: str) -> int | None:
        """An integer from the header."""
        if key not in self.header:
            return None
        text = self.header[key]
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise self.error(f"header key {key} must be an integer, got {text[:80]!r}")
        return int(text)

    def take_sizes(self, what: str) -> tuple[int, int]:
        """n and m in the first line of data; the data then begin on the line after."""
        for number, tokens in self.data():
            self.start = number
            if len(tokens) == 2 and all(re.fullmatch(r"[0-9]{1,18}", token) for token in tokens):
                return int(tokens[0]), int(tokens[1])
            raise self.error(f"{what} begins with its numbers of vertices and edges, 'n m'", number)
        raise self.error("the file has no data")


def header_value(text: str) -> str | int | float:
    """A number from a header as a number, all else as text."""
    if not _HEADER_NUMBER.fullmatch(text):
        return text
    return int(text) if text.lstrip("-").isdigit() else float(text)


def table(lines: Lines, columns: int = 3) -> np.ndarray:
    """Finite numbers from each line; where all lines leave out the third it is 1."""
    if next(lines.data(), None) is None:
        return np.zeros((0, columns))
    try:
        found = np.loadtxt(lines.lines[lines.start :], comments="#", ndmin=2)
    except ValueError:
        found = np.zeros((0, 0))
    if columns == 3 and found.shape[1] == 2:
        found = np.column_stack([found, np.ones(len(found))])
    if found.shape[1] != columns or not np.isfinite(found).all():
        raise _fault(lines, columns)
    _check_digits(lines, found[:, -1])
    return found


def _fault(lines: Lines, columns: int) -> InstanceError:
    """The first line that is wrong."""
    width = None
    what = _EXPECTED[columns]
    for number, tokens in lines.data():
        width = width or (2 if columns == 3 and len(tokens) == 2 else columns)
        right = len(tokens) == width and all(_NUMBER.fullmatch(token) for token in tokens)
        if not right or not np.isfinite([float(token) for token in tokens]).all():
            return lines.error(f"expected {what}, got {' '.join(tokens)[:80]!r}", number)
    return lines.error("cannot be read as lines of numbers")


def _check_digits(lines: Lines, x: np.ndarray) -> None:
    """Refuse integers that float64 rounds, and numbers that it takes for zero."""
    if not ((np.abs(x) >= LARGEST_EXACT) | (x == 0)).any():
        return
    for number, tokens in lines.data():
        token = tokens[-1]
        if re.fullmatch(r"[+-]?\d+", token, re.ASCII):
            if len(token) > 15 and int(token[:400]) != int(float(token)):
                raise lines.error(f"float64 cannot hold the integer {token[:80]}; rescale it", number)
        elif float(token) == 0 and re.search("[1-9]", re.split("[eE]", token)[0]):
            raise lines.error(f"float64 cannot hold the number {token[:80]}; rescale it", number)


def check_size(N: int, named: int) -> None:
    """Refuse a model without spins, and one nearly all of whose spins no line names."""
    if N < 1:
        raise ValueError(f"a model needs at least one spin, N = {N} is announced")
    check_memory(10 * 8 * N, f"a model of {N} spins")
    if N - named > FREE_SITES:
        raise ValueError(
            f"{N} sites are announced and at most {named} of them named; {FREE_SITES} sites without "
            "coupling are allowed in a file (models.SparseIsing.from_edges has no such limit)"
        )


def edges(
    lines: Lines, N: int | None, nnz: int | None, first: int, sums: Sums | None = None
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """N, and 0-based sites and numbers of all lines, checked; ``first`` is the file's lowest site.

    With ``sums`` loops are left out and parallel edges add up.
    """
    found = table(lines)
    if nnz is not None and nnz != len(found):
        raise lines.error(f"{nnz} edges are announced, the file has {len(found)}; is it complete?")
    i, j, x = found[:, 0] - first, found[:, 1] - first, found[:, 2]
    if N is None:
        N = int(max(i.max(initial=0), j.max(initial=0))) + 1
    check_size(N, 2 * len(found))
    fault = edge_fault(i, j, N, first, simple=sums is None)
    if fault is not None:
        edge, message = fault
        if first == 0 and N in (i[edge], j[edge]):
            message += "; if the file counts from 1, say first=1"
        raise lines.error(message, list(lines.data())[edge][0])
    i, j = i.astype(np.int64), j.astype(np.int64)
    return N, *((i, j, x) if sums is None else sum_parallel(i, j, x, sums))
