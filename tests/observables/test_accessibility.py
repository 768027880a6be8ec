"""The Gibbs accessibility against naive enumeration, and what its parts mean."""

from __future__ import annotations

import numpy as np
import pytest
from naive import all_states, energies

import spinlab as sl
from spinlab.observables import gibbs_accessibility, random_start_energy


def rbm(V=5, H=4, seed=0, biases=True):
    rng = np.random.default_rng(seed)
    bv, bh = (rng.normal(size=V), rng.normal(size=H)) if biases else (None, None)
    return sl.models.BipartiteIsing(rng.normal(size=(V, H)), bv, bh)


def naive_energies(model):
    """Energies of all states as an array (2^V, 2^H)."""
    E = energies(model.couplings(), model.b, model.offset, all_states(model.n_spins))
    return E.reshape(2**model.V, 2**model.H)


def test_every_number_against_enumeration():
    model = rbm()
    E = naive_energies(model)
    a = gibbs_accessibility(model, 3, 50, reduce=None, quantile=True, rng=1)
    assert a.ground_energy == pytest.approx(E.min(), rel=1e-12)
    assert a.random_energy == pytest.approx(E.min(axis=1).mean(), rel=1e-12)
    # The same seed gives the same chains.
    chains = sl.dynamics.block_gibbs(model, 3, 50, rng=np.random.default_rng(1))
    np.testing.assert_allclose(a.energy, model.energy(chains.states), rtol=1e-12)
    np.testing.assert_allclose(a.ratio, a.energy / E.min(), rtol=1e-12)
    excess = (a.energy - E.min(axis=1).mean()) / (E.min() - E.min(axis=1).mean())
    np.testing.assert_allclose(a.excess, excess, rtol=1e-10)
    F = -np.log(np.exp(-E).sum(axis=1))
    v = all_states(model.V)
    for state, quantile in zip(chains.states, a.quantile, strict=True):
        (own,) = F[(v == state[: model.V]).all(axis=1)]
        assert quantile == pytest.approx((own - 1e-9 > F).mean(), abs=1e-12)
    assert a.moved_chains == chains.moved.any(axis=1).mean()
    assert a.moved_spins == chains.moved.mean()


def test_reductions_are_named_and_consistent():
    model = rbm()
    whole = gibbs_accessibility(model, reduce=None, rng=3)
    assert gibbs_accessibility(model, reduce="mean", rng=3) == pytest.approx(whole.ratio.mean(), rel=1e-14)
    lowest = whole.energy.min() / whole.ground_energy
    assert gibbs_accessibility(model, reduce="min", rng=3) == pytest.approx(lowest, rel=1e-14)
    assert whole.ratio.shape == (10,)
    assert lowest == whole.ratio.max()


def test_a_known_ground_energy_saves_the_search_and_changes_nothing():
    model = rbm(V=40, H=6)
    E0, start = sl.ground_state(model).energy, -10.0
    a = gibbs_accessibility(model, reduce=None, ground_energy=E0, random_energy=start, rng=3)
    b = gibbs_accessibility(model, reduce=None, rng=3)
    np.testing.assert_array_equal(a.ratio, b.ratio)
    assert a.random_energy == start


def test_an_offset_is_no_part_of_the_ratio():
    model = rbm()
    shifted = sl.models.BipartiteIsing(model.W, model.bv, model.bh, offset=100.0)
    a, b = (gibbs_accessibility(m, reduce=None, quantile=True, rng=5) for m in (model, shifted))
    np.testing.assert_allclose(a.ratio, b.ratio, rtol=1e-10)
    np.testing.assert_allclose(a.excess, b.excess, rtol=1e-10)
    np.testing.assert_array_equal(a.quantile, b.quantile)


def test_models_without_layers_run_single_spin_dynamics():
    model = sl.ensembles.sk(N=12, rng=0)
    a = gibbs_accessibility(model, 10, 200, reduce=None, beta=3.0, rng=0)
    chains = sl.dynamics.gibbs(model, 10, 200, beta=3.0, rng=np.random.default_rng(0))
    E0 = energies(model.J, model.b, 0.0, all_states(12)).min()
    np.testing.assert_allclose(a.ratio, chains.energy / E0, rtol=1e-12)
    np.testing.assert_array_equal(a.ratio, a.excess)  # a random state has mean energy zero
    assert 0.8 < a.ratio.mean() <= 1


