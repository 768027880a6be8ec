"""Every sampler against the exact Boltzmann distribution, and what all samplers promise."""

from __future__ import annotations

import io
import math
import sys

import numpy as np
import pytest
from chi_square import FALSE_ALARM, N_CHAINS, boltzmann, p_value
from model_forms import FORMS, make
from naive import all_states, log_z_and_mean_energy

import spinlab as sl
from spinlab._core import progress
from spinlab._core.heat_bath import COARSE, SITES, acceptances, coarse_thresholds, logits
from spinlab._core.philox import UPDATE
from spinlab.dynamics import block_gibbs, gibbs, metropolis, parallel_tempering, population_annealing
from spinlab.dynamics._single_spin import _card_form
from spinlab.models import DenseIsing

# Independent states at one temperature from every sampler of the registry.
AT_BETA = {
    "block_gibbs": lambda model, beta: block_gibbs(model, 40, N_CHAINS, beta=beta, rng=12).states,
    "gibbs": lambda model, beta: gibbs(model, 40, N_CHAINS, beta=beta, rng=11).states,
    "metropolis": lambda model, beta: metropolis(model, 40, N_CHAINS, beta=beta, rng=13).states,
    "parallel_tempering": lambda model, beta: parallel_tempering(
        model, 10, N_CHAINS, betas=[beta / 3, beta, 2 * beta], rng=14
    ).states[:, 1],
    # Steps after the last resampling make the copies independent.
    "population_annealing": lambda model, beta: population_annealing(
        model, N_CHAINS // 2, beta=beta, n_steps=20, n_runs=2, rng=15
    ).states.reshape(N_CHAINS, -1),
}
TWO_LAYERS_ONLY = {"block_gibbs"}

GIBBS = [
    pytest.param(form, {"order": order}, id=f"{form.__name__}-{order}")
    for form in FORMS
    for order in ("sequential", "random")
]
GIBBS.append(pytest.param(FORMS[0], {"dtype": "float32"}, id="dense-float32"))


@pytest.mark.parametrize(("form", "options"), GIBBS)
@pytest.mark.parametrize("fields", [False, True])
def test_gibbs_samples_the_boltzmann_distribution(form, options, fields):
    case = make(form, integer=False, fields=fields)
    beta = 0.3
    chains = gibbs(case.model, 40, N_CHAINS, beta=beta, rng=11, **options)
    assert p_value(chains.states, boltzmann(case, beta)) > FALSE_ALARM


@pytest.mark.parametrize("scale", [2.0**-480, 2.0**-200, 2.0**150, 2.0**480])
@pytest.mark.parametrize("sampler", [gibbs, sl.dynamics.metropolis, sl.dynamics.anneal])
def test_float32_fits_the_scale_of_the_model(scale, sampler):
    # Far outside the range of float32, and of its squares; powers of two change no bit.
    case = make(FORMS[0], integer=False, fields=True)
    options = {"n_steps": 30, "n_chains": 200, "rng": 3}
    beta = "betas" if sampler is sl.dynamics.anneal else "beta"
    if beta == "betas":
        options |= {"betas": np.linspace(0.1, 1, 30)}
        del options["n_steps"]
    else:
        options |= {"beta": 0.3}
    plain = sampler(case.model, dtype="float32", **options)
    scaled = sampler(case.model.scaled(scale), dtype="float32", **options | {beta: options[beta] / scale})
    np.testing.assert_array_equal(plain.states, scaled.states)


def test_float32_refuses_what_no_scale_makes_fit():
    J = np.array([[0.0, 1e20, 0], [1e20, 0, 1e-15], [0, 1e-15, 0]])
    with pytest.raises(ValueError, match=r"cannot hold couplings and fields from 1e-15 to 1e\+20"):
        gibbs(J, 5, dtype="float32")
    assert gibbs(J, 5, beta=1e15, rng=0).states.shape == (1, 3)
    with pytest.raises(ValueError, match="from 1e-40 to 1"):
        gibbs(DenseIsing(np.zeros((2, 2)), [1e-40, 1.0]), 5, dtype="float32")
    assert gibbs(np.zeros((2, 2)), 5, dtype="float32", rng=0).states.shape == (1, 2)
    pytest.importorskip("numba.cuda")
    with pytest.raises(
        ValueError, match=r"on the GPU dtype='float32' .* got about 6\S*e-61: use model.scaled"
    ):
        _card_form(DenseIsing(1e-60 * np.ones((2, 2)) - 1e-60 * np.eye(2)), "float32")


