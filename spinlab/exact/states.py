"""Lists of states and samples: of small models over all states, of sparse ones of any size along a tree."""

from __future__ import annotations

import numpy as np

from .._core.progress import shows_progress
from .._core.rng import RNG
from .._core.validate import as_count, as_real
from ..models import IsingModel, ModelLike, as_model
from . import tree
from .enumeration import solver, spectrum, thermal
from .enumeration.spectrum import Level
from .tree import levels as tree_levels


@shows_progress
def ground_states(
    model: ModelLike, max_states: int = 1000, *, threads: int | None = None, progress: bool | None = None
) -> Level:
    """All ground states: the first of :func:`lowest_levels`, with its arguments, limits and errors.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab import exact
    >>> triangle = -(np.ones((3, 3)) - np.eye(3))  # antiferromagnetic: frustrated
    >>> lowest = exact.ground_states(triangle)
    >>> lowest.energy, lowest.degeneracy
    (-1.0, 6)
    >>> lowest.states[:2].tolist()
    [[1, -1, -1], [-1, 1, 1]]
    """
    return lowest_levels(model, 1, max_states, threads=threads)[0]


@shows_progress
def lowest_levels(
    model: ModelLike,
    k: int,
    max_states: int = 1000,
    *,
    threads: int | None = None,
    progress: bool | None = None,
) -> tuple[Level, ...]:
    """The k lowest energies of an Ising model, with their states.

    Up to 40 spins by visiting or excluding all states, beyond along a tree: every table of an elimination
    holds the k lowest energies of the spins eliminated by then.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 40 spins; or any number on a graph of elimination width <= 10 (trees, rings, narrow strips).
    k : int
        Number of levels; fewer are returned where the model has no more.
    max_states : int, default 1000
        List at most so many states of each level (0: count them only). Up to 40 spins they are the first in
        lexicographic order; beyond, where there are more, any of them.
    threads, progress
        As for :func:`spinlab.ground_state`.

    Returns
    -------
    tuple of Level
        In order of energy. A level collects the states whose computed energy lies within ``resolution``
        above the lowest one that belongs to no lower level; ``degeneracy`` counts them all. Equal energies
        are never torn apart, and energies that differ by more than twice the resolution never merged.

    Raises
    ------
    ValueError
        If the model is neither small nor narrow, or would take more than ten minutes.

    Notes
    -----
    Small: at most 2^(N-1) states without fields, 2^N with, twice at 0.2 ns each and core.

    Sparse: about N 2^width (children + 1) k^2 sums, in Python: ten levels of a tree of 1000 spins in half a
    second where energies are discrete, in seconds where all are different. The states take time linear in
    their length: 1000 of the first excited level of a chain of 10^4 spins in 3 s, the tables included.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab import exact
    >>> ring = np.roll(np.eye(50), 1, axis=0) + np.roll(np.eye(50), -1, axis=0)
    >>> [(level.energy, level.degeneracy) for level in exact.lowest_levels(ring, 2)]
    [(-50.0, 2), (-46.0, 2450)]
    """
    model = as_model(model)
    k, max_states = as_count(k, "k"), as_count(max_states, "max_states", 0)
    if not _along_a_tree(model, solver.MAX_SPINS):
        return spectrum.lowest_levels(model, k, max_states, threads=threads)
    found = tree_levels.lowest_levels(model, k, max_states)
    return tuple(Level(*level, labels=model.labels) for level in found)


@shows_progress
def boltzmann_samples(
    model: ModelLike,
    n: int,
    beta: float = 1.0,
    *,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> np.ndarray:
    """Independent states drawn from the Boltzmann distribution P(s) = exp(-beta E(s)) / Z, exactly.

    Up to 36 spins by inversion of the cumulative weights, beyond by :func:`spinlab.exact.tree.samples`.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
        N <= 36 spins; or any number on a graph that the method "tree" takes.
    n : int
        Number of samples, 0 or more.
    beta : float, default 1
        Inverse temperature, 0 or more.
    rng : None, int or numpy.random.Generator
    threads, progress
        As for :func:`spinlab.ground_state`.

    Returns
    -------
    ndarray of int8, shape (n, N)

    Raises
    ------
    ValueError
        If the model is neither small nor narrow, or if beta is negative.

    Notes
    -----
    Small: probabilities are exact to the rounding of float64 (about beta sum|J| 2^-53), resolved to 2^-53.
    Twice the price of ln Z, that is 0.15 ns per state and core, and up to 10 microseconds per sample.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab import exact
    >>> pair = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> s = exact.boltzmann_samples(pair, 100_000, beta=1.0, rng=0)
    >>> bool(abs((s[:, 0] * s[:, 1]).mean() - np.tanh(1.0)) < 0.01)
    True
    """
    model = as_model(model)
    if _along_a_tree(model, thermal.MAX_SPINS):
        return tree.samples(model, as_count(n, "n", 0), as_real(beta, "beta", 0.0), rng, threads=threads)
    return thermal.boltzmann_samples(model, n, beta, rng=rng, threads=threads)


def _along_a_tree(model: IsingModel, limit: int) -> bool:
    return model.n_spins > limit and tree.refusal(model) is None
