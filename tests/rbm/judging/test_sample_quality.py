"""Observables of samples on cases whose answer is known: digits, noise, copies, one image."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import spinlab as sl
from spinlab.rbm import image_classifier, sample_quality

N = 200


@pytest.fixture(scope="module")
def digits():
    data = sl.datasets.digits()
    classifier = image_classifier(data)
    images = sample_quality(data.test[:N], data, classifier=classifier)
    return data, classifier, images


def noises(data):
    """What is no digit: free pixels, pixels of the right means, digits with their pixels in another order."""
    rng = np.random.default_rng(0)
    yield rng.choice([-1, 1], (N, data.V))
    yield np.where(rng.random((N, data.V)) < (1 + data.train.mean(0)) / 2, 1, -1)
    yield data.test[:N][:, rng.permutation(data.V)]


def test_digits_are_told_from_noise(digits):
    data, classifier, images = digits
    assert images.share_near(images) >= 0.95
    assert (images.labels == data.test_labels[:N]).mean() > 0.9
    for samples in noises(data):
        found = sample_quality(samples, data, classifier=classifier)
        # On 8x8 pixels independent ones of the right means come near (.24); on MNIST none does.
        assert found.share_near(images) < 0.3
        assert found.share_confident(images) < 0.15
        assert found.confidence.mean() < 0.5 * images.confidence.mean()
        assert np.median(found.nearest) < np.quantile(images.nearest, 0.05)


def test_copies_and_one_mode_are_told_from_new_digits(digits):
    data, classifier, images = digits
    copies = sample_quality(data.train[100 : 100 + N], data, classifier=classifier)
    assert copies.nearest.tolist() == [1.0] * N
    assert copies.share_copied(images) == 1.0
    assert images.share_copied(images) <= 0.05
    # Copies have every other virtue, so that only this number sees them.
    assert copies.share_near(images) == 1.0
    assert copies.effective_classes > 8
    assert copies.vendi == pytest.approx(images.vendi, rel=0.2)

    one = sample_quality(np.repeat(data.test[:1], N, axis=0), data, classifier=classifier)
    assert one.vendi == pytest.approx(1.0, abs=1e-6)
    assert one.effective_classes == pytest.approx(1.0)
    assert one.class_counts.sum() == one.class_counts.max() == N
    eights = sample_quality(data.test[data.test_labels == 8], data, classifier=classifier)
    half = len(eights.labels)
    several = sample_quality(data.test[:half], data, classifier=classifier)
    assert eights.effective_classes < 2 < several.effective_classes
    assert eights.vendi < 0.8 * several.vendi


def test_nearest_against_a_loop():
    rng = np.random.default_rng(1)
    train, samples = rng.choice([-1, 1], (9000, 6)).astype(np.int8), rng.choice([-1, 1], (20, 6))
    labels = np.arange(9000) % 3
    data = sl.datasets.Dataset("random", train, train[:2], (2, 3), labels, labels[:2])
    for invert in (False, True):
        found = sample_quality(samples, data, up_to_inversion=invert)
        for i, v in enumerate(samples):
            overlaps = [int(v @ image.astype(int)) for image in train]
            sizes = [abs(o) for o in overlaps] if invert else overlaps
            assert found.nearest[i] == max(sizes) / 6
            assert sizes[found.nearest_image[i]] == max(sizes)
            assert found.inverted[i] == (overlaps[found.nearest_image[i]] < 0 and invert)


def test_inverse_images_are_read_as_images(digits):
    data, classifier, images = digits
    inverse = -data.test[:N]
    found = sample_quality(inverse, data, classifier=classifier, up_to_inversion=True)
    both = sample_quality(-inverse, data, classifier=classifier, up_to_inversion=True)
    assert (found.inverted != both.inverted).all()
    for name in ("nearest", "labels", "confidence"):
        np.testing.assert_array_equal(getattr(found, name), getattr(both, name))
    assert both.inverted.mean() < 0.05
    assert sample_quality(inverse, data, classifier=classifier).share_near(images) < 0.15


def test_effective_number_of_samples():
    """Orthogonal states count one each, and groups of equal ones count once."""
    hadamard = np.array([[1]])
    for _ in range(3):
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    data = sl.datasets.Dataset("rows", hadamard.astype(np.int8), hadamard.astype(np.int8), (2, 4),
                               np.arange(8) % 2, np.arange(8) % 2)  # fmt: skip
    for rows, expected in ((hadamard, 8), (hadamard[:3], 3), (np.repeat(hadamard[:4], 5, axis=0), 4)):
        assert sample_quality(rows, data).vendi == pytest.approx(expected, rel=1e-9)
    # One state three times and another once: exp of the entropy of (3/4, 1/4).
    uneven = sample_quality(hadamard[[0, 0, 0, 1]], data).vendi
    assert uneven == pytest.approx(4 / 3**0.75, rel=1e-9)


def test_a_classifier_of_ones_own(digits):
    from sklearn.linear_model import LogisticRegression

    data, _, _ = digits
    own = LogisticRegression(max_iter=20, tol=1.0)
    fitted = image_classifier(data, own)
    assert fitted is not own  # a clone: what is given stays as it was
    assert image_classifier(data, fitted) is fitted
    unlabelled = dataclasses.replace(data, train_labels=None)
    assert len(sample_quality(data.test[:3], unlabelled, classifier=fitted).labels) == 3


def test_bad_input(digits):
    data, classifier, images = digits
    with pytest.raises(TypeError, match=r"spinlab\.datasets\.Dataset"):
        sample_quality(data.test, data.train)
    with pytest.raises(ValueError, match="64"):
        sample_quality(np.ones((2, 5)), data, classifier=classifier)
    with pytest.raises(ValueError, match="only"):
        sample_quality(np.full((2, 64), 0.5), data, classifier=classifier)
    with pytest.raises(ValueError, match="no labels to learn"):
        sample_quality(data.test, dataclasses.replace(data, train_labels=None))
    with pytest.raises(TypeError, match="predict_proba"):
        sample_quality(data.test, data, classifier="trees")
    with pytest.raises(ValueError, match="fitted to 64 pixels, the images have 16"):
        image_classifier(sl.datasets.bars(4), classifier)
    for bad in (1.5, -0.1):
        with pytest.raises(ValueError, match="quantile"):
            images.share_near(images, bad)