@pytest.mark.parametrize("name", sl.dynamics.SAMPLERS)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("fields", [False, True])
def test_every_sampler_samples_the_boltzmann_distribution(name, form, fields):
    case = make(form, integer=False, fields=fields)
    if name in TWO_LAYERS_ONLY and not isinstance(case.model, sl.models.TwoLayerIsing):
        return
    beta = 0.3
    assert p_value(AT_BETA[name](case.model, beta), boltzmann(case, beta)) > FALSE_ALARM


def test_the_chi_square_test_notices_a_wrong_temperature():
    case = make(FORMS[0], integer=False, fields=True)
    chains = gibbs(case.model, 40, N_CHAINS, beta=0.3, rng=11)
    assert p_value(chains.states, boltzmann(case, 0.36)) < FALSE_ALARM


@pytest.mark.parametrize("beta", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_means_are_exact(form, beta):
    case = make(form, integer=False, fields=True)
    states = all_states(7)
    P = boltzmann(case, beta)
    samplers = [lambda: gibbs(case.model, 60, N_CHAINS, beta=beta, rng=21)]
    if isinstance(case.model, sl.models.TwoLayerIsing):
        samplers.append(lambda: block_gibbs(case.model, 60, N_CHAINS, beta=beta, rng=22))
    for sample in samplers:
        chains = sample()
        mean = P @ states
        error = np.sqrt((1 - mean**2) / N_CHAINS)
        assert (np.abs(chains.states.mean(0) - mean) < 5 * error).all()
        _, U = log_z_and_mean_energy(case.J, case.b, beta, case.offset)
        assert abs(chains.energy.mean() - U) < 5 * chains.energy.std() / np.sqrt(N_CHAINS)


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 130])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_tiles_take_the_same_steps_as_the_generic_loop(n, dtype):
    # Integer couplings: both loops compute the same fields exactly, so every spin must agree.
    rng = np.random.default_rng(n)
    J = np.triu(rng.integers(-3, 4, (n, n)), 1)
    model = sl.models.DenseIsing(J + J.T, rng.integers(-2, 3, n))
    kept = {"n_steps": 300, "n_chains": 21, "beta": 0.1, "record_every": 37, "rng": 3}
    tiled, generic = gibbs(model, dtype=dtype, **kept), gibbs(model.to_sparse(), **kept)
    np.testing.assert_array_equal(tiled.states, generic.states)
    np.testing.assert_array_equal(tiled.samples, generic.samples)
    np.testing.assert_array_equal(tiled.moved, generic.moved)


@pytest.mark.parametrize("order", ["sequential", "random"])
@pytest.mark.parametrize("n_chains", [6, 37])
@pytest.mark.parametrize("K", [3, 8])
def test_all_forms_of_one_model_take_the_same_steps(order, n_chains, K):
    # Integer patterns and fields: every loop computes the same fields exactly.
    rng = np.random.default_rng(5)
    model = sl.models.PatternIsing(rng.choice([-1, 1], (K, 90)), 1.0, rng.integers(-1, 2, 90))
    kept = {"n_steps": 300, "n_chains": n_chains, "beta": 0.02, "order": order, "rng": 8, "record_every": 70}
    runs = [gibbs(m, **kept) for m in (model, model.to_dense(), model.to_sparse())]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.states, runs[0].states)
        np.testing.assert_array_equal(run.samples, runs[0].samples)
        np.testing.assert_array_equal(run.moved, runs[0].moved)


