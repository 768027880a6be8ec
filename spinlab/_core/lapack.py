"""The positive part of a symmetric matrix, from compiled code and without the GIL.

numba's own ``eigh`` computes all eigenvectors; few are positive where a semidefinite bound is tight, and
reducing to a tridiagonal matrix and asking for those alone takes a third of the time. LAPACK's dsytrd is the
one that scipy was built with (``scipy.linalg.cython_lapack``), called by name so that the kernel can be kept
on disk.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numpy as np
import scipy.linalg.cython_lapack  # noqa: F401 - its capsule is looked up by name below
from numba import types
from numba.extending import get_cython_function_address

from .jit import kernel
from .tridiagonal import is_split, norm, positive_values, reflect, vectors

_address = get_cython_function_address("scipy.linalg.cython_lapack", "dsytrd")
llvmlite.binding.add_symbol("spinlab_dsytrd", _address)

_dsytrd = types.ExternalFunction("spinlab_dsytrd", types.void(*[types.intp] * 10))

_BLOCK = 64  # columns of LAPACK's blocked algorithms, at most
_PERPENDICULAR = 1e-8  # cosine of two eigenvectors


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
def _tridiagonal(A: Any, letters: Any, numbers: Any, work: Any, d: Any, e: Any, tau: Any) -> None:
    """T = Q^T A Q; the caller holds every array: numba frees one after its last use, an address is no use."""
    letters[0] = 76  # L: the upper triangle in the order of C
    numbers[0], numbers[1] = A.shape[0], work.size
    p_n, p_lwork, p_info = numbers.ctypes.data, numbers.ctypes.data + 4, numbers.ctypes.data + 8
    p_d, p_e, p_tau, p_work = d.ctypes.data, e.ctypes.data, tau.ctypes.data, work.ctypes.data
    _dsytrd(letters.ctypes.data, p_n, A.ctypes.data, p_n, p_d, p_e, p_tau, p_work, p_lwork, p_info)


@kernel
def positive_eigenpairs(A: Any, w: Any, Z: Any) -> Any:
    """Eigenvalues of A above 0, increasing, in w; eigenvectors in the rows of Z; returns (number, largest).

    ``A`` is C-ordered with at least its upper triangle filled, and is destroyed. "largest" is the largest
    eigenvalue, whatever its sign. Where eigenvalues nearly coincide, ``eigh`` does it.
    """
    n = A.shape[0]
    if n < 3:
        return _by_eigh(A, w, Z)
    B = A.copy()
    letters = np.empty(4, np.uint8)
    numbers = np.zeros(4, np.int32)
    work = np.empty(_BLOCK * n)
    d, e, tau = np.empty(n), np.empty(n - 1), np.empty(n - 1)
    _tridiagonal(A, letters, numbers, work, d, e, tau)
    f, size = e * e, norm(d, e)
    if not size < np.inf or is_split(f, size):
        return _by_eigh(B, w, Z)
    values, low, high, q, count = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    m = positive_values(d, f, size, values, low, high, q, count)
    if m == 0:
        return m, values[0]
    V = np.empty((n, m))
    vectors(d, e, f, values, m, np.empty((n, m)), np.empty((n, m)), V, low, high)
    reflect(A, tau, V, q)
    for r in range(m):
        w[r] = values[m - 1 - r]
        for i in range(n):
            Z[r, i] = V[i, m - 1 - r]
    gram = np.dot(Z[:m], Z[:m].T)
    for r in range(m):
        for t in range(r + 1):  # with itself: NaN of 0/0 in the factors, not seen in 150 000 small matrices
            if not abs(gram[r, t] - (1.0 if t == r else 0.0)) < _PERPENDICULAR:
                return _by_eigh(B, w, Z)
    return m, values[0]
