"""Arrays as figures: images, learned filters, spectra, overlap distributions, temperature ladders."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import as_bins, as_numbers, as_shape, check_axes
from .style import COLOURS, DIVERGING, MARKERS

if TYPE_CHECKING:
    import matplotlib.figure


def samples(
    states: Any, shape: tuple[int, int], *, columns: int | None = None, title: str | None = None
) -> matplotlib.figure.Figure:
    """Visible states as small images: +1 black, -1 white.

    Parameters
    ----------
    states : array_like of +-1, shape (n, height * width)
        Samples of a machine, or data.
    shape : (height, width)
        Of an image, as in ``Dataset.shape``.
    columns : int, optional
        Images in a row; about a square by default.
    title : str, optional

    Examples
    --------
    >>> import spinlab as sl
    >>> bars = sl.datasets.bars(4)
    >>> figure = sl.plotting.samples(bars.train[:6], bars.shape, columns=3, title="data")
    """
    images = _images(states, "states", shape)
    return _mosaic(images, columns, title, {"cmap": "Greys", "vmin": -1.0, "vmax": 1.0}, None)


def filters(
    W: Any, shape: tuple[int, int], *, columns: int | None = None, title: str | None = None
) -> matplotlib.figure.Figure:
    """Weights into the hidden units, or patterns of an RA machine, as images on one scale around zero.

    Parameters
    ----------
    W : array_like, shape (n, height * width)
        A row for each image: ``machine.W.T`` of an RBM, ``machine.xi_v`` of an RARBM.
    shape : (height, width)
    columns, title
        As in :func:`samples`.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RBM(V=16, H=6, std=0.1, rng=0)
    >>> figure = sl.plotting.filters(machine.W.T, (4, 4), columns=3, title="weights of six hidden units")
    """
    images = _images(W, "W", shape)
    top = float(np.abs(images).max()) or 1.0
    return _mosaic(images, columns, title, {"cmap": DIVERGING, "vmin": -top, "vmax": top}, "weight")


def spectrum(ax: Any, values: Any, edges: Any = None, *, label: str | None = None, bins: int = 40) -> None:
    """Eigenvalues, or singular values, as a histogram, with the edges that a random matrix would have.

    Parameters
    ----------
    ax : matplotlib Axes
    values : array_like
        ``Spectrum.values`` or ``WeightSpectrum.singular_values``.
    edges : (low, high), optional
        Of the law of a random matrix, drawn as dashed lines.
    label : str, optional
        In the legend.
    bins : int
        Of the histogram.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, spinlab as sl
    >>> found = sl.observables.spectrum(sl.ensembles.sk(N=100, rng=0))
    >>> figure, ax = plt.subplots()
    >>> sl.plotting.spectrum(ax, found.values, found.edges)
    >>> plt.close(figure)
    """
    check_axes(ax)
    x = as_numbers(values, "values").ravel()
    edges = () if edges is None else as_numbers(edges, "edges").ravel()
    ax.hist(x, bins=as_bins(bins), density=True, color=COLOURS[0], alpha=0.75, label=label)
    for k, edge in enumerate(edges):
        ax.axvline(
            edge,
            color=COLOURS[1],
            linestyle="--",
            linewidth=1.2,
            label="edge of a random matrix" if k == 0 else None,
        )
    ax.set(xlabel="eigenvalue or singular value (units of the couplings)", ylabel="density")
    if label is not None or len(edges) > 0:
        ax.margins(y=0.3)  # room for the legend
        ax.legend()


def overlaps(ax: Any, edges: Any, density: Any, error: Any = None, *, label: str | None = None) -> None:
    """Distribution P(q) of the overlap of two replicas as steps, with a band of one standard error.

    Parameters
    ----------
    ax : matplotlib Axes
    edges : array_like, shape (bins + 1,)
    density, error : array_like, shape (bins,)
        ``OverlapDistribution.edges``, ``.density`` and ``.error``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, numpy as np, spinlab as sl
    >>> figure, ax = plt.subplots()
    >>> sl.plotting.overlaps(ax, np.linspace(-1, 1, 5), [1.0, 0.2, 0.2, 0.6], label="T = 0.4")
    >>> plt.close(figure)
    """
    check_axes(ax)
    x, p = as_numbers(edges, "edges"), as_numbers(density, "density")
    if p.ndim != 1 or x.shape != (p.size + 1,):
        raise ValueError(f"edges need one entry more than density, got shapes {x.shape} and {p.shape}")
    colour = COLOURS[len(ax.patches) % len(COLOURS)]
    ax.stairs(p, x, color=colour, label=label, linewidth=1.5)
    if error is not None:
        bar = as_numbers(error, "error")
        if bar.shape != p.shape:
            raise ValueError(f"error needs an entry for each of {p.size} bins, got shape {bar.shape}")
        low, high = np.append(p - bar, p[-1] - bar[-1]), np.append(p + bar, p[-1] + bar[-1])
        ax.fill_between(x, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
    ax.set(xlabel="overlap q", ylabel="P(q)", xlim=(x[0], x[-1]), ylim=(0, None))
    if label is not None:
        ax.legend()


def ladder(ax: Any, betas: Any, swap_rate: Any, *, label: str | None = None) -> None:
    """Rate of exchanges between neighbouring temperatures of a ladder, at the middle of each pair.

    Parameters
    ----------
    ax : matplotlib Axes
    betas : array_like, shape (n,)
        Inverse temperatures, as in ``Tempering.betas``.
    swap_rate : array_like, shape (n - 1,) or (n_chains, n - 1)
        ``Tempering.swap_rate``; of several chains the mean is drawn, with one standard error.

    Examples
    --------
    >>> import matplotlib.pyplot as plt, spinlab as sl
    >>> betas = [0.3, 0.6, 1.0, 1.5]
    >>> found = sl.dynamics.parallel_tempering(sl.ensembles.sk(N=20, rng=0), 50, betas=betas, rng=1)
    >>> figure, ax = plt.subplots()
    >>> sl.plotting.ladder(ax, found.betas, found.swap_rate)
    >>> plt.close(figure)
    """
    check_axes(ax)
    b, rate = as_numbers(betas, "betas"), np.atleast_2d(as_numbers(swap_rate, "swap_rate"))
    if b.ndim != 1 or rate.ndim != 2 or rate.shape[1] != b.size - 1:
        raise ValueError(
            f"{b.size} temperatures have {b.size - 1} pairs, got rates of shape {np.shape(swap_rate)}"
        )
    k = len(ax.containers)
    error = rate.std(0, ddof=1) / math.sqrt(len(rate)) if len(rate) > 1 else None
    ax.errorbar(
        (b[:-1] + b[1:]) / 2,
        rate.mean(0),
        error,
        color=COLOURS[k % len(COLOURS)],
        marker=MARKERS[k % len(MARKERS)],
        label=label,
    )
    ax.plot(b, np.zeros_like(b), "|", color="grey", markersize=10, clip_on=False)
    ax.set(xlabel=r"inverse temperature $\beta$ (ticks: the ladder)", ylabel="rate of exchanges", ylim=(0, 1))
    if label is not None:
        ax.legend()


def _images(rows: Any, name: str, shape: Any) -> np.ndarray:
    height, width = as_shape(shape)
    x = as_numbers(rows, name)
    if x.ndim != 2 or x.shape[1] != height * width:
        raise ValueError(f"{name} must have rows of {height} * {width} pixels, got shape {x.shape}")
    return x.reshape(-1, height, width)


def _mosaic(
    images: np.ndarray, columns: int | None, title: str | None, look: dict[str, Any], scale: str | None
) -> matplotlib.figure.Figure:
    """One axes per image; a colour bar where colours mean a number."""
    import matplotlib.pyplot as plt

    if columns is None:
        columns = math.ceil(math.sqrt(len(images)))
    if not isinstance(columns, int | np.integer) or columns < 1:
        raise ValueError(f"columns must be a number of images, 1 or more, got {columns!r}")
    columns = min(len(images), int(columns))
    rows = -(-len(images) // columns)
    size = (0.8 * columns + (1.0 if scale else 0.2), 0.8 * rows + (0.4 if title else 0.1))
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="compressed")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.set_visible(False)
    for ax, image in zip(axes.flat, images, strict=False):
        ax.set_visible(True)
        shown = ax.imshow(image, interpolation="nearest", **look)
        for spine in ax.spines.values():
            spine.set(visible=True, linewidth=0.5, color="grey")
    if scale:
        figure.colorbar(shown, ax=axes, label=scale, shrink=0.9)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure
