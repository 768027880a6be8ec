"""Every public function with arguments that work, and arguments that nobody should give."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import io
import math
import types
import warnings
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import scipy.sparse
import xarray as xr

import spinlab as sl
from spinlab import rbm

PACKAGES = tuple(name for name in sl.__all__ if isinstance(getattr(sl, name), types.ModuleType))


def public() -> dict[str, Any]:
    """Everything that ``__all__`` names, modules in it included, by its dotted name."""
    found: dict[str, Any] = {}

    def visit(name: str, thing: Any) -> None:
        if isinstance(thing, types.ModuleType):
            for inner in getattr(thing, "__all__", ()):
                visit(f"{name}.{inner}", getattr(thing, inner))
        elif callable(thing):
            found.setdefault(name, thing)

    for name in sl.__all__:
        visit(name, getattr(sl, name))
    return found


def is_function(thing: Any) -> bool:
    """Whether it checks its arguments: no record of results, protocol, base class or exception."""
    if not inspect.isclass(thing):
        return True
    record = dataclasses.is_dataclass(thing) or hasattr(thing, "_fields")
    abstract = inspect.isabstract(thing) or thing.__name__ in BASES or getattr(thing, "_is_protocol", False)
    return not (record or abstract or issubclass(thing, Exception))


BASES = {
    "IsingModel",
    "TwoLayerIsing",
    "Machine",
    "DeepMachine",
    "FullyConnectedMachine",
    "GaussianHiddenMachine",
    "TwoLayerMachine",
    "NegativePhase",
    "PersistentPhase",
    "Optimiser",
    "Projection",
    "History",
}

# Arguments that work

RNG = np.random.default_rng(5)
SPINS = RNG.choice(np.array([-1, 1], dtype=np.int8), (4, 30, 6))
DATA = RNG.choice(np.array([-1, 1], dtype=np.int8), (12, 4))
J = np.triu(RNG.normal(size=(6, 6)), 1)
J = J + J.T
SERIES = RNG.normal(size=(3, 64)).cumsum(-1) * 0.1 + RNG.normal(size=(3, 64))


def models() -> list[Any]:
    """One of every form, seven spins at most."""
    return [
        sl.ensembles.sk(N=6, field_std=0.4, rng=0),
        sl.ensembles.edwards_anderson(shape=(2, 3), periodic=False, rng=0),
        sl.ensembles.hopfield(N=6, K=2, rng=0),
        sl.ensembles.rbm_gaussian(V=3, H=4, field_std=0.2, rng=0),
        sl.ensembles.ra_rbm(V=3, H=4, K=2, rng=0),
    ]


DENSE, SPARSE, PATTERN, LAYERS, AXONS = models()


def _graph() -> nx.Graph:
    graph = nx.cycle_graph(4)
    nx.set_edge_attributes(graph, 1.5, "weight")
    return graph


def _bqm() -> Any:
    import dimod

    return dimod.BQM({0: 0.5, 1: -1.0}, {(0, 1): 2.0}, 0.25, "BINARY")


@functools.cache
def _scan(sizes: tuple[int, ...] = (6, 8)) -> xr.Dataset:
    options = {"instances": 4, "n_steps": 64, "n_chains": 2, "seed": 1, "progress": False}
    return sl.scans.scan("sk", sizes=sizes, temperatures=(0.4, 1.0, 1.6), **options)


@functools.cache
def _patterns() -> xr.Dataset:
    options = {"instances": 2, "n_steps": 32, "n_chains": 2, "seed": 1, "progress": False}
    return sl.scans.scan("hopfield", sizes=(20,), loads=(0.1, 0.2), temperatures=(0.6, 1.4), **options)


@functools.cache
def _proof() -> Any:
    return sl.exact.branching.ground_state(DENSE, certificate=True).certificate


def _point(x: int, rng: int) -> dict[str, Any]:
    return {"value": x + rng % 2}


def _axes() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot

    return matplotlib.pyplot.figure().add_subplot()


GRID = xr.DataArray(np.arange(6.0).reshape(2, 3), {"x": [0, 1], "y": [0, 1, 2]}, ("x", "y"), name="value")
BITS = RNG.choice(np.array([-1, 1], dtype=np.int8), (20, 4))
IMAGES = sl.datasets.Dataset("bits", BITS, BITS[:8], (2, 2), BITS[:, 0] > 0, BITS[:8, 0] > 0)
RECORDS = SERIES.T

UNKNOWN = object()

# By name of the argument; functions are called anew for each use.
USUAL: dict[str, Any] = {
    "model": models,
    "x": SERIES,
    "y": SERIES + 0.1,
    "J": J,
    "W": J[:3],
    "b": J[0],
    "bv": J[0, :3],
    "bh": J[0],
    "xi": np.sign(J + 0.1),
    "xi_v": np.sign(J[:2, :3] + 0.1),
    "xi_h": np.sign(J[:2] + 0.1),
    "bqm": _bqm,
    "graph": _graph,
    "N": 5,
    "K": 2,
    "V": 4,
    "H": 3,
    "shape": (3, 3),
    "n": 3,
    "k": 2,
    "sizes": (4, 3, 2),
    "rng": 0,
    "threads": 1,
    "n_steps": 3,
    "n_chains": 2,
    "n_samples": 50,
    "beta": 0.7,
    "states": SPINS,
    "samples": SPINS,
    "others": SPINS,
    "T": 0.7,
    "h": 0.1,
    "std": 0.8,
    "alpha": 0.05,
    "alpha_v": 0.1,
    "alpha_h": 0.2,
    "gamma": 0.7,
    "L": 3,
    "M": 4,
    "data": DATA,
    "known": np.array([True, True, False, False]),
    "machine": lambda: rbm.RBM(4, 3, rng=0),
    "path": "a.npz",
    "waiting": (1, 2),
    "lags": (1, 2, 3),
    "distances": np.abs(J),
    "statistic": lambda: np.mean,
    "max_states": 10,
    "max_steps": 50,
    "n_resamples": 20,
    "n_null": 20,
    "n_descents": 20,
    "n_population": 50,
    "n_runs": 2,
    "n_groups": 2,
    "models": lambda: [rbm.RBM(4, 3, rng=0), rbm.RBM(4, 3, std=0.1, rng=1)],
    "n_sweeps": 4,
    "n_repeats": 1,
    "point": lambda: _point,
    "axes": lambda: {"x": [1, 2]},
    "ax": _axes,
    "dataset": _scan,
    "epochs": 2,
    "factor": 0.9,
    "limit": 1.0,
    "monitor": "nll",
    "patience": 2,
    "callback": lambda: rbm.EarlyStopping("nll", 1),
    "method": "auto",
    "n_temperatures": 10,
    "steps_per_scale": 2,
    "n_scales": 5,
    "n_rounds": 1,
    "burn_in": 1,
    "seconds": 0.2,
    "key": 3,
    "ensemble": "sk",
    "observable": "energy",
    "load": 0.1,
    "source": lambda: J,
    "state": lambda: {"a": np.zeros(2)},
    "trained": lambda: rbm.RBM(4, 3, rng=0),
    "untrained": lambda: rbm.RBM(4, 3, rng=1),
    "second": J[:3, :4] ** 2 + 0.1,
    "fourth": J[:3, :4] ** 4 * 3 + 0.2,
    "counts": [SPINS[0, :4, 0] + 3.0, SPINS[0, :4, 1] + 5.0, SPINS[0, :4, 2] + 9.0],
    "energy": SERIES,
    "overlap": SERIES**2,
    "coupling_variance": 1.0,
    "n_pairs": 6,
    "sigma": 0.3,
    "name": "energy",
    "series": SPINS[0].astype(float),
    "threshold": 0.5,
    "positive": "mean-field",
    "n_positive": 3,
    "edges": None,
}

_LATTICE: dict[str, Any] = {
    "model": lambda: sl.ensembles.edwards_anderson(shape=(2, 3), periodic=False, rng=0)
}
_FEW: dict[str, Any] = {"model": lambda: sl.ensembles.hopfield(N=6, K=2, rng=0)}
_TWO: dict[str, Any] = {"model": lambda: LAYERS}
_MACHINE: dict[str, Any] = {"model": lambda: rbm.RBM(4, 3, rng=0), "n_chains": 10}
_CURVES: dict[str, Any] = {
    "x": [0.5, 0.9, 1.1, 1.5],
    "sizes": [4, 6, 8],
    "second": lambda: _binder_curves()[0],
}
_CURVES["fourth"] = lambda: _binder_curves()[1]


def _binder_curves() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Cumulants of two peaks below x = 1 and of one above it, sharper for larger sizes."""
    rng = np.random.default_rng(0)
    second, fourth = [], []
    for N in (4, 6, 8):
        order = 1 / (1 + np.exp(N * (np.array([0.5, 0.9, 1.1, 1.5]) - 1) * 2))
        noise = 1 + 1e-4 * rng.normal(size=(40, 4))
        second.append((0.1 + order) * noise)
        fourth.append((0.1 + order) ** 2 * (3 - 2 * order) * noise)
    return second, fourth


