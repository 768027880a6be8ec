"""Weights as arrays by name: of this package, of a torch state dict in memory, of other people's files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..._core.device import to_host
from ..._core.validate import as_choice, as_fields, as_flag, as_real_array
from ..machines.machine import Machine
from ..machines.two_layer import TwoLayerMachine
from .build import KINDS, build, kind_of

UNITS = ("spin", "binary")

# What others call the weights and biases of an RBM, and whether their weights are stored (H, V); None: see.
_FOREIGN: tuple[tuple[str, str, str, bool | None], ...] = (
    ("weight_matrix", "vbias", "hbias", False),
    ("components_", "intercept_visible_", "intercept_hidden_", True),
    ("W", "v_bias", "h_bias", None),
    ("W", "vbias", "hbias", None),
    ("weights", "visible_bias", "hidden_bias", None),
    ("weight", "visible_bias", "hidden_bias", None),
    ("W", "visible_biases", "hidden_biases", None),
    ("W", "a", "b", None),
)


def from_arrays(
    arrays: Mapping[str, Any],
    *,
    kind: str | None = None,
    units: str | None = None,
    names: Mapping[str, str] | None = None,
    transposed: bool | None = None,
    dtype: str | None = None,
    **options: Any,
) -> Machine:
    """A machine from arrays by name, such as ``to_arrays`` gives, or a torch state dict.

    Weights of 0/1 units, E(x, y) = -x.W.y - a.x - c.y, become those of spins by x = (1 + v)/2: W/4,
    a/2 + sum_a W/4 and c/2 + sum_i W/4, rounded once. All probabilities stay what they are.

    Parameters
    ----------
    arrays : mapping
        Names of this package (see the classes), or of an RBM elsewhere: weight_matrix, vbias, hbias;
        ``components_``, ``intercept_visible_``, ``intercept_hidden_``; W, v_bias, h_bias...
    kind : {"RBM", "RARBM", "DBM", "RADBM", "FBM", "RAFBM", "HybridBM", "RAHybridBM"}, optional
        By default what the names say, with hidden spins.
    units : {"spin", "binary"}
        Of the weights; spins by default for names of this package, for others it must be said.
    names : mapping, optional
        From this package's names to those of the arrays: ``{"W": "rbm.weight", "bv": "rbm.visible"}``.
        Others are then left out.
    transposed : bool, optional
        Whether the weights of an RBM are stored (H, V). By default what the lengths of the biases say.
    dtype : "float32" or "float64", optional
        By default that of the weights; float64 for those of 0/1 units.
    **options
        Further keywords of the class: ``V``, ``positive``, ``n_positive``, ``train_scale``.

    Raises
    ------
    ValueError, TypeError
        If names, shapes or units leave anything open.

    Examples
    --------
    >>> import numpy as np
    >>> import spinlab as sl
    >>> state = {"W": np.ones((3, 2)), "v_bias": np.zeros(2), "h_bias": np.zeros(3)}  # of 0/1 units
    >>> machine = sl.rbm.from_arrays(state, units="binary")
    >>> machine, machine.W.tolist()
    (<RBM: V=2, H=3, biases=True>, [[0.25, 0.25, 0.25], [0.25, 0.25, 0.25]])
    """
    if not isinstance(arrays, Mapping):
        raise TypeError(f"arrays must map names to arrays, got {type(arrays).__name__}")
    given = {str(name): _numbers(x, str(name)) for name, x in arrays.items()}
    if units is not None:
        as_choice(units, "units", UNITS)
    turned = None if transposed is None else as_flag(transposed, "transposed")
    foreign = False
    if kind is not None:
        as_choice(kind, "kind", KINDS)
    if names is not None:
        if not isinstance(names, Mapping):
            raise TypeError(f"names must map this package's names to those of the arrays, got {names!r}")
        given, foreign = _renamed(given, names), names.keys() != {*names.values()}
    else:
        given, foreign, stored = _known(given)
        turned = stored if turned is None else turned
    kind = kind_of(set(given)) if kind is None else kind
    if kind is None:
        raise ValueError(
            f"no machine has arrays named {', '.join(given)[:200] or 'nothing'}; say which is which by names="
        )
    if foreign and units is None:
        raise ValueError(
            "say what units these weights are for: units='binary' (0 and 1) or 'spin' (+1 and -1)"
        )
    if "W" in given:
        given["W"] = _oriented(given, turned, foreign)
    if units == "binary":
        if kind != "RBM":
            raise ValueError(f"weights of 0/1 units become an RBM of spins, not a {kind}")
        given = _to_spins(given)
    if dtype is None:
        small = units != "binary" and all(x.dtype.itemsize <= 4 for x in given.values())
        dtype = "float32" if small else "float64"
    return build(kind, given, {**options, "dtype": dtype})


def to_arrays(machine: Machine, *, units: str = "spin") -> dict[str, np.ndarray]:
    """The parameters of a machine as copies of its arrays by name; of an RBM also for 0/1 units.

    Parameters
    ----------
    machine : Machine
    units : {"spin", "binary"}
        "binary": W, bv and bh of E(x, y) = -x.W.y - bv.x - bh.y with units 0 and 1, in float64.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RBM.from_weights([[0.5]], visible_biases=0.25)
    >>> {name: x.tolist() for name, x in sl.rbm.to_arrays(machine, units="binary").items()}
    {'W': [[2.0]], 'bv': [-0.5], 'bh': [-1.0]}
    """
    if not isinstance(machine, Machine):
        raise TypeError(f"to_arrays needs a machine, got {type(machine).__name__}")
    if as_choice(units, "units", UNITS) == "spin":
        return {name: np.array(to_host(x)) for name, x in machine.state_dict().items()}
    if not isinstance(machine, TwoLayerMachine):
        raise TypeError(f"weights of 0/1 units are those of an RBM or RARBM, got {machine!r}")
    model = machine.as_ising()
    W = model.weights()
    return {
        "W": 4 * W,
        "bv": np.array([math.fsum([2 * b, *(-2 * w)]) for b, w in zip(model.bv, W, strict=True)]),
        "bh": np.array([math.fsum([2 * b, *(-2 * w)]) for b, w in zip(model.bh, W.T, strict=True)]),
    }


def _to_spins(x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    W = as_real_array(x["W"], "W", 2)
    bv, bh = as_fields(x.get("bv"), len(W), "bv"), as_fields(x.get("bh"), W.shape[1], "bh")
    return x | {
        "W": W / 4,
        "bv": np.array([math.fsum([b / 2, *(w / 4)]) for b, w in zip(bv, W, strict=True)]),
        "bh": np.array([math.fsum([b / 2, *(w / 4)]) for b, w in zip(bh, W.T, strict=True)]),
    }


def _numbers(x: Any, name: str) -> np.ndarray:
    """A tensor or array as numpy's; what torch alone knows (bfloat16) in float32."""
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        if "bfloat16" in str(x.dtype):
            x = x.float()
        x = x.numpy()
    found = np.asarray(to_host(x))
    if found.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {found.dtype}")
    return found


