"""The MNIST digits from their original files."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from .._core.rng import RNG, as_generator
from .._core.validate import as_count, as_flag
from ._dataset import Dataset, as_threshold, spins

_SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"


def mnist(
    threshold: float | str | None = 0.3,
    *,
    n_train: int = 60_000,
    rng: RNG = 0,
    folder: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> Dataset:
    """Handwritten digits of 28x28 pixels, 60000 + 10000 images (LeCun, Cortes, Burges 1998).

    The four original files ``train-images-idx3-ubyte.gz`` ... are looked for in ``folder``, in the folder
    ``mnist`` of the folder that the environment variable SPINLAB_DATA names, and in the user's cache; where
    they are in none of these they are downloaded into the cache (11 MB, needs the package pooch). Their
    SHA-256 sums are checked at every call.

    Parameters
    ----------
    threshold : float in [0, 1), "stochastic" or None, default 0.3
        +1 where x/255 > threshold (0.3 is the choice of arXiv:1910.01592); "stochastic" draws +1 with
        probability x/255; None leaves the bytes (0 to 255, uint8) as they are, for
        ``binarized(images / 255, "stochastic")`` afresh at every epoch.
    n_train : int, default 60000
        The first ``n_train`` of the 60000 training images are trained on (the code published with
        arXiv:1910.01592 takes 57000). The test set is always that of the 10000 test images.
    rng : None, int or numpy.random.Generator, default 0
        Draws the pixels if "stochastic".
    folder : path, optional
        Look only here.
    download : bool, default True
        Whether missing files may be downloaded.

    Returns
    -------
    Dataset
        Labels are the digits 0 to 9.

    Raises
    ------
    FileNotFoundError
        If the files are missing and cannot be downloaded.
    ValueError
        If a file is damaged (named in the message).

    Notes
    -----
    About 0.5 s and 0.2 GB.

    Examples
    --------
    >>> from spinlab.datasets import mnist
    >>> mnist(threshold=0.3)  # doctest: +SKIP
    <Dataset mnist: 60000 train, 10000 test, 28x28 pixels>
    """
    level = None if threshold is None else as_threshold(threshold)
    n_train = as_count(n_train, "n_train")
    if n_train > 60_000:
        raise ValueError(f"n_train must be at most 60000, the number of training images; got {n_train}")
    generator = as_generator(rng)
    train, train_labels, test, test_labels = map(_read, _locate(folder, as_flag(download, "download")))
    images = [x.reshape(len(x), -1) for x in (train[:n_train], test)]
    if level is not None:
        on = np.arange(256) / 255 > level
        images = [spins(on[x]) for x in images]
    elif threshold is not None:
        # 0 is never on, 255 always is.
        images = [spins(generator.random(x.shape, dtype=np.float32) * np.float32(255) < x) for x in images]
    labels = train_labels[:n_train].astype(np.int64), test_labels.astype(np.int64)
    return Dataset("mnist", images[0], images[1], (28, 28), labels[0], labels[1])


def _locate(folder: Any, download: bool) -> list[Path]:
    """The four files, train images and labels first; downloaded where they are nowhere."""
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("spinlab", appauthor=False)) / "mnist"
    if folder is not None:
        places = [Path(folder)]
    else:
        data = os.environ.get("SPINLAB_DATA")
        places = [*([Path(data) / "mnist"] if data else []), cache]
    for place in places:
        paths = [place / name for name in _SHA256]
        if all(path.is_file() for path in paths):
            for path in paths:
                _check(path)
            return paths
    looked = " or ".join(repr(str(place)) for place in places)
    advice = (
        f"MNIST is not in {looked}; put {', '.join(_SHA256)} there, set SPINLAB_DATA to a folder that "
        "has them in its folder mnist"
    )
    if folder is not None or not download:
        raise FileNotFoundError(f"{advice}, or let mnist(download=True) fetch them")
    try:
        import pooch
    except ImportError:
        raise FileNotFoundError(f"{advice}, or pip install pooch to have them downloaded") from None
    try:
        return [
            Path(pooch.retrieve(_URL + name, f"sha256:{digest}", fname=name, path=cache))
            for name, digest in _SHA256.items()
        ]
    except (OSError, ValueError) as error:  # no network, or a file with another checksum
        raise FileNotFoundError(f"{advice}; the download failed: {error}") from None


def _check(path: Path) -> None:
    with path.open("rb") as file:  # of any size: it is unpacked only if it is the one expected
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _SHA256[path.name]:
        raise ValueError(
            f"{str(path)!r} is damaged or is another file (SHA-256 {digest[:16]}..., expected "
            f"{_SHA256[path.name][:16]}...); delete it and fetch it again"
        )


def _read(path: Path) -> np.ndarray:
    """An idx file of bytes: magic 0, 0, 8, n_axes, then the big-endian lengths, then the data."""
    data = gzip.decompress(path.read_bytes())
    n_axes = data[3]
    shape = struct.unpack(f">{n_axes}I", data[4 : 4 + 4 * n_axes])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * n_axes).reshape(shape)
