"""Ground states of RBMs by enumerating one layer, against naive enumeration and exact formulas."""

from __future__ import annotations

import functools
import math

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from spinlab.exact import enumeration, layer
from spinlab.exact.layer import ground_state, random_start_energy, solver
from spinlab.models import BipartiteIsing, DenseIsing, PatternBipartiteIsing

KINDS = ("real", "signs", "small integers", "equal sizes", "halves")


def numbers(rng, kind, shape):
    if kind == "real":
        return rng.normal(size=shape)
    if kind == "small integers":
        return rng.integers(-2, 3, size=shape) * 1.0
    signs = rng.choice([-1.0, 0.0, 1.0] if kind == "equal sizes" else [-1.0, 1.0], size=shape)
    return signs * {"signs": 1.0, "equal sizes": 1 / np.sqrt(7), "halves": 0.5}[kind]


def random_model(rng, kind, V, H, biased=None):
    bv, bh = rng.random(2) < 0.4 if biased is None else biased
    return BipartiteIsing(
        numbers(rng, kind, (V, H)),
        numbers(rng, kind, V) if bv else None,
        numbers(rng, kind, H) if bh else None,
        offset=float(rng.integers(-1, 2)),
    )


def full(model):
    """J of all V + H sites, written out from the weights."""
    V, H = model.V, model.H
    J = np.zeros((V + H, V + H))
    for i in range(V):
        for a in range(H):
            J[i, V + a] = J[V + a, i] = model.W[i, a]
    return J


@functools.cache
def spins(n):
    return naive.all_states(n).astype(float)


def best_energies(model, W=None):
    """min_h E(v, h) of every v, by matrix algebra."""
    v = spins(model.V)
    W = model.weights() if W is None else W
    return model.offset - v @ model.bv - np.abs(v @ W + model.bh).sum(1)


def same(a, b):
    return (
        (a.energy, a.lower_bound, a.degeneracy) == (b.energy, b.lower_bound, b.degeneracy)
    ) and np.array_equal(a.state, b.state)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_naive_enumeration(kind):
    rng = np.random.default_rng(KINDS.index(kind))
    for trial in range(420):
        V, H = rng.integers(1, 7, 2)
        model = random_model(rng, kind, V, H)
        J = full(model)
        E0, ties = naive.ground_energy_and_degeneracy(J, model.b, model.offset)
        size = np.abs(J).sum() / 2 + np.abs(model.b).sum()
        answer = ground_state(model, degeneracy=True, layer=("visible", "hidden", "auto")[trial % 3])
        assert answer.energy == pytest.approx(E0, rel=1e-13, abs=1e-13 * size)
        assert naive.energies(J, model.b, model.offset, answer.state) == pytest.approx(
            answer.energy, rel=1e-13, abs=1e-13 * size
        )
        assert answer.degeneracy == ties
        assert answer.certified
        assert answer.n_visible == V
        exact = np.spacing(abs(E0)) if kind == "equal sizes" else 0.0  # rounded down
        assert 0 <= answer.bound_gap <= (3e-14 * (size + 1) if kind == "real" else exact)


@pytest.mark.parametrize("n", range(1, 16))
@pytest.mark.parametrize("kind", ["real", "small integers"])
def test_every_split_into_tiles(n, kind):
    rng = np.random.default_rng(n)
    for biased in ((False, False), (True, False), (False, True)):
        model = random_model(rng, kind, n, 5, biased)
        E = best_energies(model)
        ties = 0
        for v in spins(n)[np.abs(E - E.min()) < 1e-9]:
            ties += 2 ** int((np.abs(v @ model.W + model.bh) < 1e-9).sum())
        for answer in (
            ground_state(model, degeneracy=True, layer="visible"),
            ground_state(model, degeneracy=True, layer="hidden"),
        ):
            assert answer.energy == pytest.approx(E.min(), rel=1e-13)
            assert model.energy(answer.state) == pytest.approx(E.min(), rel=1e-13)
            assert answer.degeneracy == ties


def test_screening_in_integers_changes_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    for kind in KINDS:
        model = random_model(rng, kind, 17, 30, (False, False))
        screened = ground_state(model, degeneracy=True, layer="visible")
        monkeypatch.setattr(solver, "_SCREEN_TERMS", 0)
        assert same(ground_state(model, degeneracy=True, layer="visible"), screened)
        monkeypatch.undo()


