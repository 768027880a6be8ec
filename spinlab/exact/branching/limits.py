"""Which models branching takes, and what it would cost."""

from __future__ import annotations

import importlib.util

import numpy as np
import scipy.sparse

from ...models import IsingModel, SparseIsing
from ..couplings import n_couplings
from ..method import NEVER, Cost, Task, as_task

NAME = "branching"
LARGEST_SEMIDEFINITE = 1000  # spins
LARGEST_CYCLES = 5000
_SPARSE = 6.5  # mean degree up to which odd cycles bound better than the semidefinite relaxation,
_SPARSE_LARGE = 8.0  # and in models of more than _LARGE spins, whose eigenvectors cost more
_LARGE = 150
_EQUAL = 5.5  # mean degree from which on equal |J| with few short cycles go to the semidefinite relaxation
_EIGENVECTORS = 300  # spins up to which that pays


def has_cycles_solver() -> bool:
    """Whether highspy is installed."""
    return importlib.util.find_spec("highspy") is not None


def is_sparse(model: IsingModel) -> bool:
    """Whether odd cycles bound better: by the mean degree, the ghost spin's included, and short cycles."""
    if not isinstance(model, SparseIsing) and model.n_spins > LARGEST_CYCLES:
        return False  # beyond every limit: not worth writing the couplings out
    most = (_SPARSE_LARGE if model.n_spins > _LARGE else _SPARSE) * model.n_spins / 2
    bonds = n_couplings(model, most) + int((model.b != 0).sum())
    if bonds > most:
        return False
    few = 2 * bonds <= _EQUAL * model.n_spins or model.n_spins > _EIGENVECTORS
    return few or not _is_like_a_random_graph(model)


def _is_like_a_random_graph(model: IsingModel) -> bool:
    """Whether |J| is equal and cycles of three and four bonds are as few as in a random graph.

    That of mean degree d has about d^3/6 and d^4/8, whatever its size; those of a lattice grow with its size.
    """
    i, j, J = model.to_sparse().edges()
    if model.b.any() or np.ptp(np.abs(J)) > 0:
        return False
    d = 2 * len(J) / model.n_spins
    return _short_cycles(model.n_spins, i, j) < 1.2 * (d**3 / 6 + d**4 / 8)


def _short_cycles(n: int, i: np.ndarray, j: np.ndarray) -> float:
    """Triangles and squares: spins with c common neighbours are opposite in c (c - 1) / 2 squares."""
    bonds = scipy.sparse.coo_array((np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), (n, n)).tocsr()
    common = scipy.sparse.triu(bonds @ bonds, 1)
    squares = (common.data * (common.data - 1)).sum() / 4
    return float(squares + (common * bonds).sum() / 3)


def missing_solver(model: IsingModel) -> str:
    """What to install for a sparse model, or nothing."""
    if is_sparse(model) and not has_cycles_solver():
        return "; for this sparse graph install highspy (pip install spinlab[cuts])"
    return ""


def degeneracy_refusal() -> str:
    """Why states are not counted."""
    return (
        "branching proves a bound and does not count ground states: leave out degeneracy=True, or use a "
        "method that counts (enumeration, tree, layer)"
    )


def too_large(model: IsingModel, relaxation: str) -> str | None:
    """The refusal of a model above the limit."""
    limit = LARGEST_CYCLES if relaxation == "cycles" else LARGEST_SEMIDEFINITE
    if model.n_spins <= limit:
        return None
    text = (
        f"branching with relaxation={relaxation!r} is limited to N={limit}, got N={model.n_spins}: an "
        f"eigendecomposition takes about {2e-9 * model.n_spins**3:.2g} s, and a bound some 500"
    )
    if relaxation == "cycles":
        text = f"branching on sparse graphs is limited to N={limit}, got N={model.n_spins}"
    else:
        text += missing_solver(model)
    return f"{text}. Instead: ground_state(model, allow_heuristic=True) gives a good state without a proof"


def refusal(model: IsingModel, task: Task = "ground_state") -> str | None:
    """Why this method cannot take the model for the task, or None."""
    if as_task(task, model) == "degeneracy":
        return degeneracy_refusal()
    if task == "log_partition":
        return "branching bounds energies and sums no states"
    return too_large(model, relaxation_of(model))


def relaxation_of(model: IsingModel) -> str:
    """The relaxation that "auto" takes."""
    return "cycles" if is_sparse(model) and has_cycles_solver() else "semidefinite"


def set_up_seconds(n: int, relaxation: str) -> float:
    """Of a processor, before the root of a proof for n spins is worked on, as measured on one core."""
    if relaxation == "cycles":
        return 1.5e-5 * n
    return 7e-7 * n**2 + 3e-10 * n**3


def closing_seconds(n: int, relaxation: str) -> float:
    """The same, from the request to stop to the answer."""
    if relaxation == "cycles":
        return 5e-6 * n
    return 1e-7 * n**2 + 3e-10 * n**3


def cost(model: IsingModel, task: Task = "ground_state") -> Cost:
    """Seconds by the size alone (the root's gap decides: ``probe``), and bytes; infinite where refused."""
    if refusal(model, task) is not None:
        return NEVER
    n = model.n_spins
    if relaxation_of(model) == "cycles":
        return Cost(0.05 + 2e-6 * n**2, 1e6 + 1e4 * n)
    return Cost(0.05 + 1.6 * 2.0 ** min((n - 70) / 8, 1000.0), 1e7 + 3e4 * n)


def least(model: IsingModel, task: Task = "ground_state") -> Cost:
    """What both relaxations take at least; the couplings are not looked at, which may be many."""
    if as_task(task, model) != "ground_state" or model.n_spins > LARGEST_CYCLES:
        return NEVER
    return Cost(0.05, 1e6)