# By name of the function.
SPECIAL: dict[str, dict[str, Any]] = {
    "models.as_model": {"x": lambda: J},
    "models.load_instance": {"path": lambda: io.BytesIO(b"# N: 3\n0 1 1\n1 2 -1\n")},
    "models.instance_metadata": {"path": lambda: io.BytesIO(b"# N: 3\n0 1 1\n1 2 -1\n")},
    "models.rbm_to_binary": _TWO,
    "ensembles.wishart_planted": {"state": np.ones(5)},
    "datasets.binarized": {"x": np.linspace(0, 1, 6).reshape(2, 3)},
    "datasets.mnist": {"folder": "nowhere", "download": False},
    "exact.density_of_states": {"bins": np.linspace(-20.0, 20.0, 9)},
    "exact.planar.ground_state": _LATTICE,
    "exact.planar.log_partition": _LATTICE,
    "exact.planar.mean_energy": _LATTICE,
    "exact.tree.ground_state": _LATTICE,
    "exact.lowrank.ground_state": _FEW,
    "exact.lowrank.log_partition": _FEW,
    "exact.lowrank.mean_energy": _FEW,
    "exact.lowrank.overlap_distribution": _FEW,
    "dynamics.block_gibbs": _TWO,
    "dynamics.parallel_tempering": {"betas": [0.2, 0.7], "beta": None},
    "dynamics.anneal": {"betas": None, "interrupt": None},
    "dynamics.search": {"n_steps": 20, "callback": None, "target": -100.0},
    "observables.binder_crossings": _CURVES,
    "dynamics.equilibration.autocorrelation_time": {"x": RECORDS},
    "dynamics.equilibration.r_hat": {"x": RECORDS},
    "dynamics.equilibration.gaussian_identity": {"energy": SERIES[0], "overlap": SERIES[0] ** 2},
    "observables.binder_cumulant": {"x": SERIES},
    "observables.relaxation_time": _TWO,
    "observables.slowest_mode_time": {"samples": SPINS.transpose(1, 0, 2)},
    "observables.two_time_correlation": {"samples": SPINS.transpose(1, 0, 2)},
    "observables.ultrametricity": {"states": SPINS[0]},
    "rbm.fit_scale": {"n_chains": 40},
    "observables.growth_rates": {"sizes": [4, 6, 8]},
    "observables.pattern_overlaps": {"xi": SPINS[0, :2]},
    "observables.stability": {"model": lambda: sl.ensembles.sk(N=20, rng=0)},
    "observables.spectrum": {"model": lambda: sl.ensembles.sk(N=20, rng=0)},
    "observables.errors.bootstrap": {"samples": ()},
    "observables.errors.jackknife": {"samples": ()},
    "rbm.feature_accuracy": {"models": lambda: rbm.RBM(4, 3, rng=0), "data": IMAGES, "n_seeds": 1},
    "exact.verify": {"model": lambda: DENSE, "certificate": lambda: _proof()},
    "rbm.from_arrays": {"arrays": lambda: rbm.to_arrays(rbm.RBM(4, 3, rng=0))},
    "rbm.from_sklearn": {"estimator": lambda: rbm.to_sklearn(rbm.RBM(4, 3, rng=0))},
    "rbm.feature_gain": {"data": IMAGES, "n_seeds": 2},
    "rbm.image_classifier": {"data": IMAGES},
    "rbm.sample_quality": {"samples": DATA, "data": IMAGES, "classifier": None},
    "rbm.load_checkpoint": {"path": "nowhere.npz"},
    "rbm.Every": {"epochs": 2},
    "models.fix_variables": {"values": {0: 1}},
    "models.from_qubo": {"Q": J},
    "sweeps.Store": {"path": "store.sqlite"},
    "sweeps.to_netcdf": {"dataset": lambda: GRID.to_dataset(), "path": "a.nc"},
    "plotting.colour_map": {"data": GRID, "x": [1.0, 2.0, 3.0], "y": [1.0, 2.0]},
    "plotting.samples": {"states": BITS, "shape": (2, 2)},
    "plotting.filters": {"W": BITS, "shape": (2, 2)},
    "plotting.spectrum": {"values": [-1.0, 0.5, 1.0], "edges": (-1.0, 1.0)},
    "plotting.overlaps": {"edges": [-1.0, 0.0, 1.0], "density": [0.5, 0.5], "error": [0.1, 0.1]},
    "plotting.ladder": {"betas": [0.5, 1.0, 2.0], "swap_rate": [0.4, 0.6]},
    "plotting.lines": {"data": GRID, "x": [1.0, 2.0, 3.0], "over": "x"},
    "scans.scan": {
        "sizes": (6, 8),
        "temperatures": (0.6, 1.4),
        "instances": 2,
        "n_steps": 32,
        "progress": False,
    },
    "theory.bipartite.low_load": {"b": 2.0},
    "theory.sk.parisi": {"k": 1},
    "theory.sk.log_partition": {"T": 1.5},
    "scans.binder_crossings": {"data": lambda: _scan((6, 8, 10))},
    "scans.reduced": {"data": lambda: _scan(), "name": "q2"},
    "scans.regions": {"data": lambda: _patterns()},
    "scans.draw": {"data": lambda: _scan()},
    "ground_state": {"seconds": None},
    "rbm.hamming_distance": {"n_repeats": 2},
}
for _name in public():
    if _name.startswith("exact.layer."):
        SPECIAL.setdefault(_name, _TWO)
    if _name.startswith("rbm.") and _name[4].islower():
        SPECIAL.setdefault(_name, {})
        SPECIAL[_name] = _MACHINE | SPECIAL[_name]
    if _name.startswith("theory."):
        SPECIAL.setdefault(_name, {})
        SPECIAL[_name] = {"b": 2.0, "h": 0.1, "x": 0.8, "T": 0.7, "k": 1} | SPECIAL[_name]
    if _name.startswith("scans.") and _name not in ("scans.scan", "scans.theory_lines"):
        SPECIAL.setdefault(_name, {"data": lambda: _scan()})

