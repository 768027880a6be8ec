"""Couplings as other packages hand them over: the same model, or a refusal that says what to do."""

from __future__ import annotations

import dimod
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

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
    "h and J": (lambda: ({0: 1.0}, {(0, 1): 1.0}), TypeError, "from_ising"),
    "QUBO and offset": (lambda: ({(0, 1): 1.0}, 3.0), TypeError, r"from_qubo\(Q, offset=c\)"),
    "igraph": (lambda: Graph(), TypeError, "networkx.Graph"),
    "complex": (lambda: J * 1j, TypeError, "complex128$"),
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
