"""Barriers of a landscape: how far one must climb, flip by flip, to leave a valley for a deeper one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.jit import kernel
from .._core.results import Result
from .._core.validate import as_choice, as_real, check_memory
from ..models import TwoLayerIsing, as_model
from ._heat_bath_chain import energies
from .relaxation import is_even

MAX_VISIBLE = 20  # of F(v)
MAX_SPINS = 24  # of E


@dataclass(frozen=True, repr=False)
class Barriers(Result):
    """Valleys of a landscape over single flips, in the order of their depth.

    Attributes
    ----------
    height : float
        Depth of the deepest valley that does not hold the lowest state: what must be climbed to leave it for
        a lower one. 0 if there is a single valley.
    depths : ndarray, shape (n_valleys - 1,)
        The same of every other valley, deepest first.
    n_valleys : int
        Connected sets of states from which no way leads down, the lowest one included.
    landscape : {"free_energy", "energy"}
        F(v) = -ln sum_h exp(-beta E) over flips of visible sites, or beta E over flips of all sites.
    sector : {"even", "all"}
        Whether a state and its inverse count as one.
    """

    height: float
    depths: np.ndarray
    n_valleys: int
    landscape: str
    sector: str


def barriers(
    model: Any, *, landscape: str | None = None, sector: str | None = None, beta: float = 1.0
) -> Barriers:
    """Barriers between valleys, from all states in the order of their energy.

    States are added from the lowest up and joined with those of their neighbours that are there already;
    where two valleys meet, the one with the higher bottom ends, and the climb from its bottom to that state
    is its depth. The largest depth d governs the slowest mode of single-flip dynamics: ln(time) = d + O(ln)
    for large d (B. Hajek, Math. Oper. Res. 13, 311 (1988)).

    Parameters
    ----------
    model : IsingModel or anything :func:`spinlab.models.as_model` takes
    landscape : {"free_energy", "energy"}, optional
        By default "free_energy" for two layers, V <= 20 and any H, otherwise "energy", up to 24 sites in all.
    sector : {"even", "all"}, optional
        "even" by default where there are no biases: without it the highest barrier is that between the two
        lowest states, which are inverses.
    beta : float, default 1
        Inverse temperature; for "energy" a factor.

    Returns
    -------
    Barriers
        Exact up to the rounding of energies; energies that differ by that alone may count as valleys of depth
        1e-12 or so.

    Raises
    ------
    ValueError
        Beyond those sizes; if the free energy of a model without layers is asked for.

    Notes
    -----
    Time and memory grow as 2^n: 20 sites take a second, 24 about 20 s and 0.4 GB.

    Examples
    --------
    >>> import spinlab as sl
    >>> chain = sl.models.DenseIsing([[0, 1, 0], [1, 0, 2], [0, 2, 0]])
    >>> two = sl.observables.barriers(chain, sector="all")  # a wall must cross the stronger bond
    >>> two.n_valleys, two.height
    (2, 4.0)
    >>> sl.observables.barriers(chain).n_valleys
    1
    """
    model = as_model(model)
    layered = isinstance(model, TwoLayerIsing)
    if landscape is None:
        landscape = "free_energy" if layered else "energy"
    as_choice(landscape, "landscape", ("free_energy", "energy"))
    beta = as_real(beta, "beta", 0.0)
    even = is_even(model, sector)
    if landscape == "free_energy" and not isinstance(model, TwoLayerIsing):
        raise ValueError(f'the free energy F(v) needs two layers, got {model!r}; use landscape="energy"')
    if isinstance(model, TwoLayerIsing) and landscape == "free_energy":
        N, limit, what = model.V, MAX_VISIBLE, "visible sites"
    else:
        N, limit, what = model.n_spins, MAX_SPINS, "sites"
    if limit < N:
        raise ValueError(
            f"barriers of the {landscape.replace('_', ' ')} go through all states of up to {limit} {what}, "
            f"got {N}; measure relaxation instead, for example with spinlab.rbm.gibbs_autocorrelation_time"
        )
    check_memory(40 * 2**N, f"the barriers of {N} sites")
    U = energies(model, beta, marginal=landscape == "free_energy")
    if even:  # site N-1 is down
        U = U[: 2 ** (N - 1)]
    depths = np.sort(_depths(U, np.argsort(U, kind="stable"), N, even))[::-1]
    return Barriers(
        float(depths[0]) if len(depths) else 0.0,
        depths,
        len(depths) + 1,
        landscape,
        "even" if even else "all",
    )


def _depths(U: np.ndarray, order: np.ndarray, N: int, even: bool) -> np.ndarray:
    """Depth of every valley but the lowest; sets that are joined at their own height are no valleys."""
    parent = np.full(len(U), -1, dtype=np.int32)
    found = np.empty(len(U))
    return found[: _join(U, order, N, even, parent, found)].copy()


@kernel
def _join(U, order, N, even, parent, found):  # type: ignore[no-untyped-def]
    """Union-find: the root of a set is its lowest state. Returns the number of depths written to found."""
    n, count, last = len(U), 0, 2**N - 1
    for state in order:
        parent[state] = state
        root = state
        for i in range(N):
            other = state ^ (1 << i)
            if even and other >= n:
                other = last - other
            if parent[other] < 0:
                continue
            while parent[other] != other:
                parent[other] = parent[parent[other]]
                other = parent[other]
            if other == root:
                continue
            if U[other] > U[root]:
                other, root = root, other
            depth = U[state] - U[root]
            if depth > 0.0 and root != other:
                found[count] = depth
                count += 1
            parent[root] = other
            root = other
    return count
