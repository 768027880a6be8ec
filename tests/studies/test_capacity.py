"""Weights of the form (E2): what the couplings are, and sentences with numbers that make them false."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spinlab import studies

study = studies.load("capacity")


def patterns(K, N, seed=0):
    return 2.0 * np.random.default_rng(seed).integers(0, 2, (K, N)) - 1


@pytest.mark.parametrize("rule", list(study.RULES))
def test_couplings_have_the_form(rule):
    """J plus its lost diagonal is xi^T M xi: it acts within the span of the patterns."""
    xi = patterns(5, 40)
    J = study.couplings(rule, xi, np.random.default_rng(1))
    assert np.array_equal(J, J.T)
    assert not np.diag(J).any()
    # Solve for M (symmetric, 15 numbers) from the entries off the diagonal: 780 equations.
    pairs = [(a, b) for a in range(5) for b in range(a + 1)]
    i, j = np.triu_indices(40, 1)
    A = np.array([xi[a, i] * xi[b, j] + (a != b) * xi[b, i] * xi[a, j] for a, b in pairs]).T
    solved, *_ = np.linalg.lstsq(A, J[i, j], rcond=None)
    assert np.allclose(A @ solved, J[i, j], atol=1e-10)
    M = np.zeros((5, 5))
    for (a, b), x in zip(pairs, solved, strict=True):
        M[a, b] = M[b, a] = 40 * x
    assert np.linalg.eigvalsh(M).min() > -1e-9  # a sum over hidden units


def test_inverse_projects_on_the_patterns():
    xi = patterns(30, 60)
    J = study.couplings("inverse", xi, np.random.default_rng(1))
    d = np.diag(xi.T @ np.linalg.inv(xi @ xi.T / 60) @ xi / 60)
    assert np.allclose(xi @ (J + np.diag(d)), xi)  # each pattern is an eigenvector of eigenvalue 1


def test_signs_have_their_correlations():
    """200 000 columns: five errors of 1/sqrt(H)."""
    rho = np.array([[1.0, 0.3, -0.5], [0.3, 1.0, 0.1], [-0.5, 0.1, 1.0]])
    s = study.signs_with(rho, 200_000, np.random.default_rng(4))
    assert np.abs(s @ s.T / 200_000 - rho).max() < 5 / 200_000**0.5


def said(**changed):
    load = np.array([0.05, 0.14, 0.3, 0.6])
    kept = {
        "hebb": [1, 0.8, 0, 0],
        "random_4": [1, 0.2, 0, 0],
        "random_64": [1, 0.7, 0, 0],
        "inverse": [1, 1, 1, 1],
        "signs_64": [1, 1, 0.6, 0],
    }
    return " ".join(study.statements(load, {k: np.array(x, float) for k, x in (kept | changed).items()}))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("up to a load of 0.14", {"hebb": [1, 0.4, 0, 0]}),
        ("reach no more than that", {"random_4": [1, 1, 1, 0]}),
        ("for M = 1/C reach more", {"inverse": [1, 0.9, 0, 0]}),
        ("at least 0.6 with real", {"inverse": [1, 1, 1, 0.2]}),
        ("allows a capacity", {"inverse": [1, 0, 0, 0], "signs_64": [1, 0, 0, 0]}),
    ],
)
def test_sentences_follow_their_numbers(sentence, false):
    assert sentence in said()
    assert sentence not in said(**false)


def test_capacity_is_the_last_load_before_the_first_loss():
    load = np.array([0.1, 0.2, 0.3])
    assert study.capacity(load, np.array([0.4, 1, 1])) == 0
    assert study.capacity(load, np.array([1, 0.4, 1])) == 0.1
    assert study.capacity(load, np.array([1, 0.5, 1])) == 0.3


def test_small_preset(tmp_path):
    study.main("small", tmp_path, workers=None, progress=False)
    assert (tmp_path / "capacity.png").stat().st_size > 1000
    found = json.loads((tmp_path / "verdict.json").read_text())["capacity"]
    assert found["inverse"] > found["hebb"]