def _renamed(given: dict[str, np.ndarray], names: Mapping[str, str]) -> dict[str, np.ndarray]:
    missing = [theirs for theirs in names.values() if theirs not in given]
    if missing:
        raise ValueError(
            f"there is no array {', '.join(map(repr, missing))}; there are {', '.join(given)[:200]}"
        )
    return {own: given[theirs] for own, theirs in names.items()}


def _known(given: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool, bool | None]:
    """By this package's names, whether they were others, and how those store the weights."""
    if kind_of(set(given)) and not (
        given.keys() & {name for names in _FOREIGN for name in names[1:3]} - {"b"}
    ):
        return given, False, False
    for W, v, h, stored in _FOREIGN:
        if given.keys() == {W, v, h}:
            return {"W": given[W], "bv": given[v], "bh": given[h]}, True, stored
    return given, False, None


def _oriented(given: dict[str, np.ndarray], transposed: bool | None, foreign: bool) -> np.ndarray:
    """The weights as (V, H)."""
    W, v, h = given["W"], given.get("bv"), given.get("bh")
    if W.ndim != 2:
        raise ValueError(f"W must have two axes, got shape {W.shape}")
    if transposed is None:
        fits = [
            all(b is None or b.ndim == 0 or len(b) == n for b, n in zip((v, h), shape, strict=True))
            for shape in (W.shape, W.shape[::-1])
        ]
        if (fits[0] and fits[1]) and foreign:
            raise ValueError(
                f"weights of shape {W.shape} may be stored (V, H) or (H, V), and the biases do not tell; "
                "give transposed=False or True"
            )
        transposed = fits[1] and not fits[0]
    return W.T if transposed else W
