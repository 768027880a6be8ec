"""What is particular to one form of model: construction, bad input, sparse structure, two layers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from naive import all_states, energies

from spinlab.models import (
    BipartiteIsing,
    DenseIsing,
    IsingModel,
    PatternBipartiteIsing,
    PatternIsing,
    SparseIsing,
    as_model,
)

TRIANGLE = np.ones((3, 3)) - np.eye(3)


def both(build):
    """The two classes that take a matrix J."""
    return pytest.mark.parametrize("build", [DenseIsing, SparseIsing])(build)


# Construction


@both
def test_inputs_are_copied(build):
    J, b = TRIANGLE.copy(), np.ones(3)
    model = build(J, b)
    J[0, 1] = J[1, 0] = b[0] = 9.0
    assert model.energy([1, 1, 1]) == -6.0


def test_sparse_input_is_copied():
    J = scipy.sparse.csr_array(TRIANGLE)
    model = SparseIsing(J)
    J.data[:] = 9.0
    assert model.energy([1, 1, 1]) == -3.0


def test_other_inputs_are_copied():
    W, xi, b = np.ones((1, 2)), np.ones((2, 3)), np.ones(2)
    rbm, pattern, two = BipartiteIsing(W, bh=b), PatternIsing(xi), PatternBipartiteIsing(xi, xi, 1.0)
    W[:], xi[:], b[:] = 9, 9, 9
    assert rbm.energy([1, 1, 1]) == -4.0
    assert pattern.energy([1, 1, 1]) == -6.0
    assert two.energy([1] * 6) == -18.0


@both
def test_uniform_and_single_fields(build):
    np.testing.assert_array_equal(build(TRIANGLE).b, np.zeros(3))
    np.testing.assert_array_equal(build(TRIANGLE, 0.5).b, np.full(3, 0.5))
    np.testing.assert_array_equal(build(TRIANGLE, [1, 2, 3]).b, [1.0, 2.0, 3.0])


@both
def test_one_spin(build):
    model = build([[0.0]], [2.0], offset=1.0)
    np.testing.assert_array_equal(model.energy([[1], [-1]]), [-1.0, 3.0])
    assert model.coupling_std() == 0.0


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_real_dtype_and_order_gives_float64_rows(dtype, order):
    model = DenseIsing(np.array(TRIANGLE, dtype=dtype, order=order))
    assert model.J.dtype == np.float64
    assert model.J.flags.c_contiguous
    assert model.energy([1, 1, -1]) == 1.0


def test_labels_are_kept():
    model = DenseIsing(TRIANGLE, labels=["a", "b", ("c", 1)])
    assert model.labels == ("a", "b", ("c", 1))
    for other in (model.scaled(2.0), model.to_sparse(), model.to_sparse().scaled(2.0).to_dense()):
        assert other.labels == model.labels


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (["a"], ValueError, "all 3 sites, got 1"),
        (["a", "b", "a"], ValueError, "distinct"),
        ([["a"], ["b"], ["c"]], TypeError, "hashable"),
        (5, TypeError, "labels must be a sequence"),
    ],
)
@both
def test_bad_labels(build, labels, error, message):
    with pytest.raises(error, match=message):
        build(TRIANGLE, labels=labels)


# Standard deviation of the couplings


@pytest.mark.parametrize("scale", [1e-160, 1.0, 1e140])
def test_std_at_extreme_scales(scale):
    J = TRIANGLE.copy()
    J[0, 1] = J[1, 0] = -2.0
    for model in (DenseIsing(scale * J), SparseIsing(scale * J), BipartiteIsing(scale * J[:2, 1:])):
        values = [-2.0, 1.0, 1.0] if model.n_spins == 3 else [-2.0, 1.0, 0.0, 1.0]
        assert model.coupling_std() == pytest.approx(scale * np.std(values), rel=1e-12)
    xi = math.sqrt(scale) * np.array([[1.0, -1.0, 1.0, 1.0]])
    assert PatternIsing(xi).coupling_std() == pytest.approx(scale, rel=1e-12)
    # Standard deviation of (1, -1, -1, 1, 1, 1, 1, ...): the products of xi with xi[:2].
    two = PatternBipartiteIsing(xi, xi[:, :2], 1.0)
    assert two.coupling_std() == pytest.approx(scale, rel=1e-12)


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 1e-7])
def test_equal_couplings_have_no_std(value):
    J = value * (np.ones((7, 7)) - np.eye(7))
    xi = np.full((1, 7), math.sqrt(value))
    for model in (
        DenseIsing(J),
        SparseIsing(J),
        BipartiteIsing(J[:1, 1:]),
        PatternIsing(xi),
        PatternBipartiteIsing(xi, xi),
    ):
        assert model.coupling_std() == 0.0
        with pytest.raises(ValueError, match="all couplings of this model are equal"):
            model.with_std(1.0)


@pytest.mark.parametrize(
    "xi",
    [
        np.ones((2, 6)) + 1e-7 * np.arange(12).reshape(2, 6) ** 2,
        np.array([[1e9, 1.0, -2.0, 3.0], [0.0, 1.0, 1.0, 1.0]]),
    ],
    ids=["nearly equal", "one large site"],
)
def test_std_of_patterns_does_not_cancel(xi):
    J = np.array([xi[:, i] @ xi[:, j] for i in range(xi.shape[1]) for j in range(i)])
    assert PatternIsing(xi).coupling_std() == pytest.approx(np.std(J), rel=1e-7)
    W = xi[:, :2].T @ xi[:, 2:]
    two = PatternBipartiteIsing(xi[:, :2], xi[:, 2:], 1.0)
    assert two.coupling_std() == pytest.approx(np.std(W), rel=1e-7)


# Bad input

NOT_NUMBERS = [
    (np.array([[0, 1j], [1j, 0]]), TypeError, "complex"),
    ([["a", "b"], ["c", "d"]], TypeError, "real numbers"),
    (np.array([[0, None], [None, 0]]), TypeError, "object"),
    (np.array([[0, 10**400], [10**400, 0]]), TypeError, "object"),
    (np.zeros((2, 2), dtype=bool), TypeError, "bool"),
    (None, TypeError, "NoneType"),
    ({"a": 1}, TypeError, "dict"),
    ([[0, 1], [1]], ValueError, "regular array"),
    (np.ma.masked_array(np.zeros((2, 2)), np.eye(2)), TypeError, "masked"),
    ([np.ma.masked_array([0.0, 1.0], [0, 1]), np.array([1.0, 0.0])], TypeError, "masked"),
    (np.array([[0, np.nan], [np.nan, 0]]), ValueError, "NaN"),
    (np.array([[0, np.inf], [np.inf, 0]]), ValueError, "infinite"),
    (np.array([[0, 1e200], [1e200, 0]]), ValueError, "too large"),
    (np.array([[0, 2**53 + 1], [2**53 + 1, 0]]), ValueError, r"2\*\*53"),
    (np.array([[0, 2**63], [2**63, 0]], dtype=np.uint64), ValueError, r"2\*\*53"),
]


@pytest.mark.parametrize(
    ("J", "error", "message"),
    [
        *NOT_NUMBERS,
        (1.0, ValueError, "axes"),
        (np.zeros(4), ValueError, "axes"),
        (np.zeros((2, 2, 2)), ValueError, "axes"),
        (np.zeros((0, 0)), ValueError, "empty"),
        (np.zeros((2, 3)), ValueError, "square.*BipartiteIsing"),
        (np.eye(3), ValueError, "diagonal"),
        (np.triu(TRIANGLE), ValueError, r"triangular.*\.T"),
        (np.tril(TRIANGLE), ValueError, r"triangular.*\.T"),
        ([[0, 1, 2], [1, 0, 3], [2, 4, 0]], ValueError, r"symmetric, but J\[1,2\] = 3.0 and J\[2,1\] = 4.0"),
    ],
)
@both
def test_bad_couplings(build, J, error, message):
    with pytest.raises(error, match=message):
        build(J)


@pytest.mark.parametrize(("W", "error", "message"), [*NOT_NUMBERS, (np.zeros(3), ValueError, "axes")])
def test_bad_weights_and_patterns(W, error, message):
    for build in (
        BipartiteIsing,
        PatternIsing,
        lambda xi: PatternBipartiteIsing(xi, [[1], [1]]),
        lambda xi: PatternBipartiteIsing([[1], [1]], xi),
    ):
        with pytest.raises(error, match=message):
            build(W)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_empty_layers_and_patterns(shape):
    for build in (BipartiteIsing, PatternIsing, lambda xi: PatternBipartiteIsing(xi, xi)):
        with pytest.raises(ValueError, match="empty"):
            build(np.zeros(shape))


def test_patterns_of_the_two_layers_must_agree():
    with pytest.raises(ValueError, match="2 patterns and xi_h 3"):
        PatternBipartiteIsing(np.ones((2, 4)), np.ones((3, 4)))


@pytest.mark.parametrize("scale", [1e140, -1e140, 1e308])
def test_patterns_whose_couplings_overflow(scale):
    xi = np.full((2, 50), 1e4)
    for build in (lambda: PatternIsing(xi, scale), lambda: PatternBipartiteIsing(xi, xi, scale)):
        with pytest.raises(ValueError, match="too large"):
            build()
    with pytest.raises(ValueError, match="too large"):
        PatternIsing(1e100 * xi)


@pytest.mark.parametrize("scale", [np.nan, np.inf, "1", 1j, True, [1.0], np.ones(1), object()])
def test_bad_scale(scale):
    for build in (PatternIsing, lambda xi, scale: PatternBipartiteIsing(xi, xi, scale)):
        with pytest.raises((ValueError, TypeError), match="scale"):
            build(np.ones((1, 2)), scale)


@pytest.mark.parametrize(
    ("b", "error", "message"),
    [
        ([1.0, 2.0], ValueError, r"shape \(3,\)"),
        (np.zeros((3, 1)), ValueError, "axes"),
        ([0, 0, np.nan], ValueError, "NaN"),
        (np.inf, ValueError, "infinite"),
        ([1j, 0, 0], TypeError, "complex"),
        ("123", TypeError, "str"),
        ([None] * 3, TypeError, "object"),
        (np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]), TypeError, "masked"),
    ],
)
def test_bad_fields(b, error, message):
    for build in (
        lambda: DenseIsing(TRIANGLE, b),
        lambda: SparseIsing(TRIANGLE, b),
        lambda: PatternIsing(TRIANGLE, b=b),
        lambda: BipartiteIsing(TRIANGLE, bv=b),
        lambda: BipartiteIsing(TRIANGLE, bh=b),
        lambda: PatternBipartiteIsing(TRIANGLE, TRIANGLE, bv=b),
        lambda: PatternBipartiteIsing(TRIANGLE, TRIANGLE, bh=b),
    ):
        with pytest.raises(error, match=message):
            build()


@pytest.mark.parametrize("offset", [np.nan, np.inf, "1", None, 1j, True, np.complex64(1), [1.0]])
def test_bad_offset(offset):
    with pytest.raises((ValueError, TypeError), match="offset"):
        DenseIsing(TRIANGLE, offset=offset)


# Sparse structure


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("format", ["csr", "csc", "coo", "bsr", "dia", "dok", "lil"])
def test_every_sparse_format(format, kind):
    J = np.array([[0, 1, 0, -2], [1, 0, 3, 0], [0, 3, 0, 0.5], [-2, 0, 0.5, 0]])
    given = getattr(scipy.sparse, f"{format}_{kind}")(J)
    for model in (SparseIsing(given), as_model(given)):
        states = all_states(4)
        np.testing.assert_array_equal(model.energy(states), energies(J, np.zeros(4), 0.0, states))
        assert model.n_edges == 4


def test_duplicates_are_summed():
    i, j = [0, 1, 0, 1, 1, 2], [1, 0, 1, 0, 2, 1]
    model = SparseIsing(scipy.sparse.coo_array(([1.0, 1, 2, 2, 5, 5], (i, j)), shape=(3, 3)))
    np.testing.assert_array_equal(model.couplings(), [[0, 3, 0], [3, 0, 5], [0, 5, 0]])
    assert model.n_edges == 2


@pytest.mark.parametrize(
    ("i", "j", "J"),
    [
        ([0, 1, 1, 2], [1, 0, 2, 1], [2.0, 2.0, 0.0, 0.0]),
        ([0, 1, 1], [1, 0, 2], [2.0, 2.0, 0.0]),
        ([0, 1, 2], [1, 0, 1], [2.0, 2.0, 0.0]),
        ([0, 1, 1, 2, 0, 2], [1, 0, 2, 1, 0, 2], [2.0, 2.0, 0.0, 0.0, 0.0, 0.0]),
    ],
    ids=["both sides", "upper", "lower", "diagonal too"],
)
def test_explicit_zeros_are_edges_without_coupling(i, j, J):
    model = SparseIsing(scipy.sparse.coo_array((J, (i, j)), shape=(3, 3)))
    assert [x.tolist() for x in model.edges()] == [[0, 1], [1, 2], [2.0, 0.0]]
    assert model.n_edges == 2
    assert model.coupling_std() == 1.0
    assert model.energy([1, -1, 1]) == 2.0


@pytest.mark.parametrize(
    ("J", "error", "message"),
    [
        (scipy.sparse.csr_array((2, 3)), ValueError, "square.*BipartiteIsing"),
        (scipy.sparse.csr_array((0, 0)), ValueError, "empty|shape"),
        (scipy.sparse.eye_array(3), ValueError, "diagonal"),
        (scipy.sparse.triu(scipy.sparse.csr_array(TRIANGLE), 1), ValueError, r"triangular.*\.T"),
        (scipy.sparse.tril(scipy.sparse.csr_array(TRIANGLE), -1), ValueError, r"triangular.*\.T"),
        (scipy.sparse.csr_array([[0, 1], [2, 0]]), ValueError, r"J\[0,1\] = 1.0 and J\[1,0\] = 2.0"),
        (scipy.sparse.csr_array([[0, 1, 2], [1, 0, 0], [0, 0, 0]]), ValueError, r"J\[0,2\] = 2.0"),
        (scipy.sparse.csr_array([[0, np.nan], [np.nan, 0]]), ValueError, "NaN"),
        (scipy.sparse.csr_array([[0, np.inf], [np.inf, 0]]), ValueError, "infinite"),
        (scipy.sparse.csr_array([[0, 1e200], [1e200, 0]]), ValueError, "too large"),
        (scipy.sparse.csr_array([[0, 1j], [1j, 0]]), TypeError, "complex"),
        (scipy.sparse.csr_array([[False, True], [True, False]]), TypeError, "bool"),
        (scipy.sparse.coo_array(np.array([1.0, 2.0])), ValueError, "square"),
    ],
)
def test_bad_sparse_couplings(J, error, message):
    with pytest.raises(error, match=message):
        SparseIsing(J)


@pytest.mark.parametrize(
    ("indices", "indptr"),
    [([1, 7], [0, 1, 2]), ([1, -1], [0, 1, 2]), ([1, 0], [0, 1, 9]), ([1, 0], [0, 9, 2])],
)
def test_damaged_sparse_couplings(indices, indptr):
    J = scipy.sparse.csr_array([[0.0, 1.0], [1.0, 0.0]])
    J.indices, J.indptr = np.array(indices, dtype=np.int32), np.array(indptr, dtype=np.int32)
    with pytest.raises(ValueError, match="ind"):
        SparseIsing(J)


def test_dense_refuses_sparse_with_a_hint():
    with pytest.raises(TypeError, match="csr_array"):
        DenseIsing(scipy.sparse.csr_array(TRIANGLE))


def test_edges_and_from_edges_are_inverse():
    rng = np.random.default_rng(3)
    J = np.triu(rng.normal(size=(9, 9)) * (rng.random((9, 9)) < 0.4), 1)
    model = SparseIsing(J + J.T, rng.normal(size=9), offset=1.5, labels="abcdefghi")
    i, j, x = model.edges()
    assert (i < j).all()
    shuffle = rng.permutation(len(x))
    again = SparseIsing.from_edges(
        j[shuffle], i[shuffle], x[shuffle], 9, model.b, offset=1.5, labels=model.labels
    )
    for mine, yours in zip(model.form(), again.form(), strict=True):
        np.testing.assert_array_equal(mine, yours)
        assert mine.dtype == yours.dtype
    assert (again.offset, again.labels) == (model.offset, model.labels)


@pytest.mark.parametrize(
    ("i", "j", "J", "N", "error", "message"),
    [
        ([0], [1, 2], [1.0], 3, ValueError, "one entry for each edge"),
        ([0, 1], [1, 0], [1.0, 1.0], 3, ValueError, "sites 1 and 0: .*second time"),
        ([0, 0, 0], [1, 2, 1], [1.0, 1.0, 1.0], 3, ValueError, "edge number 2"),
        ([0], [0], [1.0], 3, ValueError, "itself"),
        ([0], [3], [1.0], 3, ValueError, r"0\.\.2"),
        ([-1], [2], [1.0], 3, ValueError, r"0\.\.2"),
        ([0.5], [2], [1.0], 3, ValueError, "integers"),
        ([0], [1], [np.nan], 3, ValueError, "NaN"),
        ([np.nan], [1], [1.0], 3, ValueError, "NaN"),
        (["a"], [1], [1.0], 3, TypeError, "real numbers"),
        ([0], [1], [1.0], 0, ValueError, "at least 1"),
        ([0], [1], [1.0], 2.5, TypeError, "integer"),
    ],
)
def test_bad_edges(i, j, J, N, error, message):
    with pytest.raises(error, match=message):
        SparseIsing.from_edges(i, j, J, N)


def test_no_edges_at_all():
    model = SparseIsing.from_edges([], [], [], 4)
    assert model.n_edges == 0
    assert model.energy([1, 1, -1, 1]) == 0.0
    assert model.coupling_std() == 0.0


# Two layers


def two_layers(kind):
    rng = np.random.default_rng(5)
    bv, bh = rng.normal(size=3), rng.normal(size=4)
    xi_v, xi_h = rng.normal(size=(2, 3)), rng.normal(size=(2, 4))
    if kind == "pattern":
        W = [
            [sum(xi_v[k, i] * xi_h[k, a] for k in range(2)) / math.sqrt(2) for a in range(4)]
            for i in range(3)
        ]
        return PatternBipartiteIsing(xi_v, xi_h, None, bv, bh, offset=0.25), np.array(W), bv, bh
    W = rng.normal(size=(3, 4))
    return BipartiteIsing(W, bv, bh, offset=0.25), W, bv, bh


@pytest.mark.parametrize("kind", ["weights", "pattern"])
def test_two_layers(kind):
    model, W, bv, bh = two_layers(kind)
    assert (model.V, model.H, model.n_spins) == (3, 4, 7)
    np.testing.assert_allclose(model.weights(), W, rtol=1e-14)
    np.testing.assert_array_equal(model.bv, bv)
    np.testing.assert_array_equal(model.bh, bh)
    states = all_states(7)
    v, h = model.split(states)
    np.testing.assert_array_equal(np.concatenate([v, h], axis=1), states)
    E = [0.25 - x @ W @ y - bv @ x - bh @ y for x, y in zip(v, h, strict=True)]
    np.testing.assert_allclose(model.energy(states), E, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(model.to_bipartite().energy(states), E, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(model.hidden_input(v.astype(float)), v @ W + bh, rtol=1e-12)
    np.testing.assert_allclose(model.visible_input(h.astype(float)), h @ W.T + bv, rtol=1e-12)


@pytest.mark.parametrize("kind", ["weights", "pattern"])
def test_free_energy_is_the_log_of_a_sum_over_hidden_states(kind):
    model, W, bv, bh = two_layers(kind)
    for v in all_states(3):
        E = [0.25 - v @ W @ h - bv @ v - bh @ h for h in all_states(4)]
        assert model.free_energy(v) == pytest.approx(-math.log(sum(math.exp(-e) for e in E)), rel=1e-12)
    batch = model.free_energy(all_states(3).reshape(2, 4, 3))
    assert batch.shape == (2, 4)
    assert batch[1, 3] == pytest.approx(model.free_energy([1, 1, 1]), rel=1e-14)


def test_free_energy_at_large_weights():
    # F(v) = -sum_a |x_a| - ln(1 + exp(-2|x_a|)), where exp(x_a) alone would overflow.
    model = BipartiteIsing([[1e4, -3e4]])
    assert model.free_energy([1]) == -4e4


@pytest.mark.parametrize("v", [np.ones(7), np.zeros(3), np.full(3, np.nan), "111", None])
def test_free_energy_refuses_bad_states(v):
    with pytest.raises((ValueError, TypeError), match="v must"):
        two_layers("weights")[0].free_energy(v)


def test_large_biases_do_not_spoil_the_couplings():
    model = BipartiteIsing([[0.1]], 1e15, -1e15)
    np.testing.assert_array_equal(model.energy([1, 1]) - model.energy([-1, -1]), 0.0)
    assert model._times(np.array([1.0, 1.0])).tolist() == [0.1, 0.1]


# Anything at all, thrown at the constructors: a clear refusal or a model with finite energies.

NUMBERS = st.floats(width=64) | st.integers() | st.complex_numbers() | st.booleans() | st.none() | st.text()
OBJECTS = st.recursive(
    NUMBERS, lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(), x), max_leaves=9
)
SIDES = st.integers(0, 4)
FINITE = st.floats(-1e200, 1e200) | st.sampled_from([0.0, 1.0, -1.0, 1e-320, 1e149])
ARRAYS = hnp.arrays(
    dtype=hnp.scalar_dtypes() | st.sampled_from([np.dtype(object)]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
SYMMETRIC = st.builds(
    lambda x: np.triu(x[:, : len(x)], 1) + np.triu(x[:, : len(x)], 1).T,
    hnp.arrays(np.float64, st.integers(1, 4).map(lambda n: (n, n)), elements=FINITE),
)
ANYTHING = OBJECTS | ARRAYS | SYMMETRIC
BUILDERS = {
    "dense": lambda x, y, z: DenseIsing(x, y, offset=z),
    "sparse": lambda x, y, z: SparseIsing(x, y, offset=z),
    "bipartite": lambda x, y, z: BipartiteIsing(x, y, z),
    "pattern": lambda x, y, z: PatternIsing(x, z, y),
    "pattern bipartite": lambda x, y, z: PatternBipartiteIsing(x, x, z, y),
    "as_model": lambda x, y, z: as_model(x),
}


def attempt(function, *given):
    """The result, or None after a refusal with a message."""
    try:
        return function(*given)
    except (ValueError, TypeError) as error:
        if str(error):
            return None
        raise


@pytest.mark.parametrize("builder", BUILDERS)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(x=ANYTHING, y=st.none() | ANYTHING, z=st.just(1.0) | FINITE | OBJECTS)
def test_constructors_refuse_clearly_or_give_finite_energies(builder, x, y, z):
    model = attempt(BUILDERS[builder], x, y, z)
    if model is None:
        return
    assert isinstance(model, IsingModel)
    states = all_states(min(model.n_spins, 8))
    states = np.ones((len(states), model.n_spins)) if model.n_spins > 8 else states
    assert np.isfinite(model.energy(states)).all()
    assert np.isfinite(model.local_fields(states)).all()
    assert np.isfinite(model.coupling_std())


@settings(max_examples=200, deadline=None, derandomize=True)
@given(s=ANYTHING)
def test_energy_refuses_clearly(s):
    E = attempt(DenseIsing(TRIANGLE, [1, 2, 3]).energy, s)
    assert E is None or np.isin(E, energies(TRIANGLE, [1, 2, 3], 0.0, all_states(3))).all()