# Arguments that ask for work in proportion to their size: a huge one is legal and slow.
WORK = {
    "N",
    "V",
    "H",
    "K",
    "n",
    "k",
    "L",
    "M",
    "shape",
    "sizes",
    "max_steps",
    "max_states",
    "sites",
    "epochs",
    "patience",
    "instances",
    "replicas",
    "bins",
    "T",
    "dimension",
    "seconds",
    "ratio",
    "record_every",
    "burn_in",
    "steps_per_scale",
    "gap",
    "schedule",
    "batch_size",
    "minimum",
    "train_fraction",
    "loads",
    "stds",
    "temperatures",
    "after",
    "max_spins",
}


def is_work(name: str) -> bool:
    return name in WORK or name.startswith("n_")


# Arguments that nobody should give


class Liar:
    """Claims to be an array and is none."""

    shape = (3, 3)
    dtype = np.dtype(float)


SIMPLE: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    6,
    -3,
    10**6,
    2**40,
    2**63,
    2**64,
    -(2**70),
    10**400,
    0.5,
    1.5,
    -0.0,
    1e-320,
    1e-160,
    1e160,
    1e308,
    math.nan,
    math.inf,
    -math.inf,
    1j,
    "",
    "x",
    "auto",
    "mean",
    "random",
    "pm1",
    "gibbs",
    "float32",
    "é\0",
    b"bytes",
    object(),
    {},
    {"a": 1},
    [],
    (),
    set(),
    frozenset({1}),
    [1, 2],
    [1, -1, 1],
    [[1, 2], [3]],
    ["a"],
    [None],
    np.float32(0.5),
    np.int64(3),
    np.bool_(True),
    np.float64(math.nan),
    np.datetime64("2020"),
    np.array(3),
    np.array(0.5),
    np.array([]),
    np.zeros((0, 3)),
    np.zeros(3),
    np.ones((3, 3)),
    np.eye(3),
    np.zeros((2, 2, 2)),
    np.array(["a", "b"]),
    np.array([object()]),
    np.array([1, None]),
    np.array([1j, 2]),
    np.array([True, False]),
    np.array([2**63], np.uint64),
    np.array(["2020"], "M8[D]"),
    np.zeros(2, [("a", "f8")]),
    np.ma.masked_array([1, 2], [True, False]),
    np.matrix([[0, 1], [1, 0]]),
    np.array([np.nan, 1]),
    np.array([np.inf, 1]),
    np.array([1e300, 1e300]),
    np.array([1e-310, 0]),
    np.longdouble(1) / 3,
    Fraction(1, 3),
    range(3),
    slice(3),
    int,
    print,
    Ellipsis,
    NotImplemented,
    Liar(),
    memoryview(b"abc"),
    bytearray(b"ab"),
    scipy.sparse.eye_array(3),
    scipy.sparse.csr_array(J),
    pd.Series([1.0, 2.0]),
    pd.DataFrame({"a": [1, 2]}),
    pd.Series([1, pd.NA]),
    GRID,
    nx.path_graph(3),
    nx.Graph(),
    np.random.default_rng(0),
    np.random.SeedSequence(1),
    np.random.RandomState(0),
    np.zeros(()),
    np.zeros((1,)),
    np.float16(2.0),
    np.array([1, 2], ">i4"),
    np.array([0.1, 0.2], np.float16),
    "1",
    "nan",
]


