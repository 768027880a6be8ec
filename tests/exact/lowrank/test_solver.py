"""Models with few patterns, against enumeration, linear programming and brute force over vertices."""

from __future__ import annotations

import gc
import itertools
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import ground_energy_and_degeneracy
from scipy.optimize import linprog

import spinlab as sl
from spinlab.exact import enumeration, layer, lowrank
from spinlab.exact.lowrank import ground_state, threshold_functions, zonotope
from spinlab.models import BipartiteIsing, DenseIsing, PatternBipartiteIsing, PatternIsing, SparseIsing

FIELDS = ("none", "patterns", "uniform", "patterns and uniform", "constant size")


def binary(rng, K, N):
    return rng.choice([-1.0, 1.0], (K, N))


def field(rng, xi, kind):
    K, N = xi.shape
    return {
        "none": lambda: np.zeros(N),
        "patterns": lambda: rng.normal(size=K) @ xi,
        "uniform": lambda: np.full(N, rng.normal()),
        "patterns and uniform": lambda: rng.integers(-3, 4, K) @ xi + 0.5,
        "constant size": lambda: rng.normal() * rng.choice([-1.0, 1.0], N),
        "generic": lambda: rng.normal(size=N),
    }[kind]()


def hopfield(rng, K, N, kind, xi=None):
    xi = binary(rng, K, N) if xi is None else xi
    return PatternIsing(xi, rng.choice([1.0, 1 / N, 0.3]), field(rng, xi, kind), offset=rng.normal())


def rbm(rng, K, V, H, kind, hidden_kind, xi_v=None):
    xi_v = binary(rng, K, V) if xi_v is None else xi_v
    xi_h = binary(rng, K, H) if rng.random() < 0.7 else rng.normal(size=(K, H))
    scale, offset = rng.choice([1.0, -0.5, 0.3]), rng.normal()
    b = field(rng, xi_v, kind), field(rng, xi_h, hidden_kind)
    return PatternBipartiteIsing(xi_v, xi_h, scale, *b, offset=offset)


def size(model):
    """The sum of the sizes of all terms, those of the diagonal included."""
    diagonal = abs(model.scale) * (model.xi**2).sum() / 2 if isinstance(model, PatternIsing) else 0.0
    return np.abs(model.couplings()).sum() / 2 + np.abs(model.b).sum() + abs(model.offset) + diagonal


def check(model, E0=None):
    """The answer is the ground state, and its bound is below it and close."""
    if E0 is None:
        E0 = enumeration.ground_state(model).energy
    answer = ground_state(model)
    assert answer.certified
    assert answer.method == "lowrank"
    assert answer.energy == pytest.approx(E0, rel=0, abs=2e-14 * size(model))
    assert model.energy(answer.state) == pytest.approx(answer.energy, rel=0, abs=2e-14 * size(model))
    assert answer.lower_bound <= min(answer.energy, E0 + 1e-15 * size(model))
    assert answer.bound_gap <= 1e-11 * size(model)
    return answer


# --- threshold functions ---


def all_functions(K):
    """Values on the half cube of every function, from their weights."""
    w = threshold_functions.weights(K)
    x = threshold_functions.half_cube(K)
    signs = np.array(list(itertools.product((-1, 1), repeat=K)))
    sums = (w[:, None] * signs).reshape(-1, K) @ x.T
    assert (np.abs(sums) >= 1).all()  # no ties
    return np.unique(np.packbits(sums > 0, axis=1), axis=0)


@pytest.mark.parametrize(("K", "count"), [(1, 2), (2, 4), (3, 14), (4, 104), (5, 1882), (6, 94572)])
def test_number_of_zero_threshold_functions(K, count):
    assert len(all_functions(K)) == count == threshold_functions.COUNTS[K - 1]


