"""Spins and Gaussian hidden units against integrals; their marginal against Hopfield models."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from rbm_machines import gradient

import spinlab as sl
from spinlab.rbm.machines.units import Noise

V, H, K = 4, 3, 2
NAMES = ["plain", "biases", "ra", "ra-biases"]
STATES = np.array(list(itertools.product((-1, 1), repeat=V)))


def machine_of(name, dtype="float64"):
    rng = np.random.default_rng(3)
    W, bv, bh = rng.normal(0, 0.4, (V, H)), rng.normal(0, 0.4, V), rng.normal(0, 0.4, H)
    xi_v, xi_h = rng.normal(0, 1, (K, V)), rng.normal(0, 1, (K, H))
    given = {"visible_biases": bv, "hidden_biases": bh} if "biases" in name else {}
    if name.startswith("ra"):
        return sl.rbm.RAHybridBM.from_patterns(
            xi_v, xi_h, scale=0.5, train_scale=bool(given), dtype=dtype, **given
        )
    return sl.rbm.HybridBM.from_weights(W, dtype=dtype, **given)


def parts(machine, p=None):
    """(W, bv, bh); parameters may be complex."""
    p = machine.parameters if p is None else p
    if "W" in p:
        W = p["W"]
    else:
        scale = p["scale"][0] if "scale" in p else machine.scale
        W = scale / K**0.5 * np.einsum("ki,ka->ia", p["xi_v"], p["xi_h"])
    return W, p.get("bv", np.zeros(V)), p.get("bh", np.zeros(H))


def integrals(machine, p=None):
    """exp(-E) integrated over h by Gauss-Hermite quadrature, unit by unit, for every visible state."""
    W, bv, bh = parts(machine, p)
    nodes, weight = np.polynomial.hermite_e.hermegauss(60)  # weight exp(-h^2/2)
    rows = []
    for v in STATES:
        x = v @ W + bh
        rows.append(np.exp(v @ bv) * np.prod([(weight * np.exp(nodes * xa)).sum() for xa in x]))
    return np.array(rows)


def log_likelihood(machine, data, p=None):
    w = integrals(machine, p)
    index = {tuple(s): n for n, s in enumerate(STATES.tolist())}
    return np.mean([np.log(w[index[tuple(s)]]) for s in data.tolist()]) - np.log(w.sum())


@pytest.mark.parametrize("name", NAMES)
def test_marginal_is_a_hopfield_model(name):
    """J = W W^T off the diagonal; ln Z, free energies and the model's levels are those of the integrals."""
    machine = machine_of(name)
    W, bv, bh = parts(machine)
    J = W @ W.T
    model = machine.as_ising()
    assert np.allclose(model.couplings(), J - np.diag(np.diag(J)), rtol=1e-12, atol=1e-14)
    assert np.allclose(model.b, bv + W @ bh, rtol=1e-12)
    exact = integrals(machine)
    assert np.allclose(machine.free_energy(STATES), -np.log(exact), rtol=1e-11)
    assert np.isclose(sl.log_partition(model), np.log(exact.sum()), rtol=1e-11)
    assert np.allclose(machine.log_likelihood(STATES), np.log(exact / exact.sum()), rtol=1e-10)
    assert np.isclose(sl.ground_state(model).energy, -np.log(exact.max()), rtol=1e-11)


@pytest.mark.parametrize(("V", "H", "K"), [(7, 5, 3), (6, 2, 9), (5, 40, 4)])
def test_regularized_axons_mix_the_patterns_by_their_hidden_overlaps(V, H, K):
    """Eq. E2 term by term: J_ij = (1/K) sum_kk' xi_i^k xi_j^k' M_kk', M_kk' = sum_a xi_a^k xi_a^k'."""
    machine = sl.rbm.RAHybridBM(V, H, K, scale=1.0, dtype="float64", rng=1)
    xi, M = machine.xi_v, machine.M
    J = np.zeros((V, V))
    for i in range(V):
        for j in range(V):
            for k in range(K):
                for kk in range(K):
                    overlap = sum(machine.xi_h[k, a] * machine.xi_h[kk, a] for a in range(H))
                    assert np.isclose(overlap, M[k, kk])
                    J[i, j] += xi[k, i] * xi[kk, j] * overlap / K
    W = machine.weights()
    assert np.allclose(J, W @ W.T, rtol=1e-12, atol=1e-12)
    np.fill_diagonal(J, 0)
    assert np.allclose(machine.as_ising().couplings(), J, rtol=1e-12, atol=1e-12)
    assert min(H, K) == machine.as_ising().K


