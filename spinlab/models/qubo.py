"""Quadratic unconstrained binary optimisation: minimise x.Q.x over x in {0, 1}."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from .._core.tables import index_along
from .._core.validate import as_real, as_real_array, check_memory
from ._sums import Sums
from .base import IsingModel
from .sparse import SparseIsing

Entries = Iterable[tuple[int, int, float]]


def from_qubo(Q: Any, *, offset: float = 0.0, labels: Sequence[Hashable] | None = None) -> SparseIsing:
    """+-1 model with the energies of E(x) = sum_ij Q_ij x_i x_j + offset, x in {0, 1}.

    Q may be given in one triangle or in full: (i, j) and (j, i) add up, the diagonal is linear. With
    x = (1 + s)/2: J_ij = -(Q_ij + Q_ji)/4, b_i = -Q_ii/2 - sum_{j != i} (Q_ij + Q_ji)/4 and
    offset' = offset + sum_i Q_ii/2 + sum_{i != j} Q_ij/4, each sum rounded once.

    Parameters
    ----------
    Q : array_like or scipy.sparse, shape (N, N), pandas.DataFrame, or mapping
        A mapping has pairs of names as keys, as of dimod, pyqubo and OpenJij:
        ``{("a", "a"): -1.0, ("a", "b"): 2.0}``.
    offset : float, default 0
        Constant added to every energy.
    labels : sequence, optional
        Names of the sites. Of a mapping: their order (default: as they first occur), which may name
        variables without any entry.

    Returns
    -------
    SparseIsing
        Its ``rounding`` bounds what float64 cannot hold. Where all fields are such rounding, as those of a
        maximum cut whose weights were added up in float64, they are left out and counted there.

    Raises
    ------
    ValueError, TypeError
        If Q is not square, empty, or holds anything but finite numbers, or ``labels`` do not fit.

    See Also
    --------
    from_bqm : of a dimod BQM.
    from_binary : of couplings and fields between 0/1 units, E = -x.J.x/2 - b.x.

    Examples
    --------
    >>> from spinlab.models import from_qubo
    >>> model = from_qubo({("a", "a"): -1.0, ("b", "b"): -1.0, ("a", "b"): 2.0})
    >>> model.labels, float(model.energy([1, -1])), float(model.energy([1, 1]))  # x = (1, 0) and (1, 1)
    (('a', 'b'), -1.0, 0.0)
    """
    _refuse_other_doors(Q)
    sums = Sums()
    as_real(offset, "offset")
    offset = sums.number(offset)
    names: int | tuple[Hashable, ...]
    if isinstance(Q, Mapping) and not scipy.sparse.issparse(Q):
        names, entries = _from_mapping(Q, labels, sums)
    else:
        names, entries = _from_matrix(Q, labels)
    n = len(names) if isinstance(names, tuple) else names
    pairs: dict[tuple[int, int], list[float]] = {}
    terms: list[list[float]] = [[] for _ in range(n)]
    constant = [offset]
    for i, j, q in entries:
        if i == j:
            terms[i].append(-q / 2)
            constant.append(q / 2)
        else:
            pairs.setdefault((min(i, j), max(i, j)), []).append(-q / 4)
            terms[i].append(-q / 4)
            terms[j].append(-q / 4)
            constant.append(q / 4)
    model = SparseIsing.from_edges(
        [i for i, _ in pairs],
        [j for _, j in pairs],
        [sums.add(x) for x in pairs.values()],
        n,
        sums.fields(terms),
        offset=sums.add(constant),
        labels=names if isinstance(names, tuple) else labels,
    )
    return model._off_by(sums.lost)


def _refuse_other_doors(Q: Any) -> None:
    if isinstance(Q, IsingModel) or hasattr(Q, "vartype"):
        raise TypeError(f"Q is a {type(Q).__name__}, a model already; models.as_model takes it")
    if isinstance(Q, tuple) and Q and isinstance(Q[0], Mapping):
        raise TypeError("Q is a tuple, as of to_qubo(); give from_qubo(Q, offset=c) for (Q, c)")


def _from_mapping(
    Q: Mapping[Any, Any], labels: Sequence[Hashable] | None, sums: Sums
) -> tuple[tuple[Hashable, ...], Entries]:
    for key in Q:
        if not isinstance(key, tuple) or len(key) != 2:
            raise TypeError(
                f"the keys of a QUBO must be pairs of names, got {key!r}; linear terms are (i, i)"
            )
    if labels is None:
        names = tuple(dict.fromkeys(name for pair in Q for name in pair))
    else:
        names = tuple(labels)
    if not names:
        raise ValueError("the QUBO has no variables; a model needs at least one spin")
    number = {name: i for i, name in enumerate(names)}
    entries = []
    for (u, v), q in Q.items():
        if u not in number or v not in number:
            raise ValueError(
                f"labels must name all variables; {(u if u not in number else v)!r} is not among them"
            )
        as_real(q, f"Q[{u!r}, {v!r}]")
        entries.append((number[u], number[v], sums.number(q)))
    return names, entries


def _from_matrix(Q: Any, labels: Any) -> tuple[int | tuple[Hashable, ...], Entries]:
    names: int | tuple[Hashable, ...]
    if scipy.sparse.issparse(Q):
        found = Q.tocoo()
        shape, values = found.shape, as_real_array(found.data, "Q", 1, exact=True)
        i, j = (found.coords[0], found.coords[1]) if len(shape) == 2 else ([], [])
    else:
        dense = as_real_array(Q, "Q", 2, exact=True)
        shape = dense.shape
        i, j = np.nonzero(dense)
        values = dense[i, j]
    if len(shape) != 2 or shape[0] != shape[1] or not shape[0]:
        raise ValueError(f"Q must be square and not empty, got shape {shape}")
    check_memory(10 * 8 * shape[0], f"a model of {shape[0]} spins")
    names = int(shape[0])
    index, columns = index_along(Q, 0), index_along(Q, 1)
    if labels is None and (index, columns) != (None, None):
        if columns is None or columns != index:
            raise ValueError("the rows and columns of a table must have the same names in the same order")
        names = columns
    return names, zip(np.asarray(i).tolist(), np.asarray(j).tolist(), values.tolist(), strict=True)
