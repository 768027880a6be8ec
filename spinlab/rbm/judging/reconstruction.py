"""Images completed from a part of their pixels, and how far the completion is from the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.progress import map_with_progress, shows_progress
from ..._core.results import Result
from ..._core.rng import RNG, as_key
from ..._core.validate import as_choice, as_count, as_flag
from ..machines.as_two_layers import Layers, as_two_layers
from ..machines.machine import Machine
from ..machines.two_layer import TwoLayerMachine
from ..machines.units import Noise
from .ais import as_samples

_Completion = Callable[[np.ndarray, np.ndarray, int, bool, Noise], np.ndarray]
_CHAINS = 512  # per matrix product: fixed, so that the result does not depend on the number of threads


@dataclass(frozen=True, eq=False, repr=False)
class HammingDistance(Result):
    """Distance of reconstructions from the originals: the fraction of all pixels that differ.

    Attributes
    ----------
    mean : float
        Over images and repeats.
    std_error : float
        Of ``mean``, from the spread over the repeats; NaN for one repeat.
    distances : ndarray, shape (n_repeats, n_images)
    """

    mean: float
    std_error: float
    distances: np.ndarray


@shows_progress
def reconstruct(
    model: Any,
    data: Any,
    known: Any,
    *,
    n_steps: int = 10,
    clamped: bool = True,
    n_repeats: int = 1,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> np.ndarray:
    """Complete images from some of their pixels by Gibbs sampling (arXiv:1910.01592, Appendix C).

    The unknown pixels start at 0, which is neither of the spin values: they do not act on the hidden
    units of the first step. A step draws h from P(h | v), then v from P(v | h); of a deep machine it draws
    the odd layers, then the even ones; of a fully connected one it is a sweep over the hidden units and then
    over the visible ones that are not held. Layers that are not drawn first start at 0 too.

    Parameters
    ----------
    model : BipartiteIsing, PatternBipartiteIsing or any machine
    data : array_like of +-1 or 0/1, shape (n_images, V)
        The originals; only their known pixels are used.
    known : int or array_like of bool, shape (V,) or (n_images, V)
        The pixels that are given, the same of all images or those of each; a number stands for that many
        first ones (the top row of an image of that width).
    n_steps : int, default 10
    clamped : bool, default True
        Whether the known pixels are set back after every step; otherwise they are drawn like the others.
    n_repeats : int, default 1
        Independent reconstructions of each image.
    rng, threads, progress
        The result does not depend on the number of threads.

    Returns
    -------
    ndarray of int8, shape (n_repeats, n_images, V)

    Examples
    --------
    >>> from spinlab.models import PatternBipartiteIsing
    >>> from spinlab.rbm import reconstruct
    >>> memory = PatternBipartiteIsing([[1, -1, 1, -1]], [[1] * 50])  # one stored image
    >>> reconstruct(memory, [[1, -1, -1, -1]], known=2, rng=0)[0].tolist()
    [[1, -1, 1, -1]]
    """
    if isinstance(model, Machine) and not isinstance(model, TwoLayerMachine):
        V, dtype = model.V, model.dtype
        complete: _Completion = model.complete
    else:
        layers = Layers(as_two_layers(model, "a reconstruction"))
        V, dtype, complete = layers.V, layers.dtype, _completion(layers)
    data = as_samples(data, V)
    n = len(data)
    mask = _as_mask(known, n, V)
    n_steps, n_repeats = as_count(n_steps, "n_steps"), as_count(n_repeats, "n_repeats")
    clamped, key = as_flag(clamped, "clamped"), int(as_key(rng))
    out = np.empty((n_repeats * n, V), dtype=np.int8)

    def chunk(first: int) -> None:
        rows = np.arange(first, min(first + _CHAINS, len(out))) % n
        held = mask[rows]
        given = np.where(held, data[rows], 0).astype(dtype)
        out[first : first + len(rows)] = complete(given, held, n_steps, clamped, Noise.of(key, first))

    with one_blas_thread():
        map_with_progress(chunk, range(0, len(out), _CHAINS), threads, "reconstruction")
    return out.reshape(n_repeats, n, V)


def _completion(layers: Layers) -> _Completion:
    """v after Gibbs steps of a two-layer model, as a function like ``Machine.complete``."""

    def complete(
        given: np.ndarray, known: np.ndarray, n_steps: int, clamped: bool, noise: Noise
    ) -> np.ndarray:
        v = given
        for _ in range(n_steps):
            x = layers.hidden_fields(v)
            y = layers.visible_fields(noise.spins(x, out=x))
            v = noise.spins(y, out=y)
            if clamped:
                np.copyto(v, given, where=known)
        return v

    return complete


@shows_progress
def hamming_distance(
    model: Any,
    data: Any,
    known: Any,
    *,
    convention: str = "clamped",
    n_steps: int = 10,
    n_repeats: int = 100,
    rng: RNG = None,
    threads: int | None = None,
    progress: bool | None = None,
) -> HammingDistance:
    """Fraction of pixels in which reconstructions differ from the originals, over all V pixels.

    Parameters
    ----------
    model, data, known
        As in :func:`reconstruct`.
    convention : {"clamped", "one_step"}
        Two readings of arXiv:1910.01592 that give very different numbers. "clamped": the known pixels are
        held during ``n_steps`` steps, as its Appendix C describes. "one_step": a single step after which
        nothing is held, as in the code published with it, so that known pixels count as errors
        where they come out wrong.
    n_steps : int, default 10
        For "clamped".
    n_repeats : int, default 100
    rng, threads, progress
        As in :func:`reconstruct`.

    Returns
    -------
    HammingDistance
        1/2 is what random pixels would give.

    Examples
    --------
    >>> from spinlab.models import PatternBipartiteIsing
    >>> from spinlab.rbm import hamming_distance
    >>> memory = PatternBipartiteIsing([[1, -1, 1, -1]], [[1] * 50])
    >>> hamming_distance(memory, [[1, -1, 1, -1], [1, -1, -1, -1]], known=2, rng=0).mean
    0.125
    """
    as_choice(convention, "convention", ("clamped", "one_step"))
    clamped = convention == "clamped"
    n_steps = n_steps if clamped else 1
    found = reconstruct(
        model, data, known, n_steps=n_steps, clamped=clamped, n_repeats=n_repeats, rng=rng, threads=threads
    )
    distances = (found != as_samples(data, found.shape[-1])).mean(-1)
    spread = distances.mean(1).std(ddof=1) if len(distances) > 1 else math.nan
    return HammingDistance(float(distances.mean()), float(spread) / math.sqrt(len(distances)), distances)


def _as_mask(known: Any, n: int, V: int) -> np.ndarray:
    """Which pixels of which image are given, as booleans of shape (n, V)."""
    if np.ndim(known) == 0:
        first = as_count(known, "known", 0)
        if first > V:
            raise ValueError(f"known must be at most the number of pixels {V}, got {first}")
        return np.broadcast_to(np.arange(V) < first, (n, V))
    mask = np.asarray(known)
    if mask.dtype != np.bool_ or mask.shape not in ((V,), (n, V)):
        raise ValueError(
            f"known must be a number of pixels, {V} booleans, or {n} x {V} of them for masks of each image, "
            f"got {mask.dtype} of shape {mask.shape}"
        )
    return np.broadcast_to(mask, (n, V))
