"""Ultrametricity of a set of states, against a null hypothesis: it never decides on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._core.results import Result
from .._core.rng import RNG, as_generator
from .._core.validate import as_choice, as_count, as_flag, as_real_array
from .overlaps import as_replicas, gram

_STATES = 4  # the fewest in which a tree has more than three leaves


@dataclass(frozen=True, repr=False)
class Index(Result):
    """One measure of ultrametricity beside its null.

    Attributes
    ----------
    value : float
        0 for an ultrametric set.
    error : float
        Jackknife over states: how far another set of states from the same source would differ.
    null_mean, null_std : float
        Of the null hypothesis.
    z : float
        (null_mean - value)/null_std: above 3, more ultrametric than the null.
    p : float
        Share of the null sets that are at least as ultrametric, (1 + number)/(1 + n_null).
    """

    value: float
    error: float
    null_mean: float
    null_std: float
    z: float
    p: float


@dataclass(frozen=True, repr=False)
class Ultrametricity(Result):
    """Two measures of ultrametricity (see :func:`ultrametricity`).

    Attributes
    ----------
    subdominant : Index
        Rammal, Toulouse and Virasoro's distance to the subdominant ultrametric.
    triples : Index
        Katzgraber and Hartmann's mean (d_max - d_med)/std(d).
    n_states : int
    n_null : int
    null : str
    """

    subdominant: Index
    triples: Index
    n_states: int
    n_null: int
    null: str


def ultrametricity(
    states: Any,
    *,
    flip: bool = True,
    null: str = "sites",
    n_null: int = 100,
    max_states: int = 100,
    rng: RNG = None,
) -> Ultrametricity:
    """Is a set of states more ultrametric than chance? Samples of a model, or a data set.

    In an ultrametric set the two largest distances of every triple are equal, as in Parisi's phase of a spin
    glass. Measured by (i) sum (d - d_sub)/sum d with d_sub the largest ultrametric below d, from single
    linkage (R. Rammal, G. Toulouse, M. A. Virasoro, Rev. Mod. Phys. 58, 765 (1986)); (ii) the mean of
    (d_max - d_med)/std(d) over triples with one state from each of the three top branches of a tree of
    clusters by Ward's method (H. G. Katzgraber, A. K. Hartmann, Phys. Rev. Lett. 102, 037207 (2009)).

    Parameters
    ----------
    states : array_like of +-1, shape (n_states, N)
        At least 4 states, independent of each other (records of one chain that are close in time make
        clusters).
    flip : bool, default True
        Identify s and -s: d = (1 - |q|)/2. False: d = (1 - q)/2, for models with fields and for data.
    null : {"sites", "distances", "factor"}
        What chance means. "sites": the values at each site are shuffled among the states (after these are
        turned into one half-space), which keeps each site's mean and thereby the mean overlap, but breaks
        every correlation between sites. "distances": the distances are shuffled among the pairs, which keeps
        P(q) exactly but breaks the geometry. "factor": random states with overlaps q_ab = t_a t_b, of the
        same first two moments of q as far as a product can have them: neither clusters nor a tree.
    n_null : int, default 100
        Null sets, at least 20.
    max_states : int, default 100
        Larger sets are thinned at random to so many.
    rng : None, int or numpy.random.Generator

    Returns
    -------
    Ultrametricity

    Raises
    ------
    ValueError
        With fewer than 4 states, or if all states are equal.

    Notes
    -----
    Random states in many dimensions have nearly equal distances and so look ultrametric: only the comparison
    says something. Any set of clusters (the retrieval states of a few patterns, the classes of a data set)
    is also more ultrametric than any of these nulls. So this tells structure from none, not a glass from
    other structure; see the study "ultrametricity". Cost: (n_states + n_null) clusterings, each n_states^2.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.observables import ultrametricity
    >>> random = np.random.default_rng(0).choice([-1, 1], size=(40, 100))
    >>> bool(abs(ultrametricity(random, rng=1).subdominant.z) < 4)
    True
    """
    s = as_replicas(states, _STATES)
    if s.ndim != 2:
        raise ValueError(f"states must have shape (n_states, N), got {s.shape}; reshape(-1, N) joins records")
    flip = as_flag(flip, "flip")
    as_choice(null, "null", ("sites", "distances", "factor"))
    n_null, max_states = as_count(n_null, "n_null", 20), as_count(max_states, "max_states", _STATES)
    generator = as_generator(rng)
    if len(s) > max_states:
        s = s[np.sort(generator.choice(len(s), max_states, replace=False))]
    d = _distances(s, flip)
    if not d.any():
        raise ValueError(
            "all states are equal (up to the global flip), so there are no distances to speak of"
        )
    measured = _measure(d)
    left = np.array([_measure(_without(d, k)) for k in range(len(s))])
    error = np.sqrt((len(s) - 1) * left.var(0))
    draws = np.array([_measure(x) for x in _null_distances(s, d, flip, null, n_null, generator)])

    def index(k: int) -> Index:
        mean, std = float(draws[:, k].mean()), float(draws[:, k].std(ddof=1))
        difference = mean - float(measured[k])
        z = difference / std if std > 0 else float(np.sign(difference)) * np.inf if difference else 0.0
        at_least = int((draws[:, k] <= measured[k] + 1e-12).sum())
        return Index(float(measured[k]), float(error[k]), mean, std, z, (1 + at_least) / (1 + n_null))

    return Ultrametricity(index(0), index(1), len(s), n_null, null)


def subdominant_ultrametric(distances: Any) -> np.ndarray:
    """The largest ultrametric that nowhere exceeds the distances: single linkage.

    Parameters
    ----------
    distances : array_like, shape (n, n)
        Symmetric, non-negative, zero diagonal; n >= 2.

    Returns
    -------
    ndarray, shape (n, n)
        d_sub(a, b) = smallest, over paths from a to b, of the largest step.

    Examples
    --------
    >>> from spinlab.observables import subdominant_ultrametric
    >>> subdominant_ultrametric([[0, 1, 3], [1, 0, 2], [3, 2, 0]])[0].tolist()
    [0.0, 1.0, 2.0]
    """
    d = as_real_array(distances, "distances", 2)
    if (
        d.shape[0] != d.shape[1]
        or len(d) < 2
        or not np.array_equal(d, d.T)
        or np.diagonal(d).any()
        or (d < 0).any()
    ):
        raise ValueError(
            "distances must be a symmetric square matrix of at least two points, non-negative, with a zero "
            f"diagonal; got shape {d.shape}"
        )
    return _single_linkage(d)


def _single_linkage(d: np.ndarray) -> np.ndarray:
    from scipy.cluster.hierarchy import cophenet, linkage
    from scipy.spatial.distance import squareform

    return np.asarray(squareform(cophenet(linkage(squareform(d, checks=False), "single"))))


def _measure(d: np.ndarray) -> np.ndarray:
    """Both measures of a matrix of distances; 0 where all distances vanish."""
    pairs = np.triu_indices(len(d), 1)
    total, spread = d[pairs].sum(), d[pairs].std()
    if total == 0.0:
        return np.zeros(2)
    first = (d - _single_linkage(d))[pairs].sum() / total
    return np.array([first, 0.0 if spread <= 1e-12 * total else _triples(d) / spread])


def _triples(d: np.ndarray) -> float:
    """Mean of d_max - d_med over the triples with one state from each of the three top branches."""
    from scipy.cluster.hierarchy import fcluster, ward
    from scipy.spatial.distance import squareform

    branch = fcluster(ward(squareform(d, checks=False)), 3, "maxclust")
    a, b, c = (np.flatnonzero(branch == k) for k in (1, 2, 3))
    if not len(a) * len(b) * len(c):  # ties: fewer than three branches
        return 0.0
    x, y, z = d[np.ix_(a, b)][:, :, None], d[np.ix_(a, c)][:, None, :], d[np.ix_(b, c)][None]
    largest = np.maximum(np.maximum(x, y), z)
    middle = np.maximum(np.minimum(x, y), np.minimum(np.maximum(x, y), z))
    return float((largest - middle).mean())


def _distances(s: np.ndarray, flip: bool) -> np.ndarray:
    q = gram(s)
    d = (1 - np.abs(q)) / 2 if flip else (1 - q) / 2
    d[np.diag_indices(len(d))] = 0.0
    return d


def _without(d: np.ndarray, k: int) -> np.ndarray:
    return np.delete(np.delete(d, k, 0), k, 1)


def _null_distances(
    s: np.ndarray, d: np.ndarray, flip: bool, null: str, n_null: int, generator: np.random.Generator
) -> Any:
    """Matrices of distances of the null hypothesis, one after the other."""
    n, N = s.shape
    if null == "distances":
        pairs = np.triu_indices(n, 1)
        for _ in range(n_null):
            x = np.zeros((n, n))
            x[pairs] = generator.permutation(d[pairs])
            yield x + x.T
    elif null == "sites":
        x = aligned(s) if flip else s
        for _ in range(n_null):
            yield _distances(generator.permuted(x, axis=0), flip)
    else:
        spin, strength = _factor(aligned(s) if flip else s)
        for _ in range(n_null):
            t = np.abs(spin + strength * generator.standard_normal(n))
            follow = generator.random((n, N)) < (1 + np.minimum(t, 1.0)[:, None]) / 2
            yield _distances(np.where(follow, 1, -1).astype(np.int8), flip)


def _factor(s: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of t for which t_a t_b has the first two moments of the overlaps."""
    n, N = s.shape
    q = gram(s)[np.triu_indices(n, 1)]
    mean = max(float(q.mean()), 0.0)
    square = max((float((q**2).mean()) - 1 / N) / (1 - 1 / N), 0.0)  # less what finite N adds
    return np.sqrt(mean), float(np.sqrt(max(np.sqrt(square) - mean, 0.0)))


def aligned(s: np.ndarray) -> np.ndarray:
    """The states turned into one half-space: times the signs of the leading eigenvector of their overlaps."""
    _, vectors = np.linalg.eigh(gram(s))
    signs = np.where(vectors[:, -1] < 0, -1, 1).astype(np.int8)
    return s * signs[:, None]