@pytest.mark.parametrize("metropolis", [False, True])
def test_coarse_thresholds_are_as_close_as_they_promise(metropolis):
    words, coarse = np.empty(16 * SITES, np.uint32), np.empty(16 * SITES, np.float32)
    exact, key = np.empty((8, SITES)), np.uint64(5)
    worst, largest = 0.0, 0.0
    heat = np.random.default_rng(0).integers(2**31, 2**32, 16)
    for step in range(400):
        shares = heat.astype(np.uint32)
        coarse_thresholds(key, 64, 8, step, UPDATE, metropolis, shares, words, coarse)
        for lane in range(0, 16, 4):
            place = (key, 64, 8 + lane // 4, step, UPDATE)
            if metropolis:
                acceptances(*place, heat[lane : lane + 4].astype(float), exact)
            else:
                logits(*place, exact)
            difference = coarse.reshape(SITES, 16)[:, lane : lane + 4] - exact[:4].T
            worst, largest = max(worst, np.abs(difference).max()), max(largest, np.abs(exact[:4]).max())
    assert largest > 11  # rare words, where rounding is largest, were seen
    assert worst < 0.7 * COARSE


WORST = math.log(2.0) / 4  # 2 beta h = ln sqrt 2: coarse thresholds are off by 2e-6 on average


def delicate(case):
    """A pattern model and the inverse temperature at which its decisions are hard for the vector lanes."""
    rng = np.random.default_rng(4)
    if case == "coarse":  # almost free spins where coarse thresholds err most: eight decisions are wrong
        return sl.models.PatternIsing(np.ones((1, 1000)), 1e-9, WORST * rng.uniform(0.998, 1.002, 1000)), 1.0
    if case == "cancelling":  # antiferromagnet against fields: float32 rounds their difference to 1e-4
        return sl.models.PatternIsing(np.ones((1, 4000)), -1.0, 2000 + rng.random(4000)), 0.35
    if case == "layers":
        xi_v, xi_h = rng.choice([-1, 1], (3, 40)), rng.choice([-1, 1], (3, 300))
        return sl.models.PatternBipartiteIsing(
            xi_v, xi_h, 0.01, rng.normal(size=40), rng.normal(size=300)
        ), 1.0
    if case == "real layers":
        fields = rng.normal(size=100)
        return sl.models.PatternBipartiteIsing(*rng.normal(size=(2, 4, 100)), 0.02, fields, 0.0), 1.0
    if case == "real":
        return sl.models.PatternIsing(rng.normal(size=(5, 500)), 1 / 500, rng.normal(size=500)), 1.0
    # Zero fields are common, beta is far beyond float32, and couplings are tiny.
    return sl.models.PatternIsing(rng.choice([-1, 1], (2, 500)), 1e-10), 1e300


@pytest.mark.parametrize("sampler", [gibbs, metropolis])
@pytest.mark.parametrize(
    ("case", "n_steps"),
    [
        ("coarse", 2000),
        ("cancelling", 40),
        ("real", 300),
        ("cold", 50),
        ("layers", 300),
        ("real layers", 300),
    ],
)
def test_delicate_decisions_are_those_of_the_generic_loop(sampler, case, n_steps):
    model, beta = delicate(case)
    # Seven chains take the generic loop. Free spins forget a wrong decision: look at every step.
    kept = {"n_steps": n_steps, "beta": beta, "record_every": 1, "rng": 5}
    lanes, generic = sampler(model, n_chains=16, **kept), sampler(model, n_chains=7, **kept)
    np.testing.assert_array_equal(lanes.samples[:, :7], generic.samples)
    np.testing.assert_array_equal(lanes.moved[:7], generic.moved)


@pytest.mark.parametrize("sampler", [gibbs, metropolis])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", ["sk", "coarse", "ties", "cold"])
def test_delicate_decisions_on_dense_models_are_those_of_single_chains(sampler, dtype, case):
    rng = np.random.default_rng(4)
    model, beta = sl.ensembles.sk(150, rng=2, field_std=0.3) if case == "sk" else None, 1.0
    if case == "coarse":  # almost free spins where coarse thresholds err most: a few decisions are wrong
        weak, fields = 1e-9 * (np.ones((515, 515)) - np.eye(515)), WORST * rng.uniform(0.998, 1.002, 515)
        model = sl.models.DenseIsing(weak, fields)
    if case in ("ties", "cold"):  # fields of zero are common; 2 beta h beyond float64 where it is not zero
        J = np.triu(rng.choice([-1.0, 1.0], (70, 70)), 1)
        model, beta = sl.models.DenseIsing(J + J.T), 0.05 if case == "ties" else 1e308
    # Seven chains are visited one by one; eleven leave lanes idle.
    kept = {
        "n_steps": 1500 if case == "coarse" else 100,
        "beta": beta,
        "record_every": 1,
        "rng": 5,
        "dtype": dtype,
    }
    lanes, single = sampler(model, n_chains=11, **kept), sampler(model, n_chains=7, **kept)
    np.testing.assert_array_equal(lanes.samples[:, :7], single.samples)
    np.testing.assert_array_equal(lanes.moved[:7], single.moved)


def delicate_graph(case):
    """A sparse model and an inverse temperature at which its decisions are hard for the vector lanes."""
    rng = np.random.default_rng(4)
    if case == "gaussian":
        return sl.ensembles.edwards_anderson(shape=(6, 6, 6), law="gaussian", rng=1), 1.0
    if case == "tiny":
        return sl.ensembles.edwards_anderson(shape=(20, 20), law="gaussian", rng=1).scaled(1e-120), 1e120
    if case == "ties":  # fields of zero are common, and beta is far beyond float32
        return sl.ensembles.edwards_anderson(shape=(20, 20), law="pm1", rng=1).scaled(2.0**-33), 1e300
    if case == "coarse":  # almost free spins where coarse thresholds err most
        J = sl.models.SparseIsing.from_edges(np.arange(999), np.arange(1, 1000), np.full(999, 1e-9), N=1000)
        return sl.models.SparseIsing(J.J, WORST * rng.uniform(0.998, 1.002, 1000)), 1.0
    # Couplings and fields of 1e6 that cancel up to a few units: float32 rounds their difference.
    i = np.arange(0, 900, 2)
    J = np.append(np.full(450, 1e6), rng.normal(size=449))
    chain = sl.models.SparseIsing.from_edges(np.append(i, i[:-1] + 1), np.append(i + 1, i[1:]), J, N=900)
    return sl.models.SparseIsing(chain.J, 1e6 * np.tile([-1, 1], 450) + rng.normal(size=900)), 0.4


@pytest.mark.parametrize("sampler", [gibbs, metropolis])
@pytest.mark.parametrize("case", ["gaussian", "tiny", "ties", "coarse", "cancelling"])
def test_delicate_decisions_on_graphs_are_those_of_the_generic_loop(sampler, case):
    # Seven chains take the generic loop.
    model, beta = delicate_graph(case)
    kept = {"n_steps": 2000 if case == "coarse" else 60, "beta": beta, "record_every": 1, "rng": 5}
    lanes, generic = (sampler(model, n_chains=n, multispin=False, **kept) for n in (16, 7))
    np.testing.assert_array_equal(lanes.samples[:, :7], generic.samples)
    np.testing.assert_array_equal(lanes.moved[:7], generic.moved)


@pytest.mark.parametrize("sampler", [gibbs, metropolis])
@pytest.mark.parametrize(
    "model", [delicate("coarse")[0], delicate_graph("coarse")[0]], ids=["patterns", "graph"]
)
def test_decisions_that_are_taken_again_know_their_chain(sampler, model):
    """Also beyond the first sixteen, beside the dense loop: about twenty of each sixteen are taken again."""
    kept = {"n_steps": 200, "n_chains": 32, "beta": 1.0, "record_every": 1, "rng": 5, "multispin": False}
    lanes, dense = sampler(model, **kept), sampler(model.to_dense(), **kept)
    np.testing.assert_array_equal(lanes.samples, dense.samples)


def test_block_gibbs_takes_the_same_steps_from_patterns_and_from_weights():
    rng = np.random.default_rng(6)
    xi_v, xi_h = rng.choice([-1, 1], (3, 9)), rng.choice([-1, 1], (3, 70))
    model = sl.models.PatternBipartiteIsing(xi_v, xi_h, 1.0, rng.integers(-2, 3, 9), 1.0)
    kept = {"n_steps": 20, "n_chains": 70, "beta": 0.1, "rng": 8}
    a, b = block_gibbs(model, **kept), block_gibbs(model.to_bipartite(), **kept)
    np.testing.assert_array_equal(a.states, b.states)


# Those that run chains at one temperature, and return them as Chains.
SAMPLERS = [
    getattr(sl.dynamics, name)
    for name in sl.dynamics.SAMPLERS
    if name not in {"parallel_tempering", "population_annealing"}
]


@pytest.fixture(params=SAMPLERS, ids=lambda sampler: sampler.__name__)
def sampler(request):
    return request.param


@pytest.fixture
def model():
    return sl.ensembles.ra_rbm(V=10, H=75, K=4, field_std=0.3, rng=1)


def test_same_seed_same_bits_for_any_number_of_threads(sampler, model):
    runs = [sampler(model, 7, 200, beta=0.1, rng=4, threads=threads) for threads in (1, 2, 5)]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.states, runs[0].states)
        np.testing.assert_array_equal(run.energy, runs[0].energy)
    other = sampler(model, 7, 200, beta=0.1, rng=5)
    assert (other.states != runs[0].states).any()


