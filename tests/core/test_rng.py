"""The argument ``rng`` of every public function: what it takes, and a TypeError for anything else."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest

import spinlab
import spinlab as sl
from spinlab import datasets, diagnose, dynamics, ensembles, exact, observables, rbm, scans
from spinlab._core.rng import as_generator, as_key

PACKAGES = (
    "spinlab", "spinlab.ensembles", "spinlab.models", "spinlab.datasets", "spinlab.exact",
    "spinlab.exact.tree", "spinlab.dynamics", "spinlab.observables", "spinlab.observables.errors",
    "spinlab.rbm", "spinlab.scans",
    "spinlab.diagnose", "spinlab.interop",
)  # fmt: skip
STATES = np.random.default_rng(0).choice([-1, 1], size=(6, 10))
J = np.ones((6, 6)) - np.eye(6)
X = np.linspace(0.7, 1.3, 5)
CURVES = [np.ones((4, 5)) for _ in range(3)]


def layers():
    return sl.models.BipartiteIsing(np.ones((3, 4)) / 4)


def machine():
    return rbm.RBM(3, 4, rng=0)


def digits():
    x = np.where(np.eye(4)[[0, 1, 2, 3] * 5] > 0, 1, -1)
    y = np.array([0, 1, 2, 3] * 5)
    return datasets.Dataset("rows", x[:, :3], x[:, :3], (1, 3), y, y)


def scanned():
    import xarray as xr

    dims = ("size", "replica", "T")
    q = np.ones((3, 4, 3))
    return xr.Dataset({"q2": (dims, q), "q4": (dims, q)}, coords={"size": [4, 6, 8], "T": [0.5, 1.0, 1.5]})


# Paths on which no number is drawn are among them: their rng is checked all the same.
CALLS = {
    "ensembles.edwards_anderson": [lambda r: ensembles.edwards_anderson(shape=(3, 3), rng=r)],
    "ensembles.hopfield": [lambda r: ensembles.hopfield(6, 2, rng=r)],
    "ensembles.ra": [lambda r: ensembles.ra(6, 2, rng=r)],
    "ensembles.ra_rbm": [lambda r: ensembles.ra_rbm(3, 4, 2, rng=r)],
    "ensembles.mattis": [lambda r: ensembles.mattis(6, rng=r)],
    "ensembles.rbm_gaussian": [lambda r: ensembles.rbm_gaussian(3, 4, rng=r)],
    "ensembles.rbm_glorot": [lambda r: ensembles.rbm_glorot(3, 4, rng=r)],
    "ensembles.rbm_uniform": [lambda r: ensembles.rbm_uniform(3, 4, rng=r)],
    "ensembles.sk": [lambda r: ensembles.sk(6, rng=r)],
    "ensembles.wishart_planted": [lambda r: ensembles.wishart_planted(6, 3, rng=r)],
    "datasets.bars": [
        lambda r: datasets.bars(4, rng=r),
        lambda r: datasets.bars(3, train_fraction=0.5, rng=r),
    ],
    "datasets.bars_and_stripes": [lambda r: datasets.bars_and_stripes(2, train_fraction=0.5, rng=r)],
    "datasets.binarized": [
        lambda r: datasets.binarized([[0.1]], rng=r),
        lambda r: datasets.binarized([[0.1]], "stochastic", rng=r),
    ],
    "datasets.digits": [lambda r: datasets.digits(rng=r)],
    "datasets.mnist": [lambda r: datasets.mnist(folder="none", download=False, rng=r)],
    "dynamics.anneal": [lambda r: dynamics.anneal(J, 10, 2, rng=r)],
    "dynamics.block_gibbs": [lambda r: dynamics.block_gibbs(layers(), 2, rng=r)],
    "dynamics.descend": [
        lambda r: dynamics.descend(J, 2, rng=r),
        lambda r: dynamics.descend(J, 1, order="steepest", initial=np.ones(6), rng=r),
    ],
    "dynamics.gibbs": [lambda r: dynamics.gibbs(J, 2, rng=r)],
    "dynamics.metropolis": [lambda r: dynamics.metropolis(J, 2, rng=r)],
    "dynamics.population_annealing": [lambda r: dynamics.population_annealing(J, 20, betas=[0, 1], rng=r)],
    "dynamics.search": [lambda r: dynamics.search(J, n_steps=10, rng=r)],
    "dynamics.ladder": [lambda r: dynamics.ladder(J, 1.0, rng=r)],
    "dynamics.parallel_tempering": [lambda r: dynamics.parallel_tempering(J, 2, 1, betas=[0.1, 1.0], rng=r)],
    "exact.boltzmann_samples": [lambda r: exact.boltzmann_samples(J, 2, rng=r)],
    "exact.tree.samples": [lambda r: exact.tree.samples(J, 2, rng=r)],
    "observables.gibbs_accessibility": [lambda r: observables.gibbs_accessibility(J, 2, 2, rng=r)],
    "observables.random_start_energy": [
        lambda r: observables.random_start_energy(J, rng=r),
        lambda r: observables.random_start_energy(layers(), rng=r),
    ],
    "observables.binder_crossings": [
        lambda r: observables.binder_crossings([2, 3, 4], X, CURVES, CURVES, n_resamples=20, rng=r)
    ],
    "observables.errors.bootstrap": [
        lambda r: observables.errors.bootstrap(np.mean, [1.0, 2.0, 3.0, 4.0], n_resamples=2, rng=r)
    ],
    "observables.count_minima": [
        lambda r: observables.count_minima(J, rng=r),
        lambda r: observables.count_minima(J, 10, method="descent", rng=r),
    ],
    "diagnose.diagnose": [lambda r: diagnose.diagnose([[0.0, 1.0], [1.0, 0.0]], extras=False, rng=r)],
    "interop.ground_state": [
        lambda r: spinlab.ground_state([[0, 1], [1, 0]], "annealing", rng=r),
        lambda r: spinlab.ground_state([[0, 1], [1, 0]], rng=r),
    ],
    "observables.belief_propagation": [
        lambda r: observables.belief_propagation([[0, 1], [1, 0]], initial="random", rng=r)
    ],
    "observables.ultrametricity": [lambda r: observables.ultrametricity(STATES, n_null=20, rng=r)],
    "rbm.log_partition_ais": [lambda r: rbm.log_partition_ais(layers(), schedule=2, n_chains=2, rng=r)],
    "rbm.gibbs_autocorrelation_time": [lambda r: rbm.gibbs_autocorrelation_time(layers(), 4, 2, rng=r)],
    "rbm.fit_scale": [
        lambda r: rbm.fit_scale(layers(), np.ones((2, 3)), rng=r),
        lambda r: rbm.fit_scale(layers(), np.ones((2, 3)), method="ais", rng=r),
    ],
    "rbm.feature_accuracy": [lambda r: rbm.feature_accuracy([layers()], digits(), n_seeds=1, rng=r)],
    "rbm.feature_gain": [lambda r: rbm.feature_gain(layers(), layers(), digits(), n_seeds=1, rng=r)],
    "rbm.hidden_features": [
        lambda r: rbm.hidden_features(layers(), np.ones((2, 3)), rng=r),
        lambda r: rbm.hidden_features(layers(), np.ones((2, 3)), kind="sampled", rng=r),
    ],
    "rbm.negative_log_likelihood": [
        lambda r: rbm.negative_log_likelihood(layers(), np.ones((2, 3)), rng=r),
        lambda r: rbm.negative_log_likelihood(layers(), np.ones((2, 3)), log_z=1.0, rng=r),
    ],
    "rbm.hamming_distance": [lambda r: rbm.hamming_distance(layers(), np.ones((2, 3)), 1, rng=r)],
    "rbm.reconstruct": [lambda r: rbm.reconstruct(layers(), np.ones((2, 3)), 1, rng=r)],
    "rbm.log_partition_trajectory": [
        lambda r: rbm.log_partition_trajectory([layers(), layers()], schedule=2, n_chains=2, rng=r)
    ],
    "rbm.trajectory_tempering": [lambda r: rbm.trajectory_tempering([layers(), layers()], 4, 2, rng=r)],
    "rbm.DBM": [lambda r: rbm.DBM([3, 2, 2], rng=r)],
    "rbm.FBM": [lambda r: rbm.FBM(3, rng=r)],
    "rbm.HybridBM": [lambda r: rbm.HybridBM(3, 2, rng=r)],
    "rbm.RAHybridBM": [lambda r: rbm.RAHybridBM(3, 2, 2, rng=r)],
    "rbm.RADBM": [lambda r: rbm.RADBM([3, 2, 2], 2, rng=r)],
    "rbm.RAFBM": [lambda r: rbm.RAFBM(3, 2, rng=r)],
    "rbm.RARBM": [lambda r: rbm.RARBM(3, 2, 2, rng=r)],
    "rbm.RBM": [lambda r: rbm.RBM(3, 2, rng=r), lambda r: rbm.RBM(3, 2, std=0.0, rng=r)],
    "rbm.Machine.sample": [lambda r: machine().sample(1, rng=r)],
    "rbm.Trainer": [lambda r: rbm.Trainer(machine(), rng=r)],
    "scans.binder_crossings": [lambda r: scans.binder_crossings(scanned(), rng=r)],
}  # fmt: skip


def taking_rng():
    """Public functions, classes and methods with a parameter ``rng``, by object, and where they are found."""
    found = {}
    for package in PACKAGES:
        for name, thing in vars(importlib.import_module(package)).items():
            if name.startswith("_") or not callable(thing) or not str(thing.__module__).startswith("spinlab"):
                continue
            members = [(name, thing)]
            if inspect.isclass(thing):
                members += [(f"{name}.{k}", f) for k, f in vars(thing).items() if k[0] != "_" and callable(f)]
            for path, f in members:
                if f.__module__ == "spinlab._core.rng" or (inspect.isclass(f) and issubclass(f, Exception)):
                    continue
                if "rng" in inspect.signature(f).parameters:
                    found.setdefault(f, set()).add(f"{package}.{path}".removeprefix("spinlab."))
    return list(found.values())


def test_no_public_function_is_left_out():
    paths = taking_rng()
    assert len(paths) > 50
    for names in paths:
        assert names & CALLS.keys(), f"{sorted(names)} takes rng and has no call here"


NOT_RANDOM = (
    True,
    1.5,
    "0",
    [1, 2],
    np.matrix([[0, 1], [1, 0]]),
    np.array([1]),
    np.random.RandomState(0),
    object(),
)


@pytest.mark.parametrize(("name", "call"), [(name, call) for name, calls in CALLS.items() for call in calls])
def test_anything_else_is_refused(name, call):
    for wrong in NOT_RANDOM:
        with pytest.raises(TypeError, match=r"rng must be None, a non-negative int"):
            call(wrong)
    with pytest.raises(ValueError, match=r"rng must be 0 or more"):
        call(-1)


def test_what_is_taken():
    for seed in (3, np.int64(3), np.uint8(3), 2**100, np.random.SeedSequence(3), np.random.PCG64(3)):
        assert 0 <= as_generator(seed).random() < 1
    assert as_key(3) == as_key(np.int32(3)) == as_key(np.random.SeedSequence(3)) == as_key(np.random.PCG64(3))
    assert as_generator(None).random() != as_generator(None).random()
    generator = np.random.default_rng(0)
    assert as_generator(generator) is generator
    assert as_key(generator) != as_key(generator)
