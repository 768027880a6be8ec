"""What every negative phase promises, and which averages each must reach."""

from __future__ import annotations

import numpy as np
import pytest
from rbm_machines import all_visible, fully_connected, joint, machines, unnormalised, weights

import spinlab as sl
from spinlab.rbm import negative
from spinlab.rbm.machines.units import Noise

KINDS = list(negative.PHASES)
NAMES = list(machines() | fully_connected())
N_CHAINS = 4000
# Long enough to forget the start: the slowest of these machines loses a factor of e in 3 steps.
LONG = {
    "CD": lambda: sl.rbm.CD(80),
    "PCD": lambda: sl.rbm.PCD(80, N_CHAINS),
    "Tempering": lambda: sl.rbm.Tempering(4, N_CHAINS, 4),
}
SHORT = {
    "CD": lambda: sl.rbm.CD(2),
    "PCD": lambda: sl.rbm.PCD(2, 7),
    "PID": lambda: sl.rbm.PID(2),
    "Tempering": lambda: sl.rbm.Tempering(1, 3, 4),
    "Exact": sl.rbm.Exact,
}


def samples(machine, v):
    """-dF/d theta of each row of v, by loops, flattened in the order of the parameters."""
    W, _, bh = (np.asarray(x) for x in weights(machine))
    rows = []
    for row in np.asarray(v, dtype=float):
        t = np.tanh([sum(row[i] * W[i][a] for i in range(machine.V)) + bh[a] for a in range(machine.H)])
        values = {"W": np.outer(row, t), "bv": row, "bh": t}
        if "xi_v" in machine.parameters:
            p, c = machine.parameters, machine.scale / machine.K**0.5
            m, n = p["xi_v"] @ row, p["xi_h"] @ t
            values |= {
                "xi_v": c * np.outer(n, row),
                "xi_h": c * np.outer(m, t),
                "scale": [m @ n / machine.K**0.5],
            }
        rows.append(np.concatenate([np.ravel(values[name]) for name in machine.parameters]))
    return np.array(rows)


def machine_of(name, dtype="float64"):
    return (machines(dtype) | fully_connected(dtype))[name]


def table(machine):
    """Weights of the configurations whose averages are asked for, and what each contributes: visible states
    with -dF/d theta, or where the hidden units are coupled all states with -dE/d theta."""
    if isinstance(machine, sl.rbm.machines.fully_connected.FullyConnectedMachine):
        return joint(machine)
    return unnormalised(machine), samples(machine, all_visible(machine))


def spread(machine, configurations):
    """Standard deviation of the contributions over many configurations."""
    rows = table(machine)[1]
    s = configurations[:, : len(rows).bit_length() - 1]
    return rows[(s > 0) @ (1 << np.arange(s.shape[1] - 1, -1, -1))].std(0)


def flat(statistics, machine):
    return np.concatenate([np.ravel(statistics[name]) for name in machine.parameters])


def exact(machine):
    """Averages over the model, by loops."""
    p, rows = table(machine)
    return (p / p.sum()) @ rows


def positive(machine, n=5, seed=0):
    v = np.random.default_rng(seed).choice([-1.0, 1.0], (n, machine.V)).astype(machine.dtype)
    return machine.positive(v, Noise(9))


def test_registry_and_cases_agree():
    assert set(SHORT) == {phase.__name__ for phase in negative.PHASES}
    assert {k.__name__ for k in KINDS if k.unbiased_limit} == set(LONG) | {"Exact"}
    assert all(issubclass(kind, negative.NegativePhase) for kind in KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_exact_is_exact(name):
    machine = machine_of(name)
    found = sl.rbm.Exact().statistics(machine, positive(machine), Noise(1))
    assert np.allclose(flat(found, machine), exact(machine), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", LONG)
def test_long_chains_reach_the_model(kind, name):
    """Averages over independent chains: at most 48 z-values per case and 24 cases, each |z| < 6.2:
    false alarm 1152 x 6e-10 = 7e-7."""
    machine = machine_of(name)
    phase, data = LONG[kind](), positive(machine, N_CHAINS)
    updates = 1
    if kind == "Tempering":  # the last swap is one with the cold replicas
        updates = 9 if name.startswith("full") else 21  # a sweep of single spins forgets faster
    for update in range(updates):
        found = phase.statistics(machine, data, Noise.of(2, update))
    sigma = (spread(machine, phase.configurations) + 1e-12) / N_CHAINS**0.5
    z = (flat(found, machine) - exact(machine)) / sigma
    assert np.abs(z).max() < 6.2
    # The bound means something: the averages of the start are far outside it.
    start = flat(machine.statistics(data), machine)
    assert np.abs((start - exact(machine)) / sigma).max() > 12


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("ra")])
@pytest.mark.parametrize("start", ["sign", "continuous"])
@pytest.mark.parametrize("boltzmann", [False, True])
def test_pid_is_an_average_over_patterns(name, start, boltzmann):
    machine = machines()[name]
    xi = machine.parameters["xi_v"]
    v = np.where(xi >= 0, 1.0, -1.0) if start == "sign" else xi
    w = np.ones(len(v))
    if boltzmann:
        W, bv, bh = (np.asarray(x) for x in weights(machine))
        w = np.array(
            [np.exp(row @ bv[: machine.V]) * np.prod(2 * np.cosh(row @ W + bh[: machine.H])) for row in v]
        )
    phase = sl.rbm.PID(start=start, weights="boltzmann" if boltzmann else None)
    found = phase.statistics(machine, positive(machine), Noise(1))
    assert np.allclose(flat(found, machine), (w / w.sum()) @ samples(machine, v), rtol=1e-11, atol=1e-13)
    both = np.concatenate([machine.parameters["xi_v"], machine.parameters["xi_h"]], axis=1)
    assert np.array_equal(phase.configurations, np.where(both >= 0, 1, -1))