def test_random_start_energy():
    for biases in (False, True):
        model = rbm(V=6, H=3, seed=4, biases=biases)
        exact = naive_energies(model).min(axis=1).mean()
        assert random_start_energy(model) == pytest.approx(exact, rel=1e-12)
    dense = sl.models.DenseIsing([[0, 1], [1, 0]], [0.3, 2.0], offset=1.5)
    states = all_states(2)
    assert random_start_energy(dense) == pytest.approx(energies(dense.J, dense.b, 1.5, states).mean())
    # Too many visible units to enumerate: a sample mean. H Gaussian inputs of variance V each give
    # -H sqrt(2 V / pi) on average; 5 standard errors, false alarm below 1e-6.
    wide = sl.ensembles.rbm_gaussian(V=400, H=50, rng=0)
    W2 = (wide.W**2).sum(0)
    expected = -np.sqrt(2 * W2 / np.pi).sum()
    error = np.sqrt((W2 * (1 - 2 / np.pi)).sum() / 10_000)
    assert abs(random_start_energy(wide, rng=1) - expected) < 5 * error + 1e-3 * abs(expected)
    assert random_start_energy(wide, rng=1) == random_start_energy(wide, rng=1)


@pytest.mark.parametrize("K", [None, 2, 8])
def test_the_error_of_a_sampled_random_start_is_the_documented_one(K):
    """0.75/sqrt(n_samples H) for independent weights, K in the place of H for patterns."""
    V, H = 60, 50
    ensembles = sl.ensembles
    model = ensembles.rbm_gaussian(V, H, rng=1) if K is None else ensembles.ra_rbm(V, H, K, rng=1)
    drawn = np.array([random_start_energy(model, n_samples=50, rng=seed) for seed in range(200)])
    told = 0.75 / np.sqrt(50 * (K or H))
    # The spread of 200 means is known to 5 %; the factor .75 is .72 to .76 for these models.
    assert drawn.std() / abs(drawn.mean()) == pytest.approx(told, rel=0.25)


def test_independent_weights_freeze_and_ra_weights_move():
    # V=20, H=1000: fraction of chains that never move, .41 at std .1 and 1 from std .5 (independent
    # weights); 40 instances of 10 chains. Bounds of 5 standard errors (.022 between instances).
    still = {0.1: [], 0.5: [], 10.0: []}
    for seed in range(40):
        model = sl.ensembles.rbm_gaussian(V=20, H=1000, rng=seed)
        for std, kept in still.items():
            a = gibbs_accessibility(
                model.scaled(std), reduce=None, ground_energy=-1.0, random_energy=0.0, rng=seed
            )
            kept.append(1 - a.moved_chains)
    assert abs(np.mean(still[0.1]) - 0.41) < 0.13
    assert np.mean(still[0.5]) > 0.99
    assert np.mean(still[10.0]) == 1.0
    moved = [
        gibbs_accessibility(
            sl.ensembles.ra_rbm(V=20, H=1000, K=10, rng=seed).scaled(10.0),
            reduce=None, ground_energy=-1.0, random_energy=0.0, rng=seed,
        ).moved_chains
        for seed in range(40)
    ]  # fmt: skip
    assert np.mean(moved) > 0.98


def test_where_every_start_is_a_ground_state():
    model = sl.models.BipartiteIsing([[2.0, 1.0]])  # v = +1 and v = -1 are equally good
    a = gibbs_accessibility(model, reduce=None, quantile=True, rng=0)
    assert (a.excess == 1).all()
    assert (a.quantile == 0).all()


def test_bad_input():
    model = rbm()
    with pytest.raises(ValueError, match="unknown reduce 'max'; known: mean, min"):
        gibbs_accessibility(model, reduce="max")
    with pytest.raises(ValueError, match="ground energy is zero"):
        gibbs_accessibility(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="two layers"):
        gibbs_accessibility(sl.ensembles.sk(N=8, rng=0), reduce=None, quantile=True)
    with pytest.raises(ValueError, match="no exact method"):
        gibbs_accessibility(sl.ensembles.sk(N=200, rng=0))
    with pytest.raises(ValueError, match="n_steps"):
        gibbs_accessibility(model, n_steps=-3)
    with pytest.raises(ValueError, match="n_samples"):
        random_start_energy(model, n_samples=0)
    with pytest.raises(ValueError, match="ground_energy"):
        gibbs_accessibility(model, ground_energy=np.nan)
    with pytest.raises(ValueError, match=r"V|visible"):
        gibbs_accessibility(rbm(V=40), reduce=None, ground_energy=-1.0, quantile=True)
