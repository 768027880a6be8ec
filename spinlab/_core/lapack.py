"""The positive part of a symmetric matrix by LAPACK, from compiled code and without the GIL.

numba's own ``eigh`` computes all eigenvectors; few are positive where a semidefinite bound is tight, and
reducing to a tridiagonal matrix and asking for those alone takes half the time. The routines are those that
scipy was built with (``scipy.linalg.cython_lapack``), called by name so that the kernel can be kept on disk.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numpy as np
import scipy.linalg.cython_lapack  # noqa: F401 - its capsule is looked up by name below
from numba import types
from numba.extending import get_cython_function_address

from .jit import kernel

for _name in ("dsytrd", "dstemr", "dormtr"):
    _address = get_cython_function_address("scipy.linalg.cython_lapack", _name)
    llvmlite.binding.add_symbol(f"spinlab_{_name}", _address)

_dsytrd = types.ExternalFunction("spinlab_dsytrd", types.void(*[types.intp] * 10))
_dstemr = types.ExternalFunction("spinlab_dstemr", types.void(*[types.intp] * 21))
_dormtr = types.ExternalFunction("spinlab_dormtr", types.void(*[types.intp] * 13))

_BLOCK = 64  # columns of LAPACK's blocked algorithms, at most


@kernel
def _by_eigh(A: Any, w: Any, Z: Any) -> Any:
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            A[i, j] = A[j, i]
    values, vectors = np.linalg.eigh(A)
    found = 0
    for i in range(n):
        if values[i] > 0:
            w[found] = values[i]
            for j in range(n):
                Z[found, j] = vectors[j, i]
            found += 1
    return found, values[n - 1]


@kernel
def _by_lapack(
    A: Any, w: Any, Z: Any, letters: Any, numbers: Any, work: Any, iwork: Any, vectors: Any
) -> Any:
    # The caller holds every array: numba frees one after its last use, and an address is no use.
    n = A.shape[0]
    letters[0], letters[1], letters[2], letters[3] = 76, 86, 78, 73  # L V N I
    d, e, tau = vectors[0], vectors[1], vectors[2]
    numbers[0], numbers[1], numbers[2], numbers[4] = n, work.size, 10 * n, n
    at, letter = numbers.ctypes.data, letters.ctypes.data
    p_n, p_lwork, p_liwork, p_first, p_last, p_rac = at, at + 4, at + 8, at + 12, at + 16, at + 20
    p_found, p_info = at + 24, at + 28
    p_A, p_Z, p_w, p_work, p_tau = (
        A.ctypes.data,
        Z.ctypes.data,
        w.ctypes.data,
        work.ctypes.data,
        tau.ctypes.data,
    )
    p_iwork, p_support, p_limits = iwork.ctypes.data, iwork.ctypes.data + 4 * 10 * n, vectors[3].ctypes.data
    _dsytrd(letter, p_n, p_A, p_n, d.ctypes.data, e.ctypes.data, p_tau, p_work, p_lwork, p_info)
    # Sturm's count of the positive ones; dstemr is never asked for an interval that may be empty.
    positive = 0
    pivot = 1.0
    for i in range(n):
        pivot = d[i] - (e[i - 1] * e[i - 1] / pivot if i > 0 else 0.0)
        if pivot > 0.0:
            positive += 1
        elif pivot == 0.0:
            pivot = -1e-290
    numbers[3] = n - max(positive, 1) + 1
    numbers[5] = 1
    _dstemr(
        letter + 1, letter + 3, p_n, d.ctypes.data, e.ctypes.data, p_limits, p_limits, p_first, p_last,
        p_found, p_w, p_Z, p_n, p_n, p_support, p_rac, p_work, p_lwork, p_iwork, p_liwork, p_info,
    )  # fmt: skip
    found = numbers[6]
    if numbers[7] != 0 or found == 0:
        return -1, np.inf
    _dormtr(letter, letter, letter + 2, p_n, p_found, p_A, p_n, p_tau, p_Z, p_n, p_work, p_lwork, p_info)
    largest = w[found - 1]
    skipped = 0
    while skipped < found and w[skipped] <= 0.0:
        skipped += 1
    if skipped > 0:
        for r in range(skipped, found):
            w[r - skipped] = w[r]
            for i in range(n):
                Z[r - skipped, i] = Z[r, i]
    return found - skipped, largest


@kernel
def positive_eigenpairs(A: Any, w: Any, Z: Any) -> Any:
    """Eigenvalues of A above 0, increasing, in w; eigenvectors in the rows of Z; returns (number, largest).

    ``A`` is C-ordered with at least its upper triangle filled, and is destroyed. "largest" is the largest
    eigenvalue, whatever its sign.
    """
    n = A.shape[0]
    if n < 4:  # dstemr treats its smallest cases by other rules
        return _by_eigh(A, w, Z)
    B = A.copy()
    letters = np.empty(4, np.uint8)
    numbers = np.zeros(8, np.int32)
    work = np.empty(_BLOCK * (n + _BLOCK + 2))
    iwork = np.empty(12 * n, np.int32)
    vectors = np.zeros((4, n))
    found, largest = _by_lapack(A, w, Z, letters, numbers, work, iwork, vectors)
    if found < 0:
        found, largest = _by_eigh(B, w, Z)
    return found, largest