def test_number_of_zero_threshold_functions_of_seven_inputs():
    """Functions with Chow parameters >= 0, and 2 for each positive one by the signs of the inputs."""
    w, x = threshold_functions.weights(7), threshold_functions.half_cube(7)
    f = np.sign(w @ x.T)
    chow = f @ x
    assert (chow >= 0).all()
    assert len(np.unique(np.packbits(f > 0, axis=1), axis=0)) == len(w)
    assert (2 ** (chow > 0).sum(1)).sum() == 15028134


@pytest.mark.slow
def test_functions_of_seven_inputs_one_by_one():
    w, x = threshold_functions.weights(7), threshold_functions.half_cube(7)
    words = []
    for signs in itertools.product((-1, 1), repeat=7):
        positive = (w * signs) @ x.T > 0
        words.append(np.packbits(positive, axis=1).view(np.uint64)[:, 0])
    assert len(np.unique(np.concatenate(words))) == 15028134


@pytest.mark.parametrize("K", range(1, 8))
def test_sorted_weights(K):
    w = threshold_functions.sorted_weights(K)
    assert len(w) == [1, 1, 2, 3, 7, 21, 135][K - 1]
    assert (np.diff(w, axis=1) <= 0).all()
    assert (w >= 0).all()
    assert (w.sum(1) % 2 == 1).all()


def test_exactly_the_functions_that_a_linear_program_can_separate():
    x = threshold_functions.half_cube(4)
    found = []
    for f in itertools.product((-1, 1), repeat=8):
        margins = -np.array(f)[:, None] * x  # f(x) w.x >= 1
        if linprog(np.zeros(4), margins, -np.ones(8), bounds=(None, None)).status == 0:
            found.append(np.packbits(np.array(f) > 0))
    np.testing.assert_array_equal(np.unique(found, axis=0), all_functions(4))


@pytest.mark.parametrize("K", [5, 6])
def test_random_directions_give_known_functions(K):
    x = threshold_functions.half_cube(K)
    w = np.random.default_rng(K).normal(size=(20_000, K))
    drawn = np.unique(np.packbits(w @ x.T > 0, axis=1), axis=0)
    known = all_functions(K)
    assert len(np.unique(np.concatenate([known, drawn]), axis=0)) == len(known)


# --- binary patterns ---


@pytest.mark.parametrize("kind", FIELDS)
def test_small_models_equal_naive_enumeration(kind):
    rng = np.random.default_rng(FIELDS.index(kind))
    for trial in range(20):
        K = int(rng.integers(1, 7))
        if trial % 2:
            model = hopfield(rng, K, int(rng.integers(1, 9)), kind)
        else:
            model = rbm(rng, K, int(rng.integers(1, 6)), int(rng.integers(1, 5)), kind, "generic")
        J = np.zeros((model.n_spins, model.n_spins))
        xi = model.xi if trial % 2 else np.concatenate([model.xi_v, model.xi_h], axis=1)
        for i, j in itertools.permutations(range(model.n_spins), 2):
            if trial % 2 or (i < model.V) != (j < model.V):
                J[i, j] = model.scale * sum(xi[k, i] * xi[k, j] for k in range(K))
        check(model, ground_energy_and_degeneracy(J, model.b, model.offset)[0])


@pytest.mark.parametrize("kind", FIELDS)
def test_hopfield_equals_enumeration(kind):
    rng = np.random.default_rng(10 + FIELDS.index(kind))
    most = 6 if kind in ("none", "patterns") else 5
    for trial in range(25):
        answer = check(hopfield(rng, trial % most + 1, int(rng.integers(9, 19)), kind))
        if kind == "none":
            assert answer.bound_gap <= np.spacing(abs(answer.energy))


@pytest.mark.parametrize("kind", FIELDS)
def test_ra_rbm_equals_enumeration_of_a_layer(kind):
    rng = np.random.default_rng(20 + FIELDS.index(kind))
    for trial in range(25):
        K, V, H = trial % 5 + 1, int(rng.integers(6, 13)), int(rng.integers(1, 30))
        kinds = [kind, (*FIELDS, "generic")[trial % 6]]
        if trial % 3 == 0 and K < 5:
            kinds.reverse()
        model = rbm(rng, K, V, H, *kinds)
        check(model, layer.ground_state(model).energy)


