"""The positive eigenpairs of a matrix, against numpy's eigh."""

from __future__ import annotations

import numpy as np
import pytest

from spinlab._core import lapack


def positive(M):
    """(eigenvalues, eigenvectors as rows, largest) of M by the kernel, which sees its upper half alone."""
    n = len(M)
    w, Z = np.empty(n), np.empty((n, n))
    m, largest = lapack.positive_eigenpairs(np.triu(M) + np.tril(np.full((n, n), np.nan), -1), w, Z)
    return w[:m], Z[:m], largest


def with_spectrum(values, seed):
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))[0]
    M = (Q * values) @ Q.T
    return (M + M.T) / 2


def random_matrices():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 4, 5, 8, 20, 61, 90):
        for shift in (-3.0, 0.0, 3.0, -100.0, 100.0):
            A = rng.normal(size=(n, n))
            yield A + A.T + shift * np.eye(n)


def special_matrices():
    rng = np.random.default_rng(1)
    yield np.zeros((6, 6))
    yield np.eye(7)
    yield -np.eye(7)
    yield np.ones((30, 30)) - np.eye(30)  # one eigenvalue 29 times
    yield np.kron(np.eye(5), np.ones((4, 4)))  # blocks
    yield np.diag(rng.normal(size=12))
    signs = np.sign(rng.normal(size=(20, 20)))
    yield np.kron(np.triu(signs, 1) + np.triu(signs, 1).T, np.eye(2))  # each eigenvalue twice
    for gap in (1e-3, 1e-6, 1e-9, 1e-12, 1e-15):
        yield with_spectrum(np.r_[1.0, 1.0 + gap, 1.0 - gap, 0.5, -rng.uniform(0, 5, 20)], 2)
    yield with_spectrum(np.r_[1e-14, 1.0, -rng.uniform(0, 5, 20)], 3)
    for scale in (1e-150, 1e-30, 1e30, 1e150):
        yield scale * with_spectrum(rng.normal(size=15), 4)


@pytest.mark.parametrize("M", [*random_matrices(), *special_matrices()], ids=lambda M: f"n{len(M)}")
def test_the_positive_part_and_the_largest_eigenvalue_are_those_of_eigh(M):
    w, Z, largest = positive(M)
    values, Q = np.linalg.eigh(M)
    size = max(1e-300, np.abs(values).max())
    assert abs(largest - values[-1]) <= 1e-13 * size
    assert (w >= 0).all()
    assert (np.diff(w) >= 0).all()
    np.testing.assert_allclose((Z.T * w) @ Z, (Q * np.maximum(values, 0)) @ Q.T, rtol=0, atol=1e-7 * size)
    clear = values[values > 1e-12 * size]  # zeros may be on either side
    np.testing.assert_allclose(w[len(w) - len(clear) :], clear, rtol=0, atol=1e-13 * size)
    np.testing.assert_allclose(Z @ Z.T, np.eye(len(Z)), rtol=0, atol=1e-7)


def test_eigh_is_asked_only_where_eigenvalues_nearly_coincide(monkeypatch):
    asked = []
    by_eigh = lapack._by_eigh.py_func

    def counted(A, w, Z):
        asked.append(len(A))
        return by_eigh(A, w, Z)

    monkeypatch.setattr(lapack, "_by_eigh", counted)
    run = lapack.positive_eigenpairs.py_func
    for M, expected in (
        (with_spectrum(np.r_[1.0, 0.9, -np.arange(1.0, 8.0)], 5), []),
        (with_spectrum(np.r_[1.0, 1.0 + 1e-12, -np.arange(1.0, 8.0)], 5), [9]),
        (np.ones((9, 9)), [9]),
    ):
        asked.clear()
        run(M.copy(), np.empty(9), np.empty((9, 9)))
        assert asked == expected
