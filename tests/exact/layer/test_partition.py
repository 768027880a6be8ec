"""ln Z, mean energy and free energies of RBMs, against naive sums and exact formulas."""

from __future__ import annotations

import functools
import math

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp

from spinlab._core import exponential
from spinlab.exact import enumeration, layer
from spinlab.exact.layer import free_energies, log_partition, mean_energy, product, solver
from spinlab.exact.layer import partition as layer_partition
from spinlab.models import BipartiteIsing, DenseIsing, PatternBipartiteIsing

BETAS = (0.01, 0.3, 1.0, 7.0, 1000.0)


def random_model(rng, V, H, biased=None, std=1.0):
    bv, bh = rng.random(2) < 0.4 if biased is None else biased
    W = rng.normal(size=(V, H))
    if rng.random() < 0.3:
        W = np.rint(W)
    return BipartiteIsing(
        std * W,
        std * rng.normal(size=V) if bv else None,
        std * rng.normal(size=H) if bh else None,
        offset=std * float(rng.integers(-1, 2)),
    )


def full(model):
    """J of all V + H sites, written out from the weights."""
    V, H = model.V, model.H
    J = np.zeros((V + H, V + H))
    for i in range(V):
        for a in range(H):
            J[i, V + a] = J[V + a, i] = model.W[i, a]
    return J


def size(model):
    return np.abs(model.weights()).sum() + np.abs(model.b).sum()


@functools.cache
def spins(n):
    """All v, in the order of binary counting: bit i of the row number is v_i."""
    return 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1) - 1


def by_matrices(model):
    """(-F(v) of every v, ln Z, <E>)."""
    v = spins(model.V)
    x = v @ model.weights() + model.bh
    r = np.abs(x)
    log_p = v @ model.bv + (r + np.log1p(np.exp(-2 * r))).sum(1) - model.offset
    E = model.offset - v @ model.bv - (x * np.tanh(x)).sum(1)
    p = np.exp(log_p - log_p.max())
    return log_p, logsumexp(log_p), (p * E).sum() / p.sum()


@pytest.mark.parametrize("beta", BETAS)
def test_equals_naive_sums(beta):
    rng = np.random.default_rng(BETAS.index(beta))
    for trial in range(300):
        model = random_model(rng, *rng.integers(1, 7, 2))
        log_z, U = naive.log_z_and_mean_energy(full(model), model.b, beta, model.offset)
        name = ("visible", "hidden", "auto")[trial % 3]
        # Rounding of energies of size T moves ln Z by beta T 2^-53, and <E> by that times the spread.
        T = size(model) + abs(model.offset)
        assert log_partition(model, beta, layer=name) == pytest.approx(
            log_z, rel=1e-14, abs=1e-14 * (1 + beta * T)
        )
        error = 1e-14 * (1 + beta * T) * T
        assert mean_energy(model, beta, layer=name) == pytest.approx(U, rel=1e-14, abs=error)


def test_sine_instance():
    i, a = np.arange(6)[:, None], np.arange(5)
    model = BipartiteIsing(0.4 * np.sin(1 + 5 * i + a))
    for name in ("visible", "hidden"):
        assert log_partition(model, layer=name) == pytest.approx(9.155396714744452, rel=0, abs=1e-12)
        assert mean_energy(model, layer=name) == pytest.approx(-3.444242084827808, rel=0, abs=1e-12)


def test_many_betas_at_once():
    model = random_model(np.random.default_rng(1), 4, 5)
    for function in (log_partition, mean_energy):
        one_by_one = [function(model, beta) for beta in BETAS]
        assert all(type(x) is float for x in one_by_one)
        assert function(model, BETAS).tolist() == one_by_one
        assert function(model, np.array([])).shape == (0,)