def test_seven_patterns():
    rng = np.random.default_rng(30)
    for trial in range(14):
        check(hopfield(rng, 7 if trial % 2 else 6, int(rng.integers(14, 20)), ("uniform", "none")[trial % 2]))
    for trial in range(6):
        model = rbm(rng, 7, 10, 4, ("none", "patterns")[trial % 2], ("none", "generic")[trial // 4])
        check(model, layer.ground_state(model).energy)


def test_a_field_that_is_a_short_sum_of_patterns_is_exact():
    rng = np.random.default_rng(31)
    xi = binary(rng, 3, 1001)
    for model in (
        PatternIsing(xi, 1.0, 2 * xi[0] - 0.5 * xi[1]),
        PatternIsing(xi, 0.5, 3 + xi[2]),
        PatternIsing(xi, 2.0, -7.0),
        PatternBipartiteIsing(xi, binary(rng, 3, 500), 1.0, xi[2], 5.0),
    ):
        answer = ground_state(model)
        assert answer.energy == answer.lower_bound == model.energy(answer.state)


def test_uniform_field_against_the_classes_of_a_large_model():
    """With K patterns and a uniform field all states are those of 2^K blocks of aligned sites."""
    rng = np.random.default_rng(32)
    xi = binary(rng, 3, 5000)
    model = PatternIsing(xi, 1 / 5000, 0.3)
    blocks, counts = np.unique(xi.T, axis=0, return_counts=True)
    states = np.array(list(itertools.product((-1, 1), repeat=len(blocks)))) * counts
    energies = -((states @ blocks) ** 2).sum(1) / 10_000 + 1.5 - 0.3 * states.sum(1)
    assert ground_state(model).energy == pytest.approx(energies.min(), rel=1e-13)


def test_a_million_spins():
    rng = np.random.default_rng(33)
    xi = rng.choice(np.array([-1, 1], np.int8), (5, 10**6))
    hopfield_model = PatternIsing(xi, 2.0**-20)
    answer = ground_state(hopfield_model)
    m = xi.astype(np.int64) @ answer.state.astype(np.int64)
    assert answer.energy == answer.lower_bound == -(int((m**2).sum()) - 5 * 10**6) / 2**21

    bipartite = PatternBipartiteIsing(xi[:, : 6 * 10**5], xi[:, 6 * 10**5 :], 0.5)
    answer = ground_state(bipartite)
    m, n = (
        xi.astype(np.int64)[:, p] @ s.astype(np.int64)
        for p, s in ((slice(600_000), answer.v), (slice(600_000, None), answer.h))
    )
    assert answer.energy == answer.lower_bound == -0.5 * int(m @ n)
    # No single flip of a hidden spin, nor of a visible one, lowers it.
    assert ((m @ xi[:, 600_000:]) * answer.h >= 0).all()
    assert ((n @ xi[:, :600_000]) * answer.v >= 0).all()


# --- real patterns ---


@pytest.mark.parametrize("K", [2, 3])
def test_real_patterns_equal_enumeration(K):
    rng = np.random.default_rng(40 + K)
    for trial in range(50):
        N = int(rng.integers(3, 16))
        xi = rng.normal(size=(K, N)) * rng.choice([0.0, 1.0], (K, N), p=[0.2, 0.8])
        kind = ("none", "patterns", "generic")[trial % (3 if K == 2 else 2)]
        if trial % 4:
            check(hopfield(rng, K, N, kind, xi))
        else:
            model = rbm(rng, K, min(N, 10), 20, kind, "generic", xi[:, :10])
            check(model, layer.ground_state(model).energy)


def test_one_pattern_with_any_field():
    rng = np.random.default_rng(44)
    for N in range(1, 14):
        check(hopfield(rng, 1, N, "generic"))
        check(PatternIsing(rng.normal(size=(1, N)), 0.7))


def test_more_patterns_of_rank_three():
    rng = np.random.default_rng(45)
    for K in (4, 5, 8):
        xi = rng.normal(size=(K, 3)) @ rng.normal(size=(3, 12))
        check(PatternIsing(xi, 0.3))
        check(PatternIsing(xi, 0.3, rng.normal(size=K) @ xi))


def vertex_cases():
    """Vectors in special position: parallel, coplanar, both up to rounding, of very different lengths."""
    rng = np.random.default_rng(46)
    for trial in range(600):
        r, N = int(rng.integers(1, 4)), int(rng.integers(1, 10))
        few = rng.normal(size=(3, r))[rng.integers(0, 3, N)]
        flat = rng.normal(size=(N, 2)) @ rng.normal(size=(2, r))
        noise = rng.normal(size=(N, r)) * 10.0 ** -rng.integers(8, 18)
        yield (
            rng.integers(-2, 3, (N, r)).astype(float),
            rng.integers(-2, 3, (N, r)) * 0.1,
            few * rng.normal(size=(N, 1)),
            few + noise,
            flat,
            flat + noise,
            rng.normal(size=(N, r)) * 10.0 ** rng.integers(-12, 12, (N, 1)),
            rng.normal(size=(N, r)) * rng.integers(0, 2, (N, r)),
        )[trial % 8]


def test_vertices_of_vectors_in_special_position():
    rng = np.random.default_rng(47)
    for trial, X in enumerate(vertex_cases()):
        N, r = X.shape
        A = rng.normal(size=(r, r))
        c = rng.normal(size=r) * rng.integers(0, 2) * np.abs(X).sum()
        states = np.array(list(itertools.product((-1.0, 1.0), repeat=N)))
        y = states @ X
        if trial % 2:
            F = zonotope.quadratic(A @ A.T, c)
            values = ((y @ A) ** 2).sum(1) + y @ c
        else:
            U, t = rng.normal(size=(5, r)), rng.normal(size=5) * rng.integers(0, 2) * np.abs(X).sum()
            F = zonotope.sum_of_sizes(c, U, np.arange(5), t)
            values = np.abs(y @ U.T - t).sum(1) + y @ c
        s, bound = zonotope.best_signs(X, F, 1)
        scale = F.size(np.abs(X).sum(0)) + 1e-290
        value = values[np.flatnonzero((states == s).all(1))[0]]
        assert value >= values.max() - 2e-14 * scale
        assert values.max() - 1e-15 * scale <= bound <= values.max() + 1e-11 * scale


def test_one_turn_covers_all_orders_of_lines_that_cannot_be_told_apart():
    """Vectors in one plane with x_0 up to rounding: in the turn of x_0 all other lines coincide."""
    rng = np.random.default_rng(49)
    for trial in range(30):
        x = rng.normal(size=3)
        # A second vector of the plane with a zero where x is smallest, as in the basis of the turn, so that
        # rounding scatters the lines to both ends of the half turn.
        k = int(np.abs(x).argmin())
        f = np.cross(np.eye(3)[k], x) if trial % 2 else rng.normal(size=3)
        X = rng.normal(size=(9, 2)) @ np.array([x, f])
        X = np.concatenate([x[None], X]) / np.abs(X).sum() / 4
        A = rng.normal(size=(3, 3))
        F = zonotope.quadratic(A @ A.T, np.zeros(3))
        states = np.array(list(itertools.product((-1.0, 1.0), repeat=10)))
        best = ((states @ X @ A) ** 2).sum(1).max()
        Z = np.rint(np.ldexp(X, zonotope._SUM_BITS)).astype(np.int64)
        value, width = zonotope._turns(0, 1, X, Z, F, True, np.empty(3))
        assert value == pytest.approx(best, rel=1e-13)
        assert width <= 1e-13


def test_large_real_models():
    """A million vectors in the plane: no state of a random direction, nor any nearby one, lies lower."""
    rng = np.random.default_rng(48)
    for K, N in ((2, 10**6), (3, 300)):
        xi = rng.normal(size=(K, N))
        answer = ground_state(PatternIsing(xi, 1 / N))
        m = xi @ answer.state
        assert answer.energy == pytest.approx(-(m @ m - (xi**2).sum()) / (2 * N), rel=1e-11)
        assert answer.bound_gap <= 1e-11 * abs(answer.energy)
        best = max((np.sign(c @ xi) @ xi.T @ (np.sign(c @ xi) @ xi.T)) for c in rng.normal(size=(30, K)))
        assert m @ m >= best


# --- few types of sites ---


def test_few_different_fields():
    rng = np.random.default_rng(50)
    xi = binary(rng, 3, 20_000)
    b = rng.choice([0.0, 0.25], 20_000)
    answer = ground_state(PatternIsing(xi, 1e-4, b))
    rows, index = np.unique(np.vstack([xi, b]).T, axis=0, return_inverse=True)
    # Blocks with opposite columns and fields align, so half of them follow the others.
    partner = {tuple(row): i for i, row in enumerate(rows)}
    lead = [i for i, row in enumerate(rows) if partner.get(tuple(-row), i) >= i]
    assert len(lead) == 12
    states = np.empty((2**12, len(rows)))
    for i, column in zip(lead, np.array(list(itertools.product((-1, 1), repeat=12))).T, strict=True):
        states[:, partner.get(tuple(-rows[i]), i)] = -column
        states[:, i] = column
    sums = states * np.bincount(index)
    energies = -5e-5 * (((sums @ rows[:, :3]) ** 2).sum(1) - 60_000) - sums @ rows[:, 3]
    assert answer.energy == pytest.approx(energies.min(), rel=1e-13)
    assert answer.lower_bound <= energies.min() + 1e-9


def test_few_types_of_many_patterns_in_either_layer():
    rng = np.random.default_rng(51)
    xi_v = np.tile(rng.normal(size=(9, 5)), 20)
    for xi_h in (rng.normal(size=(9, 7)), np.tile(rng.normal(size=(9, 4)), 20)):
        model = PatternBipartiteIsing(xi_v, xi_h, 0.1, np.tile(rng.normal(size=5), 20), 0.2)
        answer = ground_state(model)
        small = BipartiteIsing(
            20 * xi_v[:, :5].T @ xi_h * 0.1, 20 * model.bv[:5], model.bh
        )  # 20 visible units each
        assert answer.energy == pytest.approx(layer.ground_state(small).energy, rel=1e-12)
        assert model.energy(answer.state) == pytest.approx(answer.energy, rel=1e-12)


# --- a matrix of couplings ---


@pytest.mark.parametrize("form", [DenseIsing, SparseIsing])
def test_patterns_are_found_in_a_matrix(form):
    rng = np.random.default_rng(60)
    solved = 0
    for trial in range(40):
        K, N = trial % 5 + 1, int(rng.integers(14, 19))
        if trial % 2:
            model = hopfield(rng, K, N, FIELDS[trial % 3])
        else:
            model = hopfield(rng, min(K, 3), N, "none", rng.normal(size=(min(K, 3), N)))
        matrix = model.to_dense() if form is DenseIsing else model.to_sparse()
        refusal = lowrank.refusal(matrix)
        if refusal is None:
            check(matrix)
            solved += 1
        else:
            assert "few couplings" in refusal or "too few" in refusal or "not positive" in refusal
    assert solved >= 34


def test_a_large_matrix():
    rng = np.random.default_rng(61)
    for K in (3, 6):
        model = PatternIsing(binary(rng, K, 600), 1 / 600)
        answer = ground_state(model.to_dense())
        assert answer.energy == pytest.approx(ground_state(model).energy, rel=1e-13)
        assert answer.bound_gap < 1e-10


def test_a_graph_keeps_its_labels():
    xi = binary(np.random.default_rng(62), 2, 16)
    graph = sl.models.to_networkx(PatternIsing(xi, 1.0).to_sparse())
    answer = sl.ground_state(graph, "lowrank")
    assert set(answer.assignment) == set(range(16))


def test_what_the_patterns_leave_over_enters_the_bound():
    rng = np.random.default_rng(63)
    for noise, accepted in ((1e-11, True), (1e-7, False)):
        J = PatternIsing(rng.normal(size=(3, 16)), 1.0).couplings()
        N = np.triu(rng.normal(size=J.shape), 1) * noise
        model = DenseIsing(J + N + N.T)
        assert (lowrank.refusal(model) is None) == accepted
        if accepted:
            answer = ground_state(model)
            E0 = enumeration.ground_state(model).energy
            assert answer.lower_bound <= E0 <= answer.energy + 1e-13
            assert answer.bound_gap >= 0.5 * np.abs(N).sum()


def test_patterns_that_are_not_found_are_not_claimed():
    """A ferromagnet and one more coupling has rank 2, but half of the sites may not show it."""
    messages = []
    for a, b in itertools.combinations(range(10), 2):
        J = np.ones((10, 10)) - np.eye(10)
        J[a, b] = J[b, a] = -3.0
        model = DenseIsing(J)
        refusal = lowrank.refusal(model)
        if refusal is None:
            check(model)
        messages.append(refusal)
    assert any(message is not None and "leave over" in message for message in messages)


def test_any_diagonal_is_allowed_but_indefinite_couplings_are_not():
    rng = np.random.default_rng(64)
    xi = rng.normal(size=16)
    partition = -np.outer(xi, xi)  # number partitioning
    mixed = np.outer(xi, xi) - np.outer(rng.normal(size=16), rng.normal(size=16))
    mixed += mixed.T
    signs = rng.choice([-1.0, 1.0], (4, 16))
    for J in (partition, mixed, -signs.T @ signs):
        np.fill_diagonal(J, 0.0)
        with pytest.raises(ValueError, match=r"positive semidefinite|rank"):
            ground_state(DenseIsing(J))
    for model in (PatternIsing(xi[None], -1.0), PatternIsing(signs, -0.1)):
        with pytest.raises(ValueError, match="scale >= 0"):
            ground_state(model)


# --- refusals ---


def test_refusals_say_what_is_allowed():
    rng = np.random.default_rng(70)
    zeros = binary(rng, 5, 100) * rng.choice([0.0, 1.0], (5, 100))
    for model, message in (
        (PatternIsing(binary(rng, 8, 200)), r"K=8 binary patterns, 7 are allowed"),
        (PatternIsing(binary(rng, 7, 200), 1.0, 0.1), r"a field that counts as one more"),
        (PatternIsing(binary(rng, 5, 200), 1.0, rng.normal(size=200)), r"the field is neither"),
        (PatternIsing(zeros), r"not binary.*5 patterns have a rank above 3"),
        (PatternIsing(rng.normal(size=(4, 100))), r"4 patterns have a rank above 3"),
        (PatternIsing(rng.normal(size=(3, 100)), 1.0, 0.1), r"3 patterns and a field have a rank above 3"),
        (
            PatternBipartiteIsing(binary(rng, 8, 50), binary(rng, 8, 60)),
            r"visible layer: K=8.*hidden layer: K=8",
        ),
        (PatternIsing(rng.normal(size=(3, 200_000))), r"minutes on.*limit is"),
        (BipartiteIsing(rng.normal(size=(9, 9))), r"rank above 7"),
        (sl.ensembles.sk(N=100, rng=0), r"rank above 7"),
        (DenseIsing(np.zeros((3, 3))), r"8 to 4000 spins, got N=3"),
        (SparseIsing.from_edges(range(99), range(1, 100), np.ones(99), 100), r"few couplings"),
    ):
        assert lowrank.refusal(model) is not None
        assert lowrank.cost(model)[0] == np.inf
        with pytest.raises(ValueError, match=message):
            ground_state(model)
    with pytest.raises(ValueError, match="NaN"):
        PatternIsing([[1.0, np.nan]])


def test_degeneracy_is_left_to_methods_that_count():
    model = PatternIsing([[1, -1, 1, 1]])
    with pytest.raises(ValueError, match="enumeration"):
        ground_state(model, degeneracy=True)
    with pytest.raises(TypeError, match="degeneracy"):
        ground_state(model, degeneracy=1)
    answer = sl.ground_state(model, degeneracy=True)
    assert (answer.method, answer.degeneracy) == ("enumeration", 2)
    assert sl.ground_state(model).method == "lowrank"


# --- the whole ---


def test_models_without_couplings_or_spins_without_patterns():
    assert ground_state(PatternIsing(np.zeros((2, 3)), offset=2.0)).energy == 2.0
    assert ground_state(PatternIsing([[0.0, 0.0, 1.0]], 1.0, [1.0, -2.0, 0.0])).energy == -3.0
    assert ground_state(PatternIsing([[1, 1]], 0.0, [1.0, -1.0])).energy == -2.0
    assert ground_state(DenseIsing(np.zeros((9, 9)), 1.0)).energy == -9.0
    assert ground_state(PatternBipartiteIsing([[0.0, 0.0]], [[1.0]], 1.0, 1.0, -1.0)).energy == -3.0


def test_extreme_numbers():
    rng = np.random.default_rng(80)
    for xi in (binary(rng, 3, 10), rng.normal(size=(3, 10)), np.tile(rng.normal(size=(5, 4)), 5)):
        for scale in (1e-305, 1e-200, 1e140):
            model = PatternIsing(xi, scale)
            answer = ground_state(model)
            assert answer.energy == pytest.approx(model.energy(answer.state), rel=1e-12)
            assert answer.lower_bound <= answer.energy
            reference = ground_state(PatternIsing(xi, 1.0))
            assert answer.energy / scale == pytest.approx(reference.energy, rel=1e-12)


def test_threads_do_not_change_the_answer():
    rng = np.random.default_rng(81)
    for model in (
        PatternIsing(binary(rng, 6, 100)),
        PatternIsing(rng.normal(size=(3, 150))),
        PatternBipartiteIsing(binary(rng, 5, 40), rng.normal(size=(5, 50)), bh=rng.normal(size=50)),
    ):
        answers = [ground_state(model, threads=n) for n in (1, 2, 5)]
        assert len({(a.energy, a.lower_bound, a.state.tobytes()) for a in answers}) == 1


def test_the_analysis_does_not_keep_a_model_alive():
    for build in (
        lambda: PatternIsing([[1, -1, 1]]),
        lambda: PatternBipartiteIsing([[1, -1]], [[1.0, 1.0]]),
        lambda: PatternIsing(binary(np.random.default_rng(0), 2, 12)).to_dense(),
    ):
        model = build()
        ground_state(model)
        reference = weakref.ref(model)
        del model
        gc.collect()
        assert reference() is None


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), N=st.integers(2, 12), K=st.integers(1, 5))
def test_gauge_and_order_do_not_matter(data, N, K):
    spins = st.sampled_from([-1, 1])
    xi = np.array(data.draw(st.lists(st.lists(spins, min_size=N, max_size=N), min_size=K, max_size=K)))
    gauge = np.array(data.draw(st.lists(spins, min_size=N, max_size=N)))
    order = np.array(data.draw(st.permutations(range(N))))
    b = data.draw(st.integers(-2, 2)) * xi[0]
    E = ground_state(PatternIsing(xi, 1.0, b)).energy
    assert ground_state(PatternIsing(xi * gauge, 1.0, b * gauge)).energy == E
    assert ground_state(PatternIsing(xi[:, order], 1.0, b[order])).energy == E
    assert ground_state(PatternIsing(xi[::-1], 1.0, -b)).energy == E
