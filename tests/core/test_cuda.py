"""The GPU against the CPU and against enumeration: on a device (``-m gpu``), and on numba's simulator.

``test_device.py`` runs this file on the simulator, at sizes that an interpreter can bear. Needs numpy, numba,
numba-cuda, scipy, pytest, and CuPy on a real device; nothing else.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import strict_device
from naive import all_states

import spinlab as sl
from spinlab._core import device
from spinlab._core.request import Request
from spinlab._core.walkers import Group

pytest.importorskip("numba_cuda", reason="needs the extra spinlab[gpu]")
SIMULATED = device.simulated()
# On a device the libraries' own warnings, of an old driver for example, are no failures.
# At zero temperature 2 beta h may be infinite, which the simulator's interpreter tells and a card does not.
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("error" if SIMULATED else "default"),
    pytest.mark.filterwarnings("ignore:.*overflow encountered in scalar multiply:RuntimeWarning"),
    pytest.mark.filterwarnings(
        "ignore:The 'generic' unit for NumPy timedelta:DeprecationWarning"
    ),  # numpy 2.5
]


@pytest.fixture(autouse=True)
def _a_device(monkeypatch):
    if SIMULATED:
        strict_device.install(monkeypatch)
    try:
        device.require_gpu()
    except (ImportError, RuntimeError) as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", autouse=True)
def _turns():
    """The simulator has a Python thread for each of CUDA's, and one that waits for them in a loop and holds
    the lock of the interpreter meanwhile: for 5 ms, unless told otherwise.
    """
    usual = sys.getswitchinterval()
    if SIMULATED:
        sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


def size(simulated, real):
    return simulated if SIMULATED else real


def integer_model(N, seed, fields=True):
    """Couplings -2..2: every sum is exact, so that the order of additions cannot show."""
    rng = np.random.default_rng(seed)
    J = np.triu(rng.integers(-2, 3, (N, N)), 1)
    return sl.models.DenseIsing(J + J.T, rng.integers(-1, 2, N) if fields else None)


def same(a, b):
    np.testing.assert_array_equal(a.states, b.states)
    np.testing.assert_array_equal(a.moved, b.moved)
    np.testing.assert_array_equal(a.energy, b.energy)
    if b.samples is not None:
        np.testing.assert_array_equal(a.samples, b.samples)
    assert b.moved.any()
    assert not b.moved.all() or b.n_steps > 2


def test_the_stand_in_for_cupy_is_strict():
    if not SIMULATED:
        pytest.skip("for the simulator")
    x = device.module("gpu").asarray([1.0, 2.0])
    for mistake in (lambda: np.asarray(x), lambda: x + np.ones(2), lambda: np.ones(2) * x, lambda: np.exp(x)):
        with pytest.raises(TypeError):
            mistake()
    assert device.to_host(2.0 * x + 1).tolist() == [3.0, 5.0]


# --- chains -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "N", "n_chains"),
    # one site more than the 64 that share their thresholds; the last group of chains is not full
    [("float64", size(9, 300), size(6, 1001)), ("float32", size(5, 65), size(3, 130))],
)
def test_gibbs_on_integer_couplings_bit_for_bit(dtype, N, n_chains):
    model = integer_model(N, 1)
    options = {
        "n_steps": size(3, 300),
        "n_chains": n_chains,
        "beta": size(0.4, 0.05),
        "dtype": dtype,
        "rng": 3,
    }
    options |= {"burn_in": 1, "record_every": 1 if SIMULATED else 70}
    same(sl.dynamics.gibbs(model.to("gpu"), **options), sl.dynamics.gibbs(model, **options))


def test_more_sites_than_share_their_thresholds():
    model = integer_model(66, 2)
    options = {"n_steps": 1, "n_chains": 2, "beta": 0.05, "rng": 1}
    same(sl.dynamics.gibbs(model.to("gpu"), **options), sl.dynamics.gibbs(model, **options))


def test_fields_in_global_memory(monkeypatch):
    from spinlab._core.cuda import chains

    monkeypatch.setattr(chains, "SHARED_BYTES", 0)
    model = integer_model(7, 5)
    options = {"n_steps": 2, "n_chains": 5, "beta": 0.3, "rng": 4}
    same(sl.dynamics.gibbs(model.to("gpu"), **options), sl.dynamics.gibbs(model, **options))


def test_chains_in_several_blocks(monkeypatch):
    """A card that holds few chains gives the same bits."""
    model = integer_model(6, 6)
    options = {"n_steps": 2, "n_chains": 10, "beta": 0.3, "rng": 4}
    expected = sl.dynamics.gibbs(model, **options)
    monkeypatch.setattr(device, "free_bytes", lambda: 8 * 36 + 4 * 6 * 10)
    same(sl.dynamics.gibbs(model.to("gpu"), **options), expected)


def test_metropolis_bit_for_bit():
    model = integer_model(size(8, 100), 3)
    options = {"n_steps": size(2, 50), "n_chains": 4, "beta": 0.2, "rng": 5}
    same(sl.dynamics.metropolis(model.to("gpu"), **options), sl.dynamics.metropolis(model, **options))


def test_annealing_bit_for_bit():
    model = integer_model(size(6, 100), 4)
    options = {"betas": np.linspace(0.1, 2.0, size(3, 100)), "n_chains": 4, "rng": 5}
    same(sl.dynamics.anneal(model.to("gpu"), **options), sl.dynamics.anneal(model, **options))


@pytest.mark.parametrize("K", [1, 5])
def test_pattern_models_bit_for_bit(K):
    model = sl.ensembles.hopfield(N=size(8, 256), K=K, rng=K)  # 1/N is a power of two: sums are exact
    options = {"n_steps": size(3, 100), "n_chains": size(5, 1000), "beta": 0.7, "rng": 6}
    same(sl.dynamics.gibbs(model.to("gpu"), **options), sl.dynamics.gibbs(model, **options))


def test_gibbs_samples_the_boltzmann_distribution():
    if SIMULATED:
        pytest.skip("too many draws for the simulator; the bits are the CPU's, which has this test")
    from scipy.stats import chisquare

    model = sl.models.DenseIsing(sl.ensembles.sk(5, rng=0).J, b=0.2)
    chains = sl.dynamics.gibbs(model.to("gpu"), n_steps=60, n_chains=100_000, beta=0.8, rng=8)
    s = all_states(5)
    weights = np.exp(-0.8 * model.energy(s))
    index = ((chains.states > 0) << np.arange(4, -1, -1)).sum(1)
    order = ((s > 0) << np.arange(4, -1, -1)).sum(1)
    counts = np.bincount(index, minlength=32)[order]
    # A right sampler fails once in 10^6 seeds; this seed is fixed.
    assert chisquare(counts, weights / weights.sum() * len(index)).pvalue > 1e-6


def lattice(L, law="pm1", seed=1):
    """An open square lattice with fields: two to four neighbours."""
    bare = sl.ensembles.edwards_anderson(shape=(L, L), periodic=False, law=law, rng=seed)
    return sl.models.SparseIsing(bare.J, np.random.default_rng(seed).integers(-1, 2, L * L))


@pytest.mark.parametrize("rule", ["gibbs", "metropolis"])
def test_sparse_models_bit_for_bit(rule):
    """More sites than share their thresholds; a last block of chains that is not full."""
    model = lattice(size(5, 12))
    options = {"n_steps": 2 if SIMULATED else 200, "n_chains": size(35, 1001), "beta": 0.4, "rng": 3}
    options |= {"burn_in": 0, "record_every": 1 if SIMULATED else 70}
    sampler = getattr(sl.dynamics, rule)
    same(sampler(model.to("gpu"), **options), sampler(model, **options))


def test_annealing_of_a_sparse_model_bit_for_bit(monkeypatch):
    """Also where the card holds only some of the chains."""
    model = lattice(5)
    options = {"betas": [0.2, 1.0], "n_chains": 6, "rng": 5}
    expected = sl.dynamics.anneal(model, **options)
    if SIMULATED:
        monkeypatch.setattr(device, "free_bytes", lambda: 16 * (80 + 25) + 4 * (2 * 25 + 16))
    same(sl.dynamics.anneal(model.to("gpu"), **options), expected)


def test_tempering_of_a_sparse_model_bit_for_bit():
    model = lattice(3)
    options = {"betas": [0.1, 0.4, 0.8], "n_steps": 3, "n_chains": 2, "rng": 5, "record_every": 1}
    a, b = (sl.dynamics.parallel_tempering(m, **options) for m in (model.to("gpu"), model))
    for name in ("states", "energy", "mean_energy", "swap_rate", "best_state", "best_energy", "samples"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    options["cluster"] = True  # on the CPU, whatever the model says
    a, b = (sl.dynamics.parallel_tempering(m, **options) for m in (model.to("gpu"), model))
    np.testing.assert_array_equal(a.states, b.states)


def test_many_patterns_are_written_out_densely():
    model = sl.ensembles.hopfield(N=8, K=66, rng=1)
    options = {"n_steps": 2, "n_chains": 5, "beta": 0.1, "rng": 6}
    same(sl.dynamics.gibbs(model.to("gpu"), **options), sl.dynamics.gibbs(model, **options))


def test_the_energy_of_walkers():
    from spinlab._core.cuda import chains

    patterns = sl.models.PatternIsing([[1, -1, 1, 1], [1, 1, 1, -1]], b=0.5)
    for model in (integer_model(6, 1), patterns, lattice(3, "gaussian")):
        form, n = model.form(), model.n_spins
        s = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), size=(3, n))
        energy, moved = np.empty(3), np.zeros(s.shape, bool)
        request = Request.check("gibbs", 1, 3, 1.0, np.uint64(9))
        walkers = chains.kind(form)(form, request, 1.0, Group(np.full(3, 0.5), s, moved, 0))
        walkers.advance(0, 1)
        walkers.energy(energy)
        np.testing.assert_allclose(energy + model.offset, model.energy(s), rtol=1e-12)


@pytest.mark.parametrize("R", [2, 6])
def test_tempering_bit_for_bit(R):
    """Also what the ladders count, which the card does by other threads than the states."""
    model = integer_model(size(4, 40), 8)
    options = {"betas": np.linspace(0.05, 0.3, R), "n_steps": size(6, 200), "n_chains": 2, "rng": 5}
    options |= {"burn_in": 1, "record_every": 2}
    a, b = (sl.dynamics.parallel_tempering(m, **options) for m in (model.to("gpu"), model))
    for name in ("states", "energy", "mean_energy", "energy_variance", "round_trips", "best_state",
                 "best_energy", "samples", "sample_energy"):  # fmt: skip
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    np.testing.assert_allclose(a.swap_rate, b.swap_rate, rtol=1e-14)  # two exponential functions
    assert b.round_trips.any() or R > 2


@pytest.mark.parametrize("sampler", ["gibbs", "block_gibbs"])
def test_tempering_of_both_samplers(sampler):
    model = sl.ensembles.rbm_gaussian(3, 3, rng=0)
    model = model if sampler == "block_gibbs" else model.to_dense()
    options = {"n_steps": 2, "n_chains": 1, "betas": [0.2, 0.4], "sampler": sampler, "rng": 1}
    chains = sl.dynamics.parallel_tempering(model.to("gpu"), **options)
    np.testing.assert_allclose(chains.energy, model.energy(chains.states), rtol=1e-12)
    np.testing.assert_array_equal(
        chains.states, sl.dynamics.parallel_tempering(model, **options).states
    )  # the couplings are real, but two steps do not meet a tie


# --- two layers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("patterns", [False, True])
def test_block_gibbs(patterns):
    V, H = size((5, 7), (100, 300))
    model = sl.ensembles.ra_rbm(V=V, H=H, K=4, rng=1)  # scale 1/2: exact sums
    model = model if patterns else model.to_bipartite()
    options = {
        "n_steps": size(3, 50),
        "n_chains": size(6, 501),
        "beta": 0.1,
        "burn_in": 1,
        "record_every": 1,
        "rng": 2,
    }
    a, b = sl.dynamics.block_gibbs(model.to("gpu"), **options), sl.dynamics.block_gibbs(model, **options)
    np.testing.assert_array_equal(a.samples, b.samples)
    np.testing.assert_array_equal(a.states, b.states)
    np.testing.assert_array_equal(a.moved, b.moved)
    assert len(np.unique(b.states, axis=0)) > 3


def test_block_gibbs_in_several_blocks(monkeypatch):
    """A card that holds four chains of ten gives the same bits, records included."""
    model = sl.ensembles.ra_rbm(V=5, H=7, K=4, rng=1)  # exact sums
    options = {"n_steps": 3, "n_chains": 10, "beta": 0.1, "record_every": 1, "rng": 2}
    expected = sl.dynamics.block_gibbs(model, **options)
    monkeypatch.setattr(device, "free_bytes", lambda: 8 * 12 * (4 + 4 * 4))
    begun = []
    module = importlib.import_module("spinlab.dynamics.block_gibbs")
    start = module.start
    monkeypatch.setattr(module, "start", lambda *args: begun.append(len(args[2].s)) or start(*args))
    found = sl.dynamics.block_gibbs(model.to("gpu"), **options)
    assert begun == [4, 4, 2]
    for name in ("samples", "states", "moved"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("patterns", [False, True])
def test_annealed_importance_sampling(patterns):
    """The same random words, so nearly the same weights; and ln Z as by enumeration."""
    V, H = size((5, 3), (14, 40))
    model = sl.ensembles.ra_rbm(V=V, H=H, K=3, rng=2).scaled(0.3)
    bv = np.linspace(-0.5, 0.5, V)
    if patterns:
        model = sl.models.PatternBipartiteIsing(model.xi_v, model.xi_h, model.scale, bv, 0.1)
    else:
        model = sl.models.BipartiteIsing(model.weights(), bv, 0.1)
    options = {"n_chains": size(6, 2000), "schedule": size(4, 500), "base_biases": 0.2, "rng": 3}
    options |= {"dtype": "float64", "reverse": size(2, 20)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.rbm.AISWarning)  # few chains on the simulator
        a, b = (sl.rbm.log_partition_ais(m, **options) for m in (model.to("gpu"), model))
    np.testing.assert_allclose(a.log_weights, b.log_weights, rtol=1e-9)
    np.testing.assert_allclose(a.reverse.log_weights, b.reverse.log_weights, rtol=1e-9)
    if not SIMULATED:
        assert abs(a.log_z - sl.log_partition(model)) < 5 * a.std_error  # once in 10^6 seeds; fixed


# --- learning -------------------------------------------------------------------------------------------


def trainer(negative, machine, device_name, **options):
    V = size(5, 100)
    H = 10 if negative().__class__ is sl.rbm.Exact and not SIMULATED else size(4, 300)
    sizes = {"V": V, "H": H} | ({"K": 3} if machine is sl.rbm.RARBM else {})
    learner = machine(**sizes, rng=1, biases=options.pop("biases", False)).to(device_name)
    return sl.rbm.Trainer(learner, negative(), batch_size=size(3, 50), rng=2, **options)


def training_data():
    return np.random.default_rng(0).choice([-1, 1], size=(size(7, 1010), size(5, 100)))


def deep(V, H, **options):
    return sl.rbm.DBM([V, H, 3], std=0.2, **options)


def deep_drawn(V, H, **options):
    return deep(V, H, positive="gibbs", n_positive=2, **options)


def deep_patterns(V, H, **options):
    return sl.rbm.RADBM([V, H, 3], K=3, train_scale=True, **options)


CASES = {
    "CD, centred, momentum": (lambda: sl.rbm.CD(2), sl.rbm.RBM, {"biases": True, "momentum": 0.5}),
    "PCD, Adam": (lambda: sl.rbm.PCD(1, n_chains=4), sl.rbm.RBM, {"optimiser": "adam", "projection": "clip"}),
    "RAPID": (lambda: sl.rbm.PID(), sl.rbm.RARBM, {"projection": "sign", "lr": 1.0}),
    "PID, steps, biases": (
        lambda: sl.rbm.PID(n_steps=1, weights="boltzmann"),
        sl.rbm.RARBM,
        {"biases": True, "projection": "gibbs", "weight_decay": 0.01},
    ),
    "tempering, biases": (lambda: sl.rbm.Tempering(1, 3, 3), sl.rbm.RBM, {"biases": True}),
    "exact": (lambda: sl.rbm.Exact(), sl.rbm.RARBM, {"lr": 0.1}),
    "deep, mean field": (lambda: sl.rbm.PCD(1, n_chains=4), deep, {"biases": True}),
    "deep, drawn, tempering": (lambda: sl.rbm.Tempering(1, 3, 3), deep_drawn, {"momentum": 0.5}),
    "deep patterns": (lambda: sl.rbm.PID(n_steps=1), deep_patterns, {"biases": True, "projection": "clip"}),
    "deep patterns, weights": (lambda: sl.rbm.PID(weights="boltzmann"), deep_patterns, {}),
    "deep patterns, exact": (lambda: sl.rbm.Exact(), deep_patterns, {"lr": 0.1}),
}


@pytest.mark.parametrize("case", CASES)
def test_training(case):
    """The same random words: the same machine up to float32 (a unit may fall the other way once in 10^6)."""
    negative, machine, options = CASES[case]
    a, b = (trainer(negative, machine, d, **options) for d in ("gpu", "cpu"))
    epochs = 1 if "gibbs" in options.values() else 2
    histories = [t.fit(training_data(), epochs, progress=False) for t in (a, b)]
    assert a.machine.device == "gpu"
    for name, array in a.machine.on_host().items():
        np.testing.assert_allclose(array, b.machine.parameters[name], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(histories[0].gradient_norm, histories[1].gradient_norm, rtol=1e-3)
    np.testing.assert_allclose(a.machine.free_energy(training_data()[:2]),
                               b.machine.free_energy(training_data()[:2]), rtol=1e-3)  # fmt: skip
    moved = trainer(negative, machine, "cpu", **options).machine.parameters
    assert any((array != moved[name]).any() for name, array in b.machine.parameters.items())


@pytest.mark.parametrize("kind", [deep, deep_patterns])
def test_what_a_deep_machine_on_the_gpu_gives(kind):
    """Results on the host, as of its twin on the CPU."""
    a, b = (kind(5, 4, biases=True, rng=1).to(name) for name in ("gpu", "cpu"))
    v = training_data()[:3, :5]
    np.testing.assert_allclose(a.variational_free_energy(v), b.variational_free_energy(v), rtol=1e-5)
    np.testing.assert_allclose(a.log_likelihood(v), b.log_likelihood(v), rtol=1e-5)
    np.testing.assert_array_equal(a.weights(2), b.weights(2))
    assert a.sample(2, 3, rng=1).shape == (3, 5)
    with pytest.raises(ValueError, match="take 'mean-field' or 'gibbs' on a GPU"):
        kind(5, 4, positive="exact").to("gpu")


@pytest.mark.parametrize("case", ["CD, centred, momentum", "PCD, Adam"])
def test_training_goes_on_from_a_checkpoint(case, tmp_path):
    negative, machine, options = CASES[case]
    whole, half, again = (trainer(negative, machine, "gpu", **options) for _ in range(3))
    whole.fit(training_data(), 2, progress=False)
    half.fit(training_data(), 1, checkpoint=tmp_path / "half.npz", progress=False)
    again.fit(training_data(), 2, checkpoint=tmp_path / "half.npz", progress=False)
    for name, array in whole.machine.on_host().items():
        np.testing.assert_array_equal(again.machine.on_host()[name], array)
    assert whole.negative.configurations.dtype == np.int8


def test_spins_of_units_in_several_blocks():
    """Of 256 sites and a ragged rest; the words are those of the CPU."""
    from spinlab.rbm.machines.units import Noise

    x = np.random.default_rng(1).normal(size=(2, 261)).astype(np.float32)
    expected = Noise.of(3, 4).spins(x)
    got = Noise.of(3, 4).spins(device.module("gpu").asarray(x))
    np.testing.assert_array_equal(device.to_host(got), expected)


@pytest.mark.parametrize("V", [9, 7])
@pytest.mark.parametrize("machine", [sl.rbm.RBM, sl.rbm.RARBM])
def test_exact_statistics_in_several_blocks(machine, V, monkeypatch):
    """Of 64 states each, over the visible and over the hidden layer."""
    from spinlab.rbm.machines import two_layer

    sizes = {"V": V, "H": 8} | ({"K": 3, "train_scale": True} if machine is sl.rbm.RARBM else {})
    learner = machine(**sizes, biases=True, dtype="float64", rng=1)
    for name, array in learner.parameters.items():
        array[:] += np.random.default_rng(2).normal(size=array.shape) * (name != "scale")
    expected = learner.exact_statistics()
    monkeypatch.setattr(two_layer, "_CHUNK_ON_GPU", 1)
    found = learner.to("gpu").exact_statistics()
    for name, array in expected.items():
        np.testing.assert_allclose(device.to_host(found[name]), array, rtol=1e-10, atol=1e-13)
    monkeypatch.setattr(device, "free_bytes", lambda: 1000)
    with pytest.raises(ValueError, match=r"the exact statistics of <.* needs about .* GiB on the GPU"):
        learner.exact_statistics()


def test_negative_phases_without_a_gpu_side_are_refused():
    class Own(sl.rbm.Exact):
        on_gpu = False

    with pytest.raises(TypeError, match=r"Own has no GPU side; use one of spinlab\.rbm\.negative"):
        sl.rbm.Trainer(sl.rbm.RBM(3, 3, rng=0).to("gpu"), Own())


def test_a_machine_stays_where_its_trainer_found_it():
    trainer = sl.rbm.Trainer(sl.rbm.RBM(3, 3, rng=0))
    trainer.machine.to("gpu")
    with pytest.raises(ValueError, match="moved from the cpu to the gpu after this trainer was made"):
        trainer.fit([[1, 1, 1]], 1)


# --- exact answers by the layer ---------------------------------------------------------------------------


def tiny_tiles(monkeypatch):
    """On the simulator a block of 4 threads with 2 x 2 sums each: several blocks, all of them ragged."""
    from spinlab._core.cuda import layer

    if SIMULATED:
        monkeypatch.setattr(layer, "pair_sums", functools.partial(layer.pair_sums, side=2, each=2, depth=2))


@pytest.mark.parametrize("biases", [False, True])
def test_ground_state_and_ln_z_by_the_visible_layer(biases, monkeypatch):
    tiny_tiles(monkeypatch)
    rng = np.random.default_rng(3)
    V, H = size((5, 3), (18, 37))
    b = (rng.normal(size=V), rng.normal(size=H)) if biases else (None, None)
    model = sl.models.BipartiteIsing(rng.normal(size=(V, H)), *b)
    a, c = (
        sl.exact.layer.ground_state(m, layer="visible", degeneracy=True) for m in (model.to("gpu"), model)
    )
    np.testing.assert_array_equal(a.state, c.state)
    assert (a.energy, a.lower_bound, a.degeneracy) == (c.energy, c.lower_bound, c.degeneracy)
    for beta in (0.0, 0.5) if SIMULATED else (0.0, 0.5, 50.0):
        a, c = (sl.exact.layer.log_partition(m, beta, layer="visible") for m in (model.to("gpu"), model))
        assert a == pytest.approx(c, rel=1e-12)


def test_pair_sums_against_numpy(monkeypatch):
    from spinlab._core.cuda import layer

    tiny_tiles(monkeypatch)
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=size((5, 3), (70, 33))), rng.normal(size=size((6, 3), (130, 33)))
    xp = device.module("gpu")
    sums = X[:, None, :] + Y[None, :, :]
    for beta, expected in ((None, np.abs(sums)), (800.0, np.logaddexp(800 * sums, -800 * sums))):
        got = device.to_host(layer.pair_sums(xp.asarray(X), xp.asarray(Y), beta))
        np.testing.assert_allclose(got, expected.sum(2), rtol=1e-13)


# --- dense models: all states ---------------------------------------------------------------------------


def chunk_oracle(G, chunk_bits):
    """Minimum of every chunk by naive enumeration, spin 0 fixed at +1, spin 1 the highest bit."""
    n = len(G) - 1
    free = all_states(n)
    order = np.argsort(((free > 0) << np.arange(n - 1, -1, -1)).sum(1))
    s = np.hstack([np.ones((2**n, 1)), free[order]])
    energy = np.array([-sum(G[i, j] * x[i] * x[j] for i in range(n + 1) for j in range(i)) for x in s])
    return energy.reshape(-1, 2**chunk_bits).min(1)


@pytest.mark.parametrize(("dtype", "threads"), [(np.float32, 3), (np.float64, 8)])
def test_chunk_minima_against_naive_enumeration(dtype, threads):
    from spinlab._core.cuda import search
    from spinlab.exact.enumeration.tables import energy_table

    rng = np.random.default_rng(5)
    n = 9
    G = np.triu(rng.integers(-3, 4, (n + 1, n + 1)), 1).astype(float)
    G += G.T
    options = {"row_bits": 2, "lane_bits": 2, "dtype": dtype, "threads": threads, "blocks": 3}
    for chunk_bits in (7, 8):
        got = search.chunk_minima(G, energy_table, chunk_bits, **options)
        np.testing.assert_array_equal(got, chunk_oracle(G, chunk_bits))
    with pytest.raises(ValueError, match="chunk_bits must be 7 to 9 for 9 free spins, got 6"):
        search.chunk_minima(G, energy_table, 6, **options)


@pytest.mark.parametrize("kind", ["gauss", "integer", "fields"])
def test_ground_state_by_enumeration(kind):
    if SIMULATED:
        pytest.skip("2^24 states are too many for the simulator; test_device.py puts numpy in its place")
    model = sl.ensembles.sk(30, rng=2)
    if kind == "integer":
        model = integer_model(30, 3, fields=False)
    if kind == "fields":
        model = sl.models.DenseIsing(model.J, np.random.default_rng(4).normal(size=30))
    a, b = (sl.exact.enumeration.ground_state(m, degeneracy=True) for m in (model.to("gpu"), model))
    np.testing.assert_array_equal(a.state, b.state)
    assert (a.energy, a.lower_bound, a.degeneracy, a.certified) == (
        b.energy,
        b.lower_bound,
        b.degeneracy,
        True,
    )


def test_ln_z_by_matrix_products():
    for N in size((4, 9), (4, 20, 31)):
        for fields in (None, 0.3):
            model = sl.models.DenseIsing(sl.ensembles.sk(N, rng=N).J, fields)
            a, b = (
                sl.exact.enumeration.log_partition(m, [0.0, 0.5, 400.0]) for m in (model.to("gpu"), model)
            )
            np.testing.assert_allclose(a, b, rtol=1e-12)


# --- scans and sweeps -----------------------------------------------------------------------------------


def test_the_point_of_a_scan_bit_for_bit():
    from spinlab.scans.measuring import measure

    options = {"size": 3, "load": 1.0, "axis": "T", "values": (1.0, 2.0), "ratio": 1.0, "dimension": 2}
    options |= {"ensemble": "ea", "law": "pm1", "n_steps": 10, "n_chains": 2, "rng": 4}
    options |= {"with_accessibility": False, "with_minima": False}
    a, b = (measure(**options, device=d) for d in ("gpu", "cpu"))
    assert a.keys() == b.keys()
    for name, array in b.items():
        np.testing.assert_array_equal(a[name], array)


def test_the_device_of_a_scan():
    with pytest.raises(ValueError, match=r"unknown device 'tpu'; did you mean 'gpu'\? known: cpu, gpu"):
        sl.scans.scan("sk", sizes=[6], device="tpu")
    data = sl.scans.scan(
        "hopfield", sizes=[8], loads=[0.3], temperatures=[1.0], instances=1, n_steps=10, device="gpu"
    )
    assert data.attrs["failed_points"] == 0
    assert data["e_random"].notnull().all()


class OutOfMemoryError(MemoryError):
    """CuPy's has this name."""


