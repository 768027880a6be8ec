"""Every machine in every function that judges: against sums over all states, or refused by its name."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.stats
from naive import all_states

import spinlab as sl
from spinlab import rbm

V = 4
FALSE_ALARMS = 1e-4  # of each chi-square test; the seeds are fixed


def machines():
    rng = np.random.default_rng(2)
    draw = lambda *shape: rng.normal(0, 0.6, shape)  # noqa: E731
    J = np.triu(draw(6, 6), 1)
    return {
        "rbm": rbm.RBM.from_weights(draw(V, 3), draw(V), draw(3)),
        "ra": rbm.RARBM.from_patterns(draw(2, V), draw(2, 3), visible_biases=draw(V)),
        "deep": rbm.DBM.from_weights([draw(V, 3), draw(3, 2)], [draw(V), draw(3), draw(2)]),
        "deep-two": rbm.DBM.from_weights([draw(V, 3)], [draw(V), draw(3)]),
        "deep-ra": rbm.RADBM.from_patterns([draw(2, V), draw(2, 3), draw(2, 2), draw(2, 2)]),
        "full": rbm.FBM.from_couplings(J + J.T, draw(6), V=V),
        "full-ra": rbm.RAFBM.from_patterns(draw(2, 6), b=draw(6), V=V, positive="gibbs"),
        "full-visible": rbm.FBM.from_couplings((J + J.T)[:V, :V], draw(V)),
        "hybrid": rbm.HybridBM.from_weights(draw(V, 3), draw(V), draw(3)),
        "hybrid-ra": rbm.RAHybridBM.from_patterns(draw(2, V), draw(2, 3)),
    }


MACHINES = machines()
DEEP = ("deep", "deep-ra")
FULL = ("full", "full-ra", "full-visible")
HYBRID = ("hybrid", "hybrid-ra")


def probabilities(machine):
    """P(v) of all visible states; free energies are tested against sums elsewhere."""
    log_p = -machine.free_energy(all_states(V))
    p = np.exp(log_p - log_p.max())
    return p / p.sum()


def p_value(states, p):
    """Chi-square of visible states against probabilities of ``all_states``."""
    order = {tuple(s): i for i, s in enumerate(all_states(V).astype(int).tolist())}
    counts = np.bincount([order[tuple(s)] for s in states.astype(int).tolist()], minlength=len(p))
    assert not counts[p == 0].any()
    if (p > 0).sum() == 1:
        return 1.0
    return scipy.stats.chisquare(counts[p > 0], len(states) * p[p > 0]).pvalue


@pytest.mark.parametrize("name", MACHINES)
def test_completions_follow_the_conditional_distribution_of_each_mask(name):
    machine = MACHINES[name]
    image = np.array([1, -1, -1, 1])
    masks = np.array([[True, True, False, False], [False, False, True, False], [False] * 4, [True] * 4])
    found = rbm.reconstruct(machine, np.tile(image, (4, 1)), masks, n_steps=60, n_repeats=1500, rng=3)
    p = probabilities(machine)
    for i, mask in enumerate(masks):
        assert (found[:, i][:, mask] == image[mask]).all()
        conditional = p * (all_states(V)[:, mask] == image[mask]).all(1)
        assert p_value(found[:, i], conditional / conditional.sum()) > FALSE_ALARMS
    one = rbm.reconstruct(machine, image[None], masks[0], n_steps=3, n_repeats=5, rng=1)
    many = rbm.reconstruct(machine, image[None], masks[:1], n_steps=3, n_repeats=5, rng=1, threads=1)
    np.testing.assert_array_equal(one, many)
    distance = rbm.hamming_distance(machine, np.tile(image, (4, 1)), masks, n_repeats=20, rng=0)
    assert distance.distances.shape == (20, 4)
    assert (distance.distances[:, 3] == 0).all()
    free = rbm.reconstruct(machine, image[None], masks[0], clamped=False, n_steps=60, n_repeats=1500, rng=4)
    assert p_value(free[:, 0], p) > FALSE_ALARMS


@pytest.mark.parametrize("name", MACHINES)
def test_masks_of_other_shapes_are_refused(name):
    images = np.ones((3, V))
    for known in (np.ones((2, V), bool), np.ones((3, V), int), np.ones(3, bool), np.ones((V, 3), bool)):
        with pytest.raises(ValueError, match=r"4 booleans, or 3 x 4 of them"):
            rbm.reconstruct(MACHINES[name], images, known)
    with pytest.raises(ValueError, match="4 spins on the last axis"):
        rbm.reconstruct(MACHINES[name], np.ones((3, V + 2)), 2)


def test_clamped_block_gibbs_samples_the_conditional_distribution():
    model = MACHINES["rbm"].as_ising()
    states = all_states(7)
    weights = np.exp(-model.energy(states))
    start = np.array([1, -1, 1, -1])
    mask = np.array([True, False, False, True])
    chains = sl.dynamics.block_gibbs(model, 40, 4000, initial=start, clamped=mask, rng=5)
    assert (chains.states[:, :V][:, mask] == start[mask]).all()
    assert not chains.moved[:, mask].any()
    p = weights * (states[:, :V][:, mask] == start[mask]).all(1)
    order = {tuple(s): i for i, s in enumerate(states.astype(int).tolist())}
    counts = np.bincount([order[tuple(s)] for s in chains.states.tolist()], minlength=len(p))
    assert scipy.stats.chisquare(counts[p > 0], 4000 * p[p > 0] / p.sum()).pvalue > FALSE_ALARMS
    each = np.random.default_rng(0).random((130, V)) < 0.5
    starts = np.random.default_rng(1).integers(0, 2, (130, V))  # 0/1
    runs = [
        sl.dynamics.block_gibbs(
            model, 7, 130, initial=s, clamped=each, record_every=2, rng=5, threads=threads
        )
        for s, threads in ((starts, 1), (2 * starts - 1, 2))
    ]
    np.testing.assert_array_equal(runs[0].samples, runs[1].samples)
    assert (runs[0].samples[..., :V] == 2 * starts - 1)[:, each].all()
    free = sl.dynamics.block_gibbs(model, 7, 130, initial=starts, rng=5)
    none = sl.dynamics.block_gibbs(model, 7, 130, initial=starts, clamped=np.zeros(V, bool), rng=5)
    np.testing.assert_array_equal(free.states, none.states)
    with pytest.raises(ValueError, match="give them as initial"):
        sl.dynamics.block_gibbs(model, 5, clamped=mask)
    with pytest.raises(ValueError, match=r"booleans of shape \(4,\) or \(2, 4\), got int64"):
        sl.dynamics.block_gibbs(model, 5, 2, initial=start, clamped=[0, 1, 1, 0])


def hidden_means(machine, v):
    """Exact means of the hidden spins given one v, by a sum over all states of the model."""
    model = machine.as_ising()
    states = all_states(model.n_spins)
    if isinstance(machine, rbm.DeepMachine):
        layers = machine.split(states)
        visible, hidden = layers[0], np.concatenate(layers[1:], axis=1)
    else:
        visible, hidden = states[:, :V], states[:, V:]
    w = np.exp(-model.energy(states)) * (visible == v).all(1)
    return w @ hidden / w.sum()


@pytest.mark.parametrize("name", [n for n in MACHINES if n not in (*HYBRID, "full-visible")])
def test_hidden_features_are_those_of_the_sum_over_all_states(name):
    machine, v = MACHINES[name], np.array([1, 1, -1, 1])
    expected = hidden_means(machine, v)
    sampled = rbm.hidden_features(machine, np.tile(v, (20000, 1)), kind="sampled", rng=2)
    assert sampled.dtype == np.float32
    error = np.sqrt((1 - expected**2) / len(sampled))
    assert (np.abs(sampled.mean(0) - expected) < 5 * error).all()  # false alarms: 6e-7 for each unit
    means = rbm.hidden_features(machine, v[None])[0]
    if name not in DEEP:
        np.testing.assert_allclose(means, expected, atol=0.05 if name == "full-ra" else 1e-6)
    else:  # mean field: each layer in the fields of the means of its neighbours
        ends = np.cumsum(machine.sizes[1:])[:-1]
        layers = [v, *np.split(means.astype(float), ends)]
        for i in range(1, len(layers)):
            x = layers[i - 1] @ machine.weights(i) + machine.parameters.get(f"b{i}", 0.0)
            if i + 1 < len(layers):
                x = x + machine.weights(i + 1) @ layers[i + 1]
            np.testing.assert_allclose(layers[i], np.tanh(x), atol=1e-3)
    probability = rbm.hidden_features(machine, v[None], kind="probability")[0]
    np.testing.assert_allclose(probability, (1 + means) / 2, atol=1e-6)


def test_hidden_features_of_gaussian_units_and_of_none():
    machine, v = MACHINES["hybrid"], np.array([[1, 1, -1, 1]])
    field = v @ machine.W + machine.parameters["bh"]
    np.testing.assert_allclose(rbm.hidden_features(machine, v), field, rtol=1e-5)
    drawn = rbm.hidden_features(machine, np.repeat(v, 20000, 0), kind="sampled", rng=0) - field
    assert np.abs(drawn.mean(0)).max() < 5 / np.sqrt(20000)
    assert np.abs(drawn.var(0) - 1).max() < 5 * np.sqrt(2 / 20000)  # false alarms: 6e-7 for each unit
    with pytest.raises(ValueError, match="no spins with a probability"):
        rbm.hidden_features(machine, v, kind="probability")
    with pytest.raises(TypeError, match=r"<FBM: V=4.* has no hidden units"):
        rbm.hidden_features(MACHINES["full-visible"], v)


@pytest.mark.parametrize("name", MACHINES)
def test_likelihoods_and_what_needs_two_layers(name):
    machine, data = MACHINES[name], all_states(V)[[1, 5, 12]]
    expected = np.log(probabilities(machine)[[1, 5, 12]])
    np.testing.assert_allclose(rbm.log_likelihood(machine, data), expected, rtol=1e-9)
    found = rbm.negative_log_likelihood(machine, data)
    assert found.nll == pytest.approx(-expected.mean(), rel=1e-9)
    np.testing.assert_allclose(
        rbm.log_likelihood(machine, data, log_z=np.array([found.log_z])), expected, rtol=1e-9
    )
    type_name = type(machine).__name__
    if name in (*FULL, *HYBRID):
        for refused in (
            lambda: rbm.log_partition_ais(machine),
            lambda: rbm.fit_scale(machine, data),
            lambda: rbm.gibbs_autocorrelation_time(machine),
            lambda: rbm.negative_log_likelihood(machine, data, method="ais"),
        ):
            with pytest.raises(TypeError, match=f"two layers of spins.*got <{type_name}"):
                refused()
    if name in FULL:
        with pytest.raises(TypeError, match=f"got <{type_name}"):
            rbm.weight_spectrum(machine)
    elif name in HYBRID:
        singular = np.linalg.svd(machine.weights(), compute_uv=False)
        np.testing.assert_allclose(rbm.singular_values(machine), singular, atol=1e-6)
    if name in DEEP:
        for refused in (
            lambda: rbm.fit_scale(machine, data),
            lambda: rbm.weight_spectrum(machine),
            lambda: rbm.singular_values(machine),
        ):
            with pytest.raises(TypeError, match=f"got <{type_name}.* of several hidden layers"):
                refused()


@pytest.mark.parametrize("name", ["rbm", "ra", "deep", "deep-two", "deep-ra"])
def test_annealing_and_mixing_of_deep_machines(name):
    machine, data = MACHINES[name], all_states(V)[:9]
    bases = rbm.data_biases(data)
    run = rbm.log_partition_ais(machine, base_biases=bases, rng=0)
    assert run.interval[0] < sl.log_partition(machine.as_ising()) < run.interval[1]
    annealed = rbm.negative_log_likelihood(machine, data, method="ais", base_biases=bases, reverse=50, rng=0)
    exact = rbm.negative_log_likelihood(machine, data).nll
    assert annealed.interval[0] < exact < annealed.interval[1]
    tau = rbm.gibbs_autocorrelation_time(
        machine, 400, 9, initial=(data + 1) // 2, observable="visible", rng=0
    )
    assert 0.3 < tau.tau < 50
    if name in DEEP:
        n = machine.as_ising().V
        with pytest.raises(ValueError, match=r"number or have shape \(4,\)"):
            rbm.log_partition_ais(machine, base_biases=np.zeros(n))
        with pytest.raises(ValueError, match="samples are of the visible one only"):
            rbm.log_partition_ais(machine, reverse=data)
        with pytest.raises(ValueError, match="4 spins"):
            rbm.gibbs_autocorrelation_time(machine, initial=np.ones(n))


FORMS = {
    "bool": lambda x: x.astype(bool),
    "uint8": lambda x: x.astype(np.uint8),
    "list": lambda x: x.tolist(),
    "frame": pd.DataFrame,
    "Int64": lambda x: pd.DataFrame(x).astype("Int64"),
    "boolean": lambda x: pd.DataFrame(x).astype("boolean"),
    "mixed": lambda x: pd.DataFrame(x).astype({0: "boolean", 1: "Float64", 2: bool, 3: float}),
    "sparse": scipy.sparse.csr_array,
    "sparse frame": lambda x: pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csc_array(x)),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_of_0_1_in_every_container(form):
    """The same numbers as from +-1, wherever data are taken."""
    bits = np.random.default_rng(0).integers(0, 2, (12, V))
    spins, given = 2 * bits - 1, FORMS[form](bits)
    for machine in MACHINES.values():
        calls = [
            lambda x, m=machine: m.free_energy(x),
            lambda x, m=machine: m.log_likelihood(x),
            lambda x, m=machine: m.sample(2, 12, start=x, rng=1),
            lambda x, m=machine: rbm.log_likelihood(m, x, log_z=0.0),
            lambda x, m=machine: rbm.reconstruct(m, x, 2, rng=0),
        ]
        if hasattr(machine, "variational_free_energy"):
            calls.append(lambda x, m=machine: m.variational_free_energy(x))
        for call in calls:
            np.testing.assert_array_equal(call(given), call(spins))
    np.testing.assert_array_equal(rbm.data_biases(given), rbm.data_biases(spins))
    start = {"n_steps": 60, "n_chains": 12, "rng": 0}
    times = [rbm.gibbs_autocorrelation_time(MACHINES["rbm"], initial=x, **start).tau for x in (given, spins)]
    assert times[0] == times[1]
    machines = [rbm.RBM(V, 3, rng=0) for _ in range(2)]
    for machine, x in zip(machines, (given, spins), strict=True):
        rbm.Trainer(machine, rbm.PCD(), rng=1).fit(x, 2)
    np.testing.assert_array_equal(machines[0].W, machines[1].W)


def test_frames_that_are_no_data_are_refused():
    with pytest.raises(TypeError, match="numbers or booleans in every column"):
        rbm.data_biases(pd.DataFrame({"a": ["x", "y"], "b": [0, 1]}))
    with pytest.raises(ValueError, match="NaN in 1 of 4 entries; fill or drop"):
        rbm.data_biases(pd.DataFrame({"a": [None, 1], "b": [0, 1]}).astype("Int64"))


def test_tables_go_through_in_pieces(monkeypatch):
    data = np.array(list(itertools.islice(itertools.cycle(all_states(V)), 50)))
    whole = {name: machine.free_energy(data) for name, machine in MACHINES.items()}
    monkeypatch.setattr("spinlab._core.rows._ENTRIES", 40)
    for name, machine in MACHINES.items():
        np.testing.assert_allclose(
            machine.free_energy(data.reshape(5, 10, V)).ravel(), whole[name], rtol=1e-13
        )
        assert np.shape(machine.free_energy(data[0])) == ()
        assert np.shape(machine.free_energy(data[:0])) == (0,)


def test_free_energies_take_little_memory():
    """60 000 images of 100 pixels: the inputs of 200 hidden units, 96 MB, are made in pieces of 8 MB."""
    data = np.ones((60_000, 100), dtype=np.int8)
    machine = rbm.RBM(100, 200, rng=0)
    machine.free_energy(data[:10])
    tracemalloc.start()
    machine.free_energy(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
