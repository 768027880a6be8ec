"""Numbers that float64 cannot hold: refused, or carried into the bound, against exact minima in rationals."""

from __future__ import annotations

import itertools
from decimal import Decimal
from fractions import Fraction

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import spinlab as sl
from spinlab.models import (
    BipartiteIsing,
    DenseIsing,
    PatternBipartiteIsing,
    PatternIsing,
    SparseIsing,
    as_model,
    from_binary,
    from_networkx,
    from_qubo,
    rbm_from_binary,
)

THIRD = np.longdouble(1) / 3
LONGER = pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="longdouble is float64 here")


def pair(x, dtype=None):
    return np.array([[0, x], [x, 0]], dtype)


def graph(weight, **attributes):
    return nx.Graph([(0, 1, {"weight": weight})], **attributes)


DOORS = {
    "DenseIsing": lambda x: DenseIsing(pair(x)),
    "fields": lambda x: DenseIsing(np.zeros((2, 2)), np.array([x, x])),
    "a uniform field": lambda x: DenseIsing(np.zeros((2, 2)), x),
    "SparseIsing of an array": lambda x: SparseIsing(pair(x)),
    "csr": lambda x: SparseIsing(scipy.sparse.csr_array(pair(x))),
    "coo": lambda x: as_model(scipy.sparse.coo_matrix(pair(x))),
    "from_edges": lambda x: SparseIsing.from_edges([0], [1], np.array([x]), 2),
    "BipartiteIsing": lambda x: BipartiteIsing(np.array([[x]])),
    "patterns": lambda x: PatternIsing(np.array([[x, 1]])),
    "two layers of patterns": lambda x: PatternBipartiteIsing(np.array([[1]]), np.array([[x]])),
    "from_qubo": lambda x: from_qubo(pair(x)),
    "from_qubo of csc": lambda x: from_qubo(scipy.sparse.csc_array(pair(x))),
    "from_binary": lambda x: from_binary(pair(x)),
    "rbm_from_binary": lambda x: rbm_from_binary(np.array([[x]])),
    "a frame": lambda x: as_model(pd.DataFrame(pair(x))),
    "a graph": lambda x: from_networkx(graph(x)),
}


@LONGER
@pytest.mark.parametrize("door", DOORS)
def test_longer_floats_are_refused_where_they_would_be_rounded(door):
    with pytest.raises(ValueError, match=r"float64 cannot hold exactly; round them by \.astype"):
        DOORS[door](THIRD)
    DOORS[door](np.longdouble(0.375))
    DOORS[door](np.float64(1 / 3))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: DenseIsing([[0, n], [n, 0.0]]),
        lambda n: SparseIsing.from_edges([0, 1], [1, 2], [n, 0.5], 3),
        lambda n: DenseIsing([[0, 1], [1, 0]], [n, 0.5]),
        lambda n: from_networkx(nx.Graph([(0, 1, {"weight": n}), (1, 2, {"weight": 0.5})])),
        lambda n: as_model(
            pd.DataFrame({0: [0, n, 0], 1: [n, 0, 0.5], 2: [0, 0.5, 0]}, dtype=object).infer_objects()
        ),
        lambda n: as_model(pd.DataFrame({0: [0, n], 1: [float(n), 0.0]})),
    ],
)
def test_integers_beside_floats_are_refused_where_they_would_be_rounded(make):
    with pytest.raises(ValueError, match=r"integers above 2\*\*53"):
        make(2**53 + 1)
    assert make(2**53 + 2).n_spins in (2, 3)


def lowest(J, b, offset):
    """The exact minimum of -sum J s s - sum b s + offset."""
    states = itertools.product((-1, 1), repeat=len(b))
    return min(
        Fraction(offset)
        - sum(Fraction(x) * s[i] * s[j] for (i, j), x in J.items())
        - sum(Fraction(x) * t for x, t in zip(b, s, strict=True))
        for s in states
    )


@pytest.mark.parametrize("offset", [Fraction(1, 3), Decimal("0.7"), -Decimal("0.7"), 2**53 + 1, 10**30 + 7])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_offset_of_any_kind_is_carried_into_the_bound(offset, sign):
    J = {(0, 1): sign}
    models = [
        (DenseIsing(pair(sign), offset=offset), 0),
        (DenseIsing([[0, sign], [sign * (1 + 1e-12), 0]], offset=offset), Fraction(1, 10**12)),
        (SparseIsing.from_edges([0], [1], [sign], 2, offset=offset), 0),
        (from_networkx(graph(sign, offset=offset)), 0),
        (from_qubo({(0, 0): 2 * sign, (1, 1): 2 * sign, (0, 1): -4 * sign}, offset=offset - sign), 0),
        (from_binary(pair(4 * sign), -2 * sign, offset=offset - sign), 0),
    ]
    for model, less in models:
        assert model.rounding >= abs(Fraction(model.offset) - Fraction(offset)) or less == 0
        for method in ("enumeration", "tree", "branching"):
            gs = sl.ground_state(model, method)
            assert gs.lower_bound <= lowest(J, (0, 0), offset)
            assert gs.lower_bound == pytest.approx(gs.energy, rel=1e-11)


def test_a_scale_that_would_be_rounded_is_refused():
    with pytest.raises(ValueError, match=r"round it by float\(scale\)"):
        PatternIsing([[1, 1]], Fraction(1, 3))
    assert PatternIsing([[1, 1]], Fraction(3, 8)).scale == 0.375


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr"])
@pytest.mark.parametrize("terms", [(1e16, 0.1), (0.1, 0.2, -0.3), (2.0**53, 1.0, -(2.0**53))])
def test_sums_of_duplicates_are_rounded_once_and_carried_into_the_bound(form, terms):
    n = len(terms)
    where = np.tile([0, 1], n), np.tile([1, 0], n)
    J = scipy.sparse.coo_array((np.repeat(terms, 2), where), shape=(2, 2))
    if form in ("csr", "csc"):
        J = getattr(scipy.sparse, f"{form}_array")(
            (np.tile(terms, 2), np.repeat([1, 0], n), [0, n, 2 * n]), shape=(2, 2)
        )
    elif form == "bsr":
        blocks = np.array([pair(x) for x in terms])
        J = scipy.sparse.bsr_array((blocks, np.zeros(n, int), [0, n]), shape=(2, 2))
    exact = sum(map(Fraction, terms))
    model = SparseIsing(J)
    assert model.edges()[2].tolist() == [float(exact)]
    assert abs(Fraction(float(exact)) - exact) <= Fraction(model.rounding)
    for method in ("enumeration", "tree", "branching", "planar"):
        assert sl.ground_state(model, method).lower_bound <= -abs(exact)


def test_a_dictionary_of_keys_is_a_matrix_to_from_qubo():
    Q = scipy.sparse.dok_array((2, 2))
    Q[0, 1] = -1.0
    assert sl.ground_state(from_qubo(Q)).energy == -1.0


@LONGER
def test_longer_floats_of_a_dictionary_are_carried_into_the_bound():
    model = from_qubo({(0, 0): -THIRD, (0, 1): THIRD})
    assert sl.ground_state(model).lower_bound <= -Fraction(*THIRD.as_integer_ratio())
    assert model.rounding > 0
