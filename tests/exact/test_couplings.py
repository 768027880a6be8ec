"""What methods ask of a model's couplings, against loops over the full matrix."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from model_forms import FORMS, make

from spinlab.exact.couplings import edges_of, n_couplings, total_size
from spinlab.models import BipartiteIsing, DenseIsing, SparseIsing


def models():
    rng = np.random.default_rng(0)
    W = rng.normal(size=(4, 5))
    W[W < 0] = 0.0
    kept = SparseIsing.from_edges([2, 0, 1], [3, 1, 2], [0.5, 0.0, -2.0], N=5)  # an edge without coupling
    made = [make(form, integer=False, fields=fields).model for form in FORMS for fields in (False, True)]
    return [*made, BipartiteIsing(W), kept, DenseIsing(np.zeros((3, 3))), DenseIsing([[0.0]], [0.1])]


@pytest.mark.parametrize("model", models(), ids=repr)
def test_edges_are_those_of_the_upper_triangle(model):
    J = model.couplings()
    i, j, values = edges_of(model)
    assert (i < j).all()
    assert sorted(zip(i, j, strict=True)) == list(zip(i, j, strict=True))
    written = np.zeros_like(J)
    written[i, j] = values
    np.testing.assert_array_equal(written + written.T, J)
    assert n_couplings(model) == np.count_nonzero(J) // 2


@pytest.mark.parametrize("model", models(), ids=repr)
def test_the_size_is_no_less_than_the_sum_in_rationals(model):
    exact = sum(
        abs(Fraction(x)) for x in [*np.triu(model.couplings(), 1).ravel().tolist(), *model.b.tolist()]
    )
    assert exact <= Fraction(total_size(model)) <= exact * (1 + Fraction(1, 10**12))
