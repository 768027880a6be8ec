"""A proof as arrays: a tree of cases and, for each leaf, the multipliers that bound it; saved as .npz."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ..._core.files import atomic_write
from ..._core.npz import NpzReader, pack
from ...models import IsingModel, SparseIsing

VERSION = 2  # of certificates with local rows; others are written as version 1, which has none

SPLIT, SEMIDEFINITE, ENUMERATED, LINEAR, TIED = 0, 1, 2, 3, 4  # kinds of nodes


@dataclass(frozen=True)
class Certificate:
    """A tree of cases, a proven bound for each leaf, and the best state.

    Spins are numbered as in the model, or from 1 behind a ghost spin 0 that carries the fields where there
    are any. Couplings and multipliers are integers in units of base 2**exponent (docs: How a proof works).

    Attributes
    ----------
    model : str
        SHA-256 of the model's spins, couplings, fields and offset (:func:`fingerprint`).
    base, exponent : int
    state : ndarray of int8, shape (N,)
    energy, lower_bound : float
    certified : bool
        Whether the leaves leave no room between the two.
    nodes : ndarray of int32, shape (n, 3)
        First the ties, of kind 4: a spin and the one that it follows, coupled to it at least as strongly as
        to all others together. Tied spins are one from then on, and what is left is numbered by first spins.
        Then the tree in preorder: kind (0 split, 1 semidefinite leaf, 2 enumerated leaf, 3 linear leaf) and,
        for a split, the two spins; the part with the spins parallel comes first. Ties that hold in the states
        of a node come before it.
    D, D_sizes : ndarray of int64
        Diagonals of the semidefinite leaves, one after the other, and their lengths.
    triangles : ndarray of int32, shape (m, 4)
        Spins i < j < k among the classes of a leaf and the signs on (ij, ik, jk): +++, +--, -+-, --+.
    g, g_sizes : ndarray of int64
        Their multipliers.
    cycles, cycle_sizes : ndarray of int32, int64
        Rows of the linear leaves: edges (by number in the sorted list of edges) of each cycle.
    odd : ndarray of bool
        For each of them whether it belongs to the odd set F.
    multipliers, row_counts : ndarray of int64
        One for each row; rows of each linear leaf.
    local_edges, local_weights : ndarray of int32
        Other rows of the linear leaves: sum over w > 0 of w (1 - x) + sum over w < 0 of -w x >= threshold,
        with x = 1 on the edges that a state cuts, for every state of the few spins that they join.
    local_sizes, local_thresholds, local_multipliers : ndarray of int64
        Of each such row.
    local_counts : ndarray of int64
        Rows of each linear leaf; empty where no leaf has any.
    """

    model: str
    base: int
    exponent: int
    state: np.ndarray
    energy: float
    lower_bound: float
    certified: bool
    nodes: np.ndarray
    D: np.ndarray
    D_sizes: np.ndarray
    triangles: np.ndarray
    g: np.ndarray
    g_sizes: np.ndarray
    cycles: np.ndarray
    cycle_sizes: np.ndarray
    odd: np.ndarray
    multipliers: np.ndarray
    row_counts: np.ndarray
    local_edges: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    local_weights: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    local_sizes: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    local_thresholds: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    local_multipliers: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    local_counts: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def __repr__(self) -> str:
        leaves = int((~np.isin(self.nodes[:, 0], (SPLIT, TIED))).sum())
        kind = "proof" if self.certified else "partial proof"
        return (
            f"<Certificate: {kind} of E >= {self.lower_bound!r} in {leaves} cases, state at {self.energy!r}>"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the certificate; a file that is there is replaced only when the new one is complete."""
        arrays = self._arrays()
        version = VERSION if "local_counts" in arrays else 1
        content = pack({"version": version, "digest": _digest(arrays)} | arrays, compressed=True)
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)

    def _arrays(self) -> dict[str, Any]:
        arrays = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        if not any(arrays[name].size for name in LOCAL):
            arrays = {name: array for name, array in arrays.items() if name not in LOCAL}
        return arrays