def energies_on_the_gpu(N, rng):
    model = integer_model(N, 1).to("gpu")
    return {"energy": sl.dynamics.gibbs(model, n_steps=1, n_chains=2, rng=rng).energy}


def test_points_that_run_out_of_memory_fail_alone(monkeypatch):
    """N = 7 meets the driver's refusal, N = 20 the package's own; the other points are kept."""
    if not SIMULATED:
        pytest.skip("the stand-in runs out of memory on request")
    real = device.module("gpu").asarray

    def asarray(x, dtype=None):
        if x.shape == (7, 7):
            raise OutOfMemoryError("Out of memory allocating 512 bytes (allocated so far: 0 bytes).")
        return real(x, dtype)

    monkeypatch.setattr(strict_device.Module, "asarray", staticmethod(asarray))
    monkeypatch.setattr(device, "free_bytes", lambda: 3000)
    sweep = sl.sweeps.Sweep(energies_on_the_gpu, {"N": [5, 7, 20, 6]})
    with pytest.warns(RuntimeWarning, match="2 of 4 points failed"):
        data = sweep.run(progress=False)
    assert data.energy.notnull().all("energy_dim_0").values.ravel().tolist() == [True, False, False, True]
    assert "OutOfMemoryError: Out of memory allocating 512 bytes" in data.first_error
    assert "take fewer chains, a smaller model or fewer workers per GPU, and retry" in data.first_error
    with pytest.warns(RuntimeWarning, match=r"2 chains of 20 spins needs about .* GiB on the GPU"):
        sl.sweeps.Sweep(energies_on_the_gpu, {"N": [20]}).run(progress=False)
    with pytest.raises(ValueError, match=r"training <RBM: V=9, .* in batches of 2 needs about .* GiB on the"):
        sl.rbm.Trainer(sl.rbm.RBM(9, 30, rng=0).to("gpu")).fit(np.ones((2, 9)), 1)


