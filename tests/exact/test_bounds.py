"""No certificate without its bound: the lower bounds of all methods against minima in exact arithmetic."""

from __future__ import annotations

import contextlib
import math
from fractions import Fraction

import dimod
import numpy as np
import pytest
from rationals import F, energies, log_z, minimum

from spinlab import exact, solve
from spinlab.exact import parts
from spinlab.models import (
    BipartiteIsing,
    DenseIsing,
    PatternBipartiteIsing,
    PatternIsing,
    from_binary,
    from_bqm,
    rbm_from_binary,
)


def numbers(rng, size):
    """Couplings that are hard to add up: of one scale or of many, near-integers, ties up to the last bit."""
    kind = rng.integers(8)
    scale = 10.0 ** rng.uniform(-300, 130) if rng.random() < 0.5 else 1.0
    x = rng.normal(size=size)
    if kind == 1:
        return x * 10.0 ** rng.uniform(-300, 146, size)
    if kind == 2:
        x = rng.integers(-3, 4, size) * 0.1
    elif kind == 3:
        x = rng.integers(-9, 10, size).astype(float)
    elif kind == 4:
        x = rng.choice([-1.0, 1.0], size) * 0.3
    elif kind == 5:  # nearly equal
        x = (
            rng.choice([-1.0, 1.0], size)
            * 0.3
            * (1 + rng.integers(-2, 3, size) * 2.0 ** -rng.integers(40, 53))
        )
    elif kind == 6:  # a few large ones that cancel, and small ones
        x = np.where(rng.random(size) < 0.5, rng.choice([-1.0, 1.0], size) * 1e16, x)
    elif kind == 7:
        x = np.where(rng.random(size) < 0.5, 0.0, x)
    return x * scale


def matrix(rng, n):
    J = np.triu(numbers(rng, (n, n)), 1)
    return J + J.T


def near_ties():
    """Models whose lowest levels lie closer than what sums beside a huge field, or offset, can tell apart."""
    tenths = np.array([[0.0, 0.1, 0.3, -0.2], [0.1, 0, 0.1, 0.3], [0.3, 0.1, 0, 0.1], [-0.2, 0.3, 0.1, 0]])
    yield DenseIsing(tenths * 1e-5, [1e-7, 3e-7, 1e-5, 29999999999.5], offset=1e16)
    yield DenseIsing(
        np.kron(np.eye(2), tenths) * 1e-5, np.tile([1e-7, 3e-7, 1e-5, 29999999999.5], 2), offset=1e16
    )
    yield BipartiteIsing([[1e15, -1e15], [2e15, 3e15]], [1.0, 1.0], [3.0, 2.0], offset=1e16)
    W = np.diag([1.0, 3e17, 2e17]) + np.eye(3, k=1) * 7.1e16 + np.eye(3, k=-1) * 0.7
    yield BipartiteIsing(W, [0.1, -0.3, 0.7], [1e-3, 0.2, -0.1])


@pytest.mark.parametrize("model", list(near_ties()), ids=repr)
def test_the_number_of_states_is_exact_where_the_bound_meets_the_energy(model):
    levels = sorted(energies(model.couplings(), model.b, model.offset))
    number = levels.count(levels[0])
    for method in ("auto", "enumeration", *(["layer"] if isinstance(model, BipartiteIsing) else [])):
        gs = solve.ground_state(model, method, degeneracy=True)
        assert Fraction(gs.lower_bound) <= levels[0]
        assert gs.degeneracy >= number
        assert gs.degeneracy == number or gs.lower_bound < gs.energy
    whole = parts.split(model, plain=True)
    if whole is not None:
        gs = parts.join_ground_states(model, whole, lambda m: solve.ground_state(m, degeneracy=True), True)
        assert gs.degeneracy == number or gs.lower_bound < gs.energy


