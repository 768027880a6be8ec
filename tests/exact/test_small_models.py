"""Spectrum, local minima, thermal averages and samples of small models against lists of all states."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from model_forms import FORMS, make
from naive import all_states, energies

import spinlab as sl
from spinlab import exact

CASES = [
    pytest.param(form, integer, fields, seed, id=f"{form.__name__}-{integer}-{fields}-{seed}")
    for form in FORMS
    for integer in (False, True)
    for fields in (False, True)
    for seed in range(4)
]


def naive(form, integer, fields, seed):
    case = make(form, integer, fields, seed)
    states = all_states(len(case.b))
    return case, states, energies(case.J, case.b, case.offset, states)


def levels(E):
    """Distinct energies and how many states have each."""
    values = np.sort(E)
    starts = np.flatnonzero(np.append(True, np.diff(values) > 1e-9))
    return values[starts], np.diff(np.append(starts, len(E)))


@pytest.mark.parametrize(("form", "integer", "fields", "seed"), CASES)
def test_lowest_levels_and_ground_states(form, integer, fields, seed):
    case, _, E = naive(form, integer, fields, seed)
    wanted, counts = levels(E)
    k = min(4, len(wanted))
    found = exact.lowest_levels(case.model, k)
    np.testing.assert_allclose([level.energy for level in found], wanted[:k], rtol=1e-12, atol=1e-12)
    assert [level.degeneracy for level in found] == counts[:k].tolist()
    for level in found:
        np.testing.assert_allclose(case.model.energy(level.states), level.energy, rtol=1e-12, atol=1e-12)
        assert len(np.unique(level.states, axis=0)) == level.degeneracy
    lowest = exact.ground_states(case.model)
    assert lowest.degeneracy == counts[0]
    np.testing.assert_array_equal(lowest.states, found[0].states)


@pytest.mark.parametrize(("form", "integer", "fields", "seed"), [c for c in CASES if c.values[1]])
def test_density_of_states(form, integer, fields, seed):
    case, _, E = naive(form, integer, fields, seed)
    wanted, counts = levels(E)
    found = exact.density_of_states(case.model)
    np.testing.assert_allclose(found.energies, wanted, atol=1e-9)
    np.testing.assert_array_equal(found.counts, counts)


def test_the_4x4_ferromagnet():
    torus = sl.models.SparseIsing(abs(sl.ensembles.edwards_anderson(shape=(4, 4), law="pm1", rng=0).J))
    found = exact.density_of_states(torus)
    half = {-32: 2, -24: 32, -20: 64, -16: 424, -12: 1728, -8: 6688, -4: 13568, 0: 20524}
    wanted = half | {-E: n for E, n in half.items()}
    assert dict(zip(found.energies.tolist(), found.counts.tolist(), strict=True)) == wanted


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("form", "integer", "fields", "seed"), CASES)
def test_local_minima(form, integer, fields, seed, strict):
    case, states, E = naive(form, integer, fields, seed)
    change = (states @ case.J + case.b) * states  # half of what a flip costs
    stable = (change > 1e-9).all(1) if strict else (change > -1e-9).all(1)
    found = exact.local_minima(case.model, strict)
    assert found.count == stable.sum()
    assert {tuple(s) for s in found.states.tolist()} == {tuple(s) for s in states[stable].tolist()}
    np.testing.assert_allclose(np.sort(found.energies), np.sort(E[stable]), rtol=1e-12, atol=1e-12)


def test_mean_number_of_minima_of_the_gaussian_sk_model():
    # 2^N E_g Phi(g / sqrt(N - 2))^N (exact at finite N); 400 instances, false alarm below 1e-6.
    N = 10
    z, w = np.polynomial.hermite_e.hermegauss(100)
    expected = 2**N * (w * scipy.stats.norm.cdf(z / np.sqrt(N - 2)) ** N).sum() / np.sqrt(2 * np.pi)
    counts = [exact.local_minima(sl.ensembles.sk(N, rng=seed)).count for seed in range(400)]
    assert abs(np.mean(counts) - expected) < 5 * np.std(counts) / 20


@pytest.mark.parametrize(("form", "integer", "fields", "seed"), CASES[::3])
def test_thermal_averages(form, integer, fields, seed):
    case, states, E = naive(form, integer, fields, seed)
    beta = np.array([0.0, 0.01, 0.7, 5.0, 100.0])
    found = exact.thermal_averages(case.model, beta)
    for t, x in enumerate(beta):
        weights = np.exp(-x * (E - E.min()))
        P = weights / weights.sum()
        U = P @ E
        np.testing.assert_allclose(found.log_z[t], np.log(weights.sum()) - x * E.min(), rtol=1e-11)
        np.testing.assert_allclose(found.energy[t], U, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found.heat_capacity[t], x * x * (P @ (E - U) ** 2), rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(found.magnetisation[t], P @ states, atol=1e-10)
        np.testing.assert_allclose(found.correlation[t], (states.T * P) @ states, atol=1e-10)


@pytest.mark.parametrize("fields", [False, True])
def test_exact_samples(fields):
    case, _, E = naive(FORMS[0], False, fields, 0)
    P = np.exp(-0.4 * (E - E.min()))
    P /= P.sum()
    drawn = exact.boltzmann_samples(case.model, 20_000, 0.4, rng=1)
    index = (drawn > 0) @ (1 << np.arange(6, -1, -1))
    seen = np.bincount(index, minlength=2**7)
    big = P * len(drawn) > 5
    seen, wanted = (np.append(x[big], x[~big].sum()) for x in (seen, P * len(drawn)))
    assert scipy.stats.chisquare(seen[wanted > 0], wanted[wanted > 0]).pvalue > 1e-6  # its false-alarm rate


def test_bad_input():
    model = sl.ensembles.sk(N=6, rng=0)
    with pytest.raises(ValueError, match="k must be at least 1"):
        exact.lowest_levels(model, 0)
    with pytest.raises(ValueError, match="beta"):
        exact.thermal_averages(model, -1.0)
    for function in (exact.local_minima, exact.density_of_states, exact.thermal_averages):
        with pytest.raises((ValueError, TypeError)):
            function(np.zeros((80, 80)))
    with pytest.raises((ValueError, TypeError)):
        exact.local_minima([[0, np.nan], [np.nan, 0]])