def test_orthogonal_hidden_parts_leave_the_hebbian_rule():
    machine = sl.rbm.RAHybridBM.from_patterns([[1, 1, -1], [1, -1, -1]], [[1, 1], [1, -1]], dtype="float64")
    hebb = 2 / 2 * machine.xi_v.T @ machine.xi_v  # M = H 1
    assert np.allclose(machine.as_ising().couplings(), hebb - np.diag(np.diag(hebb)))


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_derivative_of_the_likelihood(name):
    machine = machine_of(name)
    data = np.random.default_rng(1).choice([-1, 1], (5, V))
    found = machine.statistics(machine.positive(data.astype(float), Noise(1)))
    negative = sl.rbm.Exact().statistics(machine, None, Noise(1))
    expected = gradient(machine, lambda p: log_likelihood(machine, data, p))
    assert found.keys() == machine.parameters.keys()
    for key, value in expected.items():
        assert np.allclose(found[key] - negative[key], value, rtol=1e-9, atol=1e-11), key
    # The negative phase alone, against the sum over states.
    p = integrals(machine) / integrals(machine).sum()
    whole = machine.positive(STATES.astype(float), Noise(1))
    whole.weights = p
    for key, value in machine.statistics(whole).items():
        assert np.allclose(negative[key], value, rtol=1e-10, atol=1e-12), key


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_conditionals(dtype):
    """h | v: Kolmogorov-Smirnov against the normal law for each unit; v | h: frequencies of 20000 draws.

    False alarms: 3 + 3 KS tests and 4 z-values at 1e-6 each.
    """
    import scipy.stats

    machine = machine_of("biases", dtype)
    W, bv, bh = parts(machine)
    n = 20_000
    v = np.tile(STATES[5].astype(dtype), (n, 1))
    phase = machine.gibbs(machine.positive(v, Noise(1)), 0, Noise(2))
    h = phase.layers[1].astype(float)
    assert h.shape == (n, H)
    for a in range(H):
        standard = h[:, a] - STATES[5] @ W[:, a] - bh[a]
        assert scipy.stats.kstest(standard, "norm").pvalue > 1e-6
    hot = machine.gibbs(machine.positive(v, Noise(1)), 0, Noise(3), np.full((n, 1), 0.25, dtype)).layers[1]
    for a in range(H):
        standard = (hot[:, a].astype(float) - STATES[5] @ W[:, a] - bh[a]) / 2
        assert scipy.stats.kstest(standard, "norm").pvalue > 1e-6
    given = np.tile(np.array([0.7, -1.1, 0.4], dtype), (n, 1))
    drawn = machine.gibbs(sl.rbm.Phase([v, given], []), 1, Noise(4)).layers[0]
    p = 1 / (1 + np.exp(-2 * (W @ given[0].astype(float) + bv)))
    assert (np.abs((drawn > 0).mean(0) - p) < 4.9 * np.sqrt(p * (1 - p) / n)).all()


@pytest.mark.parametrize("name", NAMES)
def test_gibbs_samples_the_model(name):
    """Visible states of 10000 chains: chi-square against enumeration, p > 1e-6 in each of 4 cases; the
    energies of the joint states have the mean of the joint law, <E> = <F> + H/2 (1 + ln 2 pi) at 6 sigma."""
    import scipy.stats

    n = 10_000
    machine = machine_of(name, "float32")
    start = machine.random_phase(n, Noise(8))
    phase = machine.gibbs(start, 250, Noise(9))  # weakly coupled wells: 60 steps are too few for "biases"
    w = integrals(machine_of(name))
    index = (phase.layers[0] > 0) @ (1 << np.arange(V - 1, -1, -1))
    seen, expected = np.bincount(index, minlength=len(w)), n * w / w.sum()
    rare = expected < 10
    seen, expected = (np.append(x[~rare], x[rare].sum() + 1e-9) for x in (seen, expected))
    assert scipy.stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-6
    E = machine.energies(phase)
    # E = F + (H/2) ln 2 pi + |h - mean|^2/2
    mean = -(w / w.sum()) @ np.log(w) + H / 2 * (1 + np.log(2 * np.pi))
    assert abs(E.mean() - mean) < 6 * E.std() / n**0.5


