"""What methods ask of a model's couplings, against loops over the full matrix."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from model_forms import FORMS, make

from spinlab.exact.couplings import (
    edges_of,
    exact_sum,
    in_units,
    is_frustrated,
    lost,
    n_couplings,
    round_down,
    size_and_lost,
)
from spinlab.models import BipartiteIsing, DenseIsing, PatternBipartiteIsing, PatternIsing, SparseIsing


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
    n = np.count_nonzero(values)
    for most in (0, 3, n - 1, n):
        assert (n_couplings(model, most) > most) == (n > most)


@pytest.mark.parametrize("model", models(), ids=repr)
def test_the_size_is_no_less_than_the_sum_in_rationals(model):
    exact = sum(
        abs(Fraction(x)) for x in [*np.triu(model.couplings(), 1).ravel().tolist(), *model.b.tolist()]
    )
    size, off = size_and_lost(model)
    assert exact <= Fraction(size)
    assert off >= lost(model)
    if isinstance(model, PatternIsing | PatternBipartiteIsing):  # the sums of each pattern, at most
        assert size <= pattern_sums(model) * (1 + 1e-12)
    else:
        assert Fraction(size) <= exact * (1 + Fraction(1, 10**12))
        assert off == lost(model)


def pattern_sums(model):
    """sum_k sum_ij |scale xi_ik xi_jk| / 2; of one layer, with the diagonal."""
    total = 0.0
    for xi in model.form().xi.T:
        J = np.abs(model.scale * np.outer(xi, xi))
        if isinstance(model, PatternBipartiteIsing):
            J[: model.V, : model.V] = J[model.V :, model.V :] = 0.0
        total += J.sum() / 2
    return total + np.abs(model.b).sum()


@pytest.mark.parametrize("scale", [0.3, 1e-180, -7e120])
@pytest.mark.parametrize("integer", [True, False])
def test_what_patterns_lose_is_bounded_without_their_couplings(scale, integer):
    rng = np.random.default_rng(3)
    xi = rng.integers(-2, 3, (3, 70)).astype(float) if integer else rng.normal(size=(3, 70))
    two = PatternBipartiteIsing(xi[:, :30], xi[:, 30:], scale)
    for model in (PatternIsing(xi, scale), two, PatternIsing(xi[:1], scale)):
        assert lost(model) <= size_and_lost(model)[1] <= 1e-13 * size_and_lost(model)[0] + 1e-300


@pytest.mark.parametrize("model", models(), ids=repr)
def test_frustrated_is_a_state_that_violates_a_term(model):
    J = np.triu(model.couplings(), 1)
    for s in np.random.default_rng(1).choice(np.array([-1, 1], np.int8), (20, model.n_spins)):
        assert is_frustrated(model, s) == bool((J * np.outer(s, s) < 0).any() or (model.b * s < 0).any())


def test_what_is_lost_is_summed_upwards():
    patterns = PatternIsing([[0.1, 0.2, 0.3]])
    for model in (patterns._off_by(1.0), patterns):
        assert model.coupling_rounding() > 0
        assert Fraction(lost(model)) >= Fraction(model.rounding) + Fraction(model.coupling_rounding())


@pytest.mark.parametrize(
    ("terms", "less", "down"),
    [
        ([1.0, 2.0**-60], 0.0, 1.0),
        ([1.0, -(2.0**-60)], 0.0, 1 - 2.0**-53),  # rounded up to 1
        ([1e16, 1.0, -1e16], 0.0, 1.0),  # exact: nothing is taken off
        ([1.0], 2.0**-60, 1 - 2.0**-53),
        ([1.0, 0.5], 0.25, 1.25),
        # What rounding to nearest left, 2^-60 - 2^-120, is itself rounded up, to what is taken off.
        ([1.0, 2.0**-60, -(2.0**-120)], 2.0**-60, 1 - 2.0**-53),
    ],
)
def test_sums_are_rounded_down(terms, less, down):
    nearest, below = exact_sum(terms, less)
    assert nearest == float(sum(map(Fraction, terms)))
    assert below == down


def test_rounding_down_takes_nothing_from_what_is_exact():
    assert round_down(Fraction(3, 2)) == 1.5
    assert round_down(1 - Fraction(1, 2**60)) == 1 - 2.0**-53
    assert round_down(1 + Fraction(1, 2**60)) == 1.0


@pytest.mark.parametrize(
    ("G", "unit", "exact"),
    [
        ([0.75, -1.25], 0.25, True),
        ([0.3, -0.3], 0.3, True),
        ([2.0**51, 2.0**51 - 1], 1.0, True),
        ([2.0**51 + 2, 2.0**51 - 1], 2.0**51, False),  # a sum of all, and a change of it, needs 53 bits
        ([1.0, 2.0**-53 + 2.0**-105], 1.0, False),
        ([0.1, 0.2, 0.1 + 0.2], 0.1, False),  # multiples of .1 to the last digit but one
        ([0.1, 0.2, 0.3 * (1 + 2.0**-45)], 0.25, False),
        ([1e-15, 0.3, 0.7], 0.5, False),  # 2^49 times the smallest: any number would be near a multiple
        ([0.0], 1.0, True),
    ],
)
def test_units_of_couplings(G, unit, exact):
    K, found, known = in_units(np.array(G))
    assert (found, known) == (unit, exact)
    if exact:
        assert [Fraction(k) * Fraction(unit) for k in K] == [Fraction(g) for g in G]