def hostile(rng: np.random.Generator, name: str, usual: Any) -> Any:
    """Something simple and odd, or the usual value spoilt."""
    if isinstance(usual, np.ndarray) and rng.random() < 0.6:
        return spoilt(rng, usual)
    if name in ("model", "x", "models", "source", "J", "machine") and rng.random() < 0.3:
        pool = [
            *models(),
            J,
            J.tolist(),
            spoilt(rng, J),
            _graph(),
            _bqm(),
            scipy.sparse.csr_array(spoilt_sparse(rng)),
        ]
        return pool[rng.integers(len(pool))]
    value = SIMPLE[rng.integers(len(SIMPLE))]
    if name == "executor" and isinstance(value, int):
        return "two"  # a number would start processes
    if is_work(name) and isinstance(value, int | float) and 6 < value < 2**63:
        return -value
    return value


def spoilt_sparse(rng: np.random.Generator) -> np.ndarray:
    matrix = J.copy()
    matrix[rng.integers(6), rng.integers(6)] = [0.0, np.nan, 1e200, 5.0][rng.integers(4)]
    return matrix


def spoilt(rng: np.random.Generator, x: np.ndarray) -> Any:
    """An array of another type, shape, order or content."""
    x = x.copy()
    at = tuple(rng.integers(max(n, 1)) for n in x.shape)
    odd = [np.nan, np.inf, 0.0, 1e200, 1e-320, -5.0, 0.5]
    ways: list[Callable[[], Any]] = [
        lambda: x.astype(object),
        lambda: x.astype(complex),
        lambda: x.astype(str),
        lambda: x.astype(bool),
        lambda: x.astype(np.float16),
        lambda: x.astype(np.int8),
        lambda: x.astype(np.uint64),
        lambda: x.astype(">f8"),
        lambda: x.astype(np.longdouble),
        lambda: x.tolist(),
        lambda: x[None],
        lambda: x[..., None],
        lambda: x[:0],
        lambda: x[..., :0],
        lambda: x[..., ::-1],
        lambda: x.T,
        lambda: x[:1],
        lambda: x.ravel(),
        lambda: x[::2],
        lambda: np.asfortranarray(x),
        lambda: x * 1e200,
        lambda: x * 1e-200,
        lambda: x * 1e-310,
        lambda: x * 0,
        lambda: -x,
        lambda: np.ma.masked_array(x, x > 0),
        lambda: pd.DataFrame(np.atleast_2d(x).reshape(len(x), -1)),
        lambda: scipy.sparse.csr_array(np.atleast_2d(x).reshape(len(x), -1)),
        lambda: iter(x),
        lambda: [x, x[:1]],
        lambda: np.full_like(x, x.flat[0] if x.size else 0),
        lambda: np.array([x, x]),
        lambda: xr.DataArray(x),
        lambda: x.view(np.matrix) if x.ndim == 2 else x,
        lambda: memoryview(np.ascontiguousarray(x)),
        lambda: x.astype("M8[s]"),
    ]
    if rng.random() < 0.4 and x.size and x.dtype.kind in "iuf":
        x = x.astype(float)
        x[at] = odd[rng.integers(len(odd))]
        return x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ways[rng.integers(len(ways))]()
        except (ValueError, TypeError):  # an array that this way cannot spoil
            return None


