"""Model on a graph: only the non-zero couplings are stored."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from .._core.forms import Sparse
from .._core.tables import shared_names, site_names
from .._core.validate import ASYMMETRY, as_count, as_fields, as_real_array, check_memory
from ._sums import Sums
from .base import IsingModel, spread


class SparseIsing(IsingModel, stored="sparse"):
    """Ising model on a graph, E(s) = -sum_{edges} J_ij s_i s_j - sum_i b_i s_i + offset.

    Parameters
    ----------
    J : scipy.sparse array or matrix, or array_like, shape (N, N)
        Symmetric, zero diagonal; duplicate entries are summed. Explicit zeros off the diagonal are
        kept as edges without coupling.
    b, offset, labels
        As for :class:`DenseIsing`.

    See Also
    --------
    from_edges : from arrays of edges.
    from_networkx : from a graph with edge weights.

    Examples
    --------
    >>> import scipy.sparse
    >>> from spinlab.models import SparseIsing
    >>> pair = SparseIsing(scipy.sparse.csr_array([[0.0, 1.0], [1.0, 0.0]]))
    >>> float(pair.energy([1, -1]))
    1.0
    """

    def __init__(
        self, J: Any, b: Any = None, *, offset: float = 0.0, labels: Sequence[Hashable] | None = None
    ) -> None:
        names = shared_names(J)
        self._J, apart = _as_sparse_couplings(J)
        labels = names if labels is None else labels
        super().__init__(as_fields(b, self._J.shape[0], names=names or site_names(labels)), offset, labels)
        if apart:
            self.__dict__["rounding"] = math.nextafter(self.rounding + apart, math.inf)

    @classmethod
    def from_edges(
        cls,
        i: Any,
        j: Any,
        J: Any,
        N: int,
        b: Any = None,
        *,
        offset: float = 0.0,
        labels: Sequence[Hashable] | None = None,
    ) -> SparseIsing:
        """Model of N spins from a list of edges, each given once; the inverse of :meth:`edges`.

        Parameters
        ----------
        i, j : array_like of int, shape (M,)
            Ends of the edges, 0..N-1.
        J : array_like, shape (M,)
            Couplings.
        N : int
            Number of spins.
        b, offset, labels
            As for the class.

        Examples
        --------
        >>> from spinlab.models import SparseIsing
        >>> SparseIsing.from_edges([0, 1], [1, 2], [1.0, -1.0], N=3)
        <SparseIsing: N=3, 2 edges>
        """
        N = as_count(N, "N")
        i, j, J = as_real_array(i, "i", 1), as_real_array(j, "j", 1), as_real_array(J, "J", 1, exact=True)
        if not len(i) == len(j) == len(J):
            raise ValueError(
                f"i, j and J must have one entry for each edge, got {len(i)}, {len(j)}, {len(J)}"
            )
        fault = edge_fault(i, j, N)
        if fault is not None:
            raise ValueError(f"edge number {fault[0]}: {fault[1]}")
        i, j = i.astype(np.int64), j.astype(np.int64)
        return cls(
            _csr(np.append(i, j), np.append(j, i), np.append(J, J), (N, N)), b, offset=offset, labels=labels
        )

    @property
    def J(self) -> scipy.sparse.csr_array:
        """Couplings as a new scipy.sparse.csr_array of shape (N, N)."""
        return self._J.copy()

    @property
    def n_edges(self) -> int:
        """Number of stored edges."""
        return self._J.nnz // 2

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Arrays (i, j, J_ij) of the edges with i < j, sorted."""
        upper = scipy.sparse.triu(self._J, 1, format="csr").tocoo()
        return upper.coords[0].astype(np.int64), upper.coords[1].astype(np.int64), upper.data.copy()

    def _times(self, s: np.ndarray) -> np.ndarray:
        return (self._J @ s.reshape(-1, self.n_spins).T).T.reshape(s.shape)

    def _scaled(self, factor: float) -> SparseIsing:
        return SparseIsing(
            factor * self._J, factor * self._b, offset=factor * self.offset, labels=self.labels
        )

    def coupling_std(self) -> float:
        return spread(self._J.data)

    def form(self) -> Sparse:
        return Sparse(self._J.indptr, self._J.indices, self._J.data, self._b)

    def couplings(self) -> np.ndarray:
        return self._J.toarray()

    def _sparse_couplings(self) -> scipy.sparse.csr_array:
        return self._J

    def _size(self) -> str:
        return f"N={self.n_spins}, {self.n_edges} edges"


