"""Numbers of any size: what does not depend on units must not, and the rest must follow them."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab import observables as obs
from spinlab import rbm
from spinlab.dynamics import equilibration as eq
from spinlab.observables import errors
from spinlab.rbm.judging.autocorrelation import vector_autocorrelation_time

SCALES = (1e-300, 1e-162, 1e-80, 2.0**-30, 1e80, 1e147)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
J = np.array(sl.ensembles.sk(12, rng=0).couplings())
W = RNG.normal(size=(6, 9))
XI = np.sign(RNG.normal(size=(3, 15)))
EQUAL = np.ones((12, 12)) - np.eye(12)
T = np.linspace(0.8, 1.2, 9)
SECOND = [1 + 0.1 * RNG.normal(size=(20, 9)) for _ in range(3)]
FOURTH = [(2 + 2 / 3 * np.tanh((T - 1) * L)) * q**2 for L, q in zip((4, 6, 8), SECOND, strict=True)]


def crossings(x, unit=1.0):
    second, fourth = [unit * q for q in SECOND], [unit**2 * q for q in FOURTH]
    return obs.binder_crossings([4, 6, 8], x, second, fourth, n_resamples=20, rng=0)


# Function of a factor -> numbers that follow it, numbers that do not.
def both(estimate):
    return [estimate.value, estimate.error], []


def of_spectrum(found):
    scaled = [found.values, found.std, found.edges, found.thresholds, found.outliers]
    return scaled, [found.effective_patterns, found.distance]


def of_weights(found):
    return [found.singular_values, found.std, found.edges], [found.n_outliers, found.effective_patterns]


def of_stability(s, model):
    found = obs.stability(model)
    return [], [s * found.beta, s * found.beta_glass, found.n_directions, found.largest_coupling]


def of_time(found):
    return [], [found.tau, found.error, found.window, found.effective, found.upper, found.reliable]


def of_bins(found):
    return [found.mean, found.error, found.chain_means], [found.settled(2.0)]


def of_agreement(found):
    return [found.difference, found.error], [found.sigma]


FOLLOWED = {
    "spectrum of J": lambda s: of_spectrum(obs.spectrum(s * J)),
    "spectrum of W": lambda s: of_spectrum(obs.spectrum(sl.models.BipartiteIsing(s * W))),
    "spectrum of equal couplings": lambda s: of_spectrum(obs.spectrum(s * EQUAL)),
    "weights": lambda s: of_weights(rbm.weight_spectrum(sl.models.BipartiteIsing(s * W))),
    "weights of patterns": lambda s: of_weights(
        rbm.weight_spectrum(sl.models.PatternBipartiteIsing(XI[:, :6], XI[:, 6:], s))
    ),
    "stability of J": lambda s: of_stability(s, s * J),
    "stability with an opposed direction": lambda s: of_stability(s, s * (J - 5 * EQUAL)),
    "stability of W": lambda s: of_stability(s, sl.models.BipartiteIsing(s * W)),
    "stability of patterns": lambda s: of_stability(s, sl.models.PatternIsing(XI, s)),
    "frustration": lambda s: (
        [obs.frustration_index(s * J, weighted=True).index],
        [obs.triads(s * J).fraction],
    ),
    "minima": lambda s: ([], [obs.count_minima(s * J).found]),
    "random start": lambda s: ([obs.random_start_energy(sl.models.BipartiteIsing(s * W))], []),
    "mean": lambda s: both(errors.mean(s * X)),
    "jackknife": lambda s: both(errors.jackknife(lambda y: y.mean(0), s * X)),
    "bootstrap": lambda s: both(errors.bootstrap(lambda y: y.mean(0), s * X, n_resamples=20, rng=0)),
    "binder": lambda s: ([], both(obs.binder_cumulant(s * X))[0]),
    "crossings": lambda s: (
        [crossings(s * T).position, crossings(s * T).error, crossings(s * T).mean.error],
        [],
    ),
    "ultrametric": lambda s: ([obs.subdominant_ultrametric(s * np.abs(J))], []),
    "tau": lambda s: of_time(eq.autocorrelation_time(s * X)),
    "tau of vectors": lambda s: of_time(vector_autocorrelation_time(s * X)),
    "autocorrelation": lambda s: ([], [eq.autocorrelation(s * X)]),
    "r_hat": lambda s: ([], [eq.r_hat(s * (X + 5 * np.arange(4)))]),
    "bins": lambda s: of_bins(eq.log_bins(s * X)),
    "agreement": lambda s: of_agreement(eq.agree(s * X, s * X[:20])),
    "identity": lambda s: of_agreement(eq.gaussian_identity(s * X[:, 0], np.abs(X[:, 1]) / 9, s, 1.0, 5)),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_units_do_not_matter(name):
    ones = FOLLOWED[name](1.0)
    for s in SCALES:
        if name == "r_hat" and s > 1e140:
            continue  # beyond the largest sum that is taken
        for x, y, unit in zip((*ones[0], *ones[1]), (z for part in FOLLOWED[name](s) for z in part),
                              [s] * len(ones[0]) + [1.0] * len(ones[1]), strict=True):  # fmt: skip
            expected = unit * np.asarray(x, dtype=float)
            atol = 1e-12 * np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
            np.testing.assert_allclose(y, expected, rtol=1e-9, atol=atol, err_msg=f"{name} at {s}")


def test_moments_of_any_size_cross():
    ones = crossings(T)
    for unit in (1e-80, 1e70):
        np.testing.assert_allclose(crossings(T, unit).position, ones.position, rtol=1e-9)


def test_constants():
    apart = np.tile([0.1, 0.3], (10, 1))
    for s in (*SCALES, 0.1, 1.0, 3.0):
        for k in (1, 2, 3, 7):
            assert eq.r_hat(s * k * apart) == np.inf
            assert eq.r_hat(np.full((10, 3), s * k)) == 1.0
            same = eq.agree(np.full((10, 3), s * k), np.full((7, 2), s * k))
            assert (same.difference, same.error, same.sigma) == (0.0, 0.0, 0.0)
        assert eq.agree(2 * s * np.ones((5, 2)), s * np.ones((7, 2))).sigma == np.inf
        assert eq.log_bins(np.full((16, 3), s)).settled()
        np.testing.assert_array_equal(eq.autocorrelation(np.full((9, 2), s)), 1.0)
        for found in (eq.autocorrelation_time(np.full((90, 2), s)), vector_autocorrelation_time(s * apart)):
            assert not found.reliable
            assert found.upper == np.inf
        assert errors.mean(np.full(7, s)).error == 0.0
        assert errors.jackknife(np.mean, np.full(7, s)).error == 0.0


def test_small_pseudocounts():
    # Three rows up: b = ln((3 + p)/p)/2.
    for p in (5e-324, 1e-300, 1e-20, 1.0, 1e300):
        found = rbm.data_biases([[1, 1], [1, -1], [1, 1]], pseudocount=p)
        assert found[0] == pytest.approx((np.log(3 + p) - np.log(p)) / 2, rel=1e-12, abs=1e-15)
        assert found[1] == pytest.approx((np.log(2 + p) - np.log(1 + p)) / 2, rel=1e-12, abs=1e-15)


def test_what_has_no_number_is_refused():
    with pytest.raises(ValueError, match="rescale the model"):
        obs.stability(1e-310 * J)
    with pytest.raises(ValueError, match="beyond float64"):
        eq.gaussian_identity([1.0, 2.0], [0.1, 0.2], 1e200, 1e200, 3)
    with pytest.raises(ValueError, match="1 or more"):
        obs.growth_rates([0, 1, 2], [[1.0, 2.0]] * 3)