@pytest.mark.parametrize("shape", [(1, 1), (5, 6), (18, 100), (100, 18)])
def test_infinite_temperature_and_no_couplings(shape):
    W = np.random.default_rng(2).normal(size=shape)
    model = BipartiteIsing(W, 1.0, offset=3.0)
    log_z = sum(shape) * math.log(2)
    assert log_partition(model, 0.0) == pytest.approx(log_z, rel=1e-14)
    assert mean_energy(model, 0) == 3.0
    assert log_partition(BipartiteIsing(0 * W, offset=3.0), 2.0) == pytest.approx(log_z - 6.0, rel=1e-14)
    assert mean_energy(BipartiteIsing(0 * W, offset=3.0), 2.0) == 3.0


@pytest.mark.parametrize(
    ("V", "H", "scale"),
    [(784, 20, 0.01), (784, 20, 1.0), (20, 1000, 0.01), (20, 1000, 1.0), (20, 1000, 100.0)],
)
def test_one_pattern_in_closed_form(V, H, scale):
    # Z = sum_n C(V, n) [2cosh s(V - 2n)]^H, and <E> = -<H s(V - 2n) tanh s(V - 2n)>.
    rng = np.random.default_rng(3)
    xi_v, xi_h = rng.choice([-1, 1], (1, V)), rng.choice([-1, 1], (1, H))
    n = np.arange(V + 1)
    x = scale * (V - 2 * n)
    terms = gammaln(V + 1) - gammaln(n + 1) - gammaln(V - n + 1)
    terms += H * (np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))))
    log_z = logsumexp(terms)
    model = PatternBipartiteIsing(xi_v, xi_h, scale)
    assert log_partition(model) == pytest.approx(log_z, rel=1e-13)
    p = np.exp(terms - terms.max())
    U = -(p * H * x * np.tanh(x)).sum() / p.sum()
    assert mean_energy(model) == pytest.approx(U, rel=1e-12)


@pytest.mark.parametrize("biased", [False, True])
def test_both_layers_agree(biased):
    rng = np.random.default_rng(4)
    for beta in BETAS:
        model = random_model(rng, 14, 12, (biased, biased))
        for function in (log_partition, mean_energy):
            visible, hidden = (function(model, beta, layer=name) for name in ("visible", "hidden"))
            assert visible == pytest.approx(hidden, rel=1e-12)


def test_equals_the_dense_sum():
    rng = np.random.default_rng(5)
    for biased in ((False, False), (True, True)):
        model = random_model(rng, 8, 9, biased)
        dense = DenseIsing(full(model), model.b, offset=model.offset)
        for function in ("log_partition", "mean_energy"):
            ours = getattr(layer, function)(model, BETAS)
            assert ours == pytest.approx(getattr(enumeration, function)(dense, BETAS), rel=1e-11)


# Every split into tiles and both routes: products, then logarithms.
@pytest.mark.parametrize("std", [1e-8, 1e-3, 1.0, 15.0, 18.0, 21.0, 60.0, 1e8])
@pytest.mark.parametrize("n", [1, 2, 5, 8, 12, 15])
def test_every_route(n, std):
    rng = np.random.default_rng(n)
    for biased in ((False, False), (True, False), (False, True)):
        model = random_model(rng, n, 11, biased, std)
        log_p, log_z, U = by_matrices(model)
        T = size(model) + abs(model.offset)
        F = free_energies(model)
        assert np.abs(F + log_p).max() <= 2e-15 * (11 + T)
        assert log_partition(model, layer="visible") == pytest.approx(log_z, rel=2e-15, abs=2e-15 * (11 + T))
        # Without biases weak couplings lose no digits.
        error = 0 if biased == (False, False) and not model.offset else 1e-15 * T
        assert mean_energy(model, layer="visible") == pytest.approx(U, rel=1e-13, abs=error)


def test_routes_are_all_taken():
    routes = set()
    for std in (1.0, 15.0, 60.0):
        model = random_model(np.random.default_rng(15), 15, 11, (True, False), std)
        tiles = layer_partition._tiles(solver.Layer.of(model, "visible"))
        routes.add((tiles.low, product.fits(tiles)))
    assert routes == {(6, True), (7, False)}


