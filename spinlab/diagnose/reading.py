"""From a file or an object to a model, with the choices that a bare array leaves open made explicit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .._core.files import check_rereadable
from .._core.npz import NpzReader, read_npy
from .._core.validate import as_flag, as_plain_array, as_real_array
from ..models import BipartiteIsing, DenseIsing, IsingModel, TwoLayerIsing, as_model, load_instance
from ..models.binary import from_binary, rbm_from_binary
from ..models.io import read_matrix

_WEIGHTS = ("W", "weights", "weight", "components_", "weight_matrix")
_VISIBLE = ("bv", "vbias", "intercept_visible_")
_ESTIMATOR = ("components_", "intercept_visible_", "intercept_hidden_")
_ROUNDING = 1e-12  # of the largest entry: products like correlation matrices are as symmetric as that
_HIDDEN = ("bh", "hbias", "intercept_hidden_")


def read_model(source: Any, *, rbm: bool | None = None, binary: bool = False) -> IsingModel:
    """The Ising model behind a file, an array, a graph, or a model.

    Parameters
    ----------
    source : path, array_like, IsingModel, networkx.Graph, sparse matrix, dimod BQM, BernoulliRBM, ...
        Files: .npy (one array); .npz with the arrays ``W`` (and ``bv``, ``bh``) of an RBM or ``J`` (and
        ``b``), or saved by :func:`spinlab.models.save_instance`; a matrix as text (.csv, numpy.savetxt,
        Matrix Market); any other instance file of :func:`spinlab.models.load_instance`.
    rbm : bool, optional
        True: a matrix is the weights of a restricted Boltzmann machine (needed for rectangular
        ones; the layers may be in either order). False or None: a square symmetric matrix is the
        couplings of all pairs.
    binary : bool, default False
        The units of the given arrays are 0/1, as in most packages; converted to +-1 with x = (1 + s)/2.
        A diagonal of couplings is then a field, J_ii x_i^2 / 2 = J_ii x_i / 2. For +-1 the diagonal of a
        matrix, dense or sparse, and the self-loops of a graph are a constant, s_i s_i = 1, and left out.

    Returns
    -------
    IsingModel

    Raises
    ------
    ValueError, TypeError
        NaN, object arrays, wrong number of axes, an asymmetric square or a rectangular matrix without
        ``rbm=True``, a file with both ``W`` and ``J``, ``binary=True`` for what knows its units itself,
        ``rbm=True`` for a model that has not two layers.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.diagnose import read_model
    >>> read_model(np.ones((3, 5)), rbm=True)
    <BipartiteIsing: V=3, H=5>
    """
    rbm = None if rbm is None else as_flag(rbm, "rbm")
    binary = as_flag(binary, "binary")
    if isinstance(source, str | os.PathLike):
        path, name = Path(source), os.fspath(source)
        check_rereadable(path)
        if path.suffix == ".npy":
            with open(path, "rb") as file:
                array = read_npy(file, name)
            return _from_array(array, None, None, rbm, binary, name)
        if path.suffix == ".npz":
            with open(path, "rb") as file, NpzReader(file, name) as archive:
                if "form" not in archive:
                    return _from_archive(archive.arrays(), rbm, binary, name)
        if path.suffix != ".npz":
            matrix = read_matrix(path, any_table=bool(rbm or binary))
            if matrix is not None:
                return _from_matrix(matrix, rbm, binary, name)
        return _plain(load_instance(path), rbm, binary)
    if isinstance(source, IsingModel):
        return _plain(source, rbm, binary)
    if hasattr(source, "as_ising"):
        return _plain(source.as_ising(), rbm, binary)
    if all(hasattr(source, name) for name in _ESTIMATOR):  # scikit-learn's, whose units are 0/1
        W, bv, bh = (np.asarray(getattr(source, name), dtype=float) for name in _ESTIMATOR)
        return rbm_from_binary(W.T, bv, bh)
    if hasattr(source, "detach"):  # a torch tensor, known by its manners, not imported
        source = source.detach().cpu().numpy()
    if isinstance(source, list | tuple) or hasattr(source, "__array__") or hasattr(source, "tocsr"):
        return _from_matrix(source, rbm, binary, "the matrix")
    return _plain(as_model(_without_diagonal(source)), rbm, binary)


def _from_matrix(source: Any, rbm: bool | None, binary: bool, name: str) -> IsingModel:
    """Arrays and lists; sparse matrices and tables keep their form and names where they are couplings."""
    has_form = not isinstance(source, np.ndarray | list | tuple)
    if has_form and not (rbm or binary) and np.ndim(source) == 2 and len(set(source.shape)) == 1:
        return as_model(_without_diagonal(source))
    return _from_array(as_plain_array(source, name), None, None, rbm, binary, name)


def _without_diagonal(source: Any) -> Any:
    """Sparse matrices, frames and graphs without what couples a spin to itself, known by their manners."""
    if hasattr(source, "diagonal") and hasattr(source, "tocsr"):
        J = source.tocsr()
        if J.ndim == 2 and J.shape[0] == J.shape[1] and J.diagonal().any():
            J = J.copy()
            J.setdiag(0)
        return J
    if hasattr(source, "where"):
        return source.where(~np.eye(len(source), dtype=bool), 0)
    if hasattr(source, "remove_edges_from"):
        loops = [edge for edge in source.edges if edge[0] == edge[1]]
        if loops:
            source = source.copy()
            source.remove_edges_from(loops)
    return source


def _plain(model: IsingModel, rbm: bool | None, binary: bool) -> IsingModel:
    if binary:
        raise ValueError(
            "binary=True converts bare arrays; models, graphs and instance files know their units"
        )
    if rbm and not isinstance(model, TwoLayerIsing):
        raise ValueError(f"rbm=True makes a machine of a bare matrix W; this is a model already, {model!r}")
    return model


def _from_archive(arrays: dict[str, np.ndarray], rbm: bool | None, binary: bool, name: str) -> IsingModel:
    def pick(names: tuple[str, ...]) -> Any:
        return next((arrays[key] for key in names if key in arrays), None)

    W = pick(_WEIGHTS)
    if W is not None and "J" in arrays:
        raise ValueError(
            f"{name} holds {', '.join(arrays)}: both the weights of an RBM and couplings J; keep one of "
            "them, or give the array itself"
        )
    if W is not None:
        bv, bh = pick(_VISIBLE), pick(_HIDDEN)
        return _from_array(W, bv, bh, True if rbm is None else rbm, binary, name)
    if "J" in arrays:
        return _from_array(arrays["J"], arrays.get("b"), None, rbm, binary, name)
    if len(arrays) == 1:
        return _from_array(next(iter(arrays.values())), None, None, rbm, binary, name)
    raise ValueError(
        f"{name} holds {', '.join(arrays) or 'nothing'}; name the arrays W (and bv, bh) for an RBM, "
        "or J (and b) for couplings of all pairs"
    )


def _from_array(x: Any, bv: Any, bh: Any, rbm: bool | None, binary: bool, name: str) -> IsingModel:
    W = as_real_array(x, name, 2)
    if W.size == 0:
        raise ValueError(f"{name} is empty, shape {W.shape}")
    if not rbm:
        if W.shape[0] != W.shape[1]:
            raise ValueError(
                f"{name} has shape {W.shape}; if it is the weights of a restricted Boltzmann machine say "
                "rbm=True (--rbm), couplings of all pairs are square and symmetric"
            )
        if not np.allclose(W, W.T, rtol=0, atol=_ROUNDING * np.abs(W).max()):
            is_triangular = not np.tril(W, -1).any() or not np.triu(W, 1).any()
            full = "the full matrix is J + J.T" if is_triangular else "symmetrise it, (J + J.T) / 2"
            raise ValueError(
                f"{name} is square but {'triangular' if is_triangular else 'not symmetric'}; for the weights "
                f"of an RBM say rbm=True (--rbm), for couplings {full}"
            )
        W = (W + W.T) / 2
        if binary:
            return from_binary(W, bv)
        np.fill_diagonal(W, 0.0)
        return DenseIsing(W, bv)
    sizes = [None if b is None or np.ndim(b) == 0 else len(b) for b in (bv, bh)]
    if (sizes[0] or W.shape[0], sizes[1] or W.shape[1]) == W.shape[::-1] and W.shape[0] != W.shape[1]:
        W = W.T  # torch and scikit-learn store (H, V)
    return rbm_from_binary(W, bv, bh) if binary else BipartiteIsing(W, bv, bh)