def test_screening_resolves_too_little():
    # One weight of 1e8 leaves 32-bit integers no room for the others.
    rng = np.random.default_rng(2)
    W = rng.normal(size=(15, 20))
    W[3, 4] = 1e8
    model = BipartiteIsing(W)
    assert ground_state(model, layer="visible").energy == pytest.approx(best_energies(model).min(), rel=1e-15)
    small = W.copy()
    small[:, 4] = 0
    energies = best_energies(BipartiteIsing(small)) - np.abs(spins(15) @ W[:, 4])
    v = ground_state(model, layer="visible").v
    assert -np.abs(v @ W).sum() == pytest.approx(energies.min(), rel=1e-15)


def test_splits_near_ties():
    # The two best pairs of states differ by 1e-13 of the energy, above float64's rounding of E only.
    W = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0 - 1e-12]])
    W[:, :2] *= [[1], [-1]]
    model = BipartiteIsing(W)
    answer = ground_state(model, degeneracy=True)
    assert answer.energy == naive.energies(full(model), model.b, 0, naive.all_states(5)).min()
    assert answer.energy - answer.lower_bound <= np.spacing(6.0)


def test_more_ties_than_are_compared():
    # 12 units without weights: 2^13 visible ground states with real couplings.
    W = np.zeros((13, 6))
    W[0] = np.random.default_rng(3).normal(size=6)
    model = BipartiteIsing(W)
    answer = ground_state(model, degeneracy=True, layer="visible")
    assert answer.energy == pytest.approx(-np.abs(W).sum(), rel=1e-15)
    assert answer.degeneracy == 2**13
    assert answer.energy - 1e-12 < answer.lower_bound < answer.energy
    assert ground_state(model, layer="hidden", degeneracy=True).degeneracy == 2**13


@pytest.mark.parametrize("shape", [(1, 1), (6, 5), (18, 200), (200, 18)])
def test_no_couplings(shape):
    answer = ground_state(BipartiteIsing(np.zeros(shape), offset=1.5), degeneracy=True)
    assert (answer.energy, answer.bound_gap, answer.degeneracy) == (1.5, 0.0, 2 ** sum(shape))


@pytest.mark.parametrize("biased", [False, True])
def test_both_layers_agree(biased):
    rng = np.random.default_rng(4)
    for _ in range(5):
        model = random_model(rng, "real", 14, 12, (biased, biased))
        visible, hidden = (ground_state(model, degeneracy=True, layer=x) for x in ("visible", "hidden"))
        assert (visible.energy, visible.degeneracy) == (hidden.energy, hidden.degeneracy)
        assert visible.degeneracy == (1 if biased else 2)
        assert abs(visible.state @ hidden.state.astype(int)) == 26


@pytest.mark.parametrize(("V", "H"), [(784, 20), (20, 1000)])
def test_one_pattern_is_its_own_ground_state(V, H):
    rng = np.random.default_rng(5)
    xi_v, xi_h = rng.choice([-1, 1], (1, V)), rng.choice([-1, 1], (1, H))
    answer = ground_state(PatternBipartiteIsing(xi_v, xi_h, 0.3), degeneracy=True)
    assert answer.energy == pytest.approx(-0.3 * V * H, rel=1e-15)
    assert (answer.bound_gap, answer.degeneracy) == (0.0, 2)
    assert abs(answer.v @ xi_v[0]) == V
    assert abs(answer.h @ xi_h[0]) == H
    assert (answer.v @ xi_v[0]) * (answer.h @ xi_h[0]) > 0


@pytest.mark.parametrize("K", [1, 2, 3, 5, 6, 7])
def test_patterns_equal_their_integer_weights(K):
    # In units of the scale all is integer, so that ties and inputs of zero are exact; the model's own
    # numbers are rounded.
    rng = np.random.default_rng(K)
    for trial in range(60):
        V, H = rng.integers(2, 6, 2)
        xi_v, xi_h = rng.choice([-1, 1], (K, V)), rng.choice([-1, 1], (K, H))
        bv, bh = rng.integers(-1, 2, V), rng.integers(-1, 2, H)
        scale = 1.7 * K**-0.5
        model = PatternBipartiteIsing(xi_v, xi_h, scale, bv * scale, bh * scale)
        whole = BipartiteIsing(xi_v.T @ xi_h, bv, bh)
        E0, ties = naive.ground_energy_and_degeneracy(full(whole), whole.b)
        answer = ground_state(model, degeneracy=True, layer=("visible", "hidden")[trial % 2])
        assert answer.energy == pytest.approx(E0 * scale, rel=1e-14)
        assert answer.degeneracy == ties
        assert answer.lower_bound <= answer.energy