def test_a_chain_does_not_depend_on_its_companions(sampler, model):
    many, few = (sampler(model, 7, n, beta=0.1, rng=4) for n in (130, 3))
    np.testing.assert_array_equal(few.states, many.states[:3])
    np.testing.assert_array_equal(few.initial, many.initial[:3])


def test_chains_differ(sampler, model):
    chains = sampler(model, 5, 64, beta=0.01, rng=4)
    assert len(np.unique(chains.states, axis=0)) == 64


def test_records_do_not_disturb_the_chain(sampler, model):
    plain = sampler(model, 25, 9, beta=0.05, rng=2)
    recorded = sampler(model, 25, 9, beta=0.05, rng=2, burn_in=3, record_every=5)
    assert plain.samples is None
    assert plain.sample_energy is None
    np.testing.assert_array_equal(plain.states, recorded.states)
    assert recorded.samples.shape == (4, 9, 85)  # after steps 8, 13, 18, 23
    np.testing.assert_array_equal(recorded.samples[1], sampler(model, 13, 9, beta=0.05, rng=2).states)
    np.testing.assert_allclose(recorded.sample_energy, model.energy(recorded.samples), rtol=1e-12)
    np.testing.assert_allclose(recorded.energy, model.energy(recorded.states), rtol=1e-12)