def _as_sparse_couplings(J: Any) -> tuple[scipy.sparse.csr_array, float]:
    """As ``validate.symmetrised``; rows are sorted, so that equal models have equal arrays."""
    if not scipy.sparse.issparse(J):
        J = scipy.sparse.csr_array(as_real_array(J, "J", 2, exact=True))
    if J.ndim != 2 or J.shape[0] != J.shape[1]:
        raise ValueError(f"J must be square, got shape {J.shape}; for an RBM use models.BipartiteIsing(W)")
    if J.shape[0] == 0:
        raise ValueError("J is empty; a model needs at least one spin")
    if J.format in ("csr", "csc", "bsr"):
        J.check_format(full_check=True)  # a damaged index would reach compiled code
    J = J.tocoo()
    (i, j), data, shape, sums = J.coords, as_real_array(J.data, "J", 1, exact=True), J.shape, Sums()
    J = _csr(i, j, data, shape)
    if J.nnz < len(data):
        J = _csr(*_summed(i, j, data, sums), shape)
    if J.diagonal().any():
        raise ValueError(
            "J has a non-zero diagonal; s_i s_i = 1 is only a constant: remove it (J.setdiag(0)); a QUBO "
            "matrix, for x of 0 and 1, is read by models.from_qubo"
        )
    entries = J.tocoo()
    (i, j), data = entries.coords, entries.data
    off = i != j
    i, j, data = i[off], j[off], data[off]
    J = _csr(i, j, data, J.shape)
    mirror = J.T.tocsr()
    if not (np.array_equal(J.indptr, mirror.indptr) and np.array_equal(J.indices, mirror.indices)):
        # An explicit zero on one side only, or a couplings matrix that is not symmetric.
        zeros = np.zeros_like(data)
        J = _csr(np.append(i, j), np.append(j, i), np.append(data, zeros), J.shape)
        mirror = J.T.tocsr()
    apart = np.abs(J.data - mirror.data)
    lost = sums.lost / 2  # of both triangles
    if apart.any() and apart.max() <= ASYMMETRY * np.abs(J.data).max():
        J.data = J.data / 2 + mirror.data / 2
        mean = apart + (apart > 0) * (2.0**-51 * np.abs(J.data) + 2.0**-1072)
        lost = (lost + float(mean.sum()) / 4) * (1 + 2.0**-40)
    elif apart.any():
        if not data[i > j].any() or not data[i < j].any():
            raise ValueError("J is triangular; give the full symmetric matrix, J + J.T")
        first = int(np.flatnonzero(apart > ASYMMETRY * np.abs(J.data).max())[0])
        i, j = (int(k[first]) for k in J.tocoo().coords)
        raise ValueError(
            f"J must be symmetric, but J[{i},{j}] = {J[i, j]} and J[{j},{i}] = {J[j, i]}; "
            "symmetrise it, for example (J + J.T) / 2 (differences of up to "
            f"{ASYMMETRY:g} of the largest entry are taken for rounding)"
        )
    J.indptr, J.indices = J.indptr.astype(np.int64), J.indices.astype(np.int64)
    return J, lost


def edge_fault(
    i: np.ndarray, j: np.ndarray, N: int, first: int = 0, simple: bool = True
) -> tuple[int, str] | None:
    """Number of a wrong edge and what is wrong with it; sites are shown counted from ``first``.

    A graph that need not be ``simple`` may have loops and parallel edges.
    """
    low, high = np.minimum(i, j), np.maximum(i, j)
    order = np.lexsort((high, low))
    again = (np.diff(low[order]) == 0) & (np.diff(high[order]) == 0)
    repeated = np.zeros(len(i), dtype=bool)
    repeated[order[1:][again]] = True
    for bad, message in (
        ((i != np.floor(i)) | (j != np.floor(j)), "sites must be integers"),
        ((low < 0) | (high >= N), f"sites must be in {first}..{N - 1 + first}"),
        ((i == j) & simple, "a site cannot be coupled to itself (s_i s_i = 1 is only a constant)"),
        (
            repeated & simple,
            "this pair is given a second time; each must occur once, parallel couplings added up",
        ),
    ):
        if bad.any():
            edge = int(np.argmax(bad))
            return edge, f"sites {i[edge] + first:.15g} and {j[edge] + first:.15g}: {message}"
    return None


def sum_parallel(
    i: np.ndarray, j: np.ndarray, J: np.ndarray, sums: Sums
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pair once, i < j, with the sum of its couplings rounded once; loops are left out."""
    simple = i != j
    return _summed(np.minimum(i, j)[simple], np.maximum(i, j)[simple], J[simple], sums)


def _summed(
    i: np.ndarray, j: np.ndarray, J: np.ndarray, sums: Sums
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each place (i, j) once, sorted, with the sum of its entries rounded once."""
    order = np.lexsort((j, i))
    i, j, J = i[order], j[order], J[order]
    new = np.ones(len(J), dtype=bool)
    new[1:] = (np.diff(i) != 0) | (np.diff(j) != 0)
    begin = np.flatnonzero(new)
    end = np.append(begin[1:], len(J))
    total = J[begin]
    for k in np.flatnonzero(end - begin > 1):
        total[k] = sums.add(J[begin[k] : end[k]].tolist())
    return i[begin], j[begin], total


def _csr(i: np.ndarray, j: np.ndarray, data: np.ndarray, shape: tuple[int, int]) -> scipy.sparse.csr_array:
    check_memory(10 * 8 * shape[0], f"a model of {shape[0]} spins")
    J = scipy.sparse.coo_array((data, (i, j)), shape=shape).tocsr()
    J.sum_duplicates()
    return J
