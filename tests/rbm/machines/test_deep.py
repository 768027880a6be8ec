"""Deep machines against sums over all states of all layers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from rbm_machines import gradient

import spinlab as sl
from spinlab.rbm.machines.units import Noise

K = 2
# Hidden layers of both parities as the smaller one, one hidden layer, and three of them.
SIZES = {"three": (3, 2, 3), "narrow top": (3, 3, 1), "two": (3, 2), "four": (3, 2, 2, 2)}
CASES = [(shape, kind) for shape in SIZES for kind in ("plain", "biases", "ra", "ra-biases")]


def machine_of(shape, kind, dtype="float64", size=0.6, **options):
    sizes = SIZES[shape]
    rng = np.random.default_rng(11)
    biases = [rng.normal(0, 0.4, n) for n in sizes] if "biases" in kind else None
    if kind.startswith("ra"):
        xi = [rng.normal(0, 1, (K, n)) for n in sizes]
        scaled = {"scale": size, "train_scale": biases is not None}
        return sl.rbm.RADBM.from_patterns(xi, biases, dtype=dtype, **scaled, **options)
    W = [rng.normal(0, size, pair) for pair in itertools.pairwise(sizes)]
    return sl.rbm.DBM.from_weights(W, biases, dtype=dtype, **options)


def all_states(machine):
    """Every state as a list of layers, visible first; the visible units change slowest."""
    s = np.array(list(itertools.product((-1.0, 1.0), repeat=sum(machine.sizes))))
    return np.split(s, np.cumsum(machine.sizes)[:-1], axis=1)


def minus_energy(machine, layers, p=None):
    p = machine.parameters if p is None else p
    x = np.zeros(len(layers[0]))
    for i in range(len(layers)):
        if f"b{i}" in p:
            x = x + layers[i] @ p[f"b{i}"]
        if i and "W1" in p:
            x = x + np.einsum("ni,ia,na->n", layers[i - 1], p[f"W{i}"], layers[i])
        elif i:
            scale = p["scale"][0] if "scale" in p else machine.scale
            both = [layers[j] @ p[f"xi{j}"].T for j in (i - 1, i)]
            x = x + scale / K**0.5 * (both[0] * both[1]).sum(1)
    return x


def visible_weights(machine, p=None):
    w = np.exp(minus_energy(machine, all_states(machine), p))
    return w.reshape(2**machine.V, -1).sum(1)


def visible_states(machine):
    return np.array(list(itertools.product((-1, 1), repeat=machine.V)))


def number(v):
    return (np.asarray(v) > 0) @ (1 << np.arange(np.shape(v)[1] - 1, -1, -1))


def log_likelihood(machine, data, p=None):
    w = visible_weights(machine, p)
    return np.log(w[number(data)]).mean() - np.log(w.sum())


def data_for(machine):
    return np.random.default_rng(1).choice([-1, 1], (5, machine.V))


def phase_of(machine, layers, weights=None):
    ordered = [layers[i] for i in machine.order]
    return sl.rbm.Phase(ordered, ordered, weights=weights)


@pytest.mark.parametrize(("shape", "kind"), CASES)
def test_gradient_is_the_derivative_of_the_likelihood(shape, kind):
    machine = machine_of(shape, kind, positive="exact")
    data = data_for(machine)
    found = machine.statistics(machine.positive(data.astype(float), Noise(1)))
    negative = sl.rbm.Exact().statistics(machine, None, Noise(1))
    expected = gradient(machine, lambda p: log_likelihood(machine, data, p))
    assert found.keys() == machine.parameters.keys()
    for key, value in expected.items():
        assert np.allclose(found[key] - negative[key], value, rtol=1e-10, atol=1e-12), key
    # The negative phase alone, as the average over all states.
    layers = all_states(machine)
    p = np.exp(minus_energy(machine, layers))
    every = machine.statistics(phase_of(machine, layers, p / p.sum()))
    for key, value in every.items():
        assert np.allclose(negative[key], value, rtol=1e-10, atol=1e-12), key


@pytest.mark.parametrize(("shape", "kind"), CASES)
def test_likelihood_energies_and_model(shape, kind):
    machine = machine_of(shape, kind)
    w = visible_weights(machine)
    v = visible_states(machine)
    assert np.allclose(machine.free_energy(v), -np.log(w), rtol=1e-11)
    assert np.allclose(machine.log_likelihood(v), np.log(w / w.sum()), rtol=1e-11)
    assert np.isclose(sl.rbm.negative_log_likelihood(machine, v).nll, -np.log(w / w.sum()).mean(), rtol=1e-11)
    layers = all_states(machine)
    phase, model = phase_of(machine, layers), machine.as_ising()
    E = -minus_energy(machine, layers)
    assert np.allclose(machine.energies(phase), E, rtol=1e-12, atol=1e-12)
    assert np.allclose(model.energy(phase.configurations()), E, rtol=1e-12, atol=1e-12)
    for own, back in zip(layers, machine.split(phase.configurations()), strict=True):
        assert np.array_equal(own, back)
    assert np.isclose(sl.ground_state(model).energy, E.min(), rtol=1e-12)


@pytest.mark.parametrize(("shape", "kind"), [c for c in CASES if c[0] != "two"])
def test_gibbs_samples_the_model(shape, kind):
    """Visible states of 10000 chains: chi-square against enumeration, 12 cases with p > 1e-6: false alarm
    1.2e-5."""
    import scipy.stats

    n = 10_000
    states = machine_of(shape, kind, "float32").sample(40, n, rng=4)
    w = visible_weights(machine_of(shape, kind))
    seen, expected = np.bincount(number(states), minlength=len(w)), n * w / w.sum()
    assert scipy.stats.chisquare(seen, expected).pvalue > 1e-6


NEGATIVE = {
    "CD": lambda: sl.rbm.CD(25),
    "PCD": lambda: sl.rbm.PCD(25, 4000),
    "Tempering": lambda: sl.rbm.Tempering(25, 4000, [0.5, 1.0]),
}


@pytest.mark.parametrize("kind", ["biases", "ra-biases"])
@pytest.mark.parametrize("negative", NEGATIVE)
@pytest.mark.parametrize("positive", ["mean-field", "gibbs"])
def test_long_chains_reach_the_model(negative, kind, positive):
    """4000 independent chains, at most 30 averages in 12 cases, |z| < 6: false alarm 7e-7. The spread of the
    spins bounds that of the means."""
    machine = machine_of("four", kind, positive=positive)
    start = machine.positive(np.ones((4000, machine.V)), Noise(9))
    phase = NEGATIVE[negative]()
    for update in range(2):
        found = phase.statistics(machine, start, Noise.of(2, update))
    layers = all_states(machine)
    p = np.exp(minus_energy(machine, layers))
    p /= p.sum()
    rows = [machine.statistics(phase_of(machine, [x[n : n + 1] for x in layers])) for n in range(len(p))]
    exact = machine.exact_statistics()
    for key, value in found.items():
        each = np.array([row[key] for row in rows])
        sigma = np.sqrt(np.tensordot(p, (each - exact[key]) ** 2, 1) / 4000) + 1e-12
        assert (np.abs(value - exact[key]) / sigma).max() < 6
    assert phase.configurations.shape == (4000, sum(machine.sizes))


def conditional_means(machine, data):
    """Exact means of the hidden layers for each row of data."""
    layers = all_states(machine)
    w = np.exp(minus_energy(machine, layers)).reshape(2**machine.V, -1)
    w /= w.sum(1, keepdims=True)
    hidden = [x.reshape(2**machine.V, w.shape[1], -1) for x in layers[1:]]
    return [np.einsum("vs,vsi->vi", w, h)[number(data)] for h in hidden]


@pytest.mark.parametrize("kind", ["biases", "ra-biases"])
def test_mean_field_is_right_for_small_weights(kind):
    """The fixed point solves its equations, and its error is of second order in the couplings among the
    hidden layers: a half of the weights leaves less than a third of it."""
    errors = []
    for size in (0.2, 0.1):
        machine = machine_of("three", kind, size=size, n_positive=200)
        v = visible_states(machine)
        means = machine.mean_field(v.astype(float))
        for i in range(1, machine.n_layers):
            assert np.allclose(means[i], np.tanh(machine.fields(means, i)), atol=1e-12)
        exact = conditional_means(machine, v)
        errors.append(max(np.abs(a - b).max() for a, b in zip(means[1:], exact, strict=True)))
    assert 1e-6 < errors[1] < errors[0] / 3
    assert errors[0] < 0.05


@pytest.mark.parametrize(("shape", "kind"), CASES)
def test_variational_free_energy_bounds_the_exact_one(shape, kind):
    machine = machine_of(shape, kind, n_positive=200)
    v = visible_states(machine)
    gap = machine.variational_free_energy(v) - machine.free_energy(v)
    assert (gap > -1e-12).all()
    if shape == "two":
        assert np.abs(gap).max() < 1e-12
    else:
        # The gap is the Kullback-Leibler divergence from the product of the means to the exact state.
        layers = all_states(machine)
        w = np.exp(minus_energy(machine, layers)).reshape(len(v), -1)
        means = machine.mean_field(v.astype(float))
        hidden = np.concatenate(layers[1:], axis=1)[: w.shape[1]]
        q = np.prod((1 + hidden * np.concatenate(means[1:], axis=1)[:, None, :]) / 2, axis=2)
        divergence = (q * np.log(q * w.sum(1, keepdims=True) / w)).sum(1)
        assert np.allclose(gap, divergence, rtol=1e-9, atol=1e-12)
        assert gap.max() > 1e-4


def test_clamped_gibbs_sampling_keeps_the_data():
    """Means of the hidden layers over 8000 clamped chains against the exact ones: |z| < 6 for 5 units, with
    the deviation of a spin, at most 1; false alarm 1e-8."""
    machine = machine_of("three", "biases", positive="gibbs", n_positive=20)
    v = np.tile([1.0, -1.0, 1.0], (8000, 1))
    phase = machine.positive(v, Noise(3))
    layers = machine.split(phase.configurations())
    assert np.array_equal(layers[0], v)
    exact = conditional_means(machine, v[:1])
    for drawn, mean in zip(layers[1:], exact, strict=True):
        assert (np.abs(drawn.mean(0) - mean[0]) < 6 * np.sqrt(1 - mean[0] ** 2) / 8000**0.5).all()


@pytest.mark.parametrize("start", ["sign", "continuous"])
def test_pid_is_an_average_over_patterns(start):
    """Odd layers enter by their means given the even ones."""
    machine = machine_of("four", "ra-biases")
    xi = [np.where(x >= 0, 1.0, -1.0) if start == "sign" else x for x in machine.xi]
    W = [machine.weights(i) for i in range(1, 4)]
    b = [machine.parameters[f"b{i}"] for i in range(4)]
    h1, h3 = np.tanh(xi[0] @ W[0] + xi[2] @ W[1].T + b[1]), np.tanh(xi[2] @ W[2] + b[3])
    phase = sl.rbm.PID(start=start)
    found = phase.statistics(machine, None, Noise(1))
    c = machine.scale / K**0.5
    m = [s @ x.T for s, x in zip((xi[0], h1, xi[2], h3), machine.xi, strict=True)]
    assert np.allclose(found["xi0"], c * m[1].T @ xi[0] / K, rtol=1e-11)
    assert np.allclose(found["xi2"], c * (m[1] + m[3]).T @ xi[2] / K, rtol=1e-11)
    assert np.allclose(found["xi3"], c * m[2].T @ h3 / K, rtol=1e-11)
    assert np.allclose(found["b1"], h1.mean(0), rtol=1e-11)
    moved = sl.rbm.PID(3, start=start, weights="boltzmann")
    moved.statistics(machine, None, Noise(1))
    assert set(np.unique(moved.configurations)) <= {-1, 1}


@pytest.mark.parametrize("kind", ["biases", "ra-biases"])
def test_centred_gradient_is_that_of_shifted_units(kind):
    """E = -sum (s - mu).W.(s' - mu') - b'.s has b = b' - (W mu' of the neighbours): ascend there, go back."""
    machine = machine_of("four", kind, positive="exact")
    data = data_for(machine)
    rng = np.random.default_rng(2)
    mu = [rng.normal(0, 0.5, n) for n in machine.sizes]
    plain = machine.statistics(machine.positive(data.astype(float), Noise(1)))
    for key, x in machine.exact_statistics().items():
        plain[key] -= x

    def shifted(p, sign):
        moved = dict(p)
        for i in range(1, 4):
            W = p[f"W{i}"] if "W1" in p else p["scale"][0] / K**0.5 * (p[f"xi{i - 1}"].T @ p[f"xi{i}"])
            moved[f"b{i - 1}"] = moved[f"b{i - 1}"] + sign * (W @ mu[i])
            moved[f"b{i}"] = moved[f"b{i}"] + sign * (mu[i - 1] @ W)
        return moved

    start = shifted(dict(machine.parameters), +1)
    here = type("Shifted", (), {"parameters": start})
    dual = gradient(here, lambda p: log_likelihood(machine, data, shifted(p, -1)))
    step = 1e-7
    moved = shifted({k: start[k] + step * dual[k] for k in start}, -1)
    machine.centre(plain, [mu[i] for i in machine.order])
    for key in plain:
        found = (moved[key] - machine.parameters[key]) / step
        assert np.allclose(plain[key], found, rtol=1e-5, atol=1e-5), key


def test_offsets_are_means_of_the_clamped_layers():
    machine = machine_of("four", "biases", positive="exact")
    data = data_for(machine)
    trainer = sl.rbm.Trainer(machine, sl.rbm.Exact(), lr=0.0, batch_size=len(data), rng=0)
    trainer.fit(data, 1)
    layers = all_states(machine)
    w = np.exp(minus_energy(machine, layers)).reshape(2**machine.V, -1)[number(data)]
    w /= w.sum(1, keepdims=True)
    for place, found in zip(machine.order, trainer._offsets, strict=True):
        s = layers[place].reshape(2**machine.V, -1, machine.sizes[place])[number(data)]
        assert np.allclose(found, (w[:, :, None] * s).sum(1).mean(0), rtol=1e-10, atol=1e-12), place


DATA = np.array([[1, 1, 1, -1], [-1, -1, -1, 1]])
SETTINGS = {
    "exact": (lambda: sl.rbm.DBM([4, 3, 2], std=0.3, positive="exact", rng=0), sl.rbm.Exact, {}),
    "mean-field": (lambda: sl.rbm.DBM([4, 3, 2], std=0.3, biases=True, rng=0), lambda: sl.rbm.PCD(2, 50), {}),
    "gibbs": (
        lambda: sl.rbm.RADBM([4, 3, 2], 2, scale=0.4, biases=True, positive="gibbs", rng=0),
        lambda: sl.rbm.CD(3),
        {"momentum": 0.5},
    ),
    "pid": (
        lambda: sl.rbm.RADBM([4, 3, 2], 2, scale=0.4, train_scale=True, rng=0),
        lambda: sl.rbm.PID(5),
        {"projection": "clip"},
    ),
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


def test_one_hidden_layer_is_an_rbm():
    deep = machine_of("two", "biases")
    p = deep.parameters
    flat = sl.rbm.RBM.from_weights(p["W1"], p["b0"], p["b1"], dtype="float64")
    v = visible_states(deep)
    assert np.allclose(deep.log_likelihood(v), flat.log_likelihood(v), rtol=1e-12)
    for a, b in zip(("W1", "b0", "b1"), ("W", "bv", "bh"), strict=True):
        assert np.allclose(deep.exact_statistics()[a], flat.exact_statistics()[b], rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: sl.rbm.DBM([4]), ValueError, "at least one hidden layer"),
        (lambda: sl.rbm.DBM(4), TypeError, "list of layer sizes"),
        (lambda: sl.rbm.DBM([4, 0]), ValueError, "sizes.1. must be at least 1"),
        (lambda: sl.rbm.RADBM([4, 3], 0), ValueError, "K must be at least 1"),
        (lambda: sl.rbm.DBM([4, 3], positive="variational"), ValueError, "unknown positive"),
        (lambda: sl.rbm.DBM.from_weights([[[1, 2]], [[1]]]), ValueError, "starts from 1 units"),
        (lambda: sl.rbm.DBM.from_weights([[[1, 2]]], [[0]]), ValueError, "each of 2 layers"),
        (lambda: sl.rbm.RADBM.from_patterns([[[1]], [[1], [1]]]), ValueError, "K rows"),
        (lambda: sl.rbm.DBM([4, 30, 30], rng=0).free_energy([1] * 4), ValueError, "up to 20"),
        (lambda: sl.rbm.DBM([30, 30, 2], rng=0).exact_statistics(), ValueError, "up to 24"),
        (lambda: sl.rbm.DBM([4, 3, 2], positive="exact", rng=0).to("gpu"), ValueError, "on a GPU"),
        (
            lambda: sl.rbm.PID().statistics(sl.rbm.DBM([4, 3], rng=0), None, Noise(1)),
            TypeError,
            "machine of patterns",
        ),
    ],
)
def test_bad_machines_are_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()