def offset(rng, least):
    """None, any, or one that cancels the minimum up to rounding."""
    kind = rng.integers(4)
    if kind == 0:
        return float(numbers(rng, 1)[0])
    if kind == 1 and abs(least) < 1e150:
        return -float(least)
    return float(rng.choice([0.0, 0.1, 1e16]))


def fields(rng, n):
    return numbers(rng, n) if rng.random() < 0.6 else np.zeros(n)


def spin_model(rng):
    n = int(rng.integers(2, 9))
    J, b = matrix(rng, n), fields(rng, n)
    c = offset(rng, minimum(J, b, 0))
    model = DenseIsing(J, b, offset=c)
    return model if rng.random() < 0.7 else model.to_sparse(), minimum(J, b, c)


def nearly_symmetric(rng):
    n = int(rng.integers(2, 9))
    J = matrix(rng, n) * (1 + rng.uniform(-1e-14, 1e-14, (n, n)))
    lower, upper = np.tril(J), np.triu(J)
    least = min(minimum(K, np.zeros(n), 0) for K in (lower, upper.T))
    return DenseIsing(J), least


def binary_matrix(rng):
    n = int(rng.integers(2, 9))
    J, b, c = matrix(rng, n), fields(rng, n), float(numbers(rng, 1)[0])
    return from_binary(J, b, offset=c), minimum(J, b, c, binary=True)


def bqm(rng):
    n = int(rng.integers(2, 9))
    J, b, c = matrix(rng, n), fields(rng, n), float(numbers(rng, 1)[0])
    kind = rng.choice(["BINARY", "SPIN"])
    quadratic = {(i, j): -J[i, j] for i in range(n) for j in range(i) if J[i, j]}
    problem = dimod.BinaryQuadraticModel(dict(enumerate(-b)), quadratic, c, kind)
    return from_bqm(problem), minimum(J, b, c, binary=kind == "BINARY")


def rbm(rng):
    V, H = (int(n) for n in rng.integers(1, 5, 2))
    W, b, c = numbers(rng, (V, H)), fields(rng, V + H), float(numbers(rng, 1)[0])
    J = np.zeros((V + H, V + H))
    J[V:, :V] = W.T
    binary = bool(rng.random() < 0.4)
    model = (rbm_from_binary if binary else BipartiteIsing)(W, b[:V], b[V:], offset=c)
    return model, minimum(J, b, c, binary)


def patterns(rng):
    n, K = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    xi = rng.choice([-1.0, 1.0], (K, n)) if rng.random() < 0.5 else rng.normal(size=(K, n))
    if rng.random() < 0.3:
        xi = xi * 10.0 ** rng.uniform(-40, 30)
    scale = float(rng.choice([1.0, 0.1, 1 / n, 10.0 ** rng.uniform(-200, 60)]))
    b, c = fields(rng, n) * 1e-20, float(numbers(rng, 1)[0])
    J = Fraction(scale) * (F(xi).T @ F(xi))
    if rng.random() < 0.5:
        return PatternIsing(xi, scale, b, offset=c), minimum(J, b, c)
    V = int(rng.integers(1, n))
    J[V:, V:] = J[:V, :V] = Fraction(0)
    return PatternBipartiteIsing(xi[:, :V], xi[:, V:], scale, b[:V], b[V:], offset=c), minimum(J, b, c)


KINDS = (spin_model, nearly_symmetric, binary_matrix, bqm, rbm, patterns)