def test_the_benchmarks_run(tmp_path, monkeypatch):
    """At tiny sizes, so that a typo does not wait for a card."""
    tiny_tiles(monkeypatch)
    path = Path(__file__).parents[1] / "benchmarks" / "bench_gpu.py"
    spec = importlib.util.spec_from_file_location("bench_gpu", path)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    out = tmp_path / "rows.jsonl"
    assert bench.main(["--tiny", "--here", "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["quantity"] for row in rows if "error" in row] == []
    assert len({row["table"] for row in rows}) == len(bench.TABLES)
    assert all(row["gpu"] > 0 and row["cpu"] > 0 for row in rows)


# --- the front door -------------------------------------------------------------------------------------


def test_random_words_are_those_of_the_cpu():
    """The known answer of Philox4x32-10 for counter and key zero (Random123)."""
    from spinlab._core.cuda.compile import cuda_kernel, launch, philox

    @cuda_kernel
    def words(key, out):
        out[0], out[1], out[2], out[3] = philox(key, np.uint32(0), np.uint32(0), np.uint32(0), np.uint32(0))

    out = device.module("gpu").zeros(4, np.uint32)
    launch(words, 1, 1, np.uint64(0), out)
    assert device.to_host(out).tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_what_the_gpu_does_not_take():
    two_layers = sl.ensembles.rbm_gaussian(3, 3, rng=0).to("gpu")
    with pytest.raises(TypeError, match=r"dense, sparse and pattern models, got Bipartite.*to_dense\(\)"):
        sl.dynamics.gibbs(two_layers, n_steps=1)
    with pytest.raises(ValueError, match="order='sequential', got 'random'"):
        sl.dynamics.gibbs(lattice(4).to("gpu"), n_steps=1, order="random")
    with pytest.raises(ValueError, match="dtype='float32' is for dense models"):
        sl.dynamics.gibbs(lattice(4).to("gpu"), n_steps=1, dtype="float32")


def test_more_than_the_card_holds_is_refused(monkeypatch):
    monkeypatch.setattr(device, "free_bytes", lambda: 1000)
    with pytest.raises(ValueError, match=r"4 chains of 50 spins needs about .* GiB on the GPU.*to\('cpu'\)"):
        sl.dynamics.gibbs(integer_model(50, 0).to("gpu"), n_steps=1, n_chains=4, rng=0)
    with pytest.raises(ValueError, match=r"4 chains of 100 spins needs about"):
        sl.dynamics.gibbs(lattice(10).to("gpu"), n_steps=1, n_chains=4, rng=0)
    with pytest.raises(ValueError, match=r"6 chains of 100 spins needs about"):
        sl.dynamics.parallel_tempering(lattice(10).to("gpu"), 1, 3, betas=[0.1, 1.0], burn_in=0, rng=0)
    with pytest.raises(ValueError, match="block Gibbs with 4 chains of 40 units needs"):
        sl.dynamics.block_gibbs(sl.ensembles.rbm_gaussian(20, 20, rng=0).to("gpu"), 1, 4, rng=0)
    left = iter([2**30, 1000])  # room for the chains, none for what the exchanges add
    monkeypatch.setattr(device, "free_bytes", lambda: next(left))
    model = integer_model(50, 0).to("gpu")
    with pytest.raises(ValueError, match="the exchange of 6 replicas of 50 spins needs"):
        sl.dynamics.parallel_tempering(model, 1, 3, betas=[0.1, 1.0], burn_in=0, rng=0)
