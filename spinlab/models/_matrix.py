"""Matrices in text: rows of numbers between commas, semicolons, tabs or blanks, with names or without."""

from __future__ import annotations

import csv
from typing import NamedTuple

import numpy as np

from .._core.validate import ASYMMETRY
from ._lines import InstanceError

_SEPARATORS = ";,\t"  # where a line has none of them, blanks
_SMALL = 3  # in lines of so few numbers there may be edges


class Table(NamedTuple):
    """The numbers of a table, and the names that its rows and columns share."""

    numbers: np.ndarray
    labels: tuple[str, ...] | None


def read(text: str) -> Table | None:
    """The table that a text is, all lines of one length; None where it is something else.

    A first line may name the columns and a first column the rows, as pandas writes them.
    """
    lines = _lines(text)
    separator = next((x for x in _SEPARATORS if lines and x in lines[0]), None)
    try:
        split = map(str.split, lines) if separator is None else csv.reader(lines, delimiter=separator)
        rows = [[cell.strip() for cell in row] for row in split]
    except csv.Error:
        return None
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        return None
    columns: list[str] = []  # their names
    named: list[str] = []  # those of the rows
    if len(rows) > 1 and (not _are_numbers(rows[0]) or rows[0] in _counts(len(rows) - 1)):
        columns, rows = rows[0], rows[1:]
        named = [row[0] for row in rows]
        if columns[0] == "" or named == columns[1:] or not any(_are_numbers([x]) for x in named):
            columns, rows = columns[1:], [row[1:] for row in rows]
        else:
            named = columns
    if len(rows[0]) < 2 or not all(map(_are_numbers, rows)):
        return None
    known = columns == named and columns not in _counts(len(columns))[:1]
    return Table(np.array(rows, dtype=float), tuple(columns) if known and columns else None)


def fits(text: str) -> bool:
    """Whether a text can only be a square matrix: edges would name a pair twice or have fewer numbers."""
    last = text.rstrip().rpartition("\n")[2]
    width = len(last.translate(str.maketrans(_SEPARATORS, "   ")).split())
    if text.count("\n") > 2 * width + 100:  # a long list of edges is not read twice
        return False
    table = read(text)
    if table is None or table.numbers.shape != (len(table.numbers),) * 2:
        return False
    J = table.numbers
    if len(J) > _SMALL or not np.isfinite(J).all():  # which is refused by its name
        return True
    with np.errstate(over="ignore"):
        is_symmetric = np.abs(J - J.T).max() <= ASYMMETRY * np.abs(J).max()
    return bool(is_symmetric and not np.diagonal(J).any())


def parse(text: str, name: str) -> Table:
    """The matrix of a text that is said to be one."""
    table = read(text)
    if table is None:
        raise InstanceError(
            f"{name}: no matrix: it has as many numbers in each line, between commas, semicolons, tabs "
            "or blanks"
        )
    return table


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def _are_numbers(row: list[str]) -> bool:
    try:
        for cell in row:
            float(cell)
    except ValueError:
        return False
    return not any("_" in cell for cell in row)  # Python's 1_000


def _counts(n: int) -> list[list[str]]:
    """The names of n columns that are only numbered, from 0 or from 1."""
    return [[str(k) for k in range(first, first + n)] for first in (0, 1)]
