"""From arrays by name to the machine that they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..machines.dbm import DBM
from ..machines.fbm import FBM
from ..machines.hybrid import HybridBM, RAHybridBM
from ..machines.machine import Machine
from ..machines.ra_dbm import RADBM
from ..machines.ra_fbm import RAFBM
from ..machines.ra_rbm import RARBM
from ..machines.rbm import RBM

Arrays = Mapping[str, np.ndarray]


def build(kind: str, arrays: Arrays, options: dict[str, Any]) -> Machine:
    """A machine of a known kind; ``options`` are keywords of its class beside sizes, scale and biases."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind of machine {kind[:40]!r}; known: {', '.join(KINDS)}")
    makes, required = KINDS[kind]
    missing = [name for name in required if name not in arrays]
    if missing:
        raise ValueError(f"a {kind} needs the arrays {', '.join(required)}; {', '.join(missing)} is missing")
    machine = makes(dict(arrays), options)
    unused = arrays.keys() - machine.state_dict().keys()
    if unused:
        raise ValueError(f"a {kind} has no arrays {', '.join(sorted(unused))[:200]}")
    return machine


def kind_of(names: set[str]) -> str | None:
    """The kind of machine with arrays of these names; spins where hidden units may also be Gaussian."""
    for kind, first in (
        ("RBM", "W"),
        ("RARBM", "xi_v"),
        ("DBM", "W1"),
        ("RADBM", "xi0"),
        ("FBM", "J"),
        ("RAFBM", "xi"),
    ):
        if first in names:
            return kind
    return None


def _weights(cls: Any) -> Callable[[dict[str, np.ndarray], dict[str, Any]], Machine]:
    def make(x: dict[str, np.ndarray], options: dict[str, Any]) -> Machine:
        return cls.from_weights(x["W"], x.get("bv"), x.get("bh"), **options)

    return make


def _patterns(cls: Any) -> Callable[[dict[str, np.ndarray], dict[str, Any]], Machine]:
    def make(x: dict[str, np.ndarray], options: dict[str, Any]) -> Machine:
        biases = {"visible_biases": x.get("bv"), "hidden_biases": x.get("bh")}
        return cls.from_patterns(x["xi_v"], x["xi_h"], scale=_scale(x), **biases, **options)

    return make


def _deep(x: dict[str, np.ndarray], options: dict[str, Any]) -> Machine:
    return DBM.from_weights(_numbered(x, "W", 1), _numbered(x, "b", 0) or None, **options)


def _deep_patterns(x: dict[str, np.ndarray], options: dict[str, Any]) -> Machine:
    xi, biases = _numbered(x, "xi", 0), _numbered(x, "b", 0) or None
    return RADBM.from_patterns(xi, biases, scale=_scale(x), **options)


def _full(x: dict[str, np.ndarray], options: dict[str, Any]) -> Machine:
    return FBM.from_couplings(x["J"], x.get("b"), **options)


def _full_patterns(x: dict[str, np.ndarray], options: dict[str, Any]) -> Machine:
    return RAFBM.from_patterns(x["xi"], b=x.get("b"), scale=_scale(x), **options)


def _numbered(x: dict[str, np.ndarray], prefix: str, first: int) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    while f"{prefix}{first + len(found)}" in x:
        found.append(x[f"{prefix}{first + len(found)}"])
    return found


def _scale(x: dict[str, np.ndarray]) -> Any:
    scale = np.asarray(x.get("scale", 1.0))
    return scale.item() if scale.size == 1 else scale


KINDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "RBM": (_weights(RBM), ("W",)),
    "RARBM": (_patterns(RARBM), ("xi_v", "xi_h")),
    "DBM": (_deep, ("W1",)),
    "RADBM": (_deep_patterns, ("xi0", "xi1")),
    "FBM": (_full, ("J",)),
    "RAFBM": (_full_patterns, ("xi",)),
    "HybridBM": (_weights(HybridBM), ("W",)),
    "RAHybridBM": (_patterns(RAHybridBM), ("xi_v", "xi_h")),
}
