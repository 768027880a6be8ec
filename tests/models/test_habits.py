"""Couplings as other packages hand them over: the same model, or a refusal that says what to do."""

from __future__ import annotations

import dimod
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr

import spinlab as sl

J = np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]])
LOWEST = -4.0
NUMBERS = ("int8", "uint8", "int16", "int64", "float16", "float32", ">f8", "longdouble")
SPARSE = (
    "csr_array",
    "csc_array",
    "coo_array",
    "lil_array",
    "dok_array",
    "dia_array",
    "bsr_array",
    "csr_matrix",
)


def _strided(x):
    room = np.zeros((6, 6))
    room[::2, ::2] = x
    return room[::2, ::2]


def _stored_zeros():
    (i, j), (k, l) = np.nonzero(J), ([0, 1], [0, 1])
    values = np.append(J[i, j], [-0.0, 0.0])
    return scipy.sparse.csr_array((values, (np.append(i, k), np.append(j, l))))


HABITS = {
    **{dtype: lambda dtype=dtype: J.astype(dtype) for dtype in NUMBERS},
    **{kind: lambda kind=kind: getattr(scipy.sparse, kind)(J.astype(float)) for kind in SPARSE},
    "sparse int8": lambda: scipy.sparse.csr_array(J.astype(np.int8)),
    "sparse float32": lambda: scipy.sparse.coo_array(J.astype(np.float32)),
    "stored and negative zeros": _stored_zeros,
    "np.matrix": lambda: J.view(np.matrix),
    "lists": J.tolist,
    "tuples": lambda: tuple(map(tuple, J.tolist())),
    "memoryview": lambda: memoryview(J.astype(float)),
    "Fortran order": lambda: np.asfortranarray(J.astype(float)),
    "strides": lambda: _strided(J),
    "pandas": lambda: pd.DataFrame(J, index=list("abc"), columns=list("abc")),
    "pandas Int64": lambda: pd.DataFrame(J).astype("Int64"),
    "pandas Float64": lambda: pd.DataFrame(J, index=list("abc"), columns=list("abc")).astype("Float64"),
    "pandas with names for columns only": lambda: pd.DataFrame(J, columns=list("abc")),
    "xarray": lambda: xr.DataArray(J, dims=("i", "j"), coords={"i": list("abc"), "j": list("abc")}),
    "xarray without names": lambda: xr.DataArray(J.astype(float)),
    "dimod view": lambda: dimod.BQM.from_ising({}, {(0, 1): -1, (0, 2): -2, (1, 2): -1}).binary.spin,
    "dimod binary": lambda: dimod.BQM.from_ising({}, {(0, 1): -1, (0, 2): -2, (1, 2): -1}).binary,
    "DictBQM": lambda: dimod.DictBQM({}, {(0, 1): -1, (0, 2): -2, (1, 2): -1}, 0, "SPIN"),
    "Float32BQM": lambda: dimod.Float32BQM({}, {(0, 1): -1, (0, 2): -2, (1, 2): -1}, 0, "SPIN"),
}


class Graph:
    """As igraph's, which need not be installed."""


Graph.__module__ = "igraph"


@pytest.mark.parametrize("name", HABITS)
def test_taken_as_the_same_model(name):
    answer = sl.ground_state(HABITS[name]())
    assert answer.certified
    assert answer.energy == LOWEST
    assert answer.lower_bound <= LOWEST


