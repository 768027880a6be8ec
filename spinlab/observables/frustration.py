"""Frustration: triads, plaquettes, the frustration index and balance of signed graphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import solve
from .._core.progress import shows_progress
from .._core.results import Result
from .._core.validate import as_flag
from ..models import IsingModel, ModelLike, SparseIsing, TwoLayerIsing, as_model


@dataclass(frozen=True, repr=False)
class Loops(Result):
    """Loops of one length and the sign of the product of the couplings around them. All numbers are exact.

    Attributes
    ----------
    n_frustrated : int
        With a negative product: no state satisfies all its couplings.
    n_satisfiable : int
        With a positive product.
    n_zero : int
        Loops of sites (for sparse models: of edges) in which some coupling is zero. Even numbers of +-1
        patterns make many.
    """

    n_frustrated: int
    n_satisfiable: int
    n_zero: int

    @property
    def fraction(self) -> float:
        """Frustrated ones among those with a non-zero product."""
        if not self.n_frustrated + self.n_satisfiable:
            raise ValueError("the model has no such loop with a non-zero product, so there is no fraction")
        return self.n_frustrated / (self.n_frustrated + self.n_satisfiable)


@dataclass(frozen=True, repr=False)
class FrustrationIndex(Result):
    """Couplings that a ground state leaves unsatisfied.

    Attributes
    ----------
    index : float
        Their number, or the sum of their |J_ij| if weighted.
    fraction : float
        The same in units of all couplings: 0 for a balanced model, at most 1/2.
    certified : bool
        Whether no state leaves fewer; otherwise ``index`` is an upper bound.
    """

    index: float
    fraction: float
    certified: bool


def triads(model: ModelLike) -> Loops:
    """Frustrated triads: triples of sites with J_ij J_jk J_ki < 0 (arXiv:1910.01592, Sec. IV).

    Counted exactly through traces of the matrix of signs S: the products add up to tr S^3 / 6. For K random
    +-1 patterns the fraction of the non-zero ones is 0 for K <= 2, 3/8, 0, 45/128 for K = 3, 4, 5, and 1/2
    for many.

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes

    Returns
    -------
    Loops
        Two layers have no triads: then all counts are 0.

    Notes
    -----
    N^3 operations for a dense model, number of edges times degree for a sparse one.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.observables.triads([[0, 1, 1], [1, 0, -1], [1, -1, 0]]).n_frustrated
    1
    """
    model = as_model(model)
    if isinstance(model, TwoLayerIsing):
        return Loops(0, 0, 0)
    S = _signs(model)
    size = abs(S)
    signed, present = round((S @ S * S).sum() / 6), round((size @ size * size).sum() / 6)
    N = model.n_spins
    zero = 0 if isinstance(model, SparseIsing) else N * (N - 1) * (N - 2) // 6 - present
    return Loops((present - signed) // 2, (present + signed) // 2, zero)


def plaquettes(model: ModelLike) -> Loops:
    """Frustrated plaquettes: loops of four couplings with a negative product.

    The shortest loops of two layers, (v, h, v', h'), and of square and cubic lattices. For weights from K
    random +-1 patterns the fraction of the non-zero ones is 0, 0, 3/8, 24/89, 225/512 for K = 1, .., 5.

    Parameters
    ----------
    model
        As for :func:`triads`.

    Returns
    -------
    Loops
        Without couplings that are zero for sparse models.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.observables.plaquettes(sl.models.BipartiteIsing([[1.0, 1.0], [1.0, -1.0]])).n_frustrated
    1
    """
    model = as_model(model)
    layers = isinstance(model, TwoLayerIsing)
    S = np.sign(model.weights()) if isinstance(model, TwoLayerIsing) else _signs(model)
    size = abs(S)
    # Two sites i, j with n common neighbours lie on n (n - 1)/2 loops; with products p_a = +-1 of the two
    # couplings to the neighbour a these have the products p_a p_b, which add up to ((sum_a p_a)^2 - n)/2.
    G, n = S @ S.T, size @ size.T
    signed, present = _pairs(G * G - n), _pairs(n * n - n)
    # The sums hold each pair in both orders. Within a layer a loop has one such pair; otherwise it has two.
    share = 4 if layers else 8
    signed, present = signed // share, present // share
    zero = 0
    if layers:
        V, H = S.shape
        zero = V * (V - 1) * H * (H - 1) // 4 - present
    elif not isinstance(model, SparseIsing):
        N = model.n_spins
        zero = N * (N - 1) * (N - 2) * (N - 3) // 8 - present
    return Loops((present - signed) // 2, (present + signed) // 2, zero)


@shows_progress
def frustration_index(
    model: ModelLike,
    *,
    weighted: bool = False,
    allow_heuristic: bool = False,
    threads: int | None = None,
    progress: bool | None = None,
) -> FrustrationIndex:
    """Frustration index: fewest couplings that a state can leave unsatisfied (J_ij s_i s_j < 0).

    (number of couplings + E0)/2 with E0 the ground energy of the model of signs, without fields
    (G. Toulouse 1977; F. Barahona, J. Phys. A 15, 3241 (1982)).

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    weighted : bool, default False
        Weigh each coupling by |J_ij|: the misfit (sum |J_ij| + E0)/2 of the model itself.
    allow_heuristic : bool, default False
        As in :func:`spinlab.ground_state`: an upper bound where no proof is in reach.
    threads : int, optional
    progress : bool, optional
        A bar for work of more than 5 s: None in terminals and notebooks, True always, False never.

    Raises
    ------
    ValueError
        If the model has no couplings, or the ground state cannot be found exactly and that is asked for.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.observables.frustration_index([[0, 1, 1], [1, 0, -1], [1, -1, 0]]).index
    1.0
    """
    model = as_model(model)
    weighted = as_flag(weighted, "weighted")
    bare = _without_fields(model, weighted)
    total = float(abs(_couplings(bare)).sum())
    if total == 0.0:
        raise ValueError("the model has no couplings, so nothing can be frustrated")
    gs = solve.ground_state(bare, allow_heuristic=allow_heuristic, threads=threads)
    index = max(0.0, (total + gs.energy) / 2)
    if not weighted:
        index = float(round(index))
    return FrustrationIndex(index, index / total, gs.certified)


def is_balanced(model: ModelLike) -> bool:
    """Whether the signed graph of the couplings is balanced: some state satisfies all of them at once.

    Then every loop has a positive product (F. Harary, Mich. Math. J. 2, 143 (1953)) and the frustration
    index is 0: a Mattis model, a ferromagnet up to a gauge. Fields are left out. Takes the size of the graph
    in time.

    Examples
    --------
    >>> import spinlab as sl
    >>> sl.observables.is_balanced(sl.ensembles.mattis(N=50, rng=0))
    True
    >>> sl.observables.is_balanced([[0, 1, 1], [1, 0, -1], [1, -1, 0]])
    False
    """
    import scipy.sparse
    from scipy.sparse.csgraph import connected_components

    model = as_model(model)
    J = scipy.sparse.csr_array(model.to_sparse().J)
    # Two copies of each site, one for each of its values; a coupling joins the values that go together.
    same, opposite = J > 0, J < 0
    _, part = connected_components(scipy.sparse.block_array([[same, opposite], [opposite, same]]))
    N = model.n_spins
    return bool((part[:N] != part[N:]).all())


def _signs(model: IsingModel) -> Any:
    """Matrix of signs: a scipy sparse array for sparse models, otherwise dense."""
    if isinstance(model, SparseIsing):
        return model.J.sign()
    return np.sign(model.couplings())


def _pairs(A: Any) -> int:
    """Sum over all ordered pairs of different sites."""
    return round(float(A.sum() - A.diagonal().sum()))


def _couplings(model: IsingModel) -> Any:
    """Each pair once."""
    if isinstance(model, TwoLayerIsing):
        return model.weights()
    import scipy.sparse

    return scipy.sparse.triu(model.to_sparse().J, 1)


def _without_fields(model: IsingModel, weighted: bool) -> IsingModel:
    from ..models import BipartiteIsing, DenseIsing

    if isinstance(model, TwoLayerIsing):
        W = model.weights()
        return BipartiteIsing(W if weighted else np.sign(W))
    if isinstance(model, SparseIsing):
        return SparseIsing(model.J if weighted else model.J.sign())
    J = model.couplings()
    return DenseIsing(J if weighted else np.sign(J))