def test_moved_tells_which_sites_ever_left_their_start(sampler, model):
    # A large scale freezes some sites and moves others.
    chains = sampler(model.scaled(3.0), 6, 40, rng=9, record_every=1)
    n = chains.initial.shape[1]
    ever = (chains.samples[..., :n] != chains.initial).any(axis=0)
    np.testing.assert_array_equal(chains.moved, ever)
    assert ever.any()
    assert not ever.all()


def test_given_starting_states_are_used(sampler, model):
    n = 10 if sampler is block_gibbs else 85
    one = np.ones(n)
    chains = sampler(model, 1, 3, initial=one, rng=0)
    assert (chains.initial == 1).all()
    each = np.where(np.arange(3)[:, None] == 1, -1, 1) * np.ones(n)
    chains = sampler(model, 1, 3, initial=each, rng=0)
    np.testing.assert_array_equal(chains.initial, each)
    assert (each == np.where(np.arange(3)[:, None] == 1, -1, 1)).all()  # the caller's array is not touched


def test_no_steps_give_back_the_start():
    chains = gibbs(np.zeros((4, 4)), 0, 5, rng=1)
    np.testing.assert_array_equal(chains.states, chains.initial)
    assert not chains.moved.any()


def test_cold_chains_end_in_local_minima(sampler):
    model = sl.ensembles.ra_rbm(V=12, H=30, K=3, rng=2).scaled(1e6)
    chains = sampler(model, 60, 20, rng=3)
    assert (chains.states * model.local_fields(chains.states) >= 0).all()


def test_rounding_does_not_build_up():
    # 2000 steps of incremental updates: the fields in use are still those of the state.
    model = sl.ensembles.sk(N=40, rng=7)
    a = gibbs(model, 2000, 4, beta=0.5, rng=1)
    b = gibbs(model.to_sparse(), 2000, 4, beta=0.5, rng=1)
    np.testing.assert_array_equal(a.states, b.states)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_steps": -1}, "n_steps"),
        ({"n_steps": 2.5}, "n_steps"),
        ({"n_steps": 2**32}, "n_steps"),
        ({"n_chains": 0}, "n_chains"),
        ({"n_chains": True}, "n_chains"),
        ({"beta": -1.0}, "beta"),
        ({"beta": np.inf}, "beta"),
        ({"beta": np.nan}, "beta"),
        ({"beta": "cold"}, "beta"),
        ({"initial": np.zeros(85)}, r"\+1 and -1|sites|spins"),
        ({"initial": np.ones(4)}, "initial"),
        ({"initial": np.ones((2, 85))}, "initial"),
        ({"burn_in": -1}, "burn_in"),
        ({"record_every": 0}, "record_every"),
        ({"burn_in": 5, "record_every": 1}, "record"),
        ({"burn_in": 6}, "burn_in = 6 exceeds n_steps = 5"),
        ({"rng": "seed"}, "rng"),
        ({"rng": -1}, "rng"),
        ({"threads": 0}, "threads"),
    ],
)
def test_bad_arguments(sampler, model, change, message):
    arguments = {"n_steps": 5, "n_chains": 3} | change
    with pytest.raises((ValueError, TypeError), match=message):
        sampler(model, **arguments)


