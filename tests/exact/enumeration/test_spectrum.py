"""Levels, their states and the density of states against naive enumeration, and published values."""

from __future__ import annotations

import itertools
import math

import naive
import numpy as np
import pytest

from spinlab import exact
from spinlab.exact import enumeration
from spinlab.exact.enumeration import density as density_module
from spinlab.exact.enumeration import search, spectrum, tables
from spinlab.models import BipartiteIsing, DenseIsing


def symmetric(upper):
    upper = np.triu(upper, 1)
    return upper + upper.T


def random_model(rng, n):
    """Real numbers; integers with many ties; the same times 0.1, which float64 does not add exactly."""
    kind = rng.integers(3)
    if kind == 0:
        J, b = rng.normal(size=(n, n)), rng.normal(size=n)
    else:
        J, b = rng.integers(-2, 3, size=(n, n)) * 1.0, rng.integers(-2, 3, size=n) * 1.0
    model = DenseIsing(symmetric(J), b * rng.integers(0, 2), offset=float(rng.integers(-1, 2)))
    return model.scaled(0.1) if kind == 2 else model, kind != 0


def all_energies(model):
    """Energies of all states in lexicographic order: half of the spins index rows, half columns."""
    J, b = model.couplings(), model.b
    m = len(b) // 2
    s, t = naive.all_states(m), naive.all_states(len(b) - m)
    E = naive.energies(J[:m, :m], b[:m], model.offset, s)[:, None] - s @ J[:m, m:] @ t.T
    return (E + naive.energies(J[m:, m:], b[m:], 0.0, t)).ravel()


def naive_levels(E):
    """(lowest energy, numbers of the states) of each level."""
    order = np.argsort(E, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(E[order]) > 1e-9) + 1)
    return [(E[g[0]], np.sort(g)) for g in groups]


def numbers(states):
    return ((np.asarray(states) > 0) @ (1 << np.arange(states.shape[1] - 1, -1, -1))).tolist()


def check_levels(model, k):
    expected = naive_levels(all_energies(model))
    levels = exact.lowest_levels(model, k)
    assert len(levels) == min(k, len(expected))
    for level, (energy, states) in zip(levels, expected, strict=False):
        assert level.energy == pytest.approx(energy, rel=0, abs=1e-12)
        assert level.degeneracy == len(states)
        assert level.complete == (len(states) <= 1000)
        assert set(numbers(level.states)) <= set(states)
        assert len(set(numbers(level.states))) == min(1000, len(states))
        np.testing.assert_allclose(model.energy(level.states), level.energy, rtol=0, atol=1e-12)
    assert levels[0].energy == enumeration.ground_state(model).energy


