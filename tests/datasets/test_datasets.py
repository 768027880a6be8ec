"""Data sets: contents, splits that the global inversion does not leak through, missing and damaged files."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from spinlab import datasets
from spinlab.datasets import _mnist


def as_set(images):
    return {tuple(x) for x in images.tolist()}


def check(data):
    """What holds for every data set of bars."""
    for images in (data.train, data.test):
        assert images.dtype == np.int8
        assert images.shape[1] == data.V == data.shape[0] * data.shape[1]
        assert as_set(-images) == as_set(images)  # inverses are on the same side
        assert len(as_set(images)) == len(images)
    assert not as_set(data.train) & as_set(data.test)


def uniform(images):
    return np.abs(images.sum(1)) == images.shape[1]


def test_bars_of_the_paper():
    data = datasets.bars(4)
    check(data)
    rows = {"1000", "1100", "1110", "1011", "1101"}, {"1010", "1001"}
    for images, expected in zip((data.train, data.test), rows, strict=True):
        grid = images.reshape(-1, 4, 4)
        assert (grid == grid[:, :1]).all()  # full vertical bars
        found = {"".join("1" if x > 0 else "0" for x in image[0]) for image in grid}
        assert found == expected | {r.translate(str.maketrans("01", "10")) for r in expected}
    assert (len(data.train), len(data.test)) == (10, 4)


@pytest.mark.parametrize("n", [3, 4, 7])
def test_bars_are_all_there(n):
    data = datasets.bars(n, train_fraction=0.5, rng=1)
    check(data)
    images = np.concatenate([data.train, data.test]).reshape(-1, n, n)
    assert len(images) == 2**n - 2
    assert (images == images[:, :1]).all()
    assert not uniform(images[:, 0]).any()


def test_bars_and_stripes_of_the_paper():
    data = datasets.bars_and_stripes(12)
    check(data)
    assert (len(data.train), len(data.test)) == (6550, 1638)
    for images, labels in ((data.train, data.train_labels), (data.test, data.test_labels)):
        grid = images.reshape(-1, 12, 12)
        grid = np.where(labels[:, None, None] == 1, grid.transpose(0, 2, 1), grid)
        assert (grid == grid[:, :1]).all()
        assert not uniform(images).any()
    assert np.bincount(np.concatenate([data.train_labels, data.test_labels])).tolist() == [4094, 4094]


def test_splits_are_reproducible_and_chosen_by_rng():
    a, b, c = (datasets.bars_and_stripes(5, rng=seed).train for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert as_set(a) != as_set(c)
    assert len(datasets.bars(4, train_fraction=0.99).test) == 2
    assert len(datasets.bars(4, train_fraction=0.01).train) == 2


def test_binarized():
    x = np.array([[0.0, 0.3, 0.31, 1.0]])
    assert datasets.binarized(x, 0.3).tolist() == [[-1, -1, 1, 1]]
    assert datasets.binarized(x, 0.3).dtype == np.int8
    draws = datasets.binarized(np.repeat(x, 40_000, axis=0), "stochastic", rng=0)
    mean = (draws.mean(0) + 1) / 2
    assert mean[0] == 0.0
    assert mean[3] == 1.0
    # Two binomial means against 5 standard errors: false alarm 1e-6.
    assert (np.abs(mean - x[0])[1:3] < 5 * np.sqrt(0.25 / 40_000)).all()
    np.testing.assert_array_equal(
        draws, datasets.binarized(np.repeat(x, 40_000, axis=0), "stochastic", rng=0)
    )


def test_digits():
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    data = datasets.digits(0.4)
    assert (len(data.train), len(data.test)) == (1438, 359)
    grey, labels = load_digits(return_X_y=True)
    known = {}
    for image, label in zip(grey / 16 > 0.4, labels, strict=True):
        known.setdefault(tuple(image.tolist()), set()).add(int(label))
    for image, label in zip(data.train > 0, data.train_labels, strict=True):
        assert int(label) in known[tuple(image.tolist())]


def mnist_folder():
    """Where MNIST is, or a skip."""
    try:
        return _mnist._locate(None, False)[0].parent
    except FileNotFoundError:
        pytest.skip("MNIST is absent: set SPINLAB_DATA to a folder with mnist/train-images-idx3-ubyte.gz ...")


def test_mnist():
    mnist_folder()
    data = datasets.mnist(0.3, n_train=57_000, download=False)
    grey = datasets.mnist(None, download=False)
    assert repr(data) == "<Dataset mnist: 57000 train, 10000 test, 28x28 pixels>"
    assert grey.train.shape == (60_000, 784)
    assert grey.train.dtype == np.uint8
    # The published files: labels of the first images, and how many there are of each digit.
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(grey.train_labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert grey.train.mean(dtype=float) / 255 == pytest.approx(0.1306604762738429, rel=1e-12)
    np.testing.assert_array_equal(data.test, np.where(grey.test > 0.3 * 255, 1, -1))
    drawn = datasets.mnist("stochastic", n_train=10, rng=3, download=False)
    assert (drawn.test[grey.test == 0] == -1).all()
    assert (drawn.test[grey.test == 255] == 1).all()
    middle = grey.test == 128
    # A binomial mean of a few thousand pixels against 5 standard errors: false alarm 6e-7.
    error = abs((drawn.test[middle] > 0).mean() - 128 / 255)
    assert error < 5 * 0.5 / np.sqrt(middle.sum())
    np.testing.assert_array_equal(
        drawn.test, datasets.mnist("stochastic", n_train=10, rng=3, download=False).test
    )


def test_a_damaged_file_is_named(tmp_path):
    source = mnist_folder()
    for name in _mnist._SHA256:
        shutil.copy(source / name, tmp_path / name)
    name = "t10k-labels-idx1-ubyte.gz"
    (tmp_path / name).write_bytes(gzip.compress(b"nonsense"))
    with pytest.raises(ValueError, match=f"{name}' is damaged"):
        datasets.mnist(folder=tmp_path)


def test_missing_files_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"put train-images-idx3-ubyte\.gz"):
        datasets.mnist(folder=tmp_path)
    monkeypatch.setenv("SPINLAB_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"nowhere.* or .*SPINLAB_DATA.*download=True"):
        datasets.mnist(download=False)


def test_downloads_go_to_the_cache_and_are_checked(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append((url, known_hash, fname, Path(path)))
        raise ValueError("SHA256 hash of downloaded file does not match")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    monkeypatch.delenv("SPINLAB_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="the download failed: SHA256"):
        datasets.mnist()
    url, known_hash, name, path = asked[0]
    assert url.endswith("/" + name)
    assert known_hash == "sha256:" + _mnist._SHA256[name]
    if os.name == "posix":
        assert path == tmp_path / "spinlab" / "mnist"


def test_bad_input():
    with pytest.raises(ValueError, match="n must be at least 2"):
        datasets.bars(1)
    with pytest.raises(ValueError, match="at most 20"):
        datasets.bars_and_stripes(21)
    with pytest.raises(ValueError, match="cannot be split"):
        datasets.bars(2)
    with pytest.raises(ValueError, match="train_fraction must be below 1"):
        datasets.bars(5, train_fraction=1)
    with pytest.raises(ValueError, match="divide bytes by 255"):
        datasets.binarized([0, 255])
    with pytest.raises(ValueError, match="unknown threshold 'half'"):
        datasets.binarized([0.5], "half")
    with pytest.raises(ValueError, match="threshold must be below 1"):
        datasets.mnist(77)
    with pytest.raises(ValueError, match="n_train must be at most 60000"):
        datasets.mnist(n_train=70_000)
