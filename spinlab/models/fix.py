"""Smaller models: some variables take a value, the others feel it as a field."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np

from ._sums import Sums
from .base import IsingModel
from .convert import ModelLike, as_model
from .sparse import SparseIsing


def fix_variables(model: ModelLike, values: Mapping[Hashable, int]) -> IsingModel:
    """The model of the other spins, where some are fixed: energies agree state by state.

    With s_j = v_j for j in the set F of fixed sites: b'_i = b_i + sum_{j in F} J_ij v_j and
    offset' = offset - sum_{j in F} b_j v_j - sum_{j < k in F} J_jk v_j v_k.

    Parameters
    ----------
    model : IsingModel, or anything that :func:`as_model` takes
    values : mapping
        Spin +1 or -1 by label, or by number of the site if the model has no labels. A 0/1 variable x
        has the spin 2 x - 1.

    Returns
    -------
    SparseIsing or DenseIsing
        Sparse for a sparse model, else dense. Its labels are those of the spins that are left, so
        ``values | ground_state(...).assignment`` is a state of the whole.

    Raises
    ------
    ValueError, TypeError
        If a name is unknown, a value is not +-1, or no spin is left.

    Examples
    --------
    >>> import spinlab as sl
    >>> chain = sl.models.SparseIsing.from_edges([0, 1], [1, 2], [1.0, -2.0], N=3)
    >>> rest = sl.models.fix_variables(chain, {0: 1})
    >>> rest.labels, rest.b.tolist()
    ((1, 2), [1.0, 0.0])
    >>> gs = sl.ground_state(rest)
    >>> gs.energy, {0: 1} | gs.assignment
    (-3.0, {0: 1, 1: 1, 2: -1})
    """
    model = as_model(model)
    if not isinstance(values, Mapping):
        raise TypeError(f"values must be a mapping from sites to +1 or -1, got {type(values).__name__}")
    labels = model.labels if model.labels is not None else tuple(range(model.n_spins))
    number = {label: i for i, label in enumerate(labels)}
    spin = np.zeros(model.n_spins)
    for label, value in values.items():
        if label not in number:
            raise ValueError(
                f"the model has no site {label!r}; it has {', '.join(map(repr, labels[:5]))}, ..."
            )
        if isinstance(value, bool | np.bool_ | str | bytes) or np.ndim(value) or value not in (1, -1):
            raise ValueError(f"site {label!r} must be +1 or -1, got {value!r}; a bit x is the spin 2 * x - 1")
        spin[number[label]] = int(value)
    left = np.flatnonzero(spin == 0)
    if not len(left):
        raise ValueError("no spin is left; model.energy(state) is the energy of a state")
    sparse = model.to_sparse()
    i, j, J = sparse.edges()
    terms = [[x] for x in model.b.tolist()]
    constant = [model.offset, *(-model.b * spin).tolist()]
    for u, v, x in zip(i.tolist(), j.tolist(), J.tolist(), strict=True):
        if spin[u] and spin[v]:
            constant.append(-x * spin[u] * spin[v])
        elif spin[u] or spin[v]:
            terms[v if spin[u] else u].append(x * (spin[u] + spin[v]))
    sums = Sums()
    b = [sums.add(terms[k]) for k in left]
    place = np.cumsum(spin == 0) - 1
    kept = (spin[i] == 0) & (spin[j] == 0)
    rest = SparseIsing.from_edges(
        place[i[kept]],
        place[j[kept]],
        J[kept],
        len(left),
        b,
        offset=sums.add(constant),
        labels=[labels[k] for k in left],
    )._off_by(sparse.rounding + sums.lost)
    rest = rest.to(model.device)
    return rest if isinstance(model, SparseIsing) else rest.to_dense()