@pytest.mark.parametrize("seed", range(4))
def test_levels_and_states_agree_with_naive_enumeration(seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        model, _ = random_model(rng, int(rng.integers(1, 10)))
        check_levels(model, int(rng.integers(1, 12)))


@pytest.fixture
def many_chunks(monkeypatch):
    """Pruning and many chunks, which large models have, for models that can be checked."""
    monkeypatch.setattr(tables, "MIN_CHUNK_BITS", 1)
    monkeypatch.setattr(search, "PRUNE_FROM", 14)


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("n", [15, 17, 19])
@pytest.mark.parametrize("kind", ["gauss", "pm", "sparse", "fields", "ties"])
def test_levels_of_many_chunks(n, kind):
    rng = np.random.default_rng(n)
    J = rng.normal(size=(n, n)) if kind == "gauss" else rng.integers(0, 2, size=(n, n)) * 2.0 - 1
    if kind in ("sparse", "ties"):
        J *= rng.random((n, n)) < 3 / n
    if kind == "ties":  # degenerate levels of couplings that float64 does not add exactly
        J *= rng.choice([0.1, 0.3], size=(n, n))
    b = rng.integers(-2, 3, size=n) * 1.0 if kind == "fields" else np.zeros(n)
    for k in (1, 2, 7):
        check_levels(DenseIsing(symmetric(J), b), k)


def test_all_levels_and_no_more():
    """More levels asked for than there are: every state is found."""
    rng = np.random.default_rng(0)
    for n in (1, 2, 6, 12, 15):
        model = DenseIsing(symmetric(rng.integers(-1, 2, size=(n, n)) * 1.0))
        levels = exact.lowest_levels(model, 1000, max_states=3)
        assert sum(level.degeneracy for level in levels) == 2**n
        assert [level.energy for level in levels] == np.unique(all_energies(model)).tolist()
        assert all(len(level.states) == min(3, level.degeneracy) for level in levels)


def test_real_levels_of_a_larger_model_have_the_right_energies():
    """N = 28, pruned: levels are separate, increasing, and no state near one of them lies lower."""
    J = symmetric(np.random.default_rng(1).normal(size=(28, 28)))
    levels = exact.lowest_levels(J, 30)
    model = DenseIsing(J)
    E = np.array([level.energy for level in levels])
    assert (np.diff(E) > levels[0].resolution).all()
    assert {level.degeneracy for level in levels} == {2}
    for level in levels:
        np.testing.assert_array_equal(level.states[0], -level.states[1])
        assert model.energy(level.states[0]) == pytest.approx(level.energy, rel=1e-14)
        flips = level.energy + 2 * level.states[0] * model.local_fields(level.states[0])
        for x in flips[flips < E[-1] - 1e-9]:
            assert np.abs(E - x).min() < 1e-9
    longer = exact.lowest_levels(J, 40)
    assert [level.energy for level in longer[:30]] == E.tolist()


def test_order_of_states_and_truncation():
    model = DenseIsing(np.zeros((3, 3)))
    full = exact.ground_states(model)
    assert full.complete
    assert full.degeneracy == 8
    assert full.states.tolist() == [
        [1, -1, -1], [-1, 1, 1], [1, -1, 1], [-1, 1, -1], [1, 1, -1], [-1, -1, 1], [1, 1, 1], [-1, -1, -1]
    ]  # fmt: skip
    for most in (0, 1, 3, 8):
        some = exact.ground_states(model, max_states=most)
        assert some.degeneracy == 8
        assert some.complete == (most == 8)
        np.testing.assert_array_equal(some.states, full.states[:most])
    fields = exact.ground_states(DenseIsing(np.zeros((3, 3)), [1.0, 0.0, 0.0]), 3)
    assert fields.states.tolist() == [[1, -1, -1], [1, -1, 1], [1, 1, -1]]
    assert fields.degeneracy == 4


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("most", [0, 1, 300, 5000, 2**18])
def test_long_lists_come_in_order(most):
    """2^18 ground states over 8 chunks: the list is the beginning of the whole, whatever its length."""
    J = np.zeros((18, 18))
    level = exact.ground_states(J, most, threads=2)
    assert level.degeneracy == 2**18
    assert level.states.shape == (most, 18)
    assert numbers(level.states[::2]) == list(range(2**17, 2**17 + (most + 1) // 2))


def test_states_within_the_resolution_are_one_level():
    """A field of 1e-17 splits the two states of a pair by less than float64 resolves next to 0.1."""
    J = np.array([[0.0, 0.1], [0.1, 0.0]])
    levels = exact.lowest_levels(DenseIsing(J, [1e-17, 0.0]), 4)
    assert [level.degeneracy for level in levels] == [2, 2]
    assert 0 < levels[0].resolution < 1e-13
    assert exact.lowest_levels(J, 4)[0].resolution == 0
    split = exact.lowest_levels(DenseIsing(J, [1e-9, 0.0]), 4)
    assert [level.degeneracy for level in split] == [1, 1, 1, 1]


def test_a_level_between_the_candidates_is_found(monkeypatch):
    """The walk reports what the list of candidates missed, so that no level is lost."""
    J = symmetric(np.random.default_rng(3).choice([-1.0, 1.0], size=(9, 9)))
    expected = [(level.energy, level.degeneracy) for level in exact.lowest_levels(J, 5)]
    monkeypatch.setattr(
        spectrum, "_candidates", lambda search, k, threads: np.array([expected[0][0], -4.0, 8.0])
    )
    assert [(level.energy, level.degeneracy) for level in exact.lowest_levels(J, 5)] == expected


def multiplicities(n):
    """One graph of n vertices of each kind, as the vector of its edges, and its number of labellings."""
    import networkx as nx

    pairs = list(itertools.combinations(range(n), 2))
    graphs = [g for g in nx.graph_atlas_g() if g.number_of_nodes() == n]
    edges = np.array([[g.has_edge(*pair) for pair in pairs] for g in graphs])
    place = {pair: k for k, pair in enumerate(pairs)}
    moved = np.array(
        [
            [place[min(p[i], p[j]), max(p[i], p[j])] for i, j in pairs]
            for p in itertools.permutations(range(n))
        ]
    )
    automorphisms = np.array([(e[moved] == e).all(1).sum() for e in edges])
    return edges, math.factorial(n) // automorphisms


def couplings_of(edges, n):
    """+-J couplings in the gauge in which the first spin is coupled to all others by +1."""
    J = np.zeros((n, n))
    J[0, 1:] = 1.0
    J[np.triu_indices(n, 1)[0][n - 1 :], np.triu_indices(n, 1)[1][n - 1 :]] = 1.0 - 2.0 * edges
    return J + J.T


def naive_mean_over_all_couplings(n):
    """Means of E0 and of the degeneracy over all couplings of one gauge, by a matrix product."""
    s = naive.all_states(n - 1)
    s = np.column_stack([np.ones(len(s)), s])
    products = np.array([s[:, i] * s[:, j] for i, j in itertools.combinations(range(n), 2)], dtype=np.float32)
    n_signs = (n - 1) * (n - 2) // 2
    energy = count = 0
    for first in range(0, 1 << n_signs, 1 << 14):
        k = np.arange(first, min(first + (1 << 14), 1 << n_signs))
        J = np.ones((len(k), n_signs + n - 1), dtype=np.float32)
        J[:, n - 1 :] -= 2 * ((k[:, None] >> np.arange(n_signs)) & 1)
        E = -J @ products
        energy += E.min(1).sum(dtype=np.float64)
        count += 2 * np.equal(E, E.min(1, keepdims=True)).sum()
    return energy / 2**n_signs, count / 2**n_signs


# E0 / |J| of +-J SK models, the mean over all couplings.
MEAN_E0 = {3: -2.0, 4: -4.0, 5: -5.625, 6: -8.220703125}


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, pytest.param(8, marks=pytest.mark.slow)])
def test_mean_over_all_couplings(n):
    """One model for each class of couplings under gauge transformations and permutations."""
    edges, weights = multiplicities(n - 1)
    assert weights.sum() == 2 ** ((n - 1) * (n - 2) // 2)
    levels = [exact.ground_states(couplings_of(e, n), 0) for e in edges]
    energy = (weights @ [level.energy for level in levels]) / weights.sum()
    count = (weights @ [level.degeneracy for level in levels]) / weights.sum()
    assert (energy, count) == naive_mean_over_all_couplings(n)
    assert energy == MEAN_E0.get(n, energy)


@pytest.mark.parametrize(
    ("n", "models", "e", "error"),
    [(8, 1500, -0.57220, 0.00025), (12, 700, -0.61826, 0.00035), (16, 400, -0.64372, 0.00050)],
)
def test_gaussian_ground_energy(n, models, e, error):
    """Mean of E0 / N at variance 1/N within 4 combined standard errors: false alarms 1 in 16 000."""
    rng = np.random.default_rng(n)
    E = [
        exact.ground_states(symmetric(rng.normal(size=(n, n))) / np.sqrt(n), 0).energy / n
        for _ in range(models)
    ]
    assert np.mean(E) == pytest.approx(e, abs=4 * np.hypot(error, np.std(E) / np.sqrt(models)))


def torus(L, M, bond):
    J = np.zeros((L * M, L * M))
    for i, j in itertools.product(range(L), range(M)):
        for k in (i * M + (j + 1) % M, (i + 1) % L * M + j):
            J[i * M + j, k] += (x := bond())
            J[k, i * M + j] += x
    return J


def test_histogram_of_the_4x4_ferromagnet():
    half = {-32: 2, -24: 32, -20: 64, -16: 424, -12: 1728, -8: 6688, -4: 13568, 0: 20524}
    expected = half | {-E: count for E, count in half.items()}
    density = exact.density_of_states(torus(4, 4, lambda: 1.0))
    assert density.as_dict() == expected
    assert density.counts.dtype == np.int64


@pytest.mark.parametrize("seed", range(4))
def test_density_agrees_with_naive_enumeration(seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        n = int(rng.integers(1, 10))
        model, integers = random_model(rng, n)
        E = all_energies(model)
        if integers:
            expected = naive_levels(E)
            density = exact.density_of_states(model)
            assert density.counts.tolist() == [len(states) for _, states in expected]
            np.testing.assert_allclose(density.energies, [energy for energy, _ in expected], atol=1e-13)
        edges = np.sort(rng.uniform(E.min() - 1, E.max() + 1, size=rng.integers(2, 9)))
        density = exact.density_of_states(model, edges)
        assert density.counts.tolist() == np.histogram(E, edges)[0].tolist()
        assert density.outside == 2**n - density.counts.sum()
        assert density.uncertain == 0
        np.testing.assert_allclose(density.energies, (edges[1:] + edges[:-1]) / 2)


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("few", [1, 1 << 8, 1 << 19])
@pytest.mark.parametrize("kind", ["pm", "torus", "fields", "wide"])
def test_density_with_spins_left_out(few, kind, monkeypatch):
    """20 spins; depending on the counters allowed, the walk leaves out none or several of them."""
    monkeypatch.setattr(density_module, "_FEW_BINS", few)
    rng = np.random.default_rng(2)
    J = symmetric(rng.choice([-1.0, 1.0], size=(20, 20)))
    b = np.zeros(20)
    if kind == "torus":
        J = torus(4, 5, lambda: rng.choice([-1.0, 1.0]))
    if kind == "fields":
        J, b = torus(4, 5, lambda: rng.integers(-2, 3)), rng.integers(-2, 3, size=20) * 1.0
    if kind == "wide":
        J = symmetric(rng.integers(-20, 21, size=(20, 20)) * 3.0)
    model = DenseIsing(J, b)
    left_out = len(density_module._leave_out(search.with_ghost(model))[1])
    expected = {("pm", 1 << 19): 1, ("torus", 1 << 8): 1, ("torus", 1 << 19): 3, ("fields", 1 << 19): 2}
    assert left_out == expected.get((kind, few), 0)
    E, counts = np.unique(all_energies(model), return_counts=True)
    density = exact.density_of_states(model, threads=2)
    np.testing.assert_array_equal(density.energies, E)
    np.testing.assert_array_equal(density.counts, counts)


def test_density_gives_the_partition_function():
    J = symmetric(np.random.default_rng(5).choice([-1.0, 1.0], size=(24, 24)))
    model = DenseIsing(J, offset=0.5)
    density = exact.density_of_states(model)
    assert density.counts.sum() == 2**24
    assert density.energies[0] == enumeration.ground_state(model).energy
    for beta in (0.0, 0.1, 1.0, 10.0):
        shift = density.energies[0]
        log_z = math.log(density.counts @ np.exp(-beta * (density.energies - shift))) - beta * shift
        assert log_z == pytest.approx(enumeration.log_partition(model, beta), rel=1e-14)


@pytest.mark.usefixtures("many_chunks")
def test_bins_of_real_couplings_over_many_chunks():
    rng = np.random.default_rng(6)
    for n, n_bins in ((16, 3), (18, 1000)):
        model = DenseIsing(symmetric(rng.normal(size=(n, n))), rng.normal(size=n) * (n == 18))
        E = all_energies(model)
        edges = np.linspace(0.9 * E.min(), 0.7 * E.max(), n_bins + 1)
        density = exact.density_of_states(model, edges, threads=2)
        assert density.counts.tolist() == np.histogram(E, edges)[0].tolist()
        assert density.uncertain == 0


@pytest.mark.parametrize(
    "edges", [[-1e9, -1.0, 0.0, 0.5, 1e12], [-1e9, -1e8], [50.0, 51.0], [0.0, 1e-6, 2e-6]]
)
def test_bins_far_from_the_energies_or_narrow(edges):
    model = DenseIsing(symmetric(np.random.default_rng(0).normal(size=(15, 15))))
    density = exact.density_of_states(model, edges)
    assert density.counts.tolist() == np.histogram(all_energies(model), edges)[0].tolist()


def test_levels_that_a_large_offset_rounds_together():
    J = symmetric(np.ones((5, 5)))
    density = exact.density_of_states(DenseIsing(J, offset=1e17))
    assert density.as_dict() == {1e17 - 16: 2, 1e17: 30}
    assert sum(exact.density_of_states(DenseIsing(J, offset=1e25)).as_dict().values()) == 32


def test_states_on_an_edge_are_reported():
    """Up to rounding, they may fall to either side; where float64 is exact, the last bin holds its end."""
    x, y = math.pi, math.e
    J = np.array([[0, x, 0], [x, 0, y], [0, y, 0]])
    density = exact.density_of_states(J, [-x - y, 0.0, x - y, x + y])  # the energies are +-x+-y
    assert density.uncertain == 6
    assert density.counts[0] + density.outside >= 2
    assert density.counts.sum() + density.outside == 8
    assert exact.density_of_states(J, [-6.0, 6.0]).uncertain == 0
    tenths = np.array([[0, 0.1, 0.3], [0.1, 0, 0.1], [0.3, 0.1, 0]])  # integers times 0.1, up to rounding
    assert exact.density_of_states(tenths).counts.tolist() == [2, 2, 4]  # at -0.5, -0.1, 0.3
    assert exact.density_of_states(tenths, [-0.1, 0.3]).uncertain == 6
    whole = exact.density_of_states([[0, 1], [1, 0]], [-1.0, 0.0, 1.0])  # exact: the last bin holds its end
    assert (whole.counts.tolist(), whole.uncertain) == ([2, 2], 0)


def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(7)
    J = symmetric(rng.normal(size=(26, 26)))
    pm = np.sign(J)
    edges = np.linspace(-90, 90, 40)

    def everything(k):
        levels = exact.lowest_levels(J, 9, threads=k)
        return (
            [(level.energy, level.degeneracy, level.states.tobytes()) for level in levels],
            exact.density_of_states(pm[:22, :22], threads=k).as_dict(),
            exact.density_of_states(J[:20, :20], edges, threads=k).as_dict(),
        )

    assert everything(1) == everything(2) == everything(5)


def test_offset_units_and_labels():
    model = DenseIsing([[0.0, 2.0], [2.0, 0.0]], offset=0.25, labels=["a", "b"])
    level = exact.ground_states(model)
    assert (level.energy, level.labels) == (-1.75, ("a", "b"))
    assert exact.density_of_states(model).as_dict() == {-1.75: 2, 2.25: 2}
    tiny = exact.density_of_states(DenseIsing([[0.0, 3e-300], [3e-300, 0.0]]))
    assert tiny.as_dict() == {-3e-300: 2, 3e-300: 2}
    assert exact.density_of_states(DenseIsing([[0.0]], offset=7.0)).as_dict() == {7.0: 2}


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, "k must be at least 1", lambda J: exact.lowest_levels(J, 0)),
        (TypeError, "k must be an integer", lambda J: exact.lowest_levels(J, 1.5)),
        (ValueError, "max_states must be at least 0", lambda J: exact.ground_states(J, -1)),
        (ValueError, "threads must be at least 1", lambda J: exact.ground_states(J, threads=0)),
        (ValueError, "not integers.*give bins", lambda J: exact.density_of_states(np.sqrt(J))),
        (ValueError, "two or more increasing edges", lambda J: exact.density_of_states(J, [1.0])),
        (ValueError, "two or more increasing edges", lambda J: exact.density_of_states(J, [1.0, 0.0])),
        (ValueError, "not their number", lambda J: exact.density_of_states(J, 10)),
        (ValueError, "bins has NaN", lambda J: exact.density_of_states(J, [0.0, np.nan])),
        (ValueError, "limit is.*Give bins", lambda J: exact.density_of_states(J * 2.0**30 + (J == 1))),
        (ValueError, "overflows", lambda J: exact.density_of_states(np.sqrt(J) * 1e-200, [0.0, 1e120])),
        (ValueError, "wider", lambda J: exact.density_of_states(np.sqrt(J), [1.0, 1.0 + 1e-15])),
    ],
)
def test_bad_input(error, message, call):
    J = symmetric(np.array([[0, 1, 2, 3], [0, 0, 5, 7], [0, 0, 0, 11], [0, 0, 0, 0]], dtype=float))
    with pytest.raises(error, match=message):
        call(J)


def test_too_many_spins():
    for call in (exact.ground_states, lambda J: exact.lowest_levels(J, 3)):
        with pytest.raises(ValueError, match=r"2\*\*40 states for N=41 .* limit is N=40.*dynamics"):
            call(1 - np.eye(41))
    with pytest.raises(ValueError, match=r"2\*\*37 states for N=37 spins, about .* limit is N=36"):
        exact.density_of_states(DenseIsing(1 - np.eye(37), 1.0))
    with pytest.raises(ValueError, match=r"2\*\*599 states.*Instead"):
        exact.ground_states(BipartiteIsing(np.ones((100, 500))))


def test_a_list_that_cannot_fit_is_refused(monkeypatch):
    monkeypatch.setattr(search, "check_memory", lambda n_bytes, what: pytest.fail(f"{n_bytes}"))
    with pytest.raises(pytest.fail.Exception, match=str(2**17 * (32 + 18))):
        exact.ground_states(np.zeros((18, 18)), 2**18)
