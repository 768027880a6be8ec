"""Numbers of minima against all states, species by hand, and growth rates against planted ones."""

from __future__ import annotations

import json

import naive
import numpy as np
import pytest

import spinlab as sl
from spinlab.observables import count_minima, growth_rates, minima_count
from spinlab.observables.minima_count import richness


def minima_by_listing(J, b, strict):
    states = naive.all_states(len(b))
    fields = states * (states @ J + b)
    return states[(fields > 1e-12).all(1)] if strict else states[(fields > -1e-12).all(1)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strict", [True, False])
def test_descents_find_what_lists_hold(seed, strict):
    model = sl.ensembles.sk(N=10, rng=seed)
    expected = {tuple(s) for s in minima_by_listing(model.couplings(), model.b, strict).tolist()}
    listed = count_minima(model, strict=strict)
    found = count_minima(model, 3000, strict=strict, method="descent", rng=seed)
    assert listed.exact
    assert not found.exact
    assert listed.count.value == len(expected)
    assert listed.count.error == 0
    # 3000 descents leave out no basin of more than 1 % (but 10^-13 of the time); smaller ones do not occur
    # here.
    assert {tuple(s) for s in found.states.tolist()} == expected
    assert (found.count.value, found.coverage) == (len(expected), 1.0)
    assert found.weights.sum() == pytest.approx(1)


def test_fields_break_the_pairs():
    model = sl.models.DenseIsing(sl.ensembles.sk(N=9, rng=4).couplings(), b=0.3)
    expected = len(minima_by_listing(model.couplings(), model.b, True))
    assert count_minima(model, 2000, method="descent", rng=0).found == expected
    assert count_minima(model).found == expected


def test_few_patterns_have_few_minima():
    # Fourteen zero-threshold functions of three inputs, at any size.
    for N in (101, 1001):
        found = count_minima(sl.ensembles.hopfield(N=N, K=3, rng=N), 300, method="descent", rng=0)
        assert (found.found, found.count.value, found.coverage) == (14, 14.0, 1.0)
        listed = count_minima(sl.ensembles.hopfield(N=N, K=3, rng=N))
        assert listed.exact
        assert set(map(bytes, listed.states)) == set(map(bytes, found.states))


@pytest.mark.parametrize("fields", [0.0, 0.4])
@pytest.mark.parametrize(("V", "H"), [(4, 21), (22, 3)])
def test_two_layers_through_the_smaller_one(V, H, fields):
    W = np.random.default_rng(V).normal(size=(V, H))
    model = sl.models.BipartiteIsing(W, bv=fields, bh=-fields / 2)
    found, listed = count_minima(model), sl.exact.local_minima(model)
    assert found.exact
    assert found.count.value == listed.count
    assert set(map(bytes, found.states)) == set(map(bytes, listed.states))
    # Weights without a sign leave ties: a state with a zero field is no strict minimum.
    ties = sl.models.BipartiteIsing(np.sign(W))
    assert count_minima(ties).count.value == sl.exact.local_minima(ties).count


def test_minima_of_a_wide_machine():
    # Fig. 1's sizes: nearly every visible state of independent weights is a minimum, few of few patterns are.
    V, H = 12, 1000
    independent = count_minima(sl.models.BipartiteIsing(np.random.default_rng(0).normal(size=(V, H))))
    assert independent.exact
    assert 0.9 * 2**V < independent.found <= 2**V
    few = count_minima(sl.ensembles.ra_rbm(V, H + 1, 9, rng=0))
    assert few.exact
    assert few.found < 2**V / 10


def test_basins():
    model = sl.ensembles.sk(N=10, rng=1)
    exact = count_minima(model, basins=True)
    assert exact.weights.sum() == pytest.approx(1)
    assert (np.diff(exact.weights) <= 0).all()
    found = count_minima(model, 4000, method="descent", rng=0)
    assert found.weight_error[0] == pytest.approx(
        np.sqrt(found.weights[0] * 2 * (1 - found.weights[0] * 2) / 4000) / 2
    )
    # Other dynamics, other basins, but the largest of one is not small in the other.
    largest = tuple(exact.states[0])
    assert (
        max(w for s, w in zip(found.states.tolist(), found.weights, strict=True) if tuple(s) == largest)
        > 0.05
    )


def test_richness_by_hand():
    # 4 species met 5, 2, 1, 1 times: f1 = 2, f2 = 1, n = 9.
    value, error, coverage = richness([5, 2, 1, 1])
    a = 8 / 9
    assert value == pytest.approx(4 + a * 2 * 1 / (2 * 2))
    variance = a * 2 * 1 / 4 + a**2 * 2 * 9 / 16 + a**2 * 4 * 1 * 1 / 64
    assert error == pytest.approx(np.sqrt(variance))
    assert coverage == pytest.approx(1 - 2 / 9)
    assert richness([3, 3]) == (2.0, 0.0, 1.0)


def test_the_lower_bound_fails_once_in_twenty_at_most():
    # 50 basins, equal (where the bound is closest) or not; 400 repeats each: .05 + 4 sigma is .094.
    rng = np.random.default_rng(0)
    for n, law in ((60, np.ones(50)), (120, np.ones(50)), (200, np.ones(50)), (200, 1 / np.arange(1, 51))):
        fails, close = 0, []
        for _ in range(400):
            hits = np.bincount(rng.choice(50, n, p=law / law.sum()), minlength=50)
            value, error, _ = richness(hits[hits > 0])
            low = minima_count._lower_end(np.count_nonzero(hits), value, error)
            assert np.count_nonzero(hits) <= low <= value
            fails += low > 50
            close.append(low)
        assert fails <= 37, (n, fails)
        assert np.mean(close) > 35


def test_a_lower_bound_of_descents_and_of_lists():
    model = sl.ensembles.sk(N=20, rng=0)
    exact = count_minima(model)
    assert exact.at_least == exact.count.value
    found = count_minima(model, 30, method="descent", rng=0)
    assert found.found <= found.at_least <= exact.count.value


def test_richness_of_equal_species():
    # 50 species of equal weight, 60 draws: about 15 are missed; the estimate knows, within its error.
    generator = np.random.default_rng(0)
    z, coverage = [], []
    for _ in range(200):
        hits = np.bincount(generator.integers(0, 50, 60))
        value, error, covered = richness(hits[hits > 0])
        z.append((value - 50) / error)
        coverage.append(covered - (hits > 0).mean() * len(hits) / 50)
    assert abs(np.mean(z)) < 0.5
    assert np.abs(z).max() < 6
    assert abs(np.mean(coverage)) < 0.03  # errors of about .1/sqrt(200)


def test_growth_rates_by_hand():
    counts = [[2.0, 8.0], [4.0, 16.0], [8.0, 32.0]]
    found = growth_rates([1, 2, 3], counts)
    assert found.mean.value == pytest.approx(np.log(2))
    assert found.typical.value == pytest.approx(np.log(2))
    np.testing.assert_allclose(found.log_mean.value, np.log([5, 10, 20]))
    np.testing.assert_allclose(found.log_typical.value, np.log([4, 8, 16]))
    np.testing.assert_allclose(found.log_typical.error, np.log(4) / 2)
    # Equal errors: slope (y_3 - y_1)/2, error sqrt(2)/2 of one of them.
    assert found.typical.error == pytest.approx(np.log(4) / 2 / np.sqrt(2))


def test_growth_rates_of_planted_numbers():
    # ln n = .1 N + g with variance .05 N: the mean grows at .1 + .025.
    generator = np.random.default_rng(1)
    N = np.array([20, 40, 60, 80])
    counts = [np.exp(0.1 * n + np.sqrt(0.05 * n) * generator.normal(size=4000)) for n in N]
    found = growth_rates(N, counts)
    assert abs(found.typical.value - 0.1) < 5 * found.typical.error
    assert abs(found.mean.value - 0.125) < 5 * found.mean.error
    assert found.typical.error < 0.001 < found.mean.error < 0.01


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: growth_rates([1, 2], [[1.0, 2.0]] * 2), "at least three different sizes"),
        (lambda: growth_rates([1, 2, 2], [[1.0, 2.0]] * 3), "at least three different sizes"),
        (lambda: growth_rates([1, 2, 3], [[1.0]] * 3), "at least 2"),
        (lambda: growth_rates([1, 2, 3], [[0.0, 1.0]] * 3), "positive"),
        (lambda: count_minima(np.zeros((3, 3)), 5), "at least 10"),
        (lambda: count_minima(np.zeros((30, 30)), 20, max_steps=3, rng=0), "may have none"),
        (lambda: count_minima(sl.ensembles.sk(60, rng=0), method="exact"), "60|spins"),
        (lambda: richness([1]), "2 in all"),
        (lambda: richness([0, 5]), "at least 1"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_study(monkeypatch, tmp_path):
    from spinlab import studies

    study = studies.load("minima_growth")
    few = {"sizes": {1.0: (3, 5, 7, 9), np.inf: (3, 5, 7, 9)}, "gamma": (1,), "instances": 20}
    monkeypatch.setattr(
        study, "SMALL", study.SMALL | few | {"wide": {"K": (3,), "V": (5, 9), "H": 99, "instances": 2}}
    )
    study.main("small", tmp_path, progress=False)
    assert (tmp_path / "minima_growth.png").stat().st_size > 1000
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["grows_everywhere"]
    # Errors of the slopes are about a tenth here.
    assert max(map(abs, verdict["off_theory"])) < 0.5
    assert float(verdict["wide"][1][1]) == pytest.approx(np.log(2), abs=0.01)


@pytest.mark.slow
def test_study_small(tmp_path):
    from spinlab import studies

    studies.load("minima_growth").main("small", tmp_path, progress=False)
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert max(map(abs, verdict["off_theory"])) < 0.2
