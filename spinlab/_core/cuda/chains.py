"""Chains of single-spin dynamics on the GPU: their arrays on the card, and the kernels that advance them."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from .. import device
from ..forms import Dense, Form, Pattern, Sparse
from ..progress import Meter
from ..request import Request
from ..walkers import Group, walk
from .compile import SHARED_BYTES, launch
from .visits import GROUP, SITES, make_dense, make_pattern, make_sparse, sparse_energy

REFRESH = 256  # as on the CPU, fields are recomputed this often
REFRESH_FLOAT32 = 64
THREADS = 128
WARP = 32  # chains of one block where a thread takes a chain: few chains spread over the whole card
MAX_PATTERNS = 64

_kernels: dict[Any, Any] = {}


def _kernel(make: Any, *constants: Any) -> Any:
    """One kernel for each set of constants."""
    name = make, *constants
    if name not in _kernels:
        _kernels[name] = make(*constants)
    return _kernels[name]


class _Chains(abc.ABC):
    """Chains on the card. A kind sets ``_kernel``, ``_grid``, ``_form`` and perhaps ``_cache``, ``_end``."""

    sites_first = True
    """The states lie as (N, chains): neighbouring threads are neighbouring chains."""
    _kernel: Any
    _grid: tuple[int, int]
    _form: Any
    _cache: tuple[Any, ...] = ()
    _end: tuple[int, ...] = ()

    def __init__(self, form: Any, request: Request, typical: float, group: Group) -> None:
        self.factors, self.s, self._host_moved, self._first = group
        each, fixed = self.bytes(form, request.dtype)
        device.check_fits(len(self.s) * each + fixed, _what(self.s))
        xp = device.module("gpu")
        on_card = (xp.asarray(np.ascontiguousarray(self._turned(x))) for x in (group.s, group.moved))
        self._s, self._moved = on_card
        self._rule = request.metropolis, typical, xp.asarray(request.betas)
        self._key = request.key
        self._prepare(xp, form, np.dtype(request.dtype), THREADS)

    @staticmethod
    @abc.abstractmethod
    def bytes(form: Any, dtype: str) -> tuple[int, int]:
        """Bytes for a chain, and for all together."""

    @abc.abstractmethod
    def _prepare(self, xp: Any, form: Any, dtype: np.dtype, threads: int) -> None:
        """The form on the card, and the kernel."""

    @abc.abstractmethod
    def energies(self) -> Any:
        """Energies without the model's offset on the card, after at least one step."""

    def energy(self, out: np.ndarray) -> None:
        """The same on the host."""
        out[:] = device.to_host(self.energies())

    def states(self) -> Any:
        """The states on the card, (chains, N)."""
        return self._turned(self._s)

    def _turned(self, x: Any) -> Any:
        """Between the layout of the host and that of the card."""
        return x.T if self.sites_first else x

    def advance(self, start: int, stop: int, fetch: bool = True) -> None:
        """Take the steps start..stop-1; without ``fetch`` the states on the host stay behind."""
        launch(
            self._kernel,
            *self._grid,
            *self._form,
            *self._rule,
            device.module("gpu").asarray(self.factors),
            self._s,
            *self._cache,
            self._moved,
            self._key,
            self._first,
            start,
            stop,
            *self._end,
        )
        if fetch:
            self.fetch()

    def fetch(self) -> None:
        """Bring the states on the host up to date."""
        self.s[:] = self._turned(device.to_host(self._s))

    def fetch_moved(self) -> None:
        """Bring ``moved`` on the host up to date."""
        self._host_moved[:] = self._turned(device.to_host(self._moved))


