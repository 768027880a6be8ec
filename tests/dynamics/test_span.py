"""Default temperatures: against eigenvalues and closed formulas, and what they must not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from model_forms import FORMS, make

import spinlab as sl
from spinlab.dynamics._span import Span, cooling_span, spectral_radius

MODELS = {
    "SK": lambda: sl.ensembles.sk(60, rng=0),
    "torus": lambda: sl.ensembles.edwards_anderson(shape=(6, 6), law="pm1", rng=0),
    "Gaussian": lambda: sl.ensembles.edwards_anderson(shape=(4, 4, 4), rng=0),
    "Hopfield": lambda: sl.ensembles.hopfield(N=100, K=5, rng=0),
    "layers": lambda: sl.ensembles.rbm_gaussian(V=20, H=30, rng=0),
}


def span(model, seed=0):
    return cooling_span(sl.models.as_model(model), np.random.default_rng(seed))


def ring(n, J=1.0):
    i = np.arange(n)
    return sl.models.SparseIsing.from_edges(i, (i + 1) % n, np.full(n, J), n)


@pytest.mark.parametrize("name", MODELS)
def test_the_hot_end_is_the_mean_field_line(name):
    model = MODELS[name]()
    rho = np.abs(np.linalg.eigvalsh(model.couplings())).max()
    found = [spectral_radius(model, np.random.default_rng(seed)) for seed in range(5)]
    assert max(found) <= rho * (1 + 1e-12)  # Ritz values lie inside the spectrum
    assert min(found) > 0.96 * rho
    assert 0.99 < span(model).hot * rho < 1.05


@pytest.mark.parametrize("n", [20, 500])
def test_the_cold_end_of_rings_leaves_one_pair_of_walls(n):
    # Any minimum of a ring has fields 0 at walls and +-2 elsewhere: n' exp(-2 beta) = n' / (n' + 10).
    low, high = (0.5 * math.log(f * n + 10) for f in (0.5, 1.0))
    assert 0.98 * low < span(ring(n)).cold < 1.01 * high


@pytest.mark.parametrize("n", [2, 10, 51])
def test_the_cold_end_of_equal_couplings(n):
    # Both minima of the Curie-Weiss model have fields n - 1 only.
    equal = np.ones((n, n)) - np.eye(n)
    assert span(equal).cold == pytest.approx(math.log(n + 10) / (n - 1), rel=0.01)


def test_weak_couplings_beside_strong_ones_freeze_too():
    strong, weak = sl.ensembles.sk(40, rng=0).couplings(), sl.ensembles.sk(40, rng=1).couplings()
    J = np.block([[1e6 * strong, np.zeros((40, 40))], [np.zeros((40, 40)), weak]])
    assert span(J).hot == pytest.approx(1e-6 * span(strong).hot, rel=0.05)
    assert span(J).cold == pytest.approx(span(weak).cold, rel=0.5)


@pytest.mark.parametrize("name", MODELS)
def test_neither_scale_nor_gauge_nor_order_of_the_spins_matters(name):
    model, rng = MODELS[name](), np.random.default_rng(3)
    N, J = model.n_spins, model.couplings()
    for factor in (2.0**-900, 2.0**400):
        scaled = span(model.scaled(factor))
        assert (scaled.hot * factor, scaled.cold * factor) == span(model)[:2]
    signs, order = rng.choice([-1, 1], N), rng.permutation(N)
    spans = [span(J, seed) for seed in range(20)]
    turned = [span((J * np.outer(signs, signs))[np.ix_(order, order)], seed) for seed in range(20)]
    for end in (0, 1):  # their logarithms scatter with the minima that are met; 4 sigma, 1e-4 per comparison
        a, b = (np.log([x[end] for x in group]) for group in (spans, turned))
        assert abs(a.mean() - b.mean()) <= 4 * np.hypot(a.std(), b.std()) / math.sqrt(20) + 1e-12


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_all_forms_of_a_model_agree(form):
    model = make(form, integer=True, fields=True).model
    assert span(model)[:2] == span(model.to_dense())[:2]


def test_without_couplings():
    assert span(np.zeros((3, 3)))[:2] == (0.5, 1.0)
    fields = span(sl.models.SparseIsing.from_edges([], [], [], 3, [1.0, 1.0, 2.0]))
    assert 0 < fields.hot < fields.cold < 10


def test_cooling_at_constant_thermodynamic_speed():
    # One field only: the distance int dbeta h / sqrt(cosh(beta h)) is halved by the middle one of three.
    from scipy.integrate import quad

    betas = Span(0.1, 3.0, np.full(7, 2.0)).schedule(3)
    halves = [quad(lambda x: 1 / math.sqrt(math.cosh(2 * x)), *betas[k : k + 2])[0] for k in (0, 1)]
    assert halves[0] == pytest.approx(halves[1], rel=0.05)
    assert (betas[0], betas[2]) == (0.1, 3.0)
    assert (np.diff(Span(0.1, 300.0, np.linspace(1e-3, 2.0, 9)).schedule(50)) > 0).all()


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-307])
def test_no_temperature_is_cold_enough_for_denormal_couplings(scale):
    """They are refused by the samplers that choose temperatures, and proven without a search."""
    J = (np.ones((8, 8)) - np.eye(8)) * scale
    takes = (
        lambda: sl.dynamics.anneal(J, 10, 2, rng=0),
        lambda: sl.dynamics.search(J, rng=0),
        lambda: sl.dynamics.parallel_tempering(J, 10, beta=1e140, rng=0),
        lambda: sl.ground_state(J, method="tempering"),
    )
    for take in takes:
        with (
            np.errstate(over="raise", invalid="raise"),
            pytest.raises(ValueError, match="multiply couplings and fields"),
        ):
            take()
    answer = sl.ground_state(J, method="branching")
    assert answer.energy == sl.ground_state(J, method="enumeration").energy
    assert answer.lower_bound <= answer.energy


@pytest.mark.parametrize("field", [1e-310, 1e-200, 1e-130, 1e-30])
def test_fields_of_all_sizes_freeze_one_after_the_other(field):
    """Each is a short way; the smallest of all, beyond float64's temperatures, stays warm."""
    model = sl.models.SparseIsing.from_edges([0, 1], [1, 2], [1.0, -1.0], 4, b=[0.0, 0.0, 0.0, field])
    found = cooling_span(model, np.random.default_rng(0))
    assert 2 <= len(found.ladder(1.0)) < 20
    with np.errstate(over="raise", invalid="raise"):
        assert sl.dynamics.anneal(model, 50, 8, rng=0).energy.min() == -2.0
        assert sl.dynamics.search(model, rng=0).energy == -2.0


@pytest.mark.parametrize("exponent", [-990, -600, 400])
def test_schedules_follow_the_unit(exponent):
    """Also where squares of the fields leave the range of float64."""
    J = sl.ensembles.sk(12, rng=0).couplings()
    one = cooling_span(sl.models.DenseIsing(J), np.random.default_rng(0))
    other = cooling_span(sl.models.DenseIsing(np.ldexp(J, exponent)), np.random.default_rng(0))
    np.testing.assert_allclose(np.ldexp(other.schedule(9), exponent), one.schedule(9), rtol=1e-12)
    np.testing.assert_allclose(np.ldexp(other.ladder(0.5), exponent), one.ladder(0.5), rtol=1e-12)
