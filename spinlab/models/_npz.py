"""Models as .npz archives: every form, every bit."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from .._core.npz import NpzReader, pack
from .._core.validate import as_real
from ._labels import dump_labels, parse_json, parse_labels
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
    header = {
        "version": VERSION,
        "form": form,
        "offset": model.offset,
        "rounding": model.rounding,
        "labels": labels,
        "metadata": json.dumps(metadata),
    }
    return pack(header | arrays)


def parse(file: BinaryIO, name: str) -> tuple[IsingModel, dict[str, Any]]:
    """The model and its metadata."""
    with NpzReader(file, name) as archive:
        form = archive.text("form") if "form" in archive and "version" in archive else None
        if form not in _ARRAYS:
            held = ", ".join(list(archive.shapes)[:10]) or "nothing"
            raise ValueError(
                f"{name}: this .npz archive holds {held[:200]}, which save_instance did not "
                "write; read it with numpy.load and build a model, for example models.DenseIsing(J)"
            )
        if archive.integer("version") > VERSION:
            raise ValueError(
                f"{name}: written in version {archive.integer('version')} of the format; update spinlab"
            )
        kind, names = _ARRAYS[form]
        try:
            given: dict[str, Any] = archive.arrays((*names, "offset"))
            if kind is SparseIsing:
                given["N"] = archive.integer("N")
                if archive.shapes["b"] != (given["N"],):
                    raise ValueError(f"b must have shape ({given['N']},), got shape {archive.shapes['b']}")
            if labels := archive.text("labels"):
                given["labels"] = parse_labels(labels)
            metadata = parse_json(archive.text("metadata"))
            if not isinstance(metadata, dict):
                raise ValueError("its metadata are no mapping")
            model = SparseIsing.from_edges(**given) if kind is SparseIsing else kind(**given)
            if "rounding" in archive:
                model = model._off_by(as_real(archive["rounding"], "rounding", 0.0) - model.rounding)
        except (TypeError, ValueError) as error:
            if str(error).startswith(f"{name}: "):
                raise
            raise ValueError(f"{name}: damaged instance ({error})") from None
    return model, {"form": form, "N": model.n_spins, **metadata}