LONG_RUNS = {
    "gibbs sampling": lambda model: gibbs(model, 300, 20, beta=0.5, rng=1, record_every=70),
    "metropolis sampling": lambda model: metropolis(model, 300, 20, beta=0.5, rng=1),
    "block gibbs sampling": lambda model: block_gibbs(model, 30, 70, beta=0.5, rng=1, record_every=7),
    "annealing": lambda model: sl.dynamics.anneal(model, 40, 20, beta_min=0.1, beta_max=2.0, rng=1),
    "parallel tempering": lambda model: parallel_tempering(model, 20, 20, betas=[0.2, 0.5], rng=1),
    "population annealing": lambda model: population_annealing(model, 20, beta=1.0, n_runs=2, rng=1),
}


@pytest.mark.parametrize("label", LONG_RUNS)
def test_long_runs_show_a_bar_on_a_terminal_and_keep_their_bits(label, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    model = sl.ensembles.rbm_gaussian(V=5, H=6, rng=0)
    plain = LONG_RUNS[label](model)
    outputs = {}
    for seconds, terminal in ((0.0, Terminal()), (1e9, Terminal()), (0.0, io.StringIO())):
        monkeypatch.setattr(progress, "_LONG", seconds)
        monkeypatch.setattr(progress, "_MEASURED", 0.0)
        monkeypatch.setattr(sys, "stderr", terminal)
        shown = LONG_RUNS[label](model)
        for name, value in vars(plain).items():
            np.testing.assert_array_equal(getattr(shown, name), value)
        outputs[seconds, terminal.isatty()] = terminal.getvalue()
    assert label in outputs.pop((0.0, True)).lower()
    assert not any(outputs.values())


@pytest.mark.parametrize("beta", [2.0**1022, 1e308, np.finfo(float).max])
def test_free_spins_at_the_coldest_temperatures(beta):
    """Fields of zero leave spins to chance, also where 2 beta is beyond float64; any other field decides."""
    free, pair = np.zeros((40, 40)), np.array([[0.0, 1.0], [1.0, 0.0]])
    layers = sl.models.BipartiteIsing(np.zeros((40, 40)))
    for states in (
        gibbs(free, 1, 100, beta=beta, rng=0).states,
        gibbs(free, 1, 100, beta=beta, order="random", rng=0).states,
        gibbs(sl.models.DenseIsing(free).to_sparse(), 1, 100, beta=beta, rng=0).states,
        metropolis(free, 3, 100, beta=beta, rng=0).states,
        block_gibbs(layers, 1, 100, beta=beta, rng=0).states,
        sl.dynamics.anneal(free, 3, 100, beta_min=1.0, beta_max=beta, rng=0).states,
    ):
        assert abs(states.mean()) < 5 / np.sqrt(states.size)  # false alarm 6e-7
    assert (gibbs(pair, 1, 50, beta=beta, rng=0).energy == -1).all()


def test_bad_arguments_of_one_sampler(model):
    with pytest.raises(TypeError, match=r"^gibbs\(\) got an unexpected keyword argument 'T'$"):
        sl.dynamics.gibbs(model, 5, T=1.0)
    with pytest.raises(TypeError, match=r"^metropolis\(\) missing a required argument: 'n_steps'$"):
        sl.dynamics.metropolis(model)
    with pytest.raises(ValueError, match="unknown order 'sideways'; known: sequential, random"):
        gibbs(model, 5, order="sideways")
    with pytest.raises(ValueError, match="unknown dtype"):
        gibbs(model, 5, dtype="float16")
    with pytest.raises(ValueError, match="dense models in sequential order"):
        gibbs(model, 5, dtype="float32")
    with pytest.raises(TypeError, match="needs two layers"):
        block_gibbs(model.to_dense(), 5)
    with pytest.raises(ValueError, match="n_steps must be at least 1"):
        block_gibbs(model, 0)
