"""Whole sweeps of single-spin samplers as matrices over all states, written from their definition."""

from __future__ import annotations

import itertools

import numpy as np
from naive import all_states
from scipy.sparse.csgraph import connected_components

from spinlab._core.blas import one_blas_thread

# Couplings are (n, n), or (..., n, n) for many models of one size at once; matrices (..., 2^n, 2^n).


def heat_bath(x):
    """Probability of a flip that costs x temperatures."""
    return 1 / (1 + np.exp(x))


def metropolis(J, beta):
    """The rule of ``dynamics.metropolis``: Metropolis' in a share of the visits that grows with beta."""
    X2 = 4 * beta**2 * np.square(J).sum((-2, -1))[..., None, None] / J.shape[-1]
    share = X2 / (2 * (1 + X2))
    return lambda x: share * np.minimum(1, np.exp(-x)) + (1 - share) * heat_bath(x)


def metropolis_alone(J, beta):
    """The rule that the share of heat baths repairs."""
    return lambda x: np.minimum(1, np.exp(-x))


def sweep(J, beta, rule, order):
    """Transition probabilities of one sweep: sites in turn, or N sites drawn with replacement."""
    n = J.shape[-1]
    s = all_states(n)
    p = rule(2 * beta * s * (s @ J))  # of a flip of each site in each state, (..., 2^n, n)
    index = np.arange(2**n)

    def visited(K, i):
        """K, then a visit of site i: states stay, or come from the one where only this site differs."""
        other = index ^ (1 << (n - 1 - i))
        return K * (1 - p[..., i])[..., None, :] + K[..., other] * p[..., other, i][..., None, :]

    K = np.broadcast_to(np.eye(2**n), (*J.shape[:-2], 2**n, 2**n))
    for k in range(n):
        K = visited(K, k) if order == "sequential" else sum(visited(K, i) for i in range(n)) / n
    return K


def classes_and_period(possible):
    """Number of strong components of a transition graph, and the period of the component of state 0."""
    n_classes, label = connected_components(possible, directed=True, connection="strong")
    level, queue = {0: 0}, [0]
    period = 0
    for state in queue:  # gcd of the lengths of all cycles
        for following in np.flatnonzero(possible[state]):
            if label[following] != label[0]:
                continue
            if following in level:
                period = np.gcd(period, level[state] + 1 - level[following])
            else:
                level[following] = level[state] + 1
                queue.append(following)
    return n_classes, abs(int(period))


def one_class_without_period(possible):
    """Whether the transition graphs (..., M, M) have one strong component and period 1: booleans (...).

    So it is if and only if the (M - 1)^2 + 1st power has no zero (H. Wielandt, Math. Z. 52, 642 (1950)),
    and all later powers have none either.
    """
    power = np.asarray(possible, dtype=np.float32)
    for _ in range(int(np.ceil(np.log2((power.shape[-1] - 1) ** 2 + 1)))):
        if power.all():
            break
        power = (power @ power > 0).astype(np.float32)
    return (power > 0).all((-2, -1))


def second_eigenvalue(K):
    """Size of the second largest eigenvalue; the relaxation time in sweeps is -1/ln of it.

    Without fields K(s, t) = K(-s, -t), so functions that are even and odd under s -> -s stay so, and each
    kind has a matrix of half the size. State -s stands at M - 1 minus the index of s.
    """
    half = K.shape[-1] // 2
    assert np.allclose(K, K[..., ::-1, ::-1], rtol=1e-12, atol=1e-14)
    same, opposite = K[..., :half, :half], K[..., :half, ::-1][..., :half]
    with one_blas_thread():  # threads that wait for each other cost ten times the work
        even, odd = (np.abs(np.linalg.eigvals(same + sign * opposite)) for sign in (1, -1))
    return np.sort(np.concatenate([even, odd], axis=-1), axis=-1)[..., -2]


def gauged(J):
    """The couplings (..., n, n) after the gauge s_i -> -s_i that makes those of a spanning forest positive.

    The forest depends on the graph alone, so all gauges of a model become the same one. A gauge renames the
    states, and no rate of a sampler without fields notices.
    """
    n = J.shape[-1]
    sign = np.zeros(J.shape[:-1], dtype=J.dtype)
    for root in range(n):
        sign[..., root] += sign[..., root] == 0
        for _ in range(n - 1):  # each site without a sign takes what its first neighbour with one asks for
            wanted = sign[..., :, None] * J
            first = np.abs(wanted).argmax(-2)[..., None, :]
            sign = np.where(sign == 0, np.take_along_axis(wanted, first, -2)[..., 0, :], sign)
    return J * sign[..., :, None] * sign[..., None, :]