@pytest.mark.parametrize("many", [0, 2**30], ids=["bound of each state", "bound of all"])
@pytest.mark.parametrize(("n", "m", "std"), [(13, 203, 0.1), (13, 203, 5.0), (12, 64, 9.0)])
def test_exponents_of_long_products(monkeypatch, n, m, std, many):
    model = random_model(np.random.default_rng(16), n, m, (True, True), std)
    tiles = layer_partition._tiles(solver.Layer.of(model, "visible"))
    monkeypatch.setattr(product, "_MANY", many)
    take = product._times_to_take(tiles)
    assert product.fits(tiles)
    assert take[-1]
    assert take.sum() > (std > 1)
    # No product leaves the range of float64 on its way, neither above nor below.
    base = tiles.base(tiles.numbers)[:, None, None, :]
    s, y = np.where(base < 0, -1, 1), tiles.Y.T
    D = tiles.D[:, None, :]
    logs = np.logaddexp(-2 * np.abs(base) - 2 * s * D, 2 * s * y)
    total = np.zeros(logs.shape[:3])
    for a in range(logs.shape[3]):
        total += logs[..., a]
        assert np.abs(total).max() <= product._LARGEST
        if a % 4 == 3 and take[a // 4]:
            total[:] = 0
    log_p, _, _ = by_matrices(model)
    assert np.abs(free_energies(model) + log_p).max() <= 2e-15 * (m + size(model))


def test_bounds_of_each_state_take_fewer_exponents(monkeypatch):
    model = random_model(np.random.default_rng(19), 14, 400, (True, True), 2.0)
    tiles = layer_partition._tiles(solver.Layer.of(model, "visible"))
    taken = []
    for many in (0, 2**30):
        monkeypatch.setattr(product, "_MANY", many)
        taken.append(int(product._times_to_take(tiles).sum()))
    assert taken[0] < 0.8 * taken[1]


def test_inputs_beyond_the_range_of_exponentials():
    # The top units give one unit inputs of +-900, +-300, the others of the tile's states +-220 at most.
    rng = np.random.default_rng(17)
    W = rng.normal(size=(14, 5))
    W[:11, 0], W[11:, 0] = 20.0 * rng.choice([-1, 1], 11), 300.0
    model = BipartiteIsing(W, bh=rng.normal(size=5), offset=1.0)
    assert product.fits(layer_partition._tiles(solver.Layer.of(model, "visible")))
    log_p, log_z, _ = by_matrices(model)
    assert np.abs(free_energies(model) + log_p).max() <= 2e-15 * size(model)
    assert log_partition(model, layer="visible") == pytest.approx(log_z, rel=1e-15)


def test_screening_leaves_out_what_is_negligible(monkeypatch):
    model = random_model(np.random.default_rng(18), 22, 12, (False, False), 10.0)
    problem = solver.Layer.of(model, "visible")
    tiles = layer_partition._tiles(problem)
    assert product.fits(tiles)
    assert layer_partition._screening_pays(problem, tiles, None)
    assert len(layer_partition._candidates(problem, tiles, None)) < len(tiles.numbers) / 4
    log_z = log_partition(model, layer="visible")
    weak = solver.Layer.of(model.scaled(0.01), "visible")
    assert not layer_partition._screening_pays(weak, layer_partition._tiles(weak), None)
    monkeypatch.setattr(layer_partition, "_SAMPLE", 2**20)  # never
    assert log_partition(model, layer="visible") == pytest.approx(log_z, rel=1e-15)


@pytest.mark.parametrize("H", [1, 959, 960, 961, 2000])
def test_many_hidden_units(H):
    rng = np.random.default_rng(H)
    for std in (0.1, 3.0, 100.0):
        model = random_model(rng, 5, H, (True, True), std)
        log_p, _, U = by_matrices(model)
        assert np.abs(free_energies(model) + log_p).max() <= 1e-14 * size(model)
        assert mean_energy(model, layer="visible") == pytest.approx(U, rel=1e-12)


def test_product_equals_logarithm(monkeypatch):
    model = random_model(np.random.default_rng(6), 16, 50, (True, True), 0.3)
    results = [f(model, layer="visible") for f in (log_partition, mean_energy)]
    F = free_energies(model)
    monkeypatch.setattr(product, "_LARGEST", 0.0)  # nothing fits: logarithms
    assert [f(model, layer="visible") for f in (log_partition, mean_energy)] == pytest.approx(
        results, rel=1e-14
    )
    assert free_energies(model) == pytest.approx(F, rel=1e-14)


@pytest.mark.parametrize("std", [4.0, 60.0])
def test_left_out_tiles_are_negligible(std, monkeypatch):
    model = random_model(np.random.default_rng(7), 17, 30, (False, False), std)
    problem = solver.Layer.of(model, "visible")
    tiles = layer_partition._tiles(problem)
    assert len(layer_partition._tiles_that_matter(problem, tiles, None)) < len(tiles.numbers) / 2
    results = [f(model, layer="visible") for f in (log_partition, mean_energy)]
    monkeypatch.setattr(layer_partition, "_NEGLIGIBLE", np.inf)
    assert [f(model, layer="visible") for f in (log_partition, mean_energy)] == pytest.approx(
        results, rel=1e-14
    )


def test_entropy_of_hidden_units_counts():
    # v_12 = +1 gives 200 units the input w, -1 gives 0, and its bias makes both equally likely.
    w, n = 3.0, 13
    W, c = np.zeros((n, 201)), np.full(201, w / 2)
    W[12, :200] = w / 2
    W[0, 200], c[200] = 1000.0, 0.0  # too large for the product: states are screened
    b = np.zeros(n)
    b[12] = -100 * (w - math.log(2)) - 100 * math.log1p(math.exp(-2 * w))
    model = BipartiteIsing(W, b, c)
    assert log_partition(model) == pytest.approx(
        1000 + n * math.log(2) + 200 * math.log(2) - b[12], rel=1e-14
    )


def test_weak_coupling():
    # <E> = -beta sum W^2 to second order, 1e-16 of the size of the couplings.
    W = 1e-8 * np.random.default_rng(8).normal(size=(6, 7))
    for beta in (1e-3, 1.0, 10.0):
        assert mean_energy(BipartiteIsing(W), beta) == pytest.approx(-beta * (W**2).sum(), rel=1e-12)


def test_strong_coupling():
    model = BipartiteIsing(1e8 * np.random.default_rng(9).normal(size=(15, 40)))
    E0 = layer.ground_state(model).energy
    assert log_partition(model, 1000.0) == pytest.approx(-1000 * E0 + math.log(2), rel=1e-15)
    assert mean_energy(model) == pytest.approx(E0, rel=1e-15)


def test_inline_exponential():
    t = -np.concatenate([[0.0], 10.0 ** np.linspace(-300, np.log10(699), 2000)])
    assert np.array([exponential.exp(x) for x in t]) == pytest.approx(np.exp(t), rel=1e-13)
    assert np.array([exponential.expm1(x) for x in t]) == pytest.approx(np.expm1(t), rel=4e-16)
    assert exponential.expm1(-1e9) == -1.0


# Free energies, in order


@pytest.mark.parametrize("biased", [(False, False), (True, False), (False, True), (True, True)])
def test_free_energies_in_binary_order(biased):
    model = random_model(np.random.default_rng(10), 9, 4, biased)
    F = free_energies(model, beta=1.7)
    reference = model.scaled(1.7)
    rng = np.random.default_rng(11)
    for v in rng.choice([-1, 1], (200, 9)):
        index = sum(2**i for i in range(9) if v[i] == 1)
        assert F[index] == pytest.approx(reference.free_energy(v), rel=1e-14)
    assert len(np.unique(np.round(F, 9))) == (512 if biased != (False, False) else 256)


def test_free_energies_sum_to_log_z():
    rng = np.random.default_rng(12)
    for V in (1, 3, 12, 16):
        model = random_model(rng, V, 6, (False, False))
        F = free_energies(model, beta=0.8)
        assert F.shape == (2**V,)
        assert logsumexp(-F) == pytest.approx(log_partition(model, 0.8, layer="hidden"), rel=1e-14)
        assert np.array_equal(F, F[::-1])


def test_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(13)
    for std in (0.3, 3.0, 200.0):
        model = random_model(rng, 18, 40, (False, False), std)
        for function in (log_partition, mean_energy):
            results = {function(model, layer="visible", threads=n) for n in (1, 2, 5)}
            assert len(results) == 1
        F = free_energies(model, threads=1)
        assert np.array_equal(F, free_energies(model, threads=2))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1e-6, 0.5, 10.0, 1e6])
)
def test_gauge_permutation_and_exchange_of_layers(seed, V, H, std):
    rng = np.random.default_rng(seed)
    model = random_model(rng, V, H, None, std)
    W, bv, bh = model.weights(), model.bv, model.bh
    v, h = rng.choice([-1, 1], V), rng.choice([-1, 1], H)
    order = rng.permutation(V)
    log_z, U, T = log_partition(model), mean_energy(model), size(model)
    for x in (
        BipartiteIsing(v[:, None] * W * h, v * bv, h * bh, offset=model.offset),
        BipartiteIsing(W[order], bv[order], bh, offset=model.offset),
        BipartiteIsing(W.T, bh, bv, offset=model.offset),
    ):
        assert log_partition(x) == pytest.approx(log_z, rel=1e-14, abs=1e-14 * T)
        assert mean_energy(x) == pytest.approx(U, rel=1e-14, abs=1e-14 * (1 + T) * T)


