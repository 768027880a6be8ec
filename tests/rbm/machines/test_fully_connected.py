"""Fully connected machines: everything against sums over all states, term by term."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from rbm_machines import gradient

import spinlab as sl
from spinlab.rbm.machines.moments import clamped_log_norms, clamped_moments, exact_moments
from spinlab.rbm.machines.units import Noise

N, K = 5, 3
VISIBLE = ["plain", "biases", "ra", "ra-biases"]
HIDDEN = ["hidden", "hidden-biases", "ra-hidden", "ra-hidden-biases"]
NAMES = VISIBLE + HIDDEN


def machine_of(name, dtype="float64", size=0.4, **options):
    """All five units visible, or two of them hidden, or with biases three."""
    rng = np.random.default_rng(7)
    J = np.triu(rng.normal(0, size, (N, N)), 1)
    b, xi = rng.normal(0, 0.4, N), rng.normal(0, 1, (K, N))
    given = {"dtype": dtype} | options
    if "biases" in name:
        given["b"] = b
    if "hidden" in name:
        given["V"] = 2 if "biases" in name else 3
    if name.startswith("ra"):
        return sl.rbm.RAFBM.from_patterns(xi, scale=1.5 * size, train_scale="b" in given, **given)
    return sl.rbm.FBM.from_couplings(J + J.T, **given)


def all_states(n=N):
    return list(itertools.product((-1, 1), repeat=n))


def minus_energy(machine, s, p):
    x = sum(p["b"][i] * s[i] for i in range(N)) if "b" in p else 0.0
    for i in range(N):
        for j in range(i + 1, N):
            if "J" in p:
                J = (p["J"][i, j] + p["J"][j, i]) / 2
            else:
                scale = p["scale"][0] if "scale" in p else machine.scale
                J = scale * sum(p["xi"][k, i] * p["xi"][k, j] for k in range(K)) / K**0.5
            x = x + J * s[i] * s[j]
    return x


def weights(machine, p=None):
    """exp(-E) of all states, shape (2^V, 2^H)."""
    p = machine.parameters if p is None else p
    return np.array([np.exp(minus_energy(machine, s, p)) for s in all_states()]).reshape(2**machine.V, -1)


def number(states):
    """Which row of all_states each one is."""
    states = np.asarray(states)
    return (states > 0) @ (1 << np.arange(states.shape[-1] - 1, -1, -1))


def log_likelihood(machine, data, p=None):
    w = weights(machine, p)
    return np.log(w.sum(1)[number(data)]).mean() - np.log(w.sum())


def data_for(machine, n=6):
    return np.random.default_rng(1).choice([-1, 1], (n, machine.V))


def chi_square(numbers, w):
    """p-value of drawn numbers of states against weights; states that are expected less than ten times are
    taken together."""
    n, w = len(numbers), np.ravel(w)
    seen, expected = np.bincount(numbers, minlength=len(w)), n * w / w.sum()
    rare = expected < 10
    seen, expected = (np.append(x[~rare], x[rare].sum() + 1e-9) for x in (seen, expected))
    return scipy.stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_derivative_of_the_likelihood(name):
    machine = machine_of(name)
    data = data_for(machine)
    found = machine.statistics(machine.positive(data.astype(float), Noise(1)))
    negative = machine.exact_statistics()
    expected = gradient(machine, lambda p: log_likelihood(machine, data, p))
    if "J" in expected:  # one coupling of a pair stands in both places
        expected["J"] = expected["J"] + expected["J"].T
    assert found.keys() == machine.parameters.keys()
    for key, value in expected.items():
        assert np.allclose(found[key] - negative[key], value, rtol=1e-10, atol=1e-12), key
    expected = log_likelihood(machine, data)
    assert np.isclose(machine.log_likelihood(data).mean(), expected, rtol=1e-12)
    assert np.isclose(sl.rbm.log_likelihood(machine, data).mean(), expected, rtol=1e-12)
    assert np.isclose(sl.rbm.negative_log_likelihood(machine, data).nll, -expected, rtol=1e-12)
    model, states = machine.as_ising(), np.array(all_states())
    x = [minus_energy(machine, s, machine.parameters) for s in all_states()]
    assert np.allclose(model.energy(states), -np.array(x), rtol=1e-12)
    layers = np.split(states.astype(float), [machine.V], axis=1) if machine.H else [states.astype(float)]
    assert np.allclose(machine.energies(sl.rbm.Phase(layers, [])), -np.array(x), rtol=1e-12)
    # A batch that is divided by more than its size: a positive phase that is smaller as a whole.
    phase = machine.positive(data.astype(float), Noise(1))
    phase.share = 0.5
    for key, value in machine.statistics(phase).items():
        assert np.allclose(value, found[key] / 2, rtol=1e-12), key


@pytest.mark.parametrize("name", NAMES)
def test_exact_negative_phase_is_that_of_all_states(name):
    machine = machine_of(name)
    found = sl.rbm.Exact().statistics(machine, None, Noise(1))
    p = np.ravel(weights(machine) / weights(machine).sum())
    states = np.array(all_states(), dtype=float)
    C = (states.T * p) @ states - np.eye(N)
    expected = {"b": p @ states}
    if "xi" in machine.parameters:
        expected["xi"] = machine.scale / K**0.5 * machine.xi @ C
        expected["scale"] = np.trace(machine.xi @ C @ machine.xi.T)[None] / (2 * K**0.5)
    else:
        expected["J"] = C
    for key in found:
        assert np.allclose(found[key], expected[key], rtol=1e-10, atol=1e-13), key
    # As one weighted phase over all states: the same from the statistics of configurations.
    layers = np.split(states, [machine.V], axis=1) if machine.H else [states]
    phase = sl.rbm.Phase(layers, layers, weights=p)
    again = machine.statistics(phase)
    for key in found:
        assert np.allclose(again[key], found[key], rtol=1e-10, atol=1e-13), key


@pytest.mark.parametrize("N", [1, 2, 9])
@pytest.mark.parametrize("biases", [False, True])
def test_moments_chunk_by_chunk(N, biases, monkeypatch):
    monkeypatch.setattr("spinlab.rbm.machines.moments._CHUNK", 1)
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


@pytest.mark.parametrize("N", [1, 2, 5])
def test_clamped_moments_chunk_by_chunk(N, monkeypatch):
    """Sums of hidden states, and 4000 states drawn for each of two samples: chi-square, 6 cases with
    p > 1e-6: false alarm 6e-6."""
    monkeypatch.setattr("spinlab.rbm.machines.moments._CHUNK", 4000 << N)  # three chunks
    rng = np.random.default_rng(6)
    J = np.triu(rng.normal(0, 0.8, (N, N)), 1)
    J, fields = J + J.T, rng.normal(0, 0.5, (2, N))
    s = np.array(all_states(N), dtype=float)
    log_w = fields @ s.T + ((s @ J) * s).sum(1) / 2
    p = np.exp(log_w)
    norm = p.sum(1, keepdims=True)
    which = np.repeat([0, 1], [4000, 4001])
    means, C, drawn = clamped_moments(J, fields[which], rng.random((2, len(which))))
    assert np.allclose(clamped_log_norms(J, fields), np.log(norm[:, 0]), rtol=1e-12)
    p /= norm
    assert np.allclose(means, (p @ s)[which], rtol=1e-10, atol=1e-12)
    assert np.allclose(C, (s.T * p[which].mean(0)) @ s, rtol=1e-10, atol=1e-12)
    for row in (0, 1):
        assert chi_square(number(drawn[which == row]), p[row]) > 1e-6
    with pytest.raises(ValueError, match="up to 20 hidden units, got 21"):
        clamped_moments(np.zeros((21, 21)), np.zeros((1, 21)), np.zeros((2, 1)))


@pytest.mark.parametrize("name", ["hidden-biases", "ra-hidden-biases"])
def test_clamped_chains_sample_the_hidden_units(name):
    """States of 8000 chains given one sample: chi-square against enumeration, 4 cases with p > 1e-6: false
    alarm 4e-6. The same test refuses the factorised start."""
    machine = machine_of(name, size=0.7, positive="gibbs")
    for v in ([1.0, 1.0], [1.0, -1.0]):
        w = weights(machine)[number(v)]
        up = (1 + machine.mean_field(np.array([v]))[0]) / 2
        start = np.random.default_rng(5).random((8000, machine.H)) < up
        assert chi_square(number(np.where(start, 1, -1)), w) < 1e-9
        phase = machine.positive(np.tile(v, (8000, 1)), Noise(3))
        assert np.array_equal(phase.layers[0], np.tile(v, (8000, 1)))
        assert np.array_equal(np.concatenate(phase.means, axis=1), np.concatenate(phase.layers, axis=1))
        assert chi_square(number(phase.layers[1]), w) > 1e-6


@pytest.mark.parametrize("name", HIDDEN)
def test_mean_field_solves_its_equations(name):
    machine = machine_of(name, positive="mean-field", n_positive=500)
    v = data_for(machine).astype(float)
    phase = machine.positive(v, Noise(1))
    m = np.concatenate(phase.means, axis=1)
    J, b = machine.as_ising().couplings(), np.zeros(N)
    if "b" in machine.parameters:
        b = machine.parameters["b"]
    hidden = slice(machine.V, N)
    assert np.allclose(m[:, hidden], np.tanh(m @ J + b)[:, hidden], rtol=1e-10, atol=1e-12)
    # Every product of two units enters by its means.
    found = machine.statistics(phase)
    C = m.T @ m / len(m)
    np.fill_diagonal(C, 0)
    if "J" in found:
        assert np.allclose(found["J"], C, rtol=1e-12)
    else:
        assert np.allclose(found["xi"], machine.scale / K**0.5 * machine.xi @ C, rtol=1e-12)
    # <E> - entropy, over the product distribution of all hidden states.
    p = ((1 + np.array(all_states(machine.H)) * m[:, None, hidden]) / 2).prod(-1)
    E = -np.log(weights(machine))[number(v)]
    bound = (p * (E + np.log(p))).sum(1)
    assert np.allclose(machine.variational_free_energy(v), bound, rtol=1e-9)
    assert (bound >= machine.free_energy(v)).all()
    assert np.isclose(machine.variational_free_energy(v[0]), bound[0], rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gibbs_samples_the_model(name, dtype):
    """States of 10000 chains: chi-square against enumeration, 16 cases with p > 1e-6: false alarm 2e-5."""
    states = machine_of(name, dtype).sample(25, 10_000, rng=4)
    assert chi_square(number(states), weights(machine_of(name)).sum(1)) > 1e-6


@pytest.mark.parametrize("name", ["biases", "hidden", "ra-hidden-biases"])
def test_reconstructions_are_conditional_samples(name):
    """8000 reconstructions of each of two images: chi-square against P(unknown | known), 6 cases with
    p > 1e-6: false alarm 6e-6."""
    machine = machine_of(name)
    data = np.array([[1, 1, -1, 1, -1], [1, -1, 1, 1, 1]])[:, : machine.V]
    known = np.arange(machine.V) != 1
    settings = {"n_steps": 15, "n_repeats": 8000, "rng": 2}
    found = sl.rbm.reconstruct(machine, data, known, threads=2, **settings)
    assert np.array_equal(found, sl.rbm.reconstruct(machine, data, known, threads=1, **settings))
    assert np.array_equal(found[:, :, known], np.broadcast_to(data[:, known], found[:, :, known].shape))
    p = weights(machine).sum(1)
    v = np.array(all_states(machine.V))
    for image in (0, 1):
        possible = (v[:, known] == data[image, known]).all(1)
        assert chi_square(number(found[:, image]), p * possible) > 1e-6
    # Nothing held: a step draws all pixels.
    free = sl.rbm.reconstruct(machine, data, known, clamped=False, **settings)
    assert chi_square(number(free[:, 0]), p) > 1e-6
    distance = sl.rbm.hamming_distance(machine, data, known, convention="one_step", n_repeats=3, rng=0)
    assert 0 < distance.mean < 1


def parity(n):
    """The states of n spins whose product is +1."""
    s = np.array(all_states(n))
    return s[s.prod(1) == 1]


@pytest.mark.parametrize(("n", "H"), [(3, 1), (4, 2)])
def test_hidden_units_learn_parity(n, H):
    """All averages of one and of two spins vanish in these data: at best, a pairwise machine has n ln 2."""
    data = parity(n)
    pairwise = sl.rbm.FBM(n, std=1.0, biases=True, rng=0)
    machine = sl.rbm.FBM(n, H=H, std=1.0, biases=True, rng=0)
    for each in (pairwise, machine):
        trainer = sl.rbm.Trainer(each, sl.rbm.Exact(), lr=0.2, momentum=0.9, batch_size=len(data), rng=1)
        trainer.fit(data, 300)
    nll = -pairwise.log_likelihood(data).mean()
    assert n * np.log(2) - 1e-6 < nll < n * np.log(2) + 1e-3
    assert -machine.log_likelihood(data).mean() < np.log(len(data)) + 0.02  # at best ln of their number


NEGATIVE = {
    "CD": lambda: sl.rbm.CD(15),
    "PCD": lambda: sl.rbm.PCD(15, 4000),
    "Tempering": lambda: sl.rbm.Tempering(15, 4000, [0.5, 1.0]),
}


@pytest.mark.parametrize("name", ["biases", "ra-biases", "ra-hidden-biases"])
@pytest.mark.parametrize("kind", NEGATIVE)
def test_long_chains_reach_the_model(kind, name):
    """4000 independent chains, at most 30 averages in 9 cases, |z| < 6: false alarm 6e-7. The start is
    far outside."""
    machine = machine_of(name)
    start = machine.positive(np.tile((-1.0) ** np.arange(machine.V), (4000, 1)), Noise(9))
    phase = NEGATIVE[kind]()
    for update in range(2):
        found = phase.statistics(machine, start, Noise.of(2, update))
    s = np.array(all_states(), dtype=float)
    p = np.ravel(weights(machine) / weights(machine).sum())
    layers = [np.split(x[None], [machine.V], axis=1) if machine.H else [x[None]] for x in s]
    rows = [machine.statistics(sl.rbm.Phase(x, x)) for x in layers]
    exact = machine.exact_statistics()
    for key, value in found.items():
        each = np.array([row[key] for row in rows])
        sigma = np.sqrt(np.tensordot(p, (each - exact[key]) ** 2, 1) / 4000) + 1e-12
        assert (np.abs(value - exact[key]) / sigma).max() < 6
        assert (np.abs(machine.statistics(start)[key] - exact[key]) / sigma).max() > 12


@pytest.mark.parametrize("start", ["sign", "continuous"])
@pytest.mark.parametrize("boltzmann", [False, True])
@pytest.mark.parametrize("name", ["ra-biases", "ra-hidden-biases"])
def test_pid_is_an_average_over_patterns(name, start, boltzmann):
    machine = machine_of(name)
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
    if machine.H:  # chains from the patterns begin at both of their parts
        begin = sl.rbm.Phase([spins[:, : machine.V], None], machine.pattern_phase(False).means)
        assert np.array_equal(machine.gibbs(begin, 0, Noise(1)).configurations(), spins)


def test_patterns_are_needed_for_pid():
    with pytest.raises(TypeError, match="FBM"):
        sl.rbm.PID().statistics(machine_of("plain"), None, Noise(1))
    with pytest.raises(TypeError, match="no GPU side"):
        machine_of("plain").to("gpu")


@pytest.mark.parametrize("name", ["biases", "ra-biases", "hidden-biases", "ra-hidden-biases"])
def test_centred_gradient_is_that_of_shifted_units(name):
    """E = -(v - mu).J.(v - mu)/2 - b'.v has b = b' - J mu: ascend there, then go back."""
    machine = machine_of(name)
    data, mu = data_for(machine), np.random.default_rng(2).normal(0, 0.5, N)
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
    layers = np.split(mu, [machine.V]) if machine.H else [mu]
    dual = gradient(here, lambda p: log_likelihood(machine, data, shifted(p, -1)))
    if "J" in dual:
        dual["J"] = dual["J"] + dual["J"].T
    step = 1e-7
    moved = shifted({k: start[k] + step * dual[k] for k in start}, -1)
    machine.centre(plain, layers)
    for key in plain:
        found = (moved[key] - machine.parameters[key]) / step
        assert np.allclose(plain[key], found, rtol=1e-5, atol=1e-5), key


DATA = np.array([[1, 1, 1, -1, -1], [-1, -1, 1, 1, 1]])
SETTINGS = {
    "exact": (lambda: sl.rbm.FBM(5, biases=True, rng=0), sl.rbm.Exact, {}),
    "pcd": (lambda: sl.rbm.RAFBM(5, 2, scale=0.1, train_scale=True, rng=0), lambda: sl.rbm.PCD(2, 50), {}),
    "pid": (lambda: sl.rbm.RAFBM(5, 2, scale=0.3, rng=0), lambda: sl.rbm.PID(2), {"projection": "clip"}),
    "cd": (lambda: sl.rbm.FBM(5, rng=0), lambda: sl.rbm.CD(2), {"momentum": 0.5}),
    "hidden": (lambda: sl.rbm.FBM(5, H=2, std=0.2, biases=True, rng=0), lambda: sl.rbm.CD(2), {}),
    "hidden-gibbs": (
        lambda: sl.rbm.FBM(5, H=6, std=0.1, positive="gibbs", n_positive=2, rng=0),
        lambda: sl.rbm.PCD(2, 50),
        {},
    ),
    "hidden-mean-field": (
        lambda: sl.rbm.RAFBM(5, 3, H=2, scale=0.3, positive="mean-field", biases=True, rng=0),
        lambda: sl.rbm.Tempering(1, 20, 3),
        {},
    ),
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
        (lambda: sl.rbm.FBM(3, H=-1), "H must be at least 0"),
        (lambda: sl.rbm.RAFBM(3, 2, H=21), "up to 20 hidden units, got 21.*positive='gibbs'"),
        (
            lambda: sl.rbm.FBM(3, H=2, positive="sampled"),
            "unknown positive .sampled.; known: exact, gibbs, mean-field",
        ),
        (lambda: sl.rbm.FBM(3, H=2, n_positive=0), "n_positive must be at least 1"),
        (lambda: sl.rbm.FBM(3, H=21, positive="gibbs").free_energy([1, 1, 1]), "up to 20 hidden units"),
        (lambda: sl.rbm.FBM(3, H=22, positive="gibbs").exact_statistics(), "up to 24"),
        (lambda: sl.rbm.FBM(3, H=2).log_likelihood([[1, 1, 1, 1, 1]]), "3"),
        (lambda: sl.rbm.log_likelihood(sl.rbm.FBM(3, H=2), [[1, 1, 1, 1, 1]]), "3"),
        (lambda: sl.rbm.RAFBM.from_patterns([[1, 1, -1]], V=4), "V must be at most .* 3, got 4"),
        (lambda: sl.rbm.FBM.from_couplings([[0, 1], [1, 0]], [1, 0, 1], V=1), "2"),
    ],
)
def test_bad_machines_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
