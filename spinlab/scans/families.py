"""The random models that can be scanned, all in the units in which theory states them.

Every model is built so that the temperature of its diagram is T = 1/beta: J = (1/N) sum xi xi for
Hopfield and RA, variance 1/N for SK, b = beta for the RA-RBM, x = beta for the RBM with independent weights,
couplings of variance 1 for Edwards-Anderson.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ensembles, theory
from .._core.validate import as_choice, as_real_array
from ..models import IsingModel, PatternBipartiteIsing, PatternIsing


@dataclass(frozen=True)
class Family:
    """One ensemble: how to draw it, which axes it has, and what theory says.

    Attributes
    ----------
    draw : function (size, load, ratio, dimension, law, rng) -> model
    size, load : str
        What the axes mean; ``load`` is None for models without patterns.
    temperature : function (size, load, ratio, std) -> T, or None where there is no such scale
    """

    draw: Callable[..., IsingModel]
    size: str
    load: str | None
    temperature: Callable[..., Any] | None


def n_patterns(load: float, size: int) -> int:
    """K = load * size, rounded; at least one."""
    K = round(load * size)
    if K < 1:
        raise ValueError(
            f"load {load:g} at size {size} means {load * size:.3g} patterns; take a load of at least "
            f"{1 / size:.3g}, or a larger size"
        )
    return K


def _hopfield(size: int, load: float, rng: np.random.Generator, **_: Any) -> IsingModel:
    return ensembles.hopfield(size, n_patterns(load, size), rng=rng)


def _ra_rbm(size: int, load: float, ratio: float, rng: np.random.Generator, **_: Any) -> IsingModel:
    H, K = max(1, round(ratio * size)), n_patterns(load, size)
    return ensembles.ra_rbm(size, H, K, rng=rng).scaled(theory.coordinates.ra_rbm_std(size, H, K, 1.0))


def _sk(size: int, law: str, rng: np.random.Generator, **_: Any) -> IsingModel:
    return ensembles.sk(size, law=law, rng=rng)


def _rbm(size: int, ratio: float, rng: np.random.Generator, **_: Any) -> IsingModel:
    H = max(1, round(ratio * size))
    return ensembles.rbm_gaussian(size, H, rng=rng).scaled(theory.coordinates.gaussian_rbm_std(size, H, 1.0))


def _ea(size: int, dimension: int, law: str, rng: np.random.Generator, **_: Any) -> IsingModel:
    return ensembles.edwards_anderson(shape=(size,) * dimension, law=law, rng=rng)


def _hopfield_temperature(size: int, load: float, ratio: float, std: Any) -> Any:
    return theory.coordinates.hopfield(size, n_patterns(load, size), std).T


def _ra_rbm_temperature(size: int, load: float, ratio: float, std: Any) -> Any:
    return 1 / theory.coordinates.ra_rbm(size, max(1, round(ratio * size)), n_patterns(load, size), std).b


def _sk_temperature(size: int, load: float, ratio: float, std: Any) -> Any:
    return theory.coordinates.sk(size, std)


def _rbm_temperature(size: int, load: float, ratio: float, std: Any) -> Any:
    return 1 / theory.coordinates.gaussian_rbm(size, max(1, round(ratio * size)), std)


# By the names that stores have: the seeds of a scan, and the fingerprint of its point, depend on them.
FAMILIES = {
    "hopfield": Family(_hopfield, "N", "K/N", _hopfield_temperature),
    "ra": Family(_hopfield, "N", "K/N", _hopfield_temperature),
    "ra-rbm": Family(_ra_rbm, "V", "K/V", _ra_rbm_temperature),
    "sk": Family(_sk, "N", None, _sk_temperature),
    "rbm": Family(_rbm, "V", None, _rbm_temperature),
    "ea": Family(_ea, "L", None, None),
}

# Transition temperatures of Edwards-Anderson models on the cubic lattice: H. G. Katzgraber, M. Koerner,
# A. P. Young, Phys. Rev. B 73, 224432 (2006) (Gaussian); M. Hasenbusch, A. Pelissetto, E. Vicari,
# Phys. Rev. B 78, 214205 (2008) (+-1).
_CUBIC = {"gaussian": 0.951, "pm1": 1.109}


NAMES = tuple(name.replace("-", "_") for name in FAMILIES)
_OTHER_NAMES = {"ra-rbm": "ra_rbm", "rbm_gaussian": "rbm", "edwards_anderson": "ea"}


def as_family(ensemble: str) -> str:
    """The name of a family; that of its ensemble, and older names, will do."""
    name = _OTHER_NAMES.get(ensemble, ensemble) if isinstance(ensemble, str) else ensemble
    return as_choice(name, "ensemble", NAMES)


def stored_name(ensemble: str) -> str:
    """What FAMILIES and stores call a family."""
    return as_family(ensemble).replace("_", "-")


def theory_lines(
    ensemble: str, load: Any = None, *, ratio: float = 1.0, dimension: int = 3, law: str = "gaussian"
) -> dict[str, np.ndarray]:
    """Transition temperatures of infinite systems by name, at every load; 0 where there is none.

    Replica-symmetric lines of :mod:`spinlab.theory`; the cubic lattice's is known numerically only.

    Parameters
    ----------
    ensemble : {"hopfield", "ra", "ra_rbm", "sk", "rbm", "ea"}
    load : array_like, optional
        K/N, or K/V for two layers.
    ratio : float
        H/V.
    dimension, law : int, str
        Of Edwards-Anderson models.

    Examples
    --------
    >>> from spinlab.scans import theory_lines
    >>> sorted(theory_lines("hopfield", [0.05]))
    ['glass', 'retrieval', 'retrieval in equilibrium']
    >>> theory_lines("sk")["glass"].tolist()
    [1.0]
    """
    ensemble = as_family(ensemble)
    load = np.atleast_1d(as_real_array(1.0 if load is None else load, "load", (0, 1)))
    one = np.ones(load.shape)
    if ensemble in ("hopfield", "ra"):
        return {
            "glass": theory.hopfield.glass_line(load),
            "retrieval": theory.hopfield.retrieval_line(load),
            "retrieval in equilibrium": theory.hopfield.coexistence_line(load),
        }
    if ensemble == "ra_rbm":
        T = np.linspace(0.02, 0.99, 60)
        lines = {"glass": 1 / theory.bipartite.glass_line(load, load / ratio)}
        for name, limit in (
            ("retrieval", theory.bipartite.capacity),
            ("retrieval in equilibrium", theory.bipartite.equilibrium_load),
        ):
            loads = np.asarray(limit(1 / T, ratio))
            lines[name] = np.array([_upper(T, loads, x) for x in load])
        return lines
    if ensemble in ("sk", "rbm"):
        return {"glass": one}
    return {"glass": one * (_CUBIC.get(law, 0.0) if dimension == 3 else 0.0)} if dimension in (2, 3) else {}


def _upper(T: np.ndarray, loads: np.ndarray, load: float) -> float:
    """Highest temperature at which ``loads`` still reaches ``load`` (lines bend back), or 0."""
    inside = np.flatnonzero(loads >= load)
    if not inside.size:
        return 0.0
    k = int(inside[-1])
    if k + 1 == len(T):
        return float(T[k])
    return float(T[k] + (T[k + 1] - T[k]) * (loads[k] - load) / (loads[k] - loads[k + 1]))


def patterns_of(model: IsingModel) -> np.ndarray | None:
    """The states that a model was built from, shape (K, n_spins), or None."""
    if isinstance(model, PatternIsing):
        return model.xi.astype(np.int8)
    if isinstance(model, PatternBipartiteIsing):
        return np.concatenate([model.xi_v, model.xi_h], axis=1).astype(np.int8)
    return None
