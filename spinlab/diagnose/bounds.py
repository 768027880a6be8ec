"""What no state can do: a bound on energies, and the exact law of a small layer."""

from __future__ import annotations

import math

import numpy as np

from ..models import BipartiteIsing, IsingModel

_STEPS = 12
_MOST_SPINS = 600  # up to which D is looked for
MOST_UNITS = 16  # of a layer whose states are all visited
_BLOCK = 4096


def lowest_free_energy(model: IsingModel, log_partition: float) -> bool:
    """Whether ln Z of the replicas is above -E of every state, so that no unseen state can outweigh them.

    E >= -(N/2) lambda_max(J + D) + (tr D)/2 for every diagonal D, here from a few steps of descent on a
    smooth maximum; for two layers -sqrt(V H) times the largest singular value. Fields add at most sum |b_i|.
    """
    fields = float(np.abs(np.asarray(model.b)).sum())
    N = model.n_spins
    if isinstance(model, BipartiteIsing):
        top = float(np.linalg.norm(model.weights(), 2))
        return bool(log_partition >= math.sqrt(model.V * model.H) * top + fields)
    J = np.asarray(model.couplings())
    aim = 2 * (log_partition - fields) / N
    if N > _MOST_SPINS:
        return bool(_top(J) <= aim)
    D = np.zeros(N)
    for k in range(_STEPS + 1):
        values, vectors = np.linalg.eigh(J + np.diag(D))
        if values[-1] - D.mean() <= aim:
            return True
        if k == _STEPS or values[-1] - D.mean() > 1.5 * max(aim, 0.0) + 1e-12:
            return False
        unit = max(float(values.std()), 1e-300)
        p = np.exp((values - values[-1]) * 8 / unit)
        share = (vectors**2) @ (p / p.sum())
        D -= unit * (N * share - 1) / (2 + k)
    return False


def _top(J: np.ndarray) -> float:
    import scipy.linalg

    N = len(J)
    return float(scipy.linalg.eigvalsh(J, subset_by_index=[N - 1, N - 1])[0])


def states_with_weight(model: BipartiteIsing, share: float = 0.9) -> tuple[float, float]:
    """How many states of the first layer carry a share of the weight, and their mean |overlap|.

    Pairs that differ by a flip count once without fields. Visits all 2^V states.
    """
    V, W = model.V, model.weights()
    log_p = np.empty(2**V)
    for start in range(0, 2**V, _BLOCK):
        k = np.arange(start, min(start + _BLOCK, 2**V))
        v = 2.0 * ((k[:, None] >> np.arange(V)) & 1) - 1
        x = np.abs(v @ W + model.bh)
        log_p[k] = v @ model.bv + (x + np.log1p(np.exp(-2 * x))).sum(1)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    order = np.argsort(-p, kind="stable")
    n = int(np.searchsorted(np.cumsum(p[order]), share)) + 1
    top = 2.0 * ((order[: min(n, 200), None] >> np.arange(V)) & 1) - 1
    q = np.abs(top @ top.T) / V
    apart = float((q.sum() - len(top)) / max(len(top) * (len(top) - 1), 1)) if len(top) > 1 else 1.0
    return n if model.has_fields else n / 2, apart