class DenseChains(_Chains):
    """Chains on a dense model."""

    sites_first = False

    def _prepare(self, xp: Any, form: Any, dtype: np.dtype, threads: int) -> None:
        n_chains, n = self.s.shape
        self._grid = -(-n_chains // GROUP), threads
        room = SHARED_BYTES - 8 * GROUP * (SITES + 2)  # thresholds, heat shares, changes
        width = -(-n // 64) * 64  # few widths, few compilations
        if GROUP * width * dtype.itemsize > room:
            width = n if GROUP * n * dtype.itemsize <= room else 0
        self._kernel = _kernel(make_dense, width, dtype.type)
        self._form = [xp.asarray(x, dtype=dtype) for x in form]
        self._cache = (xp.zeros((self._grid[0], GROUP, n), dtype=dtype),)
        self._end = (REFRESH if dtype.itemsize == 8 else REFRESH_FLOAT32,)

    @staticmethod
    def bytes(form: Any, dtype: str) -> tuple[int, int]:
        size, n = np.dtype(dtype).itemsize, len(form.b)
        return n * (size + 2), size * n * n

    def energies(self) -> Any:
        b = self._form[1]
        h = self._cache[0].reshape(-1, len(b))[: len(self.s)]
        return -(self._s * (h.astype(np.float64) + b)).sum(1) / 2


class PatternChains(_Chains):
    """Chains on a pattern model."""

    def _prepare(self, xp: Any, form: Any, dtype: np.dtype, threads: int) -> None:
        K = form.xi.shape[1]
        width = -(-K // 4) * 4
        threads = min(threads, WARP)
        self._grid = -(-len(self.s) // threads), threads
        self._kernel = _kernel(make_pattern, width)
        xi = xp.asarray(np.pad(form.xi, ((0, 0), (0, width - K))))
        self._form = xi, form.scale, xp.asarray(form.d), xp.asarray(form.b)
        self._cache = (xp.zeros((width, len(self.s))),)
        self._end = (REFRESH,)

    @staticmethod
    def bytes(form: Any, dtype: str) -> tuple[int, int]:
        return 2 * len(form.b) + 8 * form.xi.shape[1], 8 * form.xi.size

    def energies(self) -> Any:
        """-(scale/2) sum_k m_k^2 + (1/2) sum_i d_i - sum_i b_i s_i."""
        _, scale, d, b = self._form
        m = self._cache[0]
        return (d.sum() - scale * (m * m).sum(0)) / 2 - b @ self._s


class SparseChains(_Chains):
    """Chains on a sparse model; no fields are kept."""

    def _prepare(self, xp: Any, form: Any, dtype: np.dtype, threads: int) -> None:
        self._grid = -(-len(self.s) // WARP), min(threads, WARP)
        self._kernel = _kernel(make_sparse, WARP)
        self._form = [xp.asarray(x) for x in form]

    @staticmethod
    def bytes(form: Any, dtype: str) -> tuple[int, int]:
        return 2 * len(form.b) + 16, 16 * (len(form.data) + len(form.b))

    def energies(self) -> Any:
        energy = device.module("gpu").empty(len(self.s))
        blocks = -(-len(self.s) // self._grid[1])
        launch(sparse_energy, blocks, self._grid[1], *self._form, self._s, energy)
        return energy


Kind = type[DenseChains] | type[PatternChains] | type[SparseChains]


def kind(form: Form, order: str = "sequential") -> Kind:
    """The chains for a form, or the refusal."""
    if order != "sequential":
        raise ValueError(f"the GPU visits the sites in order='sequential', got {order!r}; or model.to('cpu')")
    if isinstance(form, Dense):
        return DenseChains
    if isinstance(form, Sparse):
        return SparseChains
    if isinstance(form, Pattern):
        K = form.xi.shape[1]
        if K > MAX_PATTERNS:
            raise ValueError(f"the GPU takes up to {MAX_PATTERNS} patterns, got {K}; use model.to_dense()")
        return PatternChains
    raise TypeError(
        "single-spin dynamics on the GPU takes dense, sparse and pattern models, got "
        f"{type(form).__name__}; use block_gibbs for two layers, model.to_dense(), or model.to('cpu')"
    )


def _what(s: np.ndarray) -> str:
    return f"{len(s)} chains of {s.shape[1]} spins"


def evolve(
    form: Form,
    request: Request,
    typical: float,
    s: np.ndarray,
    moved: np.ndarray,
    records: np.ndarray,
    shown: Meter | None = None,
) -> None:
    """Advance the chains ``s`` (n_chains, N) in place to the last stop, as ``dynamics`` does on the CPU.

    ``typical`` is the root mean square of a random state's fields, which Metropolis sampling needs.
    Chains are cut into blocks that fit on the card; their number does not change a bit of the result.
    """
    chains = kind(form, request.order)
    everyone = Group(np.ones(len(s)), s, moved, 0)
    for own in device.blocks(len(s), *chains.bytes(form, request.dtype), _what(s), multiple=GROUP):
        part = chains(form, request, typical, everyone.part(own))
        walk(part, request, records[:, own], shown)
        part.fetch_moved()
        del part  # its memory is the next one's
