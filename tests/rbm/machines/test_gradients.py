"""Likelihoods, statistics and gradients of the machines against sums over all states."""

from __future__ import annotations

import numpy as np
import pytest
from rbm_machines import all_visible, gradient, machines, mean_log_likelihood, unnormalised, weights

import spinlab as sl
from spinlab.rbm.machines.units import Noise

NAMES = list(machines())
NOISE = Noise(1)


def data_for(machine, n=6):
    return np.random.default_rng(1).choice([-1, 1], (n, machine.V))


@pytest.mark.parametrize("name", NAMES)
def test_log_likelihood_is_that_of_all_states(name):
    machine = machines()[name]
    p = unnormalised(machine)
    expected = np.log(p / p.sum())
    assert np.allclose(machine.log_likelihood(all_visible(machine)), expected, rtol=1e-12)
    assert np.allclose(machine.free_energy(all_visible(machine)), -np.log(p), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_derivative_of_the_likelihood(name):
    machine = machines()[name]
    data = data_for(machine)
    positive = machine.statistics(machine.positive(data.astype(float), NOISE))
    negative = machine.exact_statistics()
    expected = gradient(machine, lambda p: mean_log_likelihood(machine, data, p))
    assert positive.keys() == machine.parameters.keys()
    for key, value in expected.items():
        assert np.allclose(positive[key] - negative[key], value, rtol=1e-10, atol=1e-12), key


@pytest.mark.parametrize("name", NAMES)
def test_float32_follows_float64(name):
    a, b = machines("float32")[name], machines()[name]
    data = data_for(a)
    for found, expected in (
        (a.exact_statistics(), b.exact_statistics()),
        (
            a.statistics(a.positive(data.astype(np.float32), NOISE)),
            b.statistics(b.positive(data.astype(np.float64), NOISE)),
        ),
    ):
        for key in found:
            assert found[key].dtype == np.float32
            assert np.allclose(found[key], expected[key], atol=3e-6), key


@pytest.mark.parametrize("name", [n for n in NAMES if "biases" in n])
def test_centred_gradient_is_that_of_shifted_units(name):
    """E = -(v - mu).W.(h - lam) - bv'.v - bh'.h has bv = bv' - W lam: ascend there, then go back."""
    machine = machines()[name]
    data = data_for(machine)
    rng = np.random.default_rng(2)
    mu, lam = rng.normal(0, 0.5, machine.V), rng.normal(0, 0.5, machine.H)
    plain = machine.statistics(machine.positive(data.astype(float), NOISE))
    for key, x in machine.exact_statistics().items():
        plain[key] -= x

    def shifted(p, sign):
        W, bv, bh = (np.array(x) for x in weights(machine, p))
        return p | {"bv": bv + sign * (W @ lam), "bh": bh + sign * (mu @ W)}

    start = shifted(dict(machine.parameters), +1)
    here = type("Shifted", (), {"parameters": start})
    dual = gradient(here, lambda p: mean_log_likelihood(machine, data, shifted(p, -1)))
    step = 1e-7
    moved = shifted({k: start[k] + step * dual[k] for k in start}, -1)
    machine.centre(plain, [mu, lam])
    for key in plain:  # first order in the step: the remainder is of its size
        found = (moved[key] - machine.parameters[key]) / step
        assert np.allclose(plain[key], found, rtol=1e-5, atol=1e-5), key


def test_wide_layers_use_every_block():
    """A layer of several kernel blocks: means and logarithms against numpy in float64."""
    from spinlab.rbm.machines.units import log_norms, mean_spins

    x = np.random.default_rng(3).normal(0, 20, (3, 1003)).astype(np.float32)
    x[0, :4] = 0.0, -0.0, 200.0, -3e38
    exact = x.astype(np.float64)
    expected = (np.abs(exact) + np.log1p(np.exp(-2 * np.abs(exact)))).sum(1)
    assert np.allclose(mean_spins(x), np.tanh(exact), atol=3e-7)
    assert np.allclose(log_norms(x[1:]), expected[1:], rtol=1e-7)
    assert np.allclose(x[1:], np.tanh(exact[1:]), atol=3e-7)  # in place


def test_spins_have_their_probabilities():
    """Frequencies of +1 at fields from 0 to the tails: z below 5.5 for 34 fields, false alarm 1.3e-6."""
    fields = np.linspace(-8, 8, 34)
    n = 200_000
    x = np.broadcast_to(fields.astype(np.float32), (n, 34)).copy()
    up = (Noise(7).spins(x) > 0).mean(0)
    p = 1 / (1 + np.exp(-2 * fields))
    # A tail with few expected events is Poisson: allow for its skewness by half an event.
    assert (np.abs(up - p) * n < 5.5 * np.sqrt(n * p * (1 - p)) + 5).all()
    rare = Noise(8).spins(np.full((1000, 1000), -4.0, np.float32))  # 10^6 p = 335: 5.5 sigma is 101
    assert abs((rare > 0).sum() - 335.3) < 101


def test_spins_depend_on_their_place_alone():
    x = np.random.default_rng(0).normal(0, 1, (7, 600)).astype(np.float32)
    whole = Noise(3).spins(x)
    assert np.array_equal(Noise(3).spins(x[:4]), whole[:4])
    assert np.array_equal(Noise(3).spins(x[:, :512]), whole[:, :512])
    assert np.array_equal(Noise(3).spins(x.astype(float)), whole)
    assert not np.array_equal(Noise(4).spins(x), whole)
    assert (
        abs(np.corrcoef(Noise.of(3, 0).spins(0 * x).ravel(), Noise.of(3, 1).spins(0 * x).ravel())[0, 1])
        < 0.085
    )


@pytest.mark.parametrize("name", NAMES)
def test_gibbs_samples_the_model(name):
    """Visible states of 20000 chains: chi-square against enumeration, p > 1e-6."""
    import scipy.stats

    machine = machines("float32")[name]
    n = 20_000
    states = machine.sample(40, n, rng=4)
    p = unnormalised(machines()[name])
    index = ((states > 0) @ (1 << np.arange(machine.V - 1, -1, -1))).astype(int)
    seen, expected = np.bincount(index, minlength=len(p)), n * p / p.sum()
    rare = expected < 10
    seen, expected = (np.append(x[~rare], x[rare].sum()) for x in (seen, expected))
    assert scipy.stats.chisquare(seen + 1e-9, expected + 1e-9).pvalue > 1e-6


def test_ra_weights_are_never_formed():
    """Peak memory of a RAPID update is O((V + H)(K + B)): far below one V x H matrix."""
    import tracemalloc

    V, H, K, B = 3000, 4000, 4, 8
    machine = sl.rbm.RARBM(V, H, K, rng=0)
    trainer = sl.rbm.Trainer(machine, sl.rbm.PID(1), lr=0.01, batch_size=B, projection="clip", rng=0)
    data = np.ones((B, V), dtype=np.int8)
    trainer.fit(data, 1)
    tracemalloc.start()
    trainer.fit(data, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 4 * (V + H) * (K + B) < 4 * V * H / 5


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sl.rbm.RBM(0, 3), "V must be at least 1"),
        (lambda: sl.rbm.RARBM(3, 3, 0), "K must be at least 1"),
        (lambda: sl.rbm.RARBM(3, 0, 2), "H must be at least 1"),
        (lambda: sl.rbm.RBM(3, 3, std="xavier"), "unknown std"),
        (lambda: sl.rbm.RBM(3, 3, std=-1.0), "std must be"),
        (lambda: sl.rbm.RBM(3, 3, dtype="float16"), "unknown dtype"),
        (lambda: sl.rbm.RBM.from_weights([[np.nan]]), "NaN"),
        (lambda: sl.rbm.RARBM.from_patterns([[1]], [[1], [1]]), "both need K rows"),
        (lambda: sl.rbm.RBM(3, 3).log_likelihood([[0, 1, -1]]), "data"),
        (lambda: sl.rbm.RBM(30, 30).exact_statistics(), "up to 24"),
    ],
)
def test_bad_machines_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_starting_weights():
    assert np.isclose(sl.rbm.RBM(100, 300, rng=0).W.std(), 0.01, rtol=0.03)
    assert np.isclose(sl.rbm.RBM(100, 300, std="glorot", rng=0).W.std(), (2 / 400) ** 0.5, rtol=0.03)
    ra = sl.rbm.RARBM(10, 20, 5, scale=2.0, rng=0)
    assert set(np.unique(ra.xi_v)) == {-1, 1}
    dense = 2.0 / 5**0.5 * ra.xi_v.T @ ra.xi_h
    assert np.allclose(ra.as_ising().weights(), dense, rtol=1e-6)
    assert np.array_equal(sl.rbm.RBM(4, 5, rng=3).W, sl.rbm.RBM(4, 5, rng=3).W)


@pytest.mark.parametrize("shape", [(9, 11), (11, 9)])
@pytest.mark.parametrize("biases", [False, True])
def test_exact_statistics_chunk_by_chunk(shape, biases, monkeypatch):
    """Nine units in chunks of 2^6 states, strong weights, against all visible states at once."""
    monkeypatch.setattr("spinlab.rbm.machines.two_layer._CHUNK", 1)
    rng = np.random.default_rng(8)
    V, H = shape
    W, bv, bh = rng.normal(0, 1.5, shape), rng.normal(0, 1, V), rng.normal(0, 1, H)
    given = {"visible_biases": bv, "hidden_biases": bh} if biases else {}
    found = sl.rbm.RBM.from_weights(W, dtype="float64", **given).exact_statistics()
    v = np.array(np.meshgrid(*[[-1.0, 1.0]] * V)).reshape(V, -1).T
    x = v @ W + biases * bh
    log_p = np.log(2 * np.cosh(x)).sum(1) + biases * (v @ bv)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    expected = {"W": (v.T * p) @ np.tanh(x), "bv": p @ v, "bh": p @ np.tanh(x)}
    for key, value in found.items():
        assert np.allclose(value, expected[key], rtol=1e-10, atol=1e-12), key