def check(kind, seed):
    """The bound of each method lies below the exact minimum, not far; the names of those that took it."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    model, least = kind(rng)
    size = float(np.abs(model.couplings()).sum() / 2 + np.abs(model.b).sum()) + model.rounding
    if isinstance(model, PatternIsing | PatternBipartiteIsing):  # their products may cancel
        size += abs(model.scale) * float((np.abs(model.form().xi).sum(0) ** 2).sum())
    used = []
    for name, method in exact.METHODS.items():
        if method.refusal(model) is not None:
            continue
        answer = method.ground_state(model)
        used.append(name)
        context = f"{kind.__name__}, seed {seed}, {name}: {answer!r}, exactly {float(least)!r}"
        assert answer.certified, context
        assert Fraction(answer.lower_bound) <= least, context
        assert float(least) - answer.lower_bound <= 1e-8 * size + 4 * math.ulp(abs(model.offset)), context
        assert answer.lower_bound <= answer.energy, context
    return used


def thermal_model(rng):
    """A model, beta and the exact energies: couplings, temperatures and offsets of many scales."""
    n = int(rng.integers(1, 6))
    K = int(rng.integers(1, 4))
    scale = 10.0 ** rng.uniform(-12, 12) if rng.random() < 0.5 else 1.0
    beta = float(rng.choice([1.0, 0.0, 10.0 ** rng.uniform(-3, 1)]))
    c = float(rng.choice([0.0, rng.normal() * scale, 1e3]))
    if rng.random() < 0.4:
        binary = rng.random() < 0.5
        xi = rng.choice([-1.0, 1.0], (K, n)) if binary else rng.normal(size=(K, n))
        b = rng.normal(size=n) * scale if rng.random() < 0.4 else np.zeros(n)
        J = Fraction(scale) * (F(xi).T @ F(xi))
        V = int(rng.integers(0, n))
        if V == 0:
            return PatternIsing(xi, scale, b, offset=c), beta, energies(J, b, c)
        J[V:, V:] = J[:V, :V] = Fraction(0)
        model = PatternBipartiteIsing(xi[:, :V], xi[:, V:], scale, b[:V], b[V:], offset=c)
        return model, beta, energies(J, b, c)
    J = np.triu(rng.choice([rng.normal(size=(n, n)), rng.integers(-1, 2, (n, n))]), 1) * scale
    b = rng.normal(size=n) * scale * (rng.random() < 0.5)
    model = DenseIsing(J + J.T, b, offset=c)
    if n > 1 and rng.random() < 0.3:
        V = int(rng.integers(1, n))
        J[V:, V:] = J[:V, :V] = 0.0
        model = BipartiteIsing(J[:V, V:], b[:V], b[V:], offset=c)
    return model, beta, energies(J + J.T, b, c)


def check_log_z(seed):
    """|ln Z - exact| <= bound for each method; a refusal where the bound is too large."""
    rng = np.random.default_rng([seed, 77])
    model, beta, E = thermal_model(rng)
    value = log_z(E, beta)
    used = []
    for name, method in exact.METHODS.items():
        if method.refusal(model, "log_partition") is not None:
            continue
        allowed = 1e-9 * max(1.0, abs(float(value)))
        context = f"seed {seed}, {name}, {model!r}, beta={beta}, exactly {float(value)!r}"
        try:
            got, bound = method.log_partition(model, beta, error=True)
        except exact.InexactError:
            with contextlib.suppress(exact.InexactError):  # the planar determinant may be gone altogether
                got, bound = method.log_partition(model, beta, error=True, tolerance=1e300)
                assert bound > 0.99 * allowed, context
                assert abs(Fraction(got) - value) <= Fraction(bound), (context, got, bound)
            continue
        assert bound <= 1.01 * allowed, (context, bound)
        assert abs(Fraction(got) - value) <= Fraction(bound), (context, got, bound)
        used.append(name)
    return used


def test_the_error_of_log_z_lies_below_its_bound():
    used = [name for seed in range(120) for name in check_log_z(seed)]
    assert set(used) == set(exact.METHODS) - {"branching"}  # which bounds energies and sums no states


@pytest.mark.slow
def test_the_error_of_log_z_of_thousands_of_models():
    for seed in range(1000, 5000):
        check_log_z(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_lie_below_exact_minima(kind):
    used = [name for seed in range(40) for name in check(kind, seed)]
    assert set(used) >= {"enumeration", "tree", "planar", "branching"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_of_thousands_of_models(kind):
    used = [name for seed in range(100, 2100) for name in check(kind, seed)]
    assert len(set(used)) >= 4