def test_pattern_bound_covers_the_rounding_of_weights():
    xi = np.random.default_rng(0).normal(size=(50, 8))
    answer = ground_state(PatternBipartiteIsing(xi[:, :4], xi[:, 4:]))
    assert answer.bound_gap > 52 * 2**-53 * (np.abs(xi[:, :4].T) @ np.abs(xi[:, 4:])).sum() * 50**-0.5
    # 3 times the float64 nearest to 0.1 is no float64: the energy is not known exactly.
    assert ground_state(PatternBipartiteIsing([[3.0]], [[1.0]], 0.1)).bound_gap > 0
    assert ground_state(PatternBipartiteIsing([[3.0]], [[1.0]], 0.125)).bound_gap == 0
    assert ground_state(PatternBipartiteIsing([[1.0]], [[1.0]], 0.1)).bound_gap == 0


def test_input_lost_in_rounding():
    # v is fixed by bv; its input 1 - 1e-17 - 1 rounds to zero, but the energy is all it leaves.
    model = BipartiteIsing([[1.0], [1e-17], [-1.0]], [5.0, -5.0, 5.0], offset=15.0)
    for name in ("visible", "hidden"):
        answer = ground_state(model, layer=name)
        assert answer.energy == -1e-17
        assert answer.state.tolist() == [1, -1, 1, -1]


def test_sine_instance():
    i, a = np.arange(6)[:, None], np.arange(5)
    answer = ground_state(BipartiteIsing(0.4 * np.sin(1 + 5 * i + a)))
    assert answer.energy == pytest.approx(-6.235147469764566, rel=1e-14)


def test_equals_the_dense_search():
    rng = np.random.default_rng(6)
    for biased in ((False, False), (True, True)):
        model = random_model(rng, "real", 8, 10, biased)
        dense = enumeration.ground_state(DenseIsing(full(model), model.b, offset=model.offset))
        assert ground_state(model).energy == dense.energy
        assert abs(ground_state(model).state @ dense.state.astype(int)) == 18


@pytest.mark.parametrize("exponent", [-1070, -500, -27, 27, 480])
def test_scales_by_powers_of_two(exponent):
    rng = np.random.default_rng(7)
    W = rng.integers(-(2**20), 2**20, (12, 9)) * 2.0**-20  # survives subnormal numbers
    W = np.round(W, 1) if exponent > -1000 else np.rint(4 * W)
    answer = ground_state(BipartiteIsing(W), degeneracy=True)
    scaled = ground_state(BipartiteIsing(np.ldexp(W, exponent)), degeneracy=True)
    assert scaled.energy == math.ldexp(answer.energy, exponent)
    assert scaled.degeneracy == answer.degeneracy
    assert np.array_equal(scaled.state, answer.state)


@pytest.mark.parametrize("std", [1e-8, 1e-3, 1.0, 1e8])
def test_right_at_every_scale(std):
    model = BipartiteIsing(std * np.random.default_rng(8).normal(size=(15, 40)))
    assert ground_state(model).energy == pytest.approx(best_energies(model).min(), rel=1e-14)


def test_largest_numbers_allowed():
    answer = ground_state(BipartiteIsing([[4e149, -4e149]], 2e149, offset=1.7e308), degeneracy=True)
    assert (answer.energy, answer.degeneracy) == (1.7e308, 1)


def test_lower_bound_holds_for_exact_sums():
    # fsum rounds once, so no state may lie below the bound.
    rng = np.random.default_rng(9)
    for _ in range(30):
        model = random_model(rng, "real", 4, 4, (True, True))
        answer = ground_state(model)
        J, b = full(model), model.b
        i, j = np.triu_indices(8, 1)
        exact = [math.fsum([model.offset, *(-J[i, j] * s[i] * s[j]), *(-b * s)]) for s in spins(8)]
        assert answer.lower_bound <= min(exact) == answer.energy


