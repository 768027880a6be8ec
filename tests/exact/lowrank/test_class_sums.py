"""Up to three binary patterns in any field, by sums over classes, against enumeration."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import naive
import numpy as np
import pytest

import spinlab as sl
from spinlab.exact import enumeration
from spinlab.exact.lowrank import solver
from spinlab.exact.lowrank.layer_sites import Side
from spinlab.exact.lowrank.recover_patterns import recover_patterns
from spinlab.models import PatternBipartiteIsing, PatternIsing


def patterns(rng, K, N):
    xi = rng.choice([-1.0, 1.0], (K, N))
    return xi[:, rng.integers(0, N, N)] if rng.random() < 0.3 else xi


def random_field(rng, N):
    """Real numbers of any size, ties among integers, or nothing."""
    kind = rng.integers(4)
    if kind == 0:
        return np.zeros(N)
    if kind == 1:
        return rng.integers(-2, 3, N) * 1.0
    return rng.normal(size=N) * 10.0 ** rng.integers(-3, 3)


def sides(model):
    """The layers of a model as this route sees them."""
    form, offset = model.form(), Fraction(model.offset)
    if isinstance(model, PatternIsing):
        return [Side(form.xi, form.b, model.scale, offset)]
    first, second = (
        Side(xi, b, model.scale, offset)
        for xi, b in zip(np.split(form.xi, [model.V]), np.split(form.b, [model.V]), strict=True)
    )
    return [replace(first, other=second), replace(second, other=first, is_first=False)]


def check(model, E0):
    size = np.abs(model.couplings()).sum() / 2 + np.abs(model.b).sum() + abs(model.offset)
    size += abs(model.scale) * (model.form().xi ** 2).sum()
    for side in sides(model):
        plan = solver._class_sums(side)
        assert not isinstance(plan, str), plan
        state, lower = plan.solve(2)
        assert float(plan.energy(state)) == pytest.approx(E0, rel=0, abs=1e-14 * size)
        assert model.energy(state) == pytest.approx(E0, rel=0, abs=1e-14 * size)
        assert float(lower) <= E0 + 1e-15 * size
        assert E0 - float(lower) < 1e-11 * size


@pytest.mark.parametrize("seed", range(4))
def test_one_layer(seed):
    rng = np.random.default_rng(seed)
    for _ in range(50):
        K, N = int(rng.integers(1, 4)), int(rng.integers(2, 14))
        scale = float(rng.choice([1.0, 1 / N, 0.3, -1.0, -0.7]))
        model = PatternIsing(patterns(rng, K, N), scale, random_field(rng, N), offset=rng.normal())
        check(model, enumeration.ground_state(model).energy)


@pytest.mark.parametrize("seed", range(4))
def test_two_layers(seed):
    """Fields on both layers; either may be the one that is searched."""
    rng = np.random.default_rng(seed)
    for _ in range(40):
        K, V, H = int(rng.integers(1, 4)), int(rng.integers(1, 8)), int(rng.integers(1, 8))
        model = PatternBipartiteIsing(
            patterns(rng, K, V),
            patterns(rng, K, H),
            float(rng.choice([1.0, -0.4, 0.3])),
            random_field(rng, V),
            random_field(rng, H),
            offset=rng.normal(),
        )
        check(model, enumeration.ground_state(model).energy)


def test_naive_energies():
    """Once without the package's own enumeration."""
    rng = np.random.default_rng(9)
    for K in (1, 2, 3):
        model = PatternIsing(rng.choice([-1.0, 1.0], (K, 9)), 0.3, rng.normal(size=9))
        check(model, naive.ground_energy_and_degeneracy(model.couplings(), model.b, model.offset)[0])


def test_large_models_against_the_planes():
    """N = 120, two patterns and a generic field: the arrangement of planes in three dimensions knows nothing
    of classes."""
    rng = np.random.default_rng(5)
    model = PatternIsing(rng.choice([-1.0, 1.0], (2, 120)), 1 / 120, rng.normal(size=120))
    (side,) = sides(model)
    state, _ = solver._turns(side).solve(2)
    check(model, float(side.energy(state)))


def test_the_front_door_takes_generic_fields():
    for model in (
        sl.ensembles.ra(1000, 3, field_std=20.0, rng=0),
        sl.ensembles.hopfield(20_000, 2, field_std=0.5, rng=1),
        sl.ensembles.ra_rbm(200, 300, 3, field_std=10.0, rng=2),
    ):
        gs = sl.ground_state(model)
        assert gs.method == "lowrank"
        assert gs.certified
        assert gs.energy == pytest.approx(float(model.energy(gs.state)), rel=1e-12)
        assert gs.bound_gap < 1e-10 * abs(gs.energy)
        # No single flip lowers it.
        gain = gs.state * (model._times(gs.state.astype(float)) + model.b)
        assert gain.min() > -1e-9 * abs(gs.energy) / model.n_spins
    with pytest.raises(ValueError, match="binary patterns are limited to 3"):
        sl.ground_state(sl.ensembles.ra(100, 4, field_std=1.0, rng=0), "lowrank")


@pytest.mark.parametrize("n", [16, 17, 31, 64, 101, 200])
def test_antiferromagnet_on_the_complete_graph(n):
    """E = (M^2 - n)/2 - b M, with M the nearest value to b that n spins have; proven without a gap."""
    magnetisation = np.arange(-n, n + 1, 2.0)
    for b in (0.0, 0.5, 7.0):
        model = sl.models.DenseIsing(-(np.ones((n, n)) - np.eye(n)), np.full(n, b))
        gs = sl.ground_state(model)
        assert gs.certified
        assert gs.energy == gs.lower_bound == ((magnetisation**2 - n) / 2 - b * magnetisation).min()
    fields = np.sort(np.random.default_rng(n).normal(size=n))[::-1]
    best = min((M**2 - n) / 2 - fields[:up].sum() + fields[up:].sum() for up, M in enumerate(magnetisation))
    gs = sl.ground_state(sl.models.DenseIsing(-(np.ones((n, n)) - np.eye(n)), fields))
    assert gs.certified
    assert gs.energy == pytest.approx(best, rel=1e-12)
    assert gs.bound_gap < 1e-11 * abs(best)


def test_negative_patterns_behind_a_matrix_are_found():
    """Minus two or three random patterns and a field, handed over as couplings alone."""
    rng = np.random.default_rng(11)
    for K in (1, 2, 3):
        hidden = PatternIsing(rng.choice([-1.0, 1.0], (K, 26)), -0.35, rng.normal(size=26), offset=0.3)
        plain = sl.models.DenseIsing(hidden.couplings(), hidden.b, offset=hidden.offset)
        answer = sl.exact.lowrank.ground_state(plain)
        E0 = enumeration.ground_state(plain).energy
        assert answer.energy == pytest.approx(E0, rel=1e-13)
        assert answer.lower_bound <= E0
        assert E0 - answer.lower_bound < 1e-9
        found = recover_patterns(plain)
        xi, scale = found.model.xi.astype(int), Fraction(found.model.scale)
        products = {(i, j): int(xi[:, i] @ xi[:, j]) for i, j in itertools.combinations(range(26), 2)}
        rest = sum(abs(Fraction(plain.J[pair]) - scale * n) for pair, n in products.items())
        assert rest <= Fraction(found.left)
