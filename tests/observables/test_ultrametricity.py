"""Ultrametricity on trees, clusters and noise, against paths and triples by loops."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from spinlab.observables import subdominant_ultrametric, ultrametricity
from spinlab.observables.ultrametricity import _distances, _measure, _triples, aligned


def noise(n, N, seed=0):
    return np.random.default_rng(seed).choice([-1, 1], size=(n, N)).astype(np.int8)


def tree(levels, N, seed=0, flips=0.15):
    """Leaves of a binary tree whose branches each flip the spins of a block of their own."""
    generator = np.random.default_rng(seed)
    states = [np.ones(N, dtype=int)]
    free = list(generator.permutation(N))
    for _ in range(levels):
        grown = []
        size = int(flips * N / len(states))
        for s in states:
            for _ in range(2):
                child = s.copy()
                block = [free.pop() for _ in range(size)]
                child[block] *= -1
                grown.append(child)
        states = grown
        flips /= 2
    return np.array(states)


def test_subdominant_by_all_paths():
    generator = np.random.default_rng(0)
    d = generator.random((6, 6))
    d = np.triu(d, 1) + np.triu(d, 1).T
    found = subdominant_ultrametric(d)
    for a, b in itertools.combinations(range(6), 2):
        others = [k for k in range(6) if k not in (a, b)]
        steps = []
        for length in range(5):
            for middle in itertools.permutations(others, length):
                path = (a, *middle, b)
                steps.append(max(d[x, y] for x, y in itertools.pairwise(path)))
        assert found[a, b] == pytest.approx(min(steps))
    np.testing.assert_allclose(subdominant_ultrametric(found), found)


def test_triples_by_loops():
    d = _distances(noise(9, 30), True)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    branch = fcluster(linkage(squareform(d), "ward"), 3, "maxclust")
    values = []
    for triple in itertools.combinations(range(9), 3):
        if len({branch[k] for k in triple}) == 3:
            x = sorted(d[i, j] for i, j in itertools.combinations(triple, 2))
            values.append(x[2] - x[1])
    assert _triples(d) == pytest.approx(np.mean(values))


def test_a_tree_is_exactly_ultrametric():
    # Leaves of one level differ in blocks of equal sizes: every distance depends on the common branch only.
    states = tree(4, 4000)
    d = _distances(states, False)
    np.testing.assert_allclose(subdominant_ultrametric(d), d, atol=1e-12)
    found = ultrametricity(states, flip=False, rng=0)
    assert found.subdominant.value == pytest.approx(0, abs=1e-12)
    assert found.triples.value == pytest.approx(0, abs=1e-9)
    # Shuffled sites are no tree; the smallest p that 100 null sets allow.
    assert found.subdominant.p == pytest.approx(1 / 101)
    assert found.subdominant.z > 3


def test_distances_between_random_states_are_unremarkable():
    # The null "sites" holds exactly for independent spins: z is nearly standard normal, the mean of 20 within
    # four errors but for once in 10^4 seeds.
    z = [ultrametricity(noise(12, 60, k), n_null=40, rng=k).subdominant.z for k in range(20)]
    assert abs(np.mean(z)) < 4 / np.sqrt(20)
    assert 0.4 < np.std(z) < 2.4


def test_biased_independent_spins_are_unremarkable():
    # A ferromagnet above and below its transition: spins independent, whatever their means.
    generator = np.random.default_rng(1)
    z = []
    for seed in range(10):
        sign = generator.choice([-1, 1], size=(30, 1))
        states = sign * np.where(generator.random((30, 80)) < 0.85, 1, -1)
        z.append(ultrametricity(states, n_null=100, rng=seed).subdominant.z)
    assert abs(np.mean(z)) < 4 / np.sqrt(10)


def test_clusters_are_ultrametric_without_any_glass():
    generator = np.random.default_rng(2)
    patterns = noise(3, 200, 5)
    states = patterns[generator.integers(0, 3, 60)] * np.where(generator.random((60, 200)) < 0.95, 1, -1)
    for null in ("sites", "distances", "factor"):
        found = ultrametricity(states, null=null, rng=0)
        assert found.subdominant.z > 3, null
        assert found.triples.z > 3, null
        assert found.null == null


def test_a_chain_of_states_is_not_ultrametric():
    # States along a path, each a few flips from the last: the opposite of a tree.
    walk = np.ones((40, 400), dtype=int)
    for k in range(1, 40):
        walk[k:, 4 * k : 4 * k + 4] *= -1
    found = ultrametricity(walk, flip=False, null="distances", rng=0)
    assert found.subdominant.value > 0.8
    assert found.triples.value > 0.5


def test_the_global_flip_does_not_count():
    states = tree(3, 2000, seed=3)
    signs = np.random.default_rng(4).choice([-1, 1], size=(len(states), 1))
    d = _distances(states, True)
    np.testing.assert_allclose(_distances(signs * states, True), d)
    turned = aligned(signs * states)
    # One half-space, so each state or all of them are as they were.
    assert np.array_equal(turned, states) or np.array_equal(turned, -states)
    a, b = (ultrametricity(x, rng=0) for x in (states, signs * states))
    assert a.subdominant.value == pytest.approx(b.subdominant.value)


def test_jackknife_by_loops():
    states = noise(12, 40)
    d = _distances(states, True)
    left = [_measure(_distances(np.delete(states, k, 0), True)) for k in range(12)]
    found = ultrametricity(states, n_null=20, rng=0)
    np.testing.assert_allclose([found.subdominant.value, found.triples.value], _measure(d))
    np.testing.assert_allclose(
        [found.subdominant.error, found.triples.error], np.sqrt(11 * np.var(left, axis=0))
    )


def test_factor_null_has_the_moments_of_the_overlaps():
    from spinlab.observables.overlaps import gram
    from spinlab.observables.ultrametricity import _factor

    generator = np.random.default_rng(6)
    t = np.clip(0.6 + 0.15 * generator.standard_normal(80), 0, 1)
    states = np.where(generator.random((80, 3000)) < (1 + t[:, None]) / 2, 1, -1).astype(np.int8)
    mean, std = _factor(states)
    q = gram(states)[np.triu_indices(80, 1)]
    assert mean == pytest.approx(0.6, abs=0.06)  # 3.5 standard errors of the 80 values
    assert std == pytest.approx(0.15, abs=0.05)
    assert q.mean() == pytest.approx(mean**2, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ultrametricity(noise(3, 10)), "at least 4 are needed"),
        (lambda: ultrametricity(np.ones((5, 10))), "all states are equal"),
        (lambda: ultrametricity(noise(8, 10).reshape(2, 4, 10)), "n_states, N"),
        (lambda: ultrametricity(noise(8, 10), null="none"), "unknown null"),
        (lambda: ultrametricity(noise(8, 10), n_null=3), "at least 20"),
        (lambda: subdominant_ultrametric([[0.0, 1.0], [2.0, 0.0]]), "symmetric"),
    ],
)
def test_refusals(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def run_study(monkeypatch, folder, **smaller):
    from spinlab import studies

    study = studies.load("ultrametricity")
    monkeypatch.setattr(study, "SMALL", study.SMALL | smaller)
    study.main("small", folder, progress=False)
    return study, json.loads((folder / "verdict.json").read_text())


TINY = {"N": (24,), "n_states": 12, "n_steps": 60, "n_null": 20, "instances": 2}


def test_study(monkeypatch, tmp_path):
    study, verdict = run_study(monkeypatch, tmp_path, **TINY)
    assert (tmp_path / "ultrametricity.png").stat().st_size > 1000
    assert not verdict["discriminates"]
    assert len(verdict["z"]) == len(study.MODELS) + 1
    # Leaves of the study's tree are exactly ultrametric.
    assert _measure(_distances(study.tree(30, 20, np.random.default_rng(0)), False))[0] < 1e-9


@pytest.mark.slow
def test_study_small(monkeypatch, tmp_path):
    _, verdict = run_study(monkeypatch, tmp_path)
    assert verdict["best_separation"] < 0.95


def test_separation_by_hand():
    from spinlab import studies

    separation = studies.load("ultrametricity").separation
    assert separation(np.array([2.0, 1.0]), np.array([1.0, 0.0])) == 0.875
    assert separation(np.zeros(3), np.ones(2)) == 0.0
