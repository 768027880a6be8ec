"""Small calls that between them compile what users of the command line and of the front door meet.

Each is a usual call on a toy: the types that a kernel is compiled for depend on the call, never on its size.
What only small problems do without machine code (`_core/interpreted.py`) is called on a larger one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_WALKS: dict[str, Any] = {"n_steps": 2, "n_chains": 2, "rng": 0, "threads": 1}


def calls() -> dict[str, Callable[[], Any]]:
    """The steps of warming by name; none has been taken."""
    from .._core.interpreted import compile_all

    compile_all()
    return {
        "ground states": _ground_states,
        "sums over states": _sums,
        "ground states of lattices": _lattices,
        "branch and bound": _branching,
        "sampling": _sampling,
        "tempering and search": _tempering,
        "block Gibbs sampling": _blocks,
        "training, float32": lambda: _training("float32"),
        "training, float64": lambda: _training("float64"),
        "judging": _judging,
        "observables": _observables,
        "phase reports": _diagnosis,
        "phase scans": _scans,
    }


def _models() -> list[Any]:
    """One for each form of the couplings, in the sizes at which methods change."""
    from .. import ensembles

    return [
        ensembles.sk(N=16, rng=0),
        ensembles.sk(N=8, rng=0),
        ensembles.edwards_anderson(shape=(3, 3), rng=0),
        ensembles.edwards_anderson(shape=(3, 3), law="pm1", rng=0),
        ensembles.hopfield(N=10, K=2, rng=0),
        ensembles.hopfield(N=18, K=7, rng=0),
        ensembles.rbm_gaussian(V=4, H=5, rng=0),
        ensembles.rbm_gaussian(V=14, H=20, rng=0),
        ensembles.ra_rbm(V=4, H=5, K=2, rng=0),
        ensembles.ra_rbm(V=12, H=50, K=4, rng=0),
        ensembles.ra_rbm(V=12, H=300, K=7, rng=0),
    ]


def _ground_states() -> None:
    from .. import ensembles, exact, solve

    for model in _models():
        solve.ground_state(model, degeneracy=True)
        if model.n_spins <= 20:
            exact.ground_states(model)
    solve.ground_state(ensembles.sk(N=26, rng=0))
    for K in (1, 2, 3):
        solve.ground_state(ensembles.ra_rbm(V=40, H=40, K=K, rng=0), "lowrank")
        solve.ground_state(ensembles.hopfield(N=60, K=K, rng=0), "lowrank")


def _sums() -> None:
    from .. import solve

    for model in _models():
        solve.log_partition(model, 1.0)
        solve.mean_energy(model, 1.0)


def _lattices() -> None:
    from .. import ensembles, solve

    for shape in ((5, 30), (12, 12)):  # narrow, and wide enough for matchings
        for law in ("gaussian", "pm1"):
            model = ensembles.edwards_anderson(shape=shape, periodic=False, law=law, rng=0)
            solve.ground_state(model, "tree" if shape[0] == 5 else "planar", degeneracy=shape[0] == 5)
            for method in ("tree", "planar"):
                solve.ground_state(model, method)
                solve.log_partition(model, 1.0, method)
                solve.mean_energy(model, 1.0, method)
    solve.ground_state(ensembles.edwards_anderson(shape=(6, 30), rng=0))


def _branching() -> None:
    from .. import ensembles, exact, solve

    files = ensembles.sk(N=20, rng=0).to_sparse()  # as instance files are read
    for model in (
        files,
        ensembles.sk(N=32, rng=0),
        ensembles.edwards_anderson(shape=(3, 3, 4), law="pm1", rng=0),
    ):
        exact.branching.prepare(model)
        solve.ground_state(model, "branching")
        solve.ground_state(model, seconds=1.0)


def _sampling() -> None:
    from .. import dynamics

    for model in _models():
        for sample in (dynamics.gibbs, dynamics.metropolis):
            sample(model, beta=1.0, **_WALKS)
            sample(model, beta=1.0, **_WALKS | {"n_chains": 70})
        dynamics.anneal(model, **_WALKS)


def _tempering() -> None:
    from .. import dynamics

    for model in _models():
        dynamics.parallel_tempering(model, betas=[0.5, 1.0], **_WALKS)
        dynamics.descend(model, 2, rng=0)
        dynamics.search(model, seconds=0.1, rng=0)


def _blocks() -> None:
    from .. import dynamics

    for model in _models()[6:]:
        dynamics.block_gibbs(model, beta=1.0, **_WALKS)


def _training(dtype: str) -> None:
    from .. import rbm

    data = np.where(np.random.default_rng(0).random((8, 80)) < 0.5, -1, 1)
    for V, H in ((6, 5), (80, 60)):  # parameters in arrays, and in kernels
        for machine in (rbm.RBM(V, H, rng=0, dtype=dtype), rbm.RARBM(V, H, K=2, rng=0, dtype=dtype)):
            negatives: list[Any] = [lambda: rbm.PCD(n_chains=4), rbm.CD, lambda: rbm.Tempering(n_chains=2)]
            negatives += [rbm.Exact] if V == 6 else []
            negatives += [rbm.PID] if isinstance(machine, rbm.RARBM) else []
            for negative in negatives:
                for optimiser in ("sgd", "adam"):
                    trainer = rbm.Trainer(machine, negative(), optimiser=optimiser, lr=1e-3, rng=0)
                    trainer.fit(data[:, :V], 1, progress=False)


def _judging() -> None:
    from .. import rbm

    data = np.where(np.random.default_rng(0).random((8, 6)) < 0.5, -1, 1)
    for machine in (rbm.RBM(6, 5, rng=0), rbm.RARBM(6, 5, K=2, rng=0)):
        machine.sample(2, 2, rng=0)
        rbm.log_likelihood(machine, data)
        rbm.log_partition_ais(machine, n_temperatures=9, n_chains=20, rng=0)
        rbm.hamming_distance(machine, data, known=2, rng=0)


def _observables() -> None:
    from .. import observables

    for model in _models():
        observables.gibbs_accessibility(model, n_steps=2, n_chains=2, rng=1)
        observables.count_minima(model, rng=0)


def _diagnosis() -> None:
    from .. import diagnose, ensembles

    for model in (
        ensembles.sk(N=40, rng=0),
        ensembles.edwards_anderson(shape=(4, 4, 4), rng=0),
        ensembles.hopfield(N=60, K=2, rng=0),
        ensembles.rbm_gaussian(V=30, H=30, rng=0),
    ):
        diagnose.diagnose(model, seconds=0.1, rng=0)


def _scans() -> None:
    from .. import scans

    for name in ("sk", "ea", "hopfield", "rbm", "ra_rbm"):
        load: dict[str, Any] = {} if name in ("sk", "ea", "rbm") else {"loads": [0.2]}
        sizes = [4] if name == "ea" else [16]
        scans.scan(
            name,
            sizes=sizes,
            temperatures=[0.5, 1.0],
            instances=2,
            n_steps=20,
            n_chains=2,
            progress=False,
            **load,
        )
