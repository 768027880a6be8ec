"""Models as .npz archives: every form, every bit."""

from __future__ import annotations

import io
import json
import os
from typing import Any

import numpy as np

from ._labels import dump_labels, parse_labels
from .base import IsingModel
from .bipartite import BipartiteIsing
from .dense import DenseIsing
from .pattern import PatternBipartiteIsing, PatternIsing
from .sparse import SparseIsing

VERSION = 1

# The arrays of each form, named as the arguments that build it.
_ARRAYS: dict[str, tuple[type[IsingModel], tuple[str, ...]]] = {
    "DenseIsing": (DenseIsing, ("J", "b")),
    "SparseIsing": (SparseIsing, ("i", "j", "J", "N", "b")),
    "BipartiteIsing": (BipartiteIsing, ("W", "bv", "bh")),
    "PatternIsing": (PatternIsing, ("xi", "scale", "b")),
    "PatternBipartiteIsing": (PatternBipartiteIsing, ("xi_v", "xi_h", "scale", "bv", "bh")),
}


def dump(model: IsingModel, metadata: dict[str, str | int | float]) -> bytes:
    form = type(model).__name__
    if form not in _ARRAYS:
        raise TypeError(f"cannot save a {form}; save model.to_dense() or model.to_sparse()")
    arrays: dict[str, Any]
    if isinstance(model, SparseIsing):
        arrays = dict(zip("ijJ", model.edges(), strict=True)) | {"N": model.n_spins, "b": model.b}
    else:
        arrays = {name: getattr(model, name) for name in _ARRAYS[form][1]}
    labels = "" if model.labels is None else dump_labels(model.labels)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        version=VERSION,
        form=form,
        offset=model.offset,
        labels=labels,
        metadata=json.dumps(metadata),
        **arrays,
    )
    return buffer.getvalue()


def parse(content: bytes, path: str | os.PathLike[str]) -> tuple[IsingModel, dict[str, Any]]:
    """The model and its metadata."""
    name = os.fspath(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except Exception as error:  # whatever a damaged archive makes zipfile and numpy raise
        raise ValueError(f"{name}: damaged .npz archive ({error})") from None
    form = str(arrays.get("form"))
    if form not in _ARRAYS or "version" not in arrays:
        raise ValueError(
            f"{name}: this .npz archive holds {', '.join(arrays) or 'nothing'}, which save_instance did not "
            "write; read it with numpy.load and build a model, for example models.DenseIsing(J)"
        )
    kind, names = _ARRAYS[form]
    try:
        if int(arrays["version"]) > VERSION:
            raise ValueError(f"written in version {arrays['version']} of the format; update spinlab")
        given = {key: arrays[key] for key in (*names, "offset")}
        if str(arrays["labels"]):
            given["labels"] = parse_labels(str(arrays["labels"]))
        metadata = json.loads(str(arrays["metadata"]))
        model = SparseIsing.from_edges(**given) if kind is SparseIsing else kind(**given)
        return model, {"form": form, "N": model.n_spins, **metadata}
    except KeyError as error:
        raise ValueError(f"{name}: damaged instance, it lacks the array {error}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: damaged instance ({error})") from None