def _number(J):
    """The couplings -1, 0, 1 above the diagonal as digits of a number."""
    i, j = np.triu_indices(J.shape[-1], 1)
    return (J[..., i, j].astype(np.int64) % 3) @ 3 ** np.arange(len(i))


def signed_graphs(n):
    """Couplings -1, 0, 1 on n sites in every labelling, one of each gauge: (m, n, n)."""
    i, j = np.triu_indices(n, 1)
    J = np.zeros((3 ** len(i), n, n), dtype=np.int8)
    J[:, i, j] = J[:, j, i] = list(itertools.product((0, 1, -1), repeat=len(i)))
    J = gauged(J)
    return J[np.unique(_number(J), return_index=True)[1]].astype(float)


def unlabelled_signed_graphs(n):
    """Couplings -1, 0, 1 on n sites, one of each labelling and gauge: (m, n, n)."""
    if n == 1:
        return np.zeros((1, 1, 1))
    orders = np.array(list(itertools.permutations(range(n))))
    seen = np.zeros(3 ** (n * (n - 1) // 2), dtype=bool)
    found = []
    for smaller in unlabelled_signed_graphs(n - 1):
        for last in itertools.product((0, 1, -1), repeat=n - 1):
            J = np.zeros((n, n), dtype=np.int8)
            J[:-1, :-1], J[-1, :-1], J[:-1, -1] = smaller, last, last
            J = gauged(J)
            if not seen[_number(J)]:
                found.append(J)
                seen[_number(gauged(J[orders[:, :, None], orders[:, None]]))] = True
    return np.array(found, dtype=float)


def ring(n, sign=1.0):
    """A ring, its first coupling with a sign."""
    J = np.zeros((n, n))
    for i in range(n):
        J[i, (i + 1) % n] = J[(i + 1) % n, i] = sign if i == 0 else 1.0
    return J


def torus(L, M):
    """A square lattice with periodic boundaries; two couplings between neighbours where a side is 2."""
    J = np.zeros((L * M, L * M))
    for x, y in itertools.product(range(L), range(M)):
        for neighbour in ((x + 1) % L * M + y, x * M + (y + 1) % M):
            J[x * M + y, neighbour] += 1
            J[neighbour, x * M + y] += 1
    return J


def triangle_with_a_tail():
    """Degrees 2, 2, 3, 1."""
    J = np.zeros((4, 4))
    for i, j in ((0, 1), (1, 2), (0, 2), (2, 3)):
        J[i, j] = J[j, i] = 1.0
    return J


def named_models():
    """Small models of the field."""
    rng = np.random.default_rng(0)

    def signs(J):
        s = np.triu(rng.choice([-1, 1], J.shape), 1)
        return J * (s + s.T)

    models = {f"ring {n} {s:+g}": ring(n, s) for n in (4, 5, 6, 8) for s in (1.0, -1.0)}
    for L, M in ((2, 2), (2, 3), (3, 3)):
        models |= {f"torus {L}x{M} {k:+g}": k * torus(L, M) for k in (1.0, -1.0)}
        models[f"torus {L}x{M} +-J"] = signs(torus(L, M))
    K44 = np.kron([[0, 1], [1, 0]], np.ones((4, 4)))
    models |= {"K44": K44, "-K44": -K44, "K44 +-J": signs(K44), "tail": triangle_with_a_tail()}
    for n in (5, 6, 7, 8):
        complete = 1.0 - np.eye(n)
        models |= {f"Curie-Weiss {n}": complete / n, f"K{n}": complete, f"-K{n}": -complete}
        gaussian = np.triu(rng.normal(size=(n, n)), 1) / np.sqrt(n)
        xi = rng.choice([-1, 1], (2, n))
        models |= {f"SK {n}": gaussian + gaussian.T, f"Hopfield {n}": (xi.T @ xi - 2 * np.eye(n)) / n}
        models[f"SK +-1 {n}"] = signs(complete)
    return models