def test_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(10)
    for kind in ("real", "small integers"):
        model = random_model(rng, kind, 18, 70, (False, False))
        one = ground_state(model, degeneracy=True, threads=1)
        assert all(same(one, ground_state(model, degeneracy=True, threads=n)) for n in (2, 5))
        assert random_start_energy(model, threads=1) == random_start_energy(model, threads=2)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_gauge_permutation_and_exchange_of_layers(seed, V, H, biased):
    rng = np.random.default_rng(seed)
    model = random_model(rng, "small integers", V, H, (biased, biased))
    W, bv, bh = model.weights(), model.bv, model.bh
    v, h = rng.choice([-1, 1], V), rng.choice([-1, 1], H)
    order = rng.permutation(V)
    answers = [
        ground_state(x, degeneracy=True)
        for x in (
            model,
            BipartiteIsing(v[:, None] * W * h, v * bv, h * bh, offset=model.offset),
            BipartiteIsing(W[order], bv[order], bh, offset=model.offset),
            BipartiteIsing(W.T, bh, bv, offset=model.offset),
        )
    ]
    assert len({(x.energy, x.lower_bound, x.degeneracy) for x in answers}) == 1


# Mean over random starts


@pytest.mark.parametrize("kind", ["real", "small integers"])
def test_random_start_equals_naive_mean(kind):
    rng = np.random.default_rng(11)
    for _ in range(200):
        model = random_model(rng, kind, *rng.integers(1, 7, 2))
        E = naive.energies(full(model), model.b, model.offset, naive.all_states(model.n_spins))
        lowest = E.reshape(2**model.V, 2**model.H).min(1)  # visible spins vary slowest
        assert random_start_energy(model) == pytest.approx(lowest.mean(), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("V", [20, 40])
def test_random_start_of_one_pattern(V):
    # |v.xi| = |V - 2n| with binomial n.
    n = np.arange(V + 1)
    law = np.exp(gammaln(V + 1) - gammaln(n + 1) - gammaln(V - n + 1) - V * np.log(2))
    xi_v, xi_h = np.ones((1, V)), np.ones((1, 3))
    expected = 1.0 - 3 * 0.7 * (law * np.abs(V - 2 * n)).sum()
    model = PatternBipartiteIsing(xi_v, xi_h, 0.7, offset=1.0)
    assert random_start_energy(model) == pytest.approx(expected, rel=1e-12)


def test_random_start_of_many_hidden_units():
    model = random_model(np.random.default_rng(12), "real", 11, 150, (True, True))
    assert random_start_energy(model) == pytest.approx(best_energies(model).mean(), rel=1e-13)


# Bad input


def test_refusals():
    small, wide = BipartiteIsing(np.ones((3, 400))), BipartiteIsing(np.ones((31, 40)))
    assert layer.refusal(small) is None
    assert layer.refusal(BipartiteIsing(np.ones((31, 30)))) is None
    assert "two layers" in layer.refusal(DenseIsing(np.zeros((2, 2))))
    assert "2**31 states" in layer.refusal(wide)
    assert "seconds" in layer.refusal(wide)
    assert layer.cost(wide)[0] > layer.cost(small)[0] > 0
    assert layer.cost(wide)[1] > 0
    huge = PatternBipartiteIsing(np.ones((1, 5000)), np.ones((1, 5000)))
    assert "age of the universe" in layer.refusal(huge)
    with pytest.raises(ValueError, match=r"2\*\*31 states .* limit is 30"):
        ground_state(wide)
    with pytest.raises(ValueError, match=r"2\*\*400 states"):
        ground_state(small, layer="hidden")
    with pytest.raises(ValueError, match="unknown layer 'both'; known: auto, visible, hidden"):
        ground_state(small, layer="both")
    with pytest.raises(TypeError, match=r"two layers .* DenseIsing"):
        ground_state(DenseIsing(np.zeros((2, 2))))
    with pytest.raises(ValueError, match="threads"):
        ground_state(small, threads=0)


def test_random_start_refusals():
    with pytest.raises(TypeError, match="two layers"):
        random_start_energy(DenseIsing(np.zeros((2, 2))))
    with pytest.raises(ValueError, match="limited to V=40, got V=41"):
        random_start_energy(BipartiteIsing(np.ones((41, 1))))
