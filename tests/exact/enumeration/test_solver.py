"""Exhaustive ground states against naive enumeration, published instances and symmetries."""

from __future__ import annotations

import functools
import io
import itertools
import os
import sys
from pathlib import Path

import naive
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from spinlab._core.progress import map_with_progress
from spinlab.exact import enumeration
from spinlab.exact.enumeration import ground_state, search, tables
from spinlab.models import BipartiteIsing, DenseIsing, PatternBipartiteIsing, PatternIsing, SparseIsing

UNITS = (1.0, 1.0, 0.1, 1 / np.sqrt(7), 2.0**-40, 1e9, 1e-300, 1e140)


@functools.cache
def states(n):
    return naive.all_states(n)


def symmetric(upper):
    upper = np.triu(upper, 1)
    return upper + upper.T


def numbers(rng, shape):
    """Real numbers, +-1, or small integers with many zeros."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.normal(size=shape)
    return rng.choice([-1.0, 1.0], size=shape) if kind == 1 else rng.integers(-2, 3, size=shape) * 1.0


def random_model(rng, n):
    form = rng.integers(5)
    b = rng.choice([-1.0, 0.0, 2.0], size=n) if rng.random() < 0.5 else np.zeros(n)
    offset = float(rng.integers(-1, 2))
    model = DenseIsing(symmetric(numbers(rng, (n, n))), b, offset=offset)
    if form == 1:
        J = symmetric(numbers(rng, (n, n)) * (rng.random((n, n)) < 0.3))
        model = SparseIsing(scipy.sparse.csr_array(J), b, offset=offset)
    elif form == 2:
        xi = rng.choice([-1.0, 1.0], size=(rng.integers(1, 5), n))
        model = PatternIsing(xi, rng.choice([1.0, -1.0, 1 / n, 1 / np.sqrt(len(xi))]), b, offset=offset)
    elif form > 2 and n > 1:
        V = int(rng.integers(1, n))
        model = BipartiteIsing(numbers(rng, (V, n - V)), b[:V], b[V:], offset=offset)
        if form == 4:
            xi = rng.choice([-1.0, 1.0], size=(3, n))
            model = PatternBipartiteIsing(xi[:, :V], xi[:, V:], None, b[:V], b[V:], offset=offset)
    return model.scaled(rng.choice(UNITS))


def by_halves(J, b):
    """Lowest energy and degeneracy of up to 24 spins: half the spins index rows, half columns."""
    m = len(b) // 2
    s, t = states(m), states(len(b) - m)
    E = naive.energies(J[:m, :m], b[:m], 0.0, s)[:, None] - s @ J[:m, m:] @ t.T
    E += naive.energies(J[m:, m:], b[m:], 0.0, t)
    return E.min(), int((E - E.min() <= 1e-10 * np.abs(J).sum()).sum())


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_naive_enumeration(seed):
    """12 x 200 random models of every form, N = 1..12."""
    rng = np.random.default_rng(seed)
    for _ in range(200):
        n = int(rng.integers(1, 11 if rng.random() < 0.8 else 13))
        model = random_model(rng, n)
        J, b = model.couplings(), model.b
        size = np.abs(J).sum() + np.abs(b).sum() + abs(model.offset)
        E = naive.energies(J, b, model.offset, states(n))
        tied = E - E.min() <= 1e-12 * size
        answer = ground_state(model, degeneracy=True)
        assert answer.energy == pytest.approx(E.min(), rel=0, abs=1e-14 * size)
        assert answer.degeneracy == tied.sum(), repr(model)
        assert answer.certified
        assert 0 <= answer.bound_gap <= 1e-13 * size
        assert naive.energies(J, b, model.offset, answer.state) == pytest.approx(
            answer.energy, rel=0, abs=1e-14 * size
        )
        if answer.bound_gap == 0:  # exact arithmetic: the first of the tied states
            first = tied if model.has_fields else tied & (states(n)[:, 0] == 1)
            np.testing.assert_array_equal(answer.state, states(n)[first.argmax()])


@pytest.fixture
def many_chunks(monkeypatch):
    """Pruning and many chunks, which large models have, for models that can be checked."""
    monkeypatch.setattr(tables, "MIN_CHUNK_BITS", 2)
    monkeypatch.setattr(search, "PRUNE_FROM", 14)


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("n", [15, 16, 17, 18, 20, 22, 23])
@pytest.mark.parametrize("kind", ["gauss", "pm", "sparse", "fields"])
@pytest.mark.parametrize("prune", [True, False])
def test_many_blocks_and_chunks(n, kind, prune):
    rng = np.random.default_rng(n)
    J = rng.normal(size=(n, n)) if kind == "gauss" else rng.integers(0, 2, size=(n, n)) * 2.0 - 1
    if kind == "sparse":
        J *= rng.random((n, n)) < 3 / n
    b = rng.integers(-2, 3, size=n) * 1.0 if kind == "fields" else np.zeros(n)
    model = DenseIsing(symmetric(J), b)
    lowest, count = by_halves(model.couplings(), b)
    answer = ground_state(model, degeneracy=True, prune=prune)
    assert answer.energy == pytest.approx(lowest, rel=1e-14)
    assert answer.degeneracy == count


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("seed", range(20))
def test_bounds_that_are_tight_up_to_rounding(seed):
    """Without frustration the bound on the ground states' blocks equals E0, so its margin decides."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(15, 26))
    hidden = rng.choice([-1.0, 1.0], size=n)
    hidden *= hidden[0]
    J = symmetric(rng.exponential(size=(n, n)) * np.outer(hidden, hidden))
    answer = ground_state(J, degeneracy=True)
    assert answer.energy == pytest.approx(-np.abs(J).sum() / 2, rel=1e-14)
    assert answer.degeneracy == 2
    np.testing.assert_array_equal(answer.state, hidden)