# name: (dtype, number of axes)
SHAPES: dict[str, tuple[type, int]] = {
    "base": (np.int64, 0),
    "exponent": (np.int64, 0),
    "state": (np.int8, 1),
    "energy": (np.float64, 0),
    "lower_bound": (np.float64, 0),
    "certified": (np.bool_, 0),
    "nodes": (np.int32, 2),
    "D": (np.int64, 1),
    "D_sizes": (np.int64, 1),
    "triangles": (np.int32, 2),
    "g": (np.int64, 1),
    "g_sizes": (np.int64, 1),
    "cycles": (np.int32, 1),
    "cycle_sizes": (np.int64, 1),
    "odd": (np.bool_, 1),
    "multipliers": (np.int64, 1),
    "row_counts": (np.int64, 1),
    "local_edges": (np.int32, 1),
    "local_weights": (np.int32, 1),
    "local_sizes": (np.int64, 1),
    "local_thresholds": (np.int64, 1),
    "local_multipliers": (np.int64, 1),
    "local_counts": (np.int64, 1),
}
LOCAL = [name for name in SHAPES if name.startswith("local_")]


def load_certificate(path: str | os.PathLike[str]) -> Certificate:
    """Read a certificate that :meth:`Certificate.save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    Certificate
        Complete and of the right form, which does not mean right: see :func:`spinlab.exact.verify`.

    Raises
    ------
    ValueError
        If the file is damaged or holds something else, or unpacks to more than 64 times its size (and
        256 MiB).

    Examples
    --------
    >>> import tempfile
    >>> import spinlab as sl
    >>> model = sl.ensembles.sk(N=12, rng=0)
    >>> answer = sl.exact.branching.ground_state(model, certificate=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     answer.certificate.save(f"{folder}/proof.npz")
    ...     loaded = sl.exact.load_certificate(f"{folder}/proof.npz")
    >>> sl.exact.verify(model, loaded).certified
    True
    """
    name = os.fspath(path)
    with open(path, "rb") as file, NpzReader(file, name, "certificate") as archive:
        if "digest" not in archive or "version" not in archive:
            raise ValueError(
                f"{name}: holds {', '.join(archive.shapes) or 'nothing'}, which is no certificate"
            )
        version = archive.integer("version")
        if version not in (1, VERSION):
            raise ValueError(f"{name}: written in version {version} of the format; update spinlab")
        wanted = {key: shape for key, shape in SHAPES.items() if version == VERSION or key not in LOCAL}
        for key, (dtype, ndim) in wanted.items():
            if key not in archive or archive.dtypes[key] != dtype or len(archive.shapes[key]) != ndim:
                raise archive.error(f"the array {key!r} is missing or of another form")
        if archive.shapes["nodes"][1] != 3 or archive.shapes["triangles"][1] != 4:
            raise archive.error("an array has another form")
        found = archive.arrays(wanted)
        values: dict[str, Any] = {key: x if x.ndim else x.item() for key, x in found.items()}
        certificate, digest = Certificate(model=archive.text("model"), **values), archive.text("digest")
    if digest != _digest(certificate._arrays()):
        raise ValueError(f"{name}: damaged certificate, its contents do not match their digest")
    return certificate


def fingerprint(model: IsingModel) -> str:
    """SHA-256 of a model's numbers: the same however the couplings are stored."""
    sparse = model if isinstance(model, SparseIsing) else model.to_sparse()
    i, j, J = sparse.edges()
    kept = J != 0
    digest = hashlib.sha256(b"spinlab model 1")
    for array, dtype in ((i[kept], "<i8"), (j[kept], "<i8"), (J[kept], "<f8"), (model.b + 0.0, "<f8")):
        digest.update(np.int64(len(array)).tobytes())
        digest.update(np.ascontiguousarray(array, dtype).tobytes())
    digest.update(np.float64(model.offset + 0.0).astype("<f8").tobytes())
    return digest.hexdigest()


def _digest(arrays: dict[str, Any]) -> str:
    digest = hashlib.sha256()
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        text = str(array) if array.dtype.kind == "U" else ""
        digest.update(f"{key} {array.dtype.kind} {array.shape} {text}".encode())
        if not text:
            digest.update(array.tobytes())
    return digest.hexdigest()