@pytest.mark.parametrize("start", ["sign", "continuous"])
@pytest.mark.parametrize("boltzmann", [False, True])
def test_pid_with_hidden_parts_of_the_patterns(start, boltzmann):
    """-dE/dxi at the K patterns, averaged: -dE/dxi_v^k = v (h.xi_h^k) / sqrt K and the like."""
    machine = machines()["ra"]
    xi_v, xi_h = machine.parameters["xi_v"], machine.parameters["xi_h"]
    v, h = (np.where(x >= 0, 1.0, -1.0) if start == "sign" else x for x in (xi_v, xi_h))
    W = weights(machine)[0]
    w = np.prod(2 * np.cosh(v @ W), axis=1) if boltzmann else np.ones(len(v))
    w = w / w.sum()
    c = machine.scale / machine.K**0.5
    expected = {"xi_v": np.zeros_like(xi_v), "xi_h": np.zeros_like(xi_h)}
    for n in range(len(v)):
        for k in range(len(xi_v)):
            expected["xi_v"][k] += w[n] * c * v[n] * (h[n] @ xi_h[k])
            expected["xi_h"][k] += w[n] * c * h[n] * (v[n] @ xi_v[k])
    phase = sl.rbm.PID(start=start, weights="boltzmann" if boltzmann else None, hidden="pattern")
    found = phase.statistics(machine, positive(machine), Noise(1))
    for key, value in expected.items():
        assert np.allclose(found[key], value, rtol=1e-11, atol=1e-13)
    usual = sl.rbm.PID(start=start).statistics(machine, positive(machine), Noise(1))
    assert not np.allclose(found["xi_h"], usual["xi_h"], rtol=1e-2)


def test_hidden_parts_need_two_layers_of_spins():
    for name in ("full-ra", "rbm"):
        with pytest.raises(TypeError, match="RARBM"):
            sl.rbm.PID(hidden="pattern").check(machine_of(name, "float32"))
    with pytest.raises(ValueError, match="n_steps=2"):
        sl.rbm.PID(2, hidden="pattern")


def test_pid_with_steps_moves_its_patterns_by_gibbs_sampling():
    """Many equal patterns are many chains from one state: after long runs the averages are the model's."""
    base = machines()["ra"]
    copies = 400
    xi_v, xi_h = (np.tile(base.parameters[k], (copies, 1)) for k in ("xi_v", "xi_h"))
    machine = sl.rbm.RARBM.from_patterns(xi_v, xi_h, scale=0.6 / copies**0.5, dtype="float64")
    phase = sl.rbm.PID(60, start="continuous")
    phase.statistics(machine, positive(machine), Noise(4))
    found = samples(base, phase.configurations[:, : base.V])
    z = (found.mean(0) - exact(base)) / found.std(0) * len(found) ** 0.5
    assert np.abs(z).max() < 5.5  # 27 values: false alarm 1e-6


@pytest.mark.parametrize("name", ["ra-biases", "full-ra"])
@pytest.mark.parametrize("kind", SHORT)
def test_same_noise_same_bits_and_state(kind, name):
    machine = machine_of(name, "float32")
    a, b = SHORT[kind](), SHORT[kind]()
    for update in range(3):
        found = a.statistics(machine, positive(machine), Noise.of(1, update))
    for update in range(2):
        b.statistics(machine, positive(machine), Noise.of(1, update))
    c = SHORT[kind]()
    c.load_state_dict({k: np.array(x) for k, x in b.state_dict().items()}, machine)
    again = c.statistics(machine, positive(machine), Noise.of(1, 2))
    for key, x in found.items():
        assert np.array_equal(x, again[key])
        assert x.shape == machine.parameters[key].shape
        assert x.dtype == machine.dtype


@pytest.mark.parametrize("name", ["ra", "full-ra"])
@pytest.mark.parametrize("kind", [k for k in SHORT if k != "Exact"])
def test_configurations_are_spins_of_all_layers(kind, name):
    machine = machine_of(name, "float32")
    phase = SHORT[kind]()
    with pytest.raises(ValueError, match="no configurations"):
        phase.configurations  # noqa: B018
    phase.statistics(machine, positive(machine), Noise(1))
    s = phase.configurations
    assert s.dtype == np.int8
    assert s.shape[1] == machine.V + machine.H
    assert set(np.unique(s)) == {-1, 1}
    assert np.isfinite(machine.as_ising().energy(s)).all()


def test_exact_has_no_configurations():
    phase = sl.rbm.Exact()
    machine = machines()["rbm"]
    phase.statistics(machine, positive(machine), Noise(1))
    with pytest.raises(ValueError, match="no configurations"):
        phase.configurations  # noqa: B018


def test_patterns_are_needed_for_pid():
    machine = machines()["rbm"]
    with pytest.raises(TypeError, match="RARBM"):
        sl.rbm.PID().statistics(machine, positive(machine), Noise(1))


@pytest.mark.parametrize(
    "build",
    [
        lambda: sl.rbm.CD(0),
        lambda: sl.rbm.PCD(1, 0),
        lambda: sl.rbm.PID(-1),
        lambda: sl.rbm.PID(start="random"),
        lambda: sl.rbm.PID(weights="equal"),
        lambda: sl.rbm.PID(hidden="sign"),
        lambda: sl.rbm.Tempering(betas=[0.0, 0.5]),
        lambda: sl.rbm.Tempering(betas=[0.5, 0.2, 1.0]),
        lambda: sl.rbm.Tempering(betas=1),
    ],
)
def test_bad_settings_are_refused(build):
    with pytest.raises(ValueError):  # noqa: PT011
        build()