def instance(path):
    """Header and couplings of an instance file."""
    header, rows = {}, []
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            header[key.strip()] = value.strip()
        elif line.strip():
            rows.append(line.split())
    J = np.zeros((int(header["N"]), int(header["N"])))
    for i, j, x in rows:
        J[int(i), int(j)] = J[int(j), int(i)] = float(x)
    return header, J


def instances(family):
    data = os.environ.get("SPINLAB_DATA")
    if not data:
        pytest.skip("set SPINLAB_DATA to the folder that holds instances/<family>/<name>.txt")
    paths = sorted((Path(data) / "instances" / family).glob("*.txt"))
    assert paths, f"no instances of {family} below {data}"
    return [instance(path) for path in paths]


@pytest.mark.parametrize("family", ["sk1_hamerly", "mc50_hamerly"])
def test_known_instances(family):
    """Every instance up to N = 30; their number is checked, so that none is missed."""
    small = [(header, J) for header, J in instances(family) if len(J) <= 30]
    assert len(small) == 30
    for header, J in small:
        answer = ground_state(J, degeneracy=True)
        assert answer.energy == answer.lower_bound == float(header["known_ground_energy"]), header["name"]
        if "proved_here" in header:
            assert answer.degeneracy == int(header["proved_here"].rpartition("=")[2]), header["name"]


@pytest.mark.parametrize(("n", "mean"), [(3, -2.0), (4, -4.0), (5, -5.625)])
def test_mean_over_all_couplings(n, mean):
    """Exact mean of E0 / |J| over all +-J couplings."""
    pairs = np.triu_indices(n, 1)
    total = 0.0
    for signs in itertools.product([-1.0, 1.0], repeat=len(pairs[0])):
        J = np.zeros((n, n))
        J[pairs] = signs
        total += ground_state(J + J.T).energy
    assert total / 2 ** len(pairs[0]) == mean


