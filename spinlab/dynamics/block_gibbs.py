"""Alternating heat bath of the two layers of a restricted Boltzmann machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._core import device
from .._core.blas import one_blas_thread
from .._core.heat_bath import SITES, logits
from .._core.jit import kernel
from .._core.parallel import map_threads
from .._core.philox import HIDDEN, VISIBLE
from .._core.progress import meter, shows_progress
from .._core.request import Request
from .._core.rng import RNG, as_key
from .._core.validate import as_data, as_real
from .._core.walkers import Group, Walkers, walk
from ..models import TwoLayerIsing
from .chains import Chains, starting_states

# Chains per matrix product: fixed, so that the result does not depend on the number of threads.
CHAINS = 64


@shows_progress
def block_gibbs(
    model: TwoLayerIsing,
    n_steps: int,
    n_chains: int = 1,
    *,
    beta: float = 1.0,
    initial: Any = None,
    clamped: Any = None,
    burn_in: int = 0,
    record_every: int | None = None,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> Chains:
    """Block Gibbs sampling of an RBM: all hidden units given v, then all visible units given h.

    P(h_a = +1 | v) = 1/(1 + exp(-2 beta (v W + bh)_a)) and likewise for v given h
    (arXiv:1910.01592, Appendix A). One step draws h_t from v_{t-1}, then v_t from h_t; the state
    after step t is (v_t, h_t).

    Parameters
    ----------
    model : BipartiteIsing or PatternBipartiteIsing
        For patterns W is never formed: a step costs O(K (V + H)) per chain instead of O(V H).
    n_steps : int
        Steps per chain, 1 or more.
    n_chains : int, default 1
        Independent chains.
    beta : float, default 1
        Inverse temperature, 0 or more.
    initial : array_like of +-1 or 0/1, shape (V,) or (n_chains, V), optional
        Starting visible states; random by default.
    clamped : array_like of bool, shape (V,) or (n_chains, V), optional
        Visible units that keep their values of ``initial``: the chains then sample P(the others, h | these).
        Computed on the CPU.
    burn_in, record_every, rng, threads, progress
        As in :func:`spinlab.dynamics.gibbs`.

    Returns
    -------
    Chains
        Its ``initial`` and ``moved`` have shape (n_chains, V).

    Raises
    ------
    TypeError
        If the model is not made of two layers.
    ValueError
        On a negative number of steps, a negative or infinite beta, states that are not +-1, a mask of another
        shape or without ``initial``.

    Examples
    --------
    >>> import numpy as np, spinlab as sl
    >>> rbm = sl.models.BipartiteIsing([[5.0, 5.0]])
    >>> chains = sl.dynamics.block_gibbs(rbm, n_steps=10, n_chains=3, rng=0)
    >>> [bool(abs(s.sum()) == 3) for s in chains.states]
    [True, True, True]
    >>> memory = sl.models.BipartiteIsing(3 * np.ones((4, 10)))  # all up, or all down
    >>> given = np.array([True, True, True, False])
    >>> sl.dynamics.block_gibbs(memory, 20, initial=[1, 1, 1, -1], clamped=given, rng=0).states[0, :4]
    array([1, 1, 1, 1], dtype=int8)
    """
    if not isinstance(model, TwoLayerIsing):
        raise TypeError(
            f"block Gibbs sampling needs two layers (BipartiteIsing or PatternBipartiteIsing), "
            f"got {type(model).__name__}; use gibbs, or models.BipartiteIsing(W) for a weight matrix W"
        )
    request = Request.check(
        "block_gibbs",
        n_steps,
        n_chains,
        as_real(beta, "beta", 0.0),
        as_key(rng),
        burn_in=burn_in,
        record_every=record_every,
        threads=threads,
        least_steps=1,
    )
    n_chains, V = request.n_chains, model.V
    held = None if clamped is None else _as_mask(clamped, initial, n_chains, V)
    if initial is not None:
        initial = as_data(initial, V, "initial")
    initial = starting_states(initial, n_chains, V, request.key)
    if held is not None:
        model = model.to("cpu")
    s = np.empty((n_chains, model.n_spins), dtype=np.int8)
    moved = np.zeros(initial.shape, dtype=np.bool_)
    records = request.no_records(model.n_spins)
    s[:, :V] = initial
    everyone = Group(np.ones(n_chains), s, moved, 0)

    def run(own: slice) -> None:
        mask = None if held is None else held[own]
        walk(start(model, request, everyone.part(own), mask), request, records[:, own], shown)

    with one_blas_thread(), meter(n_chains * request.n_steps, "block Gibbs sampling") as shown:
        groups, threads = _groups(model, n_chains, request.threads)
        map_threads(run, groups, threads)
    return Chains.of(model, request, s, initial, moved, records)


def _as_mask(clamped: Any, initial: Any, n_chains: int, V: int) -> np.ndarray:
    """Which visible units of which chain are held, shape (n_chains, V)."""
    mask = np.asarray(clamped)
    if mask.dtype != np.bool_ or mask.shape not in ((V,), (n_chains, V)):
        raise ValueError(
            f"clamped must be booleans of shape ({V},) or ({n_chains}, {V}), got {mask.dtype} of shape "
            f"{mask.shape}"
        )
    if initial is None:
        raise ValueError("clamped units keep the values of initial: give them as initial")
    return np.broadcast_to(mask, (n_chains, V))


def _groups(model: TwoLayerIsing, n_chains: int, threads: int | None) -> tuple[Iterable[slice], int | None]:
    """Chains that walk together, and how many such groups at once: on a GPU as many chains as it holds."""
    if model.device == "cpu":
        return (slice(first, first + CHAINS) for first in range(0, n_chains, CHAINS)), threads
    from .._core.cuda.layers import BlockChains, what

    blocks = device.blocks(n_chains, *BlockChains.bytes(model.form()), what(n_chains, model.n_spins), 4)
    return blocks, 1


def start(model: TwoLayerIsing, request: Request, group: Group, held: np.ndarray | None = None) -> Walkers:
    """Walkers on the device of the model; on the CPU some visible units may be held."""
    if model.device == "cpu":
        return BlockWalkers(model, request, group, held)
    from .._core.cuda.layers import BlockChains

    return BlockChains(model.form(), model.V, request, group)


class BlockWalkers:
    """A group of chains that are drawn layer by layer; the hidden part of ``s`` is not read."""

    def __init__(
        self,
        model: TwoLayerIsing,
        request: Request,
        group: Group,
        held: np.ndarray | None = None,
    ) -> None:
        self.s, self.factors, self._held = group.s, group.factors, held
        self._model, self._betas, self._moved = model, request.betas, group.moved
        self._key, self._first = request.key, group.first
        self._v = self.s[:, : model.V].astype(np.float64)
        self._start = self._v.copy()
        self._h = np.empty((len(self.s), model.H))

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        model, v, h, V = self._model, self._v, self._h, self._model.V
        for t in range(start, stop):
            twice_beta = 2.0 * self._betas[min(t, len(self._betas) - 1)] * self.factors
            _draw(model.hidden_input(v), twice_beta, self._key, self._first, t, HIDDEN, h)
            _draw(model.visible_input(h), twice_beta, self._key, self._first, t, VISIBLE, v)
            if self._held is not None:
                np.copyto(v, self._start, where=self._held)
            self._moved[:, :V] |= v != self._start
        self.s[:, :V], self.s[:, V:] = v, h

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset."""
        out[:] = self._model.energy(self.s) - self._model.offset


@kernel
def _draw(x, twice_beta, key, first, step, stream, out):  # type: ignore[no-untyped-def]
    """out = +1 with probability 1/(1 + exp(-twice_beta x)), else -1, entry by entry."""
    n_chains, n = x.shape
    logit = np.empty((8, SITES))
    for g in range(0, n_chains, 4):
        for low in range(0, n, SITES):
            logits(key, low, (first + g) >> 2, step, stream, logit)
            for lane in range(min(4, n_chains - g)):
                row, new = x[g + lane, low : low + SITES], out[g + lane, low : low + SITES]
                for i in range(len(row)):
                    new[i] = 1.0 if twice_beta[g + lane] * row[i] > logit[lane, i] else -1.0