NEGATIVE = {
    "CD": lambda: sl.rbm.CD(15),
    "PCD": lambda: sl.rbm.PCD(15, 4000),
    "Tempering": lambda: sl.rbm.Tempering(15, 4000, [0.5, 1.0]),
}


@pytest.mark.parametrize("kind", NEGATIVE)
def test_long_chains_reach_the_model(kind):
    """4000 independent chains, 22 averages in 3 cases, |z| < 6: false alarm 2e-7."""
    machine = machine_of("ra-biases")
    start = machine.positive(np.ones((4000, V)), Noise(9))
    phase = NEGATIVE[kind]()
    for update in range(2):
        found = phase.statistics(machine, start, Noise.of(2, update))
    p = integrals(machine) / integrals(machine).sum()
    rows = [machine.statistics(machine.positive(x[None].astype(float), Noise(1))) for x in STATES]
    exact = machine.exact_statistics()
    for key, value in found.items():
        each = np.array([row[key] for row in rows])
        sigma = np.sqrt(np.tensordot(p, (each - exact[key]) ** 2, 1) / 4000) + 1e-12
        assert (np.abs(value - exact[key]) / sigma).max() < 6
    assert phase.configurations.shape == (4000, V + H)


def test_pid_is_an_average_over_patterns():
    machine = machine_of("ra-biases")
    for start in ("sign", "continuous"):
        v = np.where(machine.xi_v >= 0, 1.0, -1.0) if start == "sign" else machine.xi_v
        W, bv, bh = parts(machine)
        x = v @ W + bh
        w = np.exp(v @ bv + (x**2).sum(1) / 2)
        w /= w.sum()
        found = sl.rbm.PID(start=start, weights="boltzmann").statistics(machine, None, Noise(1))
        G = (v.T * w) @ x
        c = machine.scale / K**0.5
        assert np.allclose(found["xi_v"], c * machine.xi_h @ G.T, rtol=1e-11)
        assert np.allclose(found["xi_h"], c * machine.xi_v @ G, rtol=1e-11)
        assert np.allclose(found["bh"], w @ x, rtol=1e-11)


DATA = np.array([[1, 1, 1, -1], [-1, -1, -1, 1]])
SETTINGS = {
    "exact": (lambda: sl.rbm.HybridBM(4, 3, std=0.1, biases=True, rng=0), sl.rbm.Exact, {}),
    "pcd": (lambda: sl.rbm.RAHybridBM(4, 3, 2, scale=0.5, biases=True, rng=0), lambda: sl.rbm.PCD(2, 50), {}),
    "cd": (lambda: sl.rbm.HybridBM(4, 3, std=0.1, rng=0), sl.rbm.CD, {"momentum": 0.5}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_training_raises_the_likelihood_and_resumes(name, tmp_path):
    build, negative, settings = SETTINGS[name]

    def trainer():
        return sl.rbm.Trainer(build(), negative(), lr=0.1, batch_size=2, rng=1, **settings)

    whole, first, second = trainer(), trainer(), trainer()
    before = whole.machine.log_likelihood(DATA).mean()
    assert whole.fit(DATA, 40).sizes["epoch"] == 40
    assert whole.machine.log_likelihood(DATA).mean() > before + 0.3
    first.fit(DATA, 15, checkpoint=tmp_path / "run.npz")
    second.fit(DATA, 40, checkpoint=tmp_path / "run.npz")
    for key, x in whole.machine.state_dict().items():
        assert np.array_equal(x, second.machine.state_dict()[key]), key


def test_what_does_not_make_sense_is_refused():
    machine = machine_of("ra")
    with pytest.raises(ValueError, match="beta = 0"):
        sl.rbm.Tempering(n_chains=3, betas=3).statistics(machine, None, Noise(1))
    with pytest.raises(TypeError, match="hidden spins"):
        machine.resample_patterns(Noise(1))
    with pytest.raises(TypeError, match="HybridBM"):
        sl.rbm.PID().statistics(machine_of("plain"), None, Noise(1))
    with pytest.raises(TypeError, match="no GPU side"):
        machine.to("gpu")
    with pytest.raises(ValueError, match="H must be at least 1"):
        sl.rbm.HybridBM(3, 0)
    with pytest.raises(ValueError, match="up to 24"):
        sl.rbm.HybridBM(30, 3).exact_statistics()
