"""Single-spin dynamics of many chains on the GPU: the random numbers and decisions of the CPU's loops.

A block of threads takes GROUP chains. For SITES sites at a time it draws the thresholds of all its chains;
then it goes from site to site: one thread per chain decides, and all threads add the flips to the fields,
reading the row of J (from L2, which all blocks share) once for all chains of the group.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from .. import device
from ..forms import Dense, Form, Pattern
from ..philox import UPDATE
from .compile import SHARED_BYTES, cuda_kernel, device_function, launch, philox, threshold

GROUP = 4  # chains of one block: those that share a Philox counter
SITES = 64
REFRESH = 256  # as on the CPU, fields are recomputed this often
REFRESH_FLOAT32 = 64
THREADS = 128
MAX_PATTERNS = 64


@device_function
def _visit(
    J, b, metropolis, betas, factors, s, h, moved, key, first, start, stop, refresh, thresholds, change
):
    """Steps start..stop-1 of the GROUP chains of this block; the last group may have fewer."""
    n = len(b)
    low_chain = cuda.blockIdx.x * GROUP
    n_chains = min(GROUP, len(s) - low_chain)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    group = np.uint32((first + low_chain) >> 2)
    for t in range(start, stop):
        twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
        cuda.syncthreads()
        if t % refresh == 0:
            for j in range(thread, n, n_threads):
                for r in range(n_chains):
                    x = b[j]
                    for i in range(n):
                        x += J[i, j] * s[low_chain + r, i]
                    h[r, j] = x
        for low in range(0, n, SITES):
            for k in range(thread, min(SITES, n - low), n_threads):
                x0, x1, x2, x3 = philox(key, np.uint32(low + k), group, np.uint32(t), UPDATE)
                thresholds[k, 0] = threshold(x0, metropolis)
                thresholds[k, 1] = threshold(x1, metropolis)
                thresholds[k, 2] = threshold(x2, metropolis)
                thresholds[k, 3] = threshold(x3, metropolis)
            for i in range(low, min(low + SITES, n)):
                cuda.syncthreads()
                if thread < n_chains:
                    r = low_chain + thread
                    old = s[r, i]
                    x = twice_beta * factors[r] * h[thread, i]
                    if metropolis:
                        flips = old * x < thresholds[i - low, thread]
                    else:
                        flips = (x > thresholds[i - low, thread]) != (old > 0)
                    change[thread] = -2 * old if flips else 0
                    if flips:
                        s[r, i] = -old
                        moved[r, i] = True
                cuda.syncthreads()
                for r in range(n_chains):
                    x = change[r]
                    if x != 0:
                        for j in range(thread, n, n_threads):
                            h[r, j] += x * J[i, j]
            cuda.syncthreads()


def make_dense(width: int, dtype: Any) -> Any:
    """The kernel with fields in shared memory, room for ``width`` sites; 0: fields in global memory."""
    if width:

        @cuda_kernel
        def in_shared(J, b, metropolis, betas, factors, s, fields, moved, key, first, start, stop, refresh):
            h = cuda.shared.array((GROUP, width), dtype)
            thresholds = cuda.shared.array((SITES, GROUP), np.float64)
            change = cuda.shared.array(GROUP, dtype)
            own = fields[cuda.blockIdx.x]
            for j in range(cuda.threadIdx.x, len(b), cuda.blockDim.x):
                for r in range(GROUP):
                    h[r, j] = own[r, j]
            _visit(
                J,
                b,
                metropolis,
                betas,
                factors,
                s,
                h,
                moved,
                key,
                first,
                start,
                stop,
                refresh,
                thresholds,
                change,
            )
            for j in range(cuda.threadIdx.x, len(b), cuda.blockDim.x):
                for r in range(GROUP):
                    own[r, j] = h[r, j]

        return in_shared

    @cuda_kernel
    def in_global(J, b, metropolis, betas, factors, s, fields, moved, key, first, start, stop, refresh):
        thresholds = cuda.shared.array((SITES, GROUP), np.float64)
        change = cuda.shared.array(GROUP, dtype)
        own = fields[cuda.blockIdx.x]
        _visit(
            J,
            b,
            metropolis,
            betas,
            factors,
            s,
            own,
            moved,
            key,
            first,
            start,
            stop,
            refresh,
            thresholds,
            change,
        )

    return in_global


def make_pattern(width: int) -> Any:
    """The kernel for ``width`` patterns (zeros fill up): a thread per chain, its overlaps in registers."""

    @cuda_kernel
    def visit(
        xi, scale, d, b, metropolis, betas, factors, s, overlaps, moved, key, first, start, stop, refresh
    ):
        r = cuda.grid(1)
        n = xi.shape[0]
        if r < s.shape[1]:
            m = cuda.local.array(width, np.float64)
            for k in range(width):
                m[k] = overlaps[k, r]
            group = np.uint32((first + r) >> 2)
            lane = (first + r) & 3
            for t in range(start, stop):
                twice_beta = 2.0 * betas[min(t, len(betas) - 1)]
                if t % refresh == 0:
                    for k in range(width):
                        m[k] = 0.0
                    for i in range(n):
                        for k in range(width):
                            m[k] += xi[i, k] * s[i, r]
                for i in range(n):
                    x0, x1, x2, x3 = philox(key, np.uint32(i), group, np.uint32(t), UPDATE)
                    word = x0 if lane == 0 else x1 if lane == 1 else x2 if lane == 2 else x3
                    h = 0.0
                    for k in range(width):
                        h += xi[i, k] * m[k]
                    old = s[i, r]
                    x = twice_beta * factors[r] * ((scale * h - d[i] * old) + b[i])
                    if metropolis:
                        flips = old * x < threshold(word, metropolis)
                    else:
                        flips = (x > threshold(word, metropolis)) != (old > 0)
                    if flips:
                        s[i, r] = -old
                        moved[i, r] = True
                        for k in range(width):
                            m[k] -= 2 * old * xi[i, k]
            for k in range(width):
                overlaps[k, r] = m[k]

    return visit


_kernels: dict[Any, Any] = {}


def _kernel(make: Any, *constants: Any) -> Any:
    """One kernel for each set of constants."""
    name = make, *constants
    if name not in _kernels:
        _kernels[name] = make(*constants)
    return _kernels[name]


class DenseChains:
    """Chains on a dense model; between calls the states are on the host too."""

    def __init__(
        self,
        form: Any,
        metropolis: bool,
        dtype: str,
        threads: int,
        betas: np.ndarray,
        factors: np.ndarray,
        s: np.ndarray,
        moved: np.ndarray,
        key: np.uint64,
        first: int,
    ) -> None:
        self.s, self.factors = s, factors
        xp = device.module("gpu")
        n_chains, n = s.shape
        size = np.dtype(dtype).itemsize
        self._grid = -(-n_chains // GROUP), threads
        room = SHARED_BYTES - 8 * GROUP * (SITES + 1)  # thresholds, changes
        width = -(-n // 64) * 64  # few widths, few compilations
        if GROUP * width * size > room:
            width = n if GROUP * n * size <= room else 0
        self._kernel = _kernel(make_dense, width, np.dtype(dtype).type)
        self._form = [xp.asarray(x, dtype=dtype) for x in form]
        self._fields = xp.zeros((self._grid[0], GROUP, n), dtype=dtype)
        self._arrays = xp.asarray(s), self._fields, xp.asarray(moved)
        self._betas, self._metropolis = xp.asarray(betas), metropolis
        self._moved, self._key, self._first = moved, key, first
        self._refresh = REFRESH if size == 8 else REFRESH_FLOAT32

    @staticmethod
    def bytes(form: Any, dtype: str) -> tuple[int, int]:
        """Bytes for a chain, and for all together."""
        size, n = np.dtype(dtype).itemsize, len(form.b)
        return n * (size + 2), size * n * n

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        xp = device.module("gpu")
        launch(
            self._kernel,
            *self._grid,
            *self._form,
            self._metropolis,
            self._betas,
            xp.asarray(self.factors),
            *self._arrays,
            self._key,
            self._first,
            start,
            stop,
            self._refresh,
        )
        self.s[:], self._moved[:] = device.to_host(self._arrays[0]), device.to_host(self._arrays[2])

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset, after at least one step."""
        b = self._form[1]
        h = self._fields.reshape(-1, len(b))[: len(self.s)]
        out[:] = device.to_host(-(self._arrays[0] * (h.astype(np.float64) + b)).sum(1) / 2)