# Bad input


def test_refusals():
    small, wide = BipartiteIsing(np.ones((3, 400))), BipartiteIsing(np.ones((31, 40)))
    dense = DenseIsing(np.zeros((2, 2)))
    assert layer.refusal(small, "log_partition") is None
    assert "2**31 states" in layer.refusal(wide, "log_partition")
    assert "two layers" in layer.refusal(dense, "log_partition")
    assert layer.cost(wide, "log_partition")[0] > layer.cost(small, "log_partition")[0] > 0
    for function in (log_partition, mean_energy):
        with pytest.raises(ValueError, match=r"2\*\*31 states .* limit is 30"):
            function(wide)
        with pytest.raises(ValueError, match=r"2\*\*400 states"):
            function(small, layer="hidden")
        for beta in (1.0, []):
            with pytest.raises(TypeError, match="two layers"):
                function(dense, beta)
        with pytest.raises(ValueError, match=r"beta must be .* at least 0, got -1"):
            function(small, [1.0, -1.0])
        with pytest.raises(ValueError, match="beta has NaN"):
            function(small, math.nan)
        with pytest.raises(TypeError, match="beta must hold real numbers"):
            function(small, "1")
        with pytest.raises(ValueError, match="beta must have 0 or 1 axes"):
            function(small, [[1.0]])
        with pytest.raises(ValueError, match="unknown layer"):
            function(small, layer="both")
        with pytest.raises(ValueError, match="rescale"):
            function(small.scaled(1e100), 1e100)


def test_free_energies_refusals():
    with pytest.raises(ValueError, match=r"2\*\*25 visible states .* V=24"):
        free_energies(BipartiteIsing(np.ones((25, 2))))
    with pytest.raises(TypeError, match="two layers"):
        free_energies(DenseIsing(np.zeros((2, 2))))
    with pytest.raises(ValueError, match="beta must be"):
        free_energies(BipartiteIsing(np.ones((2, 2))), beta=-1.0)
    with pytest.raises(TypeError, match="beta must be a real number"):
        free_energies(BipartiteIsing(np.ones((2, 2))), beta=[1.0])
