"""Reconstructions against exact transition probabilities, and against the numbers of the published code."""

from __future__ import annotations

import numpy as np
import pytest
from naive import all_states

import spinlab as sl
from spinlab.rbm import hamming_distance, reconstruct


def model(V=4, H=3, seed=0):
    rng = np.random.default_rng(seed)
    return sl.models.BipartiteIsing(rng.normal(size=(V, H)), rng.normal(size=V), 0.5 * rng.normal(size=H))


def step(rbm, v):
    """P(v'|v) over all visible states v', through every hidden state, for any real start v."""
    out = np.zeros(2**rbm.V)
    states = all_states(rbm.V)
    for h in all_states(rbm.H):
        p_h = np.prod(1 / (1 + np.exp(-2 * h * (v @ rbm.W + rbm.bh))))
        out += p_h * np.prod(1 / (1 + np.exp(-2 * states * (rbm.W @ h + rbm.bv))), axis=1)
    return out


def exact_distance(rbm, image, known, n_steps, clamped):
    """Mean fraction of wrong pixels, by the powers of the transition matrix."""
    states = all_states(rbm.V)
    ends = states.copy()
    if clamped:
        ends[:, known] = image[known]  # set back after each step
    where = {tuple(s): i for i, s in enumerate(states)}
    to = [where[tuple(s)] for s in ends]

    def clamp(p):
        return np.bincount(to, weights=p, minlength=len(states))

    p = clamp(step(rbm, np.where(known, image, 0)))
    matrix = np.array([clamp(step(rbm, s)) for s in states])
    for _ in range(n_steps - 1):
        p = p @ matrix
    return p @ (states != image).mean(1)


@pytest.mark.parametrize(("convention", "n_steps"), [("one_step", 1), ("clamped", 1), ("clamped", 3)])
def test_distance_against_exact_transitions(convention, n_steps):
    rbm = model()
    known = np.array([True, False, True, False])
    images = np.array([[1, 1, -1, 1], [-1, 1, 1, -1]])
    found = hamming_distance(
        rbm, images, known, convention=convention, n_steps=n_steps, n_repeats=20_000, rng=1
    )
    for image, distances in zip(images, found.distances.T, strict=True):
        expected = exact_distance(rbm, image, known, n_steps, convention == "clamped")
        error = distances.std() / np.sqrt(len(distances))
        assert abs(distances.mean() - expected) < 5 * error  # false alarm 6e-7 each
    assert found.mean == pytest.approx(found.distances.mean())
    assert found.std_error == pytest.approx(found.distances.mean(1).std(ddof=1) / np.sqrt(20_000))


def test_unclamped_steps_follow_the_plain_chain():
    rbm = model(seed=2)
    image = np.array([1, -1, -1, 1])
    known = np.zeros(4, dtype=bool)
    found = reconstruct(rbm, [image], known, n_steps=3, clamped=False, n_repeats=20_000, rng=0)
    distances = (found != image).mean(-1)[:, 0]
    expected = exact_distance(rbm, image, known, 3, False)
    assert abs(distances.mean() - expected) < 5 * distances.std() / np.sqrt(20_000)  # false alarm 6e-7


def test_clamped_pixels_stay_and_unknown_ones_are_not_read():
    rbm = model(V=6, H=4)
    images = np.where(np.random.default_rng(0).random((5, 6)) < 0.5, 1, -1)
    found = reconstruct(rbm, images, 2, n_steps=3, n_repeats=7, rng=0)
    assert found.shape == (7, 5, 6)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found[:, :, :2], np.broadcast_to(images[:, :2], (7, 5, 2)))
    other = images.copy()
    other[:, 2:] *= -1
    np.testing.assert_array_equal(found, reconstruct(rbm, other, 2, n_steps=3, n_repeats=7, rng=0))


def test_repeats_differ_and_seeds_repeat():
    data = sl.datasets.bars(4).train
    rbm = sl.ensembles.rbm_gaussian(V=16, H=30, rng=0).scaled(0.05)
    one = reconstruct(rbm, data, 4, n_repeats=120, rng=3)  # more than one block of chains
    assert len(np.unique(one.reshape(-1, 16), axis=0)) > 100
    np.testing.assert_array_equal(one, reconstruct(rbm, data, 4, n_repeats=120, rng=3, threads=1))
    assert (one[0] != one[-1]).any()


def test_patterns_and_their_matrix_agree():
    rng = np.random.default_rng(1)  # real patterns: binary ones make fields that are zero up to rounding
    rbm = sl.models.PatternBipartiteIsing(rng.normal(size=(5, 16)), rng.normal(size=(5, 200)), 0.1)
    data = sl.datasets.bars(4).train
    a, b = (hamming_distance(m, data, 4, n_repeats=50, rng=1).distances for m in (rbm, rbm.to_bipartite()))
    assert (a == b).mean() > 0.99  # but for draws within the rounding of float32


def test_untrained_machines_have_the_published_distances():
    """reference runs of RAPID at epoch 0 (25 random RA-RBMs, V=16, H=1000, K=8): mean and spread.

    Difference of two means, 25 runs there and 60 here: 5 standard errors, false alarm 6e-7 each.
    """
    published = {
        ("one_step", "train"): (0.40668, 0.0584),
        ("one_step", "test"): (0.37443, 0.0721),
        ("clamped", "train"): (0.39560, 0.0593),
        ("clamped", "test"): (0.36244, 0.0723),
    }
    data = sl.datasets.bars(4)
    machines = [sl.ensembles.ra_rbm(V=16, H=1000, K=8, rng=seed) for seed in range(60)]
    for (convention, split), (mean, spread) in published.items():
        found = [
            hamming_distance(m, getattr(data, split), 4, convention=convention, n_repeats=10, rng=i).mean
            for i, m in enumerate(machines)
        ]
        assert abs(np.mean(found) - mean) < 5 * spread * np.sqrt(1 / 25 + 1 / 60)
        assert abs(np.std(found) / spread - 1) < 5 * np.sqrt(1 / 50 + 1 / 120)


def test_bad_input():
    rbm = model()
    with pytest.raises(ValueError, match="known must be at most the number of pixels 4, got 5"):
        reconstruct(rbm, [[1, 1, 1, 1]], 5)
    with pytest.raises(ValueError, match="4 booleans"):
        reconstruct(rbm, [[1, 1, 1, 1]], [1, 0, 0, 0])
    with pytest.raises(ValueError, match="unknown convention 'paper'; known: clamped, one_step"):
        hamming_distance(rbm, [[1, 1, 1, 1]], 2, convention="paper")
    with pytest.raises(ValueError, match="data must have 4 spins"):
        reconstruct(rbm, [[1, 1]], 1)
    with pytest.raises(ValueError, match="only \\+1 and -1"):
        reconstruct(rbm, [[1, 0, 0, -1]], 1)
    with pytest.raises(ValueError, match="n_repeats"):
        hamming_distance(rbm, [[1, 1, 1, 1]], 2, n_repeats=0)
