"""Whole sweeps of single-spin samplers as matrices over all states, written from their definition."""

from __future__ import annotations

import itertools

import numpy as np
from naive import all_states
from scipy.sparse.csgraph import connected_components

from spinlab._core.blas import one_blas_thread


def heat_bath(x):
    """Probability of a flip that costs x temperatures."""
    return 1 / (1 + np.exp(x))


def metropolis(J, beta):
    """The rule of ``dynamics.metropolis``: Metropolis' in a share of the visits that grows with beta."""
    X2 = 4 * beta**2 * np.square(J).sum() / len(J)
    share = X2 / (2 * (1 + X2))
    return lambda x: share * np.minimum(1, np.exp(-x)) + (1 - share) * heat_bath(x)


def metropolis_alone(J, beta):
    """The rule that the share of heat baths repairs."""
    return lambda x: np.minimum(1, np.exp(-x))


def sweep(J, beta, rule, order):
    """Transition probabilities (2^N, 2^N) of one sweep: sites in turn, or N sites drawn with replacement."""
    n = len(J)
    s = all_states(n)
    index = np.arange(2**n)
    visits = []
    for i in range(n):
        p = rule(2 * beta * s[:, i] * (s @ J)[:, i])
        K = np.diag(1 - p)
        K[index, index ^ (1 << (n - 1 - i))] = p
        visits.append(K)
    if order == "sequential":
        return np.linalg.multi_dot(visits) if n > 1 else visits[0]
    return np.linalg.matrix_power(sum(visits) / n, n)


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


def second_eigenvalue(K):
    """Size of the second largest eigenvalue; the relaxation time in sweeps is -1/ln of it."""
    if len(K) == 1:
        return 0.0
    with one_blas_thread():  # threads that wait for each other cost ten times the work
        return float(np.sort(np.abs(np.linalg.eigvals(K)))[-2])


def signed_graphs(n):
    """Couplings -1, 0, 1 on n sites in every labelling, one of each class that gauges s_i -> -s_i join."""
    pairs = list(itertools.combinations(range(n), 2))
    seen = set()
    for values in itertools.product((0, 1, -1), repeat=len(pairs)):
        J = np.zeros((n, n))
        for (i, j), value in zip(pairs, values, strict=True):
            J[i, j] = J[j, i] = value
        sign = np.zeros(n)
        for root in range(n):  # all couplings of a spanning forest made positive
            stack = [] if sign[root] else [root]
            sign[root] = sign[root] or 1
            while stack:
                i = stack.pop()
                for j in np.flatnonzero(J[i]):
                    if not sign[j]:
                        sign[j] = sign[i] * J[i, j]
                        stack.append(j)
        J = J * sign * sign[:, None]
        if J.tobytes() not in seen:
            seen.add(J.tobytes())
            yield J


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