def usual(name: str, function: Any, rng: np.random.Generator | None = None) -> dict[str, Any]:
    """Arguments with which the function works: the necessary ones, and those that bound the work."""
    special = SPECIAL.get(name, {})
    arguments = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        needed = parameter.default is parameter.empty
        bounds = is_work(parameter.name) or parameter.name in ("rng", "threads")
        if parameter.name in special:
            value = special[parameter.name]
        elif parameter.name in USUAL and (needed or bounds):
            value = USUAL[parameter.name]
        elif needed:
            arguments[parameter.name] = UNKNOWN
            continue
        else:
            continue
        if parameter.name == "model" and value is models:
            pool = models()
            value = pool[0 if rng is None else rng.integers(len(pool))]
        elif isinstance(value, types.FunctionType):
            value = value()
        arguments[parameter.name] = value
    return arguments


def call(function: Any, arguments: Mapping[str, Any]) -> Any:
    """The result; arguments that only have a place are given by place."""
    parameters = inspect.signature(function).parameters.values()
    before = [arguments[p.name] for p in parameters if p.kind is p.POSITIONAL_ONLY and p.name in arguments]
    names = {p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY}
    star = [SERIES] if any(p.kind is p.VAR_POSITIONAL for p in parameters) else []
    if star:
        before += [
            arguments[p.name] for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name in arguments
        ]
        names = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    return function(*before, *star, **{k: v for k, v in arguments.items() if k in names})


