"""Matrix Market files: a matrix in text, as its entries or in full."""

from __future__ import annotations

import re

import numpy as np
import scipy.sparse

from ._lines import InstanceError, Lines, check_size, table

_MARK = "%%matrixmarket"
_BANNER = re.compile(_MARK + r"\s+matrix\s+(coordinate|array)\s+(real|integer)\s+(general|symmetric)")


def is_market(text: str) -> bool:
    """Whether the first line is a banner of Matrix Market."""
    return text.lstrip()[: len(_MARK)].lower() == _MARK


def read(text: str, name: str) -> scipy.sparse.coo_array | np.ndarray:
    """The matrix of a file, both triangles of a symmetric one."""
    lines = Lines(text, name)
    data = lines.data()
    number, banner = next(data)
    found = _BANNER.fullmatch(" ".join(banner).lower())
    if found is None:
        raise lines.error(
            "what is read is 'coordinate' or 'array', of 'real' or 'integer' numbers, 'general' or "
            f"'symmetric', got {' '.join(banner)[:80]!r}",
            number,
        )
    number, sizes = next(data, (number + 1, []))
    is_sparse, is_symmetric = found[1] == "coordinate", found[3] == "symmetric"
    if len(sizes) != 2 + is_sparse or not all(re.fullmatch("[0-9]{1,18}", size) for size in sizes):
        what = "rows, columns and entries" if is_sparse else "rows and columns"
        raise lines.error(f"expected the numbers of {what}, got {' '.join(sizes)[:80]!r}", number)
    lines.start = number
    rows, columns = int(sizes[0]), int(sizes[1])
    if is_symmetric and rows != columns:
        raise lines.error(f"a symmetric matrix is square, this one is {rows} x {columns}", number)
    try:
        if is_sparse:
            return _entries(lines, rows, columns, int(sizes[2]), is_symmetric)
        return _full(lines, rows, columns, is_symmetric)
    except InstanceError:
        raise
    except ValueError as error:
        raise lines.error(str(error)) from None


def _entries(
    lines: Lines, rows: int, columns: int, n_entries: int, is_symmetric: bool
) -> scipy.sparse.coo_array:
    """Lines ``i j x`` from 1, each place once; of a symmetric matrix one triangle."""
    found = table(lines)
    _check_count(lines, len(found), n_entries)
    check_size(max(rows, columns), 2 * len(found))
    i, j, x = found[:, 0] - 1, found[:, 1] - 1, found[:, 2]
    low, high = (np.minimum(i, j), np.maximum(i, j)) if is_symmetric else (i, j)
    order = np.lexsort((high, low))
    again = np.zeros(len(x), dtype=bool)
    again[order[1:]] = (np.diff(low[order]) == 0) & (np.diff(high[order]) == 0)
    for wrong, message in (
        ((i != np.floor(i)) | (j != np.floor(j)), "row and column must be integers"),
        ((low < 0) | (i >= rows) | (j >= columns), f"row and column must be in 1..{rows} and 1..{columns}"),
        (again, "this place is given a second time" + ", mirrored or not" * is_symmetric),
    ):
        if wrong.any():
            number, tokens = list(lines.data())[int(np.argmax(wrong))]
            raise lines.error(f"{' '.join(tokens[:2])}: {message}", number)
    if is_symmetric:
        off = i != j
        i, j, x = np.append(i, j[off]), np.append(j, i[off]), np.append(x, x[off])
    return scipy.sparse.coo_array((x, (i.astype(np.int64), j.astype(np.int64))), shape=(rows, columns))


def _full(lines: Lines, rows: int, columns: int, is_symmetric: bool) -> np.ndarray:
    """A number in each line, column by column; of a symmetric matrix from the diagonal down."""
    x = table(lines, columns=1)[:, 0]
    if not is_symmetric:
        _check_count(lines, len(x), rows * columns)
        return x.reshape(columns, rows).T
    _check_count(lines, len(x), rows * (rows + 1) // 2)
    matrix = np.zeros((rows, rows))
    j, i = np.triu_indices(rows)  # column by column below the diagonal
    matrix[i, j] = matrix[j, i] = x
    return matrix


def _check_count(lines: Lines, found: int, announced: int) -> None:
    if found != announced:
        raise lines.error(f"{announced} entries are announced, the file has {found}; is it complete?")
