"""Parts of the training studies on cases whose answer is known; the studies themselves run in CI."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies
from spinlab.studies import _fig6_short, _mnist


def test_kinds_of_bars_and_stripes():
    fig5 = studies.load("fig5")
    data = sl.datasets.bars_and_stripes(4, rng=0)
    trained = {image.tobytes() for image in data.train}
    uniform = np.ones((1, 16), np.int8)
    broken = data.train[:1].copy()
    broken[0, 0] *= -1
    samples = np.concatenate([data.train, data.test, uniform, -uniform, broken])
    kinds = np.array(fig5.KINDS)[fig5.kinds_of(samples, 4, trained)]
    expected = ["trained"] * len(data.train) + ["new"] * len(data.test) + ["uniform"] * 2 + ["neither"]
    assert kinds.tolist() == expected


def test_distance_is_zero_for_a_machine_that_repeats_rows_or_columns():
    fig5 = studies.load("fig5")
    # One huge pattern per image direction: bars only, so that every bar is completed from its top row.
    size, top = 3, np.array([1, -1, 1])
    image = np.tile(top, size)
    machine = sl.rbm.RARBM.from_patterns(image[None], np.ones((1, 50)), scale=50.0)
    images = np.array([image, -image], dtype=np.int8)
    for convention in fig5.CONVENTIONS:
        assert fig5.distance(machine, images, size, convention) == 0.0


def test_fit_of_weights_that_are_patterns():
    ra_fit = studies.load("ra_fit")
    rng = np.random.default_rng(0)
    x, y = rng.choice([-1.0, 1.0], (2, 20)), rng.choice([-1.0, 1.0], (2, 30))
    for K in (1, 2):
        W = 0.3 * x[:K].T @ y[:K]
        np.testing.assert_allclose(ra_fit.fit_patterns(W, K, rng), W, atol=1e-12)
    W = rng.normal(size=(8, 12))
    singular = np.linalg.svd(W)[1]
    assert ((W - ra_fit.cut(W, 3)) ** 2).sum() == pytest.approx((singular[3:] ** 2).sum())
    # Binary patterns of equal weight are among the matrices of rank K.
    assert ((W - ra_fit.fit_patterns(W, 3, rng)) ** 2).sum() >= (singular[3:] ** 2).sum()


def test_names_of_machines():
    def read(name):
        K, negative, scale, own = _mnist.parsed(name, 100)
        return K, repr(negative), scale, own

    assert read("K=190, 10 steps") == (190, repr(sl.rbm.PID(10)), 1.0, False)
    assert read("K=20, 0 steps, scale 0.05") == (20, repr(sl.rbm.PID(0)), 0.05, False)
    assert read("K=20, PCD, own scale") == (20, repr(sl.rbm.PCD(1, 100)), 1.0, True)


def test_patterns_of_their_own_scale_start_small_and_centred_on_the_data():
    data = sl.datasets.bars(4)
    machine = _mnist.trainer_of("K=4, PCD, own scale", data, _fig6_short.SMALL, 0).machine
    assert machine.as_ising().coupling_std() == pytest.approx(0.3**2, rel=0.2)
    np.testing.assert_allclose(machine.parameters["bv"], sl.rbm.data_biases(data.train), rtol=1e-6)


def test_nearest_label_ignores_inversion():
    data = sl.datasets.Dataset(
        "two",
        np.array([[1, 1, 1, 1], [1, -1, 1, -1]], np.int8),
        np.ones((1, 4), np.int8),
        (2, 2),
        np.array([3, 8]),
    )
    samples = np.array([[-1, -1, -1, -1], [1, -1, 1, 1], [-1, 1, -1, 1]], np.int8)
    assert _mnist.nearest_labels(samples[[0, 2]], data).tolist() == [3, 8]