# What may come back


def numbers(result: Any, path: str = "") -> Any:
    """(where, array) of all numbers in a result."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        for field in dataclasses.fields(result):
            yield from numbers(getattr(result, field.name), f"{path}.{field.name}")
    elif isinstance(result, sl.models.IsingModel):
        if result.n_spins <= 2000:  # a lattice may have more sites than its matrix has room
            yield f"{path}.couplings", result.couplings()
        yield f"{path}.b", np.append(result.b, result.offset)
    elif isinstance(result, Mapping):
        for key, value in result.items():
            yield from numbers(value, f"{path}[{key!r}]")
    elif isinstance(result, tuple | list):
        for k, value in enumerate(result):
            yield from numbers(value, f"{path}[{k}]")
    elif isinstance(result, int | float | complex | np.ndarray | np.generic):
        try:
            array = np.asarray(result)
        except OverflowError:
            return
        if array.dtype.kind in "iufc":
            yield path, array


# Where infinity or NaN is what the documentation says.
DOCUMENTED = {
    "exact.layer.least",
    "exact.enumeration.least",
    "exact.tree.least",
    "exact.lowrank.least",
    "exact.planar.least",
    "exact.lowrank.cost",
    "exact.planar.cost",
    "exact.tree.cost",
    "exact.layer.cost",
    "exact.enumeration.cost",
}
DOCUMENTED_FIELDS = {
    "rbm.gibbs_autocorrelation_time": {"upper", "tau", "error", "effective"},
    "rbm.vector_autocorrelation_time": {"upper", "tau", "error", "effective"},
    "observables.stability": {"beta", "beta_glass", "beta_retrieval", "largest_coupling"},
    "diagnose.diagnose": {
        "beta_retrieval",
        "beta_glass",
        "beta",
        "log_T_over_order",
        "log_T_over_glass",
        "explained_overlap",
        "binary",
        "log_glass",
        "log_order",
        "explained",
        "few_states",
        "reach",
        "lasting",
        "log_random",
        "related",
    },
    "dynamics.equilibration.autocorrelation_time": {"upper", "tau", "error", "effective"},
    "dynamics.equilibration.agree": {"sigma"},
    "dynamics.equilibration.gaussian_identity": {"sigma"},
    "rbm.log_partition_ais": {"interval[0]", "interval[1]"},
    "rbm.log_partition_trajectory": {"interval[0]", "interval[1]"},
    "rbm.hamming_distance": {"std_error"},
    "rbm.negative_log_likelihood": {"sampling_error", "interval[0]", "interval[1]"},
    "theory.hopfield.spin_glass": {"r"},
    "theory.hopfield.retrieval": {"r"},
    "theory.hopfield.equilibrium": {"r"},
}


def is_documented(name: str, path: str) -> bool:
    """Whether a number that is not finite may be there."""
    fields = DOCUMENTED_FIELDS.get(name, set())
    return (
        name in DOCUMENTED
        or path.rpartition(".")[2].rpartition("'")[0].rpartition("'")[2] in fields
        or (path.rpartition(".")[2] in fields)
    )


def energies(model: Any, states: Any) -> np.ndarray:
    """E = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset, from the couplings written out."""
    s = np.asarray(states, dtype=float)
    matrix = model.couplings()
    return model.offset - np.einsum("...i,ij,...j->...", s, matrix, s) / 2 - s @ model.b


# A round

TAKES_PATHS = {
    "load_instance",
    "instance_metadata",
    "save_instance",
    "mnist",
    "load_certificate",
    "load_checkpoint",
    "load_hdf5",
    "load_safetensors",
    "save_safetensors",
    "save_checkpoint",
    "Store",
    "to_netcdf",
    "diagnose",
    "read_model",
    "save",
    "load",
}


def spoil(name: str, function: Any, rng: np.random.Generator) -> tuple[dict[str, Any], list[str]]:
    """Usual arguments, of which one or two are hostile, and the names of these."""
    arguments = usual(name, function, rng)
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    names = [p.name for p in inspect.signature(function).parameters.values() if p.kind not in variable]
    changed = rng.permutation(names)[: rng.integers(1, 3)].tolist() if names else []
    for parameter in changed:
        arguments[parameter] = hostile(rng, parameter, arguments.get(parameter))
    return arguments, changed


def attempt(name: str, function: Any, arguments: Mapping[str, Any]) -> Any:
    """The result, checked, or None after a proper refusal; anything else is raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)
            result = call(function, arguments)
    except (ValueError, TypeError):
        return None
    except OSError:
        if name.rpartition(".")[2] not in TAKES_PATHS:
            raise
        return None
    for where, array in numbers(result):
        assert is_documented(name, where) or np.isfinite(array).all(), f"{name}{where} is not finite"
    recheck(name, arguments, result)
    return result


