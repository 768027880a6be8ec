"""Small machines for the tests of training, and their likelihood from all states, term by term."""

from __future__ import annotations

import itertools

import numpy as np

import spinlab as sl

V, H, K = 5, 4, 3


def machines(dtype="float64"):
    """One of each kind, float64, with couplings strong enough to matter."""
    rng = np.random.default_rng(5)
    W, bv, bh = rng.normal(0, 0.7, (V, H)), rng.normal(0, 0.5, V), rng.normal(0, 0.5, H)
    xi_v, xi_h = rng.normal(0, 1, (K, V)), rng.normal(0, 1, (K, H))
    rbm, ra = sl.rbm.RBM.from_weights, sl.rbm.RARBM.from_patterns
    biases = {"visible_biases": bv, "hidden_biases": bh}
    return {
        "rbm": rbm(W, dtype=dtype),
        "rbm-biases": rbm(W, bv, bh, dtype=dtype),
        "rbm-wide": rbm(W.T, bh, bv, dtype=dtype),
        "ra": ra(xi_v, xi_h, scale=0.6, dtype=dtype),
        "ra-scale": ra(xi_v, xi_h, scale=0.6, train_scale=True, dtype=dtype),
        "ra-biases": ra(xi_v, xi_h, scale=0.6, train_scale=True, dtype=dtype, **biases),
    }


def fully_connected(dtype="float64"):
    """The same of three visible and three hidden units, all coupled."""
    rng = np.random.default_rng(8)
    J, b, xi = np.triu(rng.normal(0, 0.5, (6, 6)), 1), rng.normal(0, 0.4, 6), rng.normal(0, 1, (K, 6))
    given = {"b": b, "V": 3, "dtype": dtype}
    return {
        "full": sl.rbm.FBM.from_couplings(J + J.T, **given),
        "full-ra": sl.rbm.RAFBM.from_patterns(xi, scale=0.6, train_scale=True, **given),
    }


def joint(machine):
    """Of every state of a fully connected machine: exp(-E), and -dE/d theta by loops, flattened in the order
    of the parameters."""
    p, n = machine.parameters, machine.N
    states = list(itertools.product((-1, 1), repeat=n))
    J = p["J"] if "J" in p else machine.scale / K**0.5 * (p["xi"].T @ p["xi"])
    rows, energies = [], []
    for s in states:
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        energies.append(sum(-J[i, j] * s[i] * s[j] / 2 for i, j in pairs) - sum(p["b"] * s))
        values = {"b": s, "J": np.zeros((n, n)), "xi": np.zeros((K, n)), "scale": np.zeros(1)}
        for i, j in pairs:
            values["J"][i, j] = s[i] * s[j]
            if "xi" in p:
                values["xi"][:, i] += machine.scale / K**0.5 * p["xi"][:, j] * s[i] * s[j]
                values["scale"] += J[i, j] / machine.scale * s[i] * s[j] / 2
        rows.append(np.concatenate([np.ravel(values[name]) for name in p]))
    return np.exp(-np.array(energies)), np.array(rows)


def weights(machine, parameters=None):
    """(W, bv, bh) as lists of Python numbers; parameters may be complex."""
    p = machine.parameters if parameters is None else parameters
    if "W" in p:
        W = p["W"]
    else:
        scale = p["scale"][0] if "scale" in p else machine.scale
        W = [
            [
                scale * sum(p["xi_v"][k, i] * p["xi_h"][k, a] for k in range(machine.K)) / machine.K**0.5
                for a in range(machine.H)
            ]
            for i in range(machine.V)
        ]
    zero = np.zeros(max(machine.V, machine.H))
    return W, p.get("bv", zero), p.get("bh", zero)


def unnormalised(machine, parameters=None):
    """exp(-E) summed over h, for every v of all_visible, by a sum over all states."""
    W, bv, bh = weights(machine, parameters)
    rows = []
    for v in all_visible(machine):
        total = 0.0
        for h in itertools.product((-1, 1), repeat=machine.H):
            x = sum(bv[i] * v[i] for i in range(machine.V)) + sum(bh[a] * h[a] for a in range(machine.H))
            for i in range(machine.V):
                for a in range(machine.H):
                    x = x + W[i][a] * v[i] * h[a]
            total = total + np.exp(x)
        rows.append(total)
    return np.array(rows)


def all_visible(machine):
    return list(itertools.product((-1, 1), repeat=machine.V))


def mean_log_likelihood(machine, data, parameters=None):
    """Mean of ln P(v) over the rows of data."""
    found = unnormalised(machine, parameters)
    index = {v: n for n, v in enumerate(all_visible(machine))}
    return np.mean([np.log(found[index[tuple(v)]]) for v in np.asarray(data).tolist()]) - np.log(found.sum())


def gradient(machine, function):
    """d function(parameters) / d parameters by complex steps: no cancellation, exact to rounding."""
    found = {}
    for name, array in machine.parameters.items():
        found[name] = np.empty(array.shape)
        for index in np.ndindex(array.shape):
            moved = {k: x.astype(complex) for k, x in machine.parameters.items()}
            moved[name][index] += 1e-30j
            found[name][index] = function(moved).imag / 1e-30
    return found
