"""Fully connected machines: everything against sums over all states, term by term."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from rbm_machines import gradient

import spinlab as sl
from spinlab.rbm._moments import exact_moments
from spinlab.rbm._units import Noise

V, K = 5, 3
NAMES = ["plain", "biases", "ra", "ra-biases"]


def machine_of(name, dtype="float64"):
    rng = np.random.default_rng(7)
    J = np.triu(rng.normal(0, 0.4, (V, V)), 1)
    b, xi = rng.normal(0, 0.4, V), rng.normal(0, 1, (K, V))
    given = {"b": b} if "biases" in name else {}
    if name.startswith("ra"):
        return sl.rbm.RAFBM.from_patterns(xi, scale=0.6, train_scale=bool(given), dtype=dtype, **given)
    return sl.rbm.FBM.from_couplings(J + J.T, dtype=dtype, **given)


def all_states(n=V):
    return list(itertools.product((-1, 1), repeat=n))


def minus_energy(machine, s, p):
    x = sum(p["b"][i] * s[i] for i in range(V)) if "b" in p else 0.0
    for i in range(V):
        for j in range(i + 1, V):
            if "J" in p:
                J = (p["J"][i, j] + p["J"][j, i]) / 2
            else:
                scale = p["scale"][0] if "scale" in p else machine.scale
                J = scale * sum(p["xi"][k, i] * p["xi"][k, j] for k in range(K)) / K**0.5
            x = x + J * s[i] * s[j]
    return x


def weights(machine, p=None):
    p = machine.parameters if p is None else p
    return np.array([np.exp(minus_energy(machine, s, p)) for s in all_states()])


def log_likelihood(machine, data, p=None):
    w = weights(machine, p)
    index = {s: n for n, s in enumerate(all_states())}
    return np.mean([np.log(w[index[tuple(s)]]) for s in data.tolist()]) - np.log(w.sum())


def data_for(n=6):
    return np.random.default_rng(1).choice([-1, 1], (n, V))


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_derivative_of_the_likelihood(name):
    machine, data = machine_of(name), data_for()
    found = machine.statistics(machine.positive(data.astype(float), Noise(1)))
    negative = machine.exact_statistics()
    expected = gradient(machine, lambda p: log_likelihood(machine, data, p))
    if "J" in expected:  # one coupling of a pair stands in both places
        expected["J"] = expected["J"] + expected["J"].T
    assert found.keys() == machine.parameters.keys()
    for key, value in expected.items():
        assert np.allclose(found[key] - negative[key], value, rtol=1e-10, atol=1e-12), key
    assert np.isclose(machine.log_likelihood(data).mean(), log_likelihood(machine, data), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_exact_negative_phase_is_that_of_all_states(name):
    machine = machine_of(name)
    found = sl.rbm.Exact().statistics(machine, None, Noise(1))
    p = weights(machine) / weights(machine).sum()
    states = np.array(all_states(), dtype=float)
    C = (states.T * p) @ states - np.eye(V)
    expected = {"b": p @ states}
    if "xi" in machine.parameters:
        expected["xi"] = machine.scale / K**0.5 * machine.xi @ C
        expected["scale"] = np.trace(machine.xi @ C @ machine.xi.T)[None] / (2 * K**0.5)
    else:
        expected["J"] = C
    for key in found:
        assert np.allclose(found[key], expected[key], rtol=1e-10, atol=1e-13), key
    # As one weighted phase over all states: the same from the statistics of configurations.
    phase = sl.rbm.Phase([states], [states], weights=p)
    again = machine.statistics(phase)
    for key in found:
        assert np.allclose(again[key], found[key], rtol=1e-10, atol=1e-13), key


@pytest.mark.parametrize("N", [1, 2, 9])
@pytest.mark.parametrize("biases", [False, True])
def test_moments_chunk_by_chunk(N, biases, monkeypatch):
    monkeypatch.setattr("spinlab.rbm._moments._CHUNK", 1)
    rng = np.random.default_rng(2)
    J = np.triu(rng.normal(0, 2, (N, N)), 1)
    J, b = J + J.T, biases * rng.normal(0, 1, N)
    s = np.array(all_states(N), dtype=float)
    log_p = ((s @ J) * s).sum(1) / 2 + s @ b
    p = np.exp(log_p - log_p.max())
    log_z, m, C = exact_moments(J, b)
    assert np.isclose(log_z, log_p.max() + np.log(p.sum()), rtol=1e-12)
    p /= p.sum()
    assert np.allclose(m, p @ s, rtol=1e-10, atol=1e-12)
    assert np.allclose(C, (s.T * p) @ s, rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match="up to 24"):
        exact_moments(np.zeros((25, 25)), np.zeros(25))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gibbs_samples_the_model(name, dtype):
    """States of 10000 chains: chi-square against enumeration, 8 cases with p > 1e-6: false alarm 8e-6."""
    import scipy.stats

    n = 10_000
    states = machine_of(name, dtype).sample(25, n, rng=4)
    w = weights(machine_of(name))
    index = (states > 0) @ (1 << np.arange(V - 1, -1, -1))
    seen, expected = np.bincount(index, minlength=len(w)), n * w / w.sum()
    rare = expected < 10
    seen, expected = (np.append(x[~rare], x[rare].sum() + 1e-9) for x in (seen, expected))
    assert scipy.stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-6


NEGATIVE = {
    "CD": lambda: sl.rbm.CD(15),
    "PCD": lambda: sl.rbm.PCD(15, 4000),
    "Tempering": lambda: sl.rbm.Tempering(15, 4000, [0.5, 1.0]),
}


@pytest.mark.parametrize("name", ["biases", "ra-biases"])
@pytest.mark.parametrize("kind", NEGATIVE)
def test_long_chains_reach_the_model(kind, name):
    """4000 independent chains, at most 30 averages in 6 cases, |z| < 6: false alarm 4e-7. The start is
    far outside."""
    machine = machine_of(name)
    start = machine.positive(np.ones((4000, V)), Noise(9))
    phase = NEGATIVE[kind]()
    for update in range(2):
        found = phase.statistics(machine, start, Noise.of(2, update))
    s = np.array(all_states(), dtype=float)
    p = weights(machine) / weights(machine).sum()
    rows = [machine.statistics(sl.rbm.Phase([x[None]], [x[None]])) for x in s]
    exact = machine.exact_statistics()
    for key, value in found.items():
        each = np.array([row[key] for row in rows])
        sigma = np.sqrt(np.tensordot(p, (each - exact[key]) ** 2, 1) / 4000) + 1e-12
        assert (np.abs(value - exact[key]) / sigma).max() < 6
        assert (np.abs(machine.statistics(start)[key] - exact[key]) / sigma).max() > 12


@pytest.mark.parametrize("start", ["sign", "continuous"])
@pytest.mark.parametrize("boltzmann", [False, True])
def test_pid_is_an_average_over_patterns(start, boltzmann):
    machine = machine_of("ra-biases")
    spins = np.where(machine.xi >= 0, 1.0, -1.0)
    v = spins if start == "sign" else machine.xi
    w = np.ones(K)
    if boltzmann:
        w = np.exp([minus_energy(machine, s, machine.parameters) for s in spins])
    w /= w.sum()
    phase = sl.rbm.PID(start=start, weights="boltzmann" if boltzmann else None)
    found = phase.statistics(machine, None, Noise(1))
    C = (v.T * w) @ v
    np.fill_diagonal(C, 0)
    assert np.allclose(found["xi"], machine.scale / K**0.5 * machine.xi @ C, rtol=1e-11)
    assert np.allclose(found["b"], w @ v, rtol=1e-11)
    assert np.array_equal(phase.configurations, spins)


def test_patterns_are_needed_for_pid():
    with pytest.raises(TypeError, match="FBM"):
        sl.rbm.PID().statistics(machine_of("plain"), None, Noise(1))
    with pytest.raises(TypeError, match="no GPU side"):
        machine_of("plain").to("gpu")


@pytest.mark.parametrize("name", ["biases", "ra-biases"])
def test_centred_gradient_is_that_of_shifted_units(name):
    """E = -(v - mu).J.(v - mu)/2 - b'.v has b = b' - J mu: ascend there, then go back."""
    machine, data = machine_of(name), data_for()
    mu = np.random.default_rng(2).normal(0, 0.5, V)
    plain = machine.statistics(machine.positive(data.astype(float), Noise(1)))
    for key, x in machine.exact_statistics().items():
        plain[key] -= x

    def shifted(p, sign):
        if "J" in p:
            J = (p["J"] + p["J"].T) / 2
        else:
            J = p["scale"][0] / K**0.5 * (p["xi"].T @ p["xi"])
        J = J - np.diag(np.diag(J))
        return p | {"b": p["b"] + sign * (J @ mu)}

    start = shifted(dict(machine.parameters), +1)
    here = type("Shifted", (), {"parameters": start})
    dual = gradient(here, lambda p: log_likelihood(machine, data, shifted(p, -1)))
    if "J" in dual:
        dual["J"] = dual["J"] + dual["J"].T
    step = 1e-7
    moved = shifted({k: start[k] + step * dual[k] for k in start}, -1)
    machine.centre(plain, [mu])
    for key in plain:
        found = (moved[key] - machine.parameters[key]) / step
        assert np.allclose(plain[key], found, rtol=1e-5, atol=1e-5), key


DATA = np.array([[1, 1, 1, -1, -1], [-1, -1, 1, 1, 1]])
SETTINGS = {
    "exact": (lambda: sl.rbm.FBM(5, biases=True, rng=0), sl.rbm.Exact, {}),
    "pcd": (lambda: sl.rbm.RAFBM(5, 2, scale=0.1, train_scale=True, rng=0), lambda: sl.rbm.PCD(2, 50), {}),
    "pid": (lambda: sl.rbm.RAFBM(5, 2, scale=0.3, rng=0), lambda: sl.rbm.PID(2), {"projection": "clip"}),
    "cd": (lambda: sl.rbm.FBM(5, rng=0), lambda: sl.rbm.CD(2), {"momentum": 0.5}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_training_raises_the_likelihood_and_resumes(name, tmp_path):
    build, negative, settings = SETTINGS[name]

    def trainer():
        return sl.rbm.Trainer(build(), negative(), lr=0.05, batch_size=2, rng=1, **settings)

    whole, first, second = trainer(), trainer(), trainer()
    before = whole.machine.log_likelihood(DATA).mean()
    history = whole.fit(DATA, 40)
    assert history.sizes["epoch"] == 40
    assert whole.machine.log_likelihood(DATA).mean() > before + 0.3
    if "J" in whole.machine.parameters:
        assert np.array_equal(whole.machine.J, whole.machine.J.T)
        assert not whole.machine.J.diagonal().any()
    first.fit(DATA, 15, checkpoint=tmp_path / "run.npz")
    second.fit(DATA, 40, checkpoint=tmp_path / "run.npz")
    for key, x in whole.machine.state_dict().items():
        assert np.array_equal(x, second.machine.state_dict()[key]), key


def test_couplings_of_a_torus_are_recovered_from_its_samples():
    """Maximum likelihood on 50000 samples at T = 3 of a 4x4 torus with random bonds.

    At the maximum the errors of the 120 couplings have the inverse Fisher information for covariance,
    cov(v_i v_j, v_k v_l)/n, so their squared length in it is chi-square with 120 degrees of freedom: for
    independent samples beyond 180 once in 3000 cases, and one of 120 couplings beyond 5 errors once in 10^4.
    """
    root = Path(os.environ.get("SPINLAB_DATA", "")) / "rbm_data" / "xanadu_ising_4x4"
    if not os.environ.get("SPINLAB_DATA") or not root.is_dir():
        pytest.skip("set SPINLAB_DATA to the folder that holds rbm_data/xanadu_ising_4x4")
    true = sl.models.load_instance(root / "couplings.txt").scaled(1 / 3)
    data = 2 * np.loadtxt(root / "ising_4_4_T_3_test.csv.gz", delimiter=",", dtype=np.int8) - 1
    n, pairs = len(data), np.triu_indices(16, 1)
    products = (data[:, pairs[0]] * data[:, pairs[1]]).astype(np.float32)
    fisher = np.cov(products, rowvar=False)
    machine = sl.rbm.FBM(16, std=0.0, dtype="float64", rng=0)
    trainer = sl.rbm.Trainer(machine, sl.rbm.Exact(), lr=0.1, batch_size=n, momentum=0.9, rng=0)
    trainer.fit(data, 60)
    # A few Newton steps take the last digits: the likelihood is concave.
    v = data.astype(float)
    positive = machine.statistics(machine.positive(v, Noise(0)))["J"]
    for _ in range(6):
        g = (positive - machine.exact_statistics()["J"])[pairs]
        step = np.zeros((16, 16))
        step[pairs] = np.linalg.solve(fisher, g)
        machine.J[:] += step + step.T
    assert np.abs(positive - machine.exact_statistics()["J"]).max() < 1e-7
    error = (machine.J - true.couplings())[pairs]
    z = error / np.sqrt(np.diag(np.linalg.inv(fisher)) / n)
    distance = n * error @ fisher @ error
    print(f"rms z {np.sqrt((z**2).mean()):.3f}, max |z| {np.abs(z).max():.2f}, chi2 {distance:.1f}/120")
    assert np.abs(z).max() < 5
    assert distance < 180
    # The fit beats the true couplings on its data by chi2/(2n) nats; the known ln Z judges the latter.
    log_p = -true.energy(data).mean() - 13.664842802668057
    gain = machine.log_likelihood(data).mean() - log_p
    assert np.isclose(gain, distance / (2 * n), rtol=0.1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sl.rbm.FBM(0), "V must be at least 1"),
        (lambda: sl.rbm.RAFBM(3, 0), "K must be at least 1"),
        (lambda: sl.rbm.FBM.from_couplings([[0, 1], [2, 0]]), "symmetric"),
        (lambda: sl.rbm.FBM(3, std=-1.0), "std must be"),
        (lambda: sl.rbm.FBM(30).exact_statistics(), "up to 24"),
        (lambda: sl.rbm.FBM(3).free_energy([1, 1]), "3"),
    ],
)
def test_bad_machines_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