@st.composite
def integer_models(draw):
    n = draw(st.integers(2, 9))
    values = draw(st.lists(st.integers(-3, 3), min_size=n * (n + 1) // 2, max_size=n * (n + 1) // 2))
    J = np.zeros((n, n))
    J[np.triu_indices(n, 1)] = values[n:]
    b = np.array(values[:n], dtype=float) * draw(st.booleans())
    return (
        J + J.T,
        b,
        draw(st.permutations(range(n))),
        np.array(draw(st.tuples(*[st.sampled_from([-1, 1])] * n))),
    )


@settings(deadline=None, derandomize=True, max_examples=100)
@given(integer_models())
def test_invariance(case):
    """Gauge transformations, permutations and a global flip keep energy and degeneracy."""
    J, b, order, gauge = case
    answer = ground_state(DenseIsing(J, b), degeneracy=True)
    for transformed in (
        DenseIsing(J * np.outer(gauge, gauge), b * gauge),
        DenseIsing(J[np.ix_(order, order)], b[list(order)]),
        DenseIsing(J, -b),
    ):
        other = ground_state(transformed, degeneracy=True)
        assert (other.energy, other.degeneracy) == (answer.energy, answer.degeneracy)


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("prune", [True, False])
def test_float32_pass_gives_the_same_answer(prune):
    """Also where the levels of many chunks differ by less than float32 resolves."""
    rng = np.random.default_rng(5)
    for n in (6, 12, 16, 20, 23):
        J = rng.integers(0, 2, size=(n, n)) * 2.0 - 1
        J *= rng.random((n, n)) < 4 / n  # sparse: many ground states, which the noise separates
        for small in (0.0, 1e-9, 1e-7, 3e-7, 1e-6, 1.0):
            model = DenseIsing(symmetric(J + small * rng.normal(size=(n, n))))
            expected = ground_state(model, degeneracy=True, prune=prune)
            answer = ground_state(model, degeneracy=True, prune=prune, dtype="float32")
            assert answer.energy == expected.energy
            assert answer.lower_bound == expected.lower_bound
            assert answer.degeneracy == expected.degeneracy
            np.testing.assert_array_equal(answer.state, expected.state)


def test_near_ties_are_resolved_exactly():
    """Two pairs of states differ by 1e-9 or by a few ulps of the energy: the lower one is found."""
    for excess in (1e-9, 2.0**-50):
        J = np.zeros((4, 4))
        J[0, 1] = J[2, 3] = 1 / 3
        J[1, 2] = J[0, 3] = 1.0
        J[0, 2] = -1.0
        J[1, 3] = -1.0 - excess
        answer = ground_state(J + J.T)
        E = [naive.energies(J, np.zeros(4), 0.0, s) for s in states(4)]
        assert answer.energy == min(E)
        assert answer.state[1] * answer.state[3] == -1


@pytest.mark.parametrize("prune", [True, False])
def test_threads_do_not_change_a_bit(prune):
    rng = np.random.default_rng(3)
    J = symmetric(rng.normal(size=(27, 27)))
    one, two, five = (ground_state(J, degeneracy=True, threads=k, prune=prune) for k in (1, 2, 5))
    for other in (two, five):
        assert (one.energy, one.lower_bound, one.degeneracy) == (
            other.energy,
            other.lower_bound,
            other.degeneracy,
        )
        np.testing.assert_array_equal(one.state, other.state)


@pytest.mark.parametrize("n", [1, 2, 7, 13, 14, 15, 24, 27])
def test_all_states_tied(n):
    answer = ground_state(np.zeros((n, n)), degeneracy=True)
    assert answer.degeneracy == 2**n
    assert answer.energy == answer.lower_bound == 0
    np.testing.assert_array_equal(answer.state, [1] + [-1] * (n - 1))


def test_decoupled_spins_with_real_couplings():
    """More ties than are compared in exact arithmetic."""
    J = np.zeros((23, 23))
    J[:3, :3] = symmetric(np.random.default_rng(0).normal(size=(3, 3)))
    for dtype in ("float64", "float32"):
        answer = ground_state(J, degeneracy=True, dtype=dtype)
        assert answer.degeneracy == 2**21
        assert answer.energy == pytest.approx(ground_state(J[:3, :3]).energy, rel=1e-14)


def test_single_spin_in_a_field():
    answer = ground_state(DenseIsing([[0.0]], [-2.5], offset=1.0), degeneracy=True)
    assert (answer.energy, answer.degeneracy, answer.state.tolist()) == (-1.5, 1, [-1])


def test_labels_and_layers_are_kept():
    answer = ground_state(BipartiteIsing([[1.0, -1.0]]))
    assert answer.h.tolist() == [answer.v[0], -answer.v[0]]
    named = DenseIsing([[0.0, 1.0], [1.0, 0.0]], labels=["a", "b"])
    assert ground_state(named).assignment == {"a": 1, "b": 1}


def test_energy_is_rounded_once():
    """-1 - 2^-60 + 1 is -2^-60; float64 would lose the field on the way."""
    model = DenseIsing([[0.0, 1.0], [1.0, 0.0]], [2.0**-60, 0.0], offset=1.0)
    assert ground_state(model).energy == -(2.0**-60)


def test_huge_and_tiny_couplings():
    J = symmetric(np.random.default_rng(1).normal(size=(9, 9)))
    expected = ground_state(J)
    for power in (-1000, 450):
        answer = ground_state(J * 2.0**power)
        np.testing.assert_array_equal(answer.state, expected.state)
        assert answer.energy == expected.energy * 2.0**power
    smallest = ground_state(np.array([[0.0, -5e-324], [-5e-324, 0.0]]), degeneracy=True)
    assert (smallest.energy, smallest.degeneracy) == (-5e-324, 2)


def test_too_many_spins():
    with pytest.raises(
        ValueError, match=r"2\*\*44 states for N=45 spins, about .* on .* limit is N=40.*dynamics"
    ):
        ground_state(np.zeros((45, 45)))
    assert "longer than the age of the universe" in str(enumeration.refusal(DenseIsing(np.zeros((300, 300)))))
    assert "method 'layer'" in str(enumeration.refusal(BipartiteIsing(np.zeros((20, 1000)))))
    assert enumeration.refusal(DenseIsing(np.zeros((40, 40)), 1.0)) is None
    with pytest.raises(ValueError, match="max_spins must be at most 60, got 61"):
        ground_state(np.zeros((3, 3)), max_spins=61)


def test_beyond_the_limit_on_request():
    """A gauge-transformed ferromagnet of 50 spins."""
    hidden = np.random.default_rng(0).choice([-1, 1], size=50)
    hidden *= hidden[0]
    J = np.outer(hidden, hidden) - np.eye(50)
    answer = ground_state(J, max_spins=50, degeneracy=True)
    assert (answer.energy, answer.degeneracy) == (-1225.0, 2)
    np.testing.assert_array_equal(answer.state, hidden)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (ValueError, "unknown dtype 'float16'", {"dtype": "float16"}),
        (ValueError, "threads must be at least 1", {"threads": 0}),
        (TypeError, "max_spins must be an integer", {"max_spins": 3.5}),
    ],
)
def test_bad_arguments(error, message, arguments):
    with pytest.raises(error, match=message):
        ground_state(np.zeros((3, 3)), **arguments)


def test_cost_grows_with_the_number_of_states():
    small, large, huge = (enumeration.cost(DenseIsing(np.zeros((n, n))))[0] for n in (30, 40, 3000))
    assert large > 500 * small
    assert np.isfinite(huge)


def test_progress_bar_only_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    squares = map_with_progress(lambda x: x * x, range(4), 2, "label", 100.0)
    assert squares == [0, 1, 4, 9]
