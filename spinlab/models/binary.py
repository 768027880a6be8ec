"""0/1 units to +-1 spins and back: x = (1 + s)/2 mixes couplings into fields and a constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.tables import names_along, shared_names
from .._core.validate import as_fields, as_real, as_real_array, symmetrised
from ._sums import Sums
from .bipartite import BipartiteIsing, TwoLayerIsing
from .dense import DenseIsing


def from_binary(J: Any, b: Any = None, *, offset: float = 0.0) -> DenseIsing:
    """+-1 model with the energies of E(x) = -x.J.x/2 - b.x + offset, x in {0, 1}.

    Off the diagonal this is -sum_{i<j} J_ij x_i x_j; as x_i^2 = x_i, a diagonal adds J_ii/2 to b_i. What
    float64 cannot hold is bounded by the ``rounding`` of the model.
    With x = (1 + s)/2: J' = J/4, b'_i = b_i/2 + sum_j J_ij/4 and
    offset' = offset - sum_{i<j} J_ij/4 - sum_i b_i/2.

    Parameters
    ----------
    J : array_like, shape (N, N), symmetric
    b : array_like, shape (N,), or float, optional

    See Also
    --------
    from_qubo : of a matrix Q, minimise x.Q.x.

    Examples
    --------
    >>> from spinlab.models import from_binary
    >>> model = from_binary([[0, 1], [1, 0]])
    >>> float(model.energy([1, 1])), float(model.energy([1, -1]))
    (-1.0, 0.0)
    """
    names = shared_names(J)
    J = as_real_array(J, "J", 2, exact=True)
    diagonal = np.diagonal(J) / 4
    np.fill_diagonal(J, 0.0)
    J, apart = symmetrised(J)
    J, b = J / 4, as_fields(b, len(J), names=names) / 2
    sums = Sums()
    fields = sums.fields(
        [*row, x, d] for row, x, d in zip(J.tolist(), b.tolist(), diagonal.tolist(), strict=True)
    )
    pairs = J[np.triu_indices(len(J), 1)]
    as_real(offset, "offset")
    offset = sums.add([sums.number(offset), *(-pairs).tolist(), *(-b).tolist(), *(-diagonal).tolist()])
    return DenseIsing(J, fields, offset=offset, labels=names)._off_by(apart + sums.lost)


def rbm_from_binary(W: Any, bv: Any = None, bh: Any = None, *, offset: float = 0.0) -> BipartiteIsing:
    """+-1 RBM with the energies of the 0/1 RBM E(x, y) = -x.W.y - bv.x - bh.y + offset.

    Parameters
    ----------
    W : array_like, shape (V, H)
        Weights as scikit-learn (``components_.T``) and most libraries store them.
    bv, bh : array_like or float, optional
        Biases of the 0/1 units.

    Examples
    --------
    >>> from spinlab.models import rbm_from_binary
    >>> rbm = rbm_from_binary([[2.0]], bv=0.5)
    >>> float(rbm.energy([1, 1])), float(rbm.energy([1, -1]))  # x = 1, y = 1 and y = 0
    (-2.5, -0.5)
    """
    rows, columns = names_along(W, 0), names_along(W, 1)
    W = as_real_array(W, "W", 2, exact=True) / 4
    bv = as_fields(bv, W.shape[0], "bv", rows) / 2
    bh = as_fields(bh, W.shape[1], "bh", columns) / 2
    sums = Sums()
    v = [sums.add([*row, x]) for row, x in zip(W.tolist(), bv.tolist(), strict=True)]
    h = [sums.add([*row, x]) for row, x in zip(W.T.tolist(), bh.tolist(), strict=True)]
    constant = np.concatenate([W.ravel(), bv, bh])
    as_real(offset, "offset")
    offset = sums.add([sums.number(offset), *(-constant).tolist()])
    return BipartiteIsing(W, v, h, offset=offset)._off_by(sums.lost)


def rbm_to_binary(model: TwoLayerIsing) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """(W, bv, bh, offset) of the 0/1 RBM with the same energies, the inverse of :func:`rbm_from_binary`.

    Examples
    --------
    >>> from spinlab.models import rbm_from_binary, rbm_to_binary
    >>> W, bv, bh, offset = rbm_to_binary(rbm_from_binary([[2.0]], bv=0.5))
    >>> W.tolist(), bv.tolist(), bh.tolist(), float(offset)
    ([[2.0]], [0.5], [0.0], 0.0)
    """
    if not isinstance(model, TwoLayerIsing):
        raise TypeError(
            f"rbm_to_binary needs a model of two layers, got {type(model).__name__}; for weights use "
            "models.BipartiteIsing(W)"
        )
    W = model.weights()
    return (
        4 * W,
        2 * model.bv - 2 * W.sum(1),
        2 * model.bh - 2 * W.sum(0),
        model.offset - W.sum() + model.bv.sum() + model.bh.sum(),
    )