class PatternChains:
    """Chains on a pattern model. Sites come first: neighbouring threads are neighbouring chains."""

    def __init__(
        self,
        form: Any,
        metropolis: bool,
        dtype: str,
        threads: int,
        betas: np.ndarray,
        factors: np.ndarray,
        s: np.ndarray,
        moved: np.ndarray,
        key: np.uint64,
        first: int,
    ) -> None:
        self.s, self.factors = s, factors
        xp = device.module("gpu")
        K = form.xi.shape[1]
        width = -(-K // 4) * 4
        threads = min(threads, 32)  # a warp per block, so that few chains spread over the whole card
        self._grid = -(-len(s) // threads), threads
        self._kernel = _kernel(make_pattern, width)
        xi = xp.asarray(np.pad(form.xi, ((0, 0), (0, width - K))))
        self._form = xi, form.scale, xp.asarray(form.d), xp.asarray(form.b)
        self._overlaps = xp.zeros((width, len(s)))
        self._arrays = (
            xp.asarray(np.ascontiguousarray(s.T)),
            self._overlaps,
            xp.asarray(np.ascontiguousarray(moved.T)),
        )
        self._betas, self._metropolis = xp.asarray(betas), metropolis
        self._moved, self._key, self._first = moved, key, first

    @staticmethod
    def bytes(form: Any, dtype: str) -> tuple[int, int]:
        """Bytes for a chain, and for all together."""
        return 2 * len(form.b) + 8 * form.xi.shape[1], 8 * form.xi.size

    def advance(self, start: int, stop: int) -> None:
        """Take the steps start..stop-1."""
        xp = device.module("gpu")
        launch(
            self._kernel,
            *self._grid,
            *self._form,
            self._metropolis,
            self._betas,
            xp.asarray(self.factors),
            *self._arrays,
            self._key,
            self._first,
            start,
            stop,
            REFRESH,
        )
        self.s[:], self._moved[:] = device.to_host(self._arrays[0]).T, device.to_host(self._arrays[2]).T

    def energy(self, out: np.ndarray) -> None:
        """Energies without the model's offset: -(scale/2) sum_k m_k^2 + (1/2) sum_i d_i - sum_i b_i s_i."""
        _, scale, d, b = self._form
        m = self._overlaps
        out[:] = device.to_host((d.sum() - scale * (m * m).sum(0)) / 2 - b @ self._arrays[0])


def kind(form: Form, order: str = "sequential") -> type[DenseChains] | type[PatternChains]:
    """The chains for a form, or the refusal."""
    if order != "sequential":
        raise ValueError(f"the GPU visits the sites in order='sequential', got {order!r}; or model.to('cpu')")
    if isinstance(form, Dense):
        return DenseChains
    if isinstance(form, Pattern):
        K = form.xi.shape[1]
        if K > MAX_PATTERNS:
            raise ValueError(f"the GPU takes up to {MAX_PATTERNS} patterns, got {K}; use model.to_dense()")
        return PatternChains
    raise TypeError(
        f"single-spin dynamics on the GPU takes dense and pattern models, got {type(form).__name__}; "
        "use model.to_dense(), block_gibbs for two layers, or model.to('cpu')"
    )


def evolve(
    form: Form,
    betas: np.ndarray,
    s: np.ndarray,
    moved: np.ndarray,
    records: np.ndarray,
    stops: list[int],
    key: np.uint64,
    order: str = "sequential",
    dtype: str = "float64",
    rule: str = "gibbs",
) -> None:
    """Advance the chains ``s`` (n_chains, N) in place to step ``stops[-1]``, as ``dynamics`` does on the CPU.

    Step t is taken at inverse temperature betas[t], the last one holding on. Chains are cut into blocks that
    fit on the card; their number does not change a bit of the result.
    """
    chains = kind(form, order)
    factors = np.ones(len(s))
    what = f"{len(s)} chains of {s.shape[1]} spins"
    for own in device.blocks(len(s), *chains.bytes(form, dtype), what, multiple=GROUP):
        part = chains(
            form,
            rule == "metropolis",
            dtype,
            THREADS,
            betas,
            factors[own],
            s[own],
            moved[own],
            key,
            own.start,
        )
        done = 0
        for k, stop in enumerate(stops):
            part.advance(done, stop)
            done = stop
            if k < len(records):
                records[k, own] = s[own]