REFUSED = {
    "bool": (lambda: J > 0, TypeError, r"dtype bool; \.astype\(float\)"),
    "sparse bool": (lambda: scipy.sparse.csr_array(J > 0), TypeError, r"dtype bool; \.astype\(float\)"),
    "object": (lambda: J.astype(object), TypeError, r"dtype object; \.astype\(float\)"),
    "pandas with gaps": (lambda: pd.DataFrame(J).astype("Int64").mask(J == 2), ValueError, "NaN"),
    "pandas words": (lambda: pd.DataFrame(J.astype(str)), TypeError, "real numbers|dtype"),
    "two names alike": (lambda: pd.DataFrame(J, list("aab"), list("aab")), ValueError, "a name twice"),
    "columns alike": (lambda: pd.DataFrame(J, columns=list("aab")), ValueError, "a name twice"),
    "other names": (lambda: pd.DataFrame(J, list("abc"), list("abd")), ValueError, "different names"),
    "another order": (lambda: pd.DataFrame(J, list("abc"), list("acb")), ValueError, "another order"),
    "xarray in another order": (
        lambda: xr.DataArray(J, dims=("i", "j"), coords={"i": list("abc"), "j": list("bac")}),
        ValueError,
        "another order",
    ),
    "a dataset": (lambda: xr.Dataset({"J": (("i", "j"), J)}), TypeError, "pass the one that is J"),
    "a series": (lambda: pd.Series([1.0, 2.0]), ValueError, "2 axes"),
    "h and J": (lambda: ({0: 1.0}, {(0, 1): 1.0}), TypeError, "from_ising"),
    "QUBO and offset": (lambda: ({(0, 1): 1.0}, 3.0), TypeError, r"from_qubo\(Q, offset=c\)"),
    "igraph": (lambda: Graph(), TypeError, "networkx.Graph"),
    "complex": (lambda: J * 1j, TypeError, r"complex128; take \.real"),
    "masked": (lambda: np.ma.masked_equal(J, 2), TypeError, r"\.filled\(0\)"),
    "QUBO": (lambda: J - np.eye(3), ValueError, "from_qubo"),
    "sparse QUBO": (lambda: scipy.sparse.csr_array(J - np.eye(3)), ValueError, "from_qubo"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_what_to_do(name):
    given, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        sl.ground_state(given())


@pytest.mark.parametrize(
    "number", [np.array(1.0), np.float32(1.0), np.int64(1), np.array(1, dtype=np.int8), 1]
)
def test_numbers_of_any_kind(number):
    assert sl.log_partition(J, number) == sl.log_partition(J, 1.0)
    runs = sl.dynamics.gibbs(J, np.array(3), np.int8(4), beta=number, rng=np.uint32(5))
    np.testing.assert_array_equal(runs.states, sl.dynamics.gibbs(J, 3, 4, beta=1.0, rng=5).states)
    found = sl.dynamics.search(J, n_groups=np.uint8(2), max_steps=np.array(20), target=-4 * number, rng=0)
    assert found.energy == LOWEST


def _named(kind, values, *names):
    """The values as an array, a table of pandas or one of xarray with the names along its axes."""
    if kind == "xarray":
        axes = [f"axis{k}" for k in range(len(names))]
        return xr.DataArray(values, dims=axes, coords=dict(zip(axes, names, strict=True)))
    return pd.Series(values, *names) if len(names) == 1 else pd.DataFrame(values, *names)


@pytest.mark.parametrize("kind", ["pandas", "xarray"])
@pytest.mark.parametrize("make", [sl.models.DenseIsing, sl.models.SparseIsing, sl.models.from_binary])
def test_fields_and_states_with_names_belong_to_the_sites_of_these_names(make, kind):
    # Taken by position they would be fields and spins of others.
    fields = np.array([3.0, -1.0, 0.0])
    couplings = _named(kind, J.astype(float), list("abc"), list("abc"))
    model = make(couplings, _named(kind, fields, list("abc")))
    assert model.labels == tuple("abc")
    plain = make(J, fields)
    np.testing.assert_array_equal(model.b, plain.b)
    np.testing.assert_array_equal(make(couplings, _named(kind, fields, range(3))).b, plain.b)
    s = np.array([[1, -1, -1]])
    assert model.energy(_named(kind, s, [7], list("abc"))) == plain.energy(s)
    with pytest.raises(ValueError, match="'b' where the site is 'a'; sort them"):
        make(couplings, _named(kind, fields, list("bac")))
    with pytest.raises(ValueError, match="rename them"):
        make(couplings, _named(kind, fields, list("xyz")))
    with pytest.raises(ValueError, match="another order"):
        make(_named(kind, J.astype(float), list("abc"), list("acb")))
    for use in (model.energy, model.local_fields, lambda s: sl.dynamics.gibbs(model, 1, initial=s)):
        with pytest.raises(ValueError, match="'c' where the site is 'a'; sort them"):
            use(_named(kind, s, [7], list("cba")))
    for search in (
        sl.dynamics.search,
        lambda m, initial: sl.dynamics.parallel_tempering(m, 1, initial=initial),
    ):
        with pytest.raises(ValueError, match="'c' where the site is 'a'; sort them"):
            search(model, initial=_named(kind, s[0], list("cba")))


def test_booleans_are_no_spins():
    with pytest.raises(TypeError, match=r"initial must hold .* booleans; .* 2 \* x - 1"):
        sl.dynamics.gibbs(J, 1, initial=[True, False, True])


@pytest.mark.parametrize("kind", ["pandas", "xarray"])
def test_biases_and_qubos_with_names(kind):
    W = _named(kind, np.ones((2, 3)), list("ab"), list("xyz"))
    for make in (sl.models.BipartiteIsing, sl.models.rbm_from_binary):
        make(W, _named(kind, [1.0, 2.0], list("ab")), _named(kind, [1.0, 2.0, 3.0], list("xyz")))
        with pytest.raises(ValueError, match="bv has the name 'b'"):
            make(W, _named(kind, [1.0, 2.0], list("ba")))
        with pytest.raises(ValueError, match="bh has the name 'z'"):
            make(W, bh=_named(kind, [1.0, 2.0, 3.0], list("zyx")))
    Q = [[-1.0, 2.0], [0.0, -3.0]]
    assert sl.models.from_qubo(_named(kind, Q, list("ab"), list("ab"))).labels == ("a", "b")
    with pytest.raises(ValueError, match="same names"):
        sl.models.from_qubo(_named(kind, Q, list("ab"), list("ba")))