def recheck(name: str, arguments: Mapping[str, Any], result: Any) -> None:
    """Energies and logarithms of partition functions again, by numpy and from all states of small models."""
    if "model" not in arguments or isinstance(arguments["model"], rbm.Machine):
        return
    model = sl.models.as_model(arguments["model"])
    scale = float(np.abs(model.couplings()).sum() + np.abs(model.b).sum() + abs(model.offset))
    slack = 1e-12 * scale + model.rounding
    if isinstance(result, sl.exact.GroundState):
        assert abs(energies(model, result.state) - result.energy) <= slack
        assert result.lower_bound <= result.energy
    for states, energy in (("states", "energy"), ("samples", "sample_energy"), ("best_state", "best_energy")):
        s, E = getattr(result, states, None), getattr(result, energy, None)
        if (
            isinstance(result, sl.dynamics.Chains | sl.dynamics.Descents | sl.dynamics.Tempering)
            and s is not None
        ):
            assert (np.abs(s) == 1).all()
            precision = 1e-5 * scale if arguments.get("dtype") == "float32" else slack
            np.testing.assert_allclose(E, energies(model, s), rtol=0, atol=precision)
    if model.n_spins > 8:
        return
    E = energies(model, 2 * ((np.arange(2**model.n_spins)[:, None] >> np.arange(model.n_spins)) & 1) - 1)
    if isinstance(result, sl.exact.GroundState) and result.certified:
        assert result.lower_bound - slack <= E.min() <= result.energy + slack
    kind = name.rpartition(".")[2]
    if kind in ("log_partition", "mean_energy") and not name.startswith(("rbm", "theory")):
        found = result[0] if isinstance(result, tuple) else result
        for beta, value in zip(
            np.atleast_1d(np.asarray(arguments.get("beta", 1.0), dtype=float)),
            np.atleast_1d(found),
            strict=True,
        ):
            x = -beta * E
            log_z = x.max() + np.log(np.exp(x - x.max()).sum())
            mean = (np.exp(x - log_z) * E).sum()
            expected = log_z if kind == "log_partition" else mean
            allowed = 1e-8 * max(1.0, abs(expected)) + slack * max(1.0, beta * scale)
            assert abs(value - expected) <= allowed or arguments.get("tolerance") is not None
