"""What samples of a machine look like, without its likelihood: copies, classes and how different they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._core.results import Result
from ..._core.validate import as_flag, as_real
from ...datasets import Dataset
from .ais import as_samples

_ROWS = 4096  # training images per matrix product
_TREES = 100


@dataclass(frozen=True, eq=False, repr=False)
class SampleQuality(Result):
    """Samples beside images; every number says something only beside that of held-out images.

    Attributes
    ----------
    nearest : ndarray, shape (n,)
        Largest overlap v.v'/V with a training image.
    nearest_image : ndarray of int, shape (n,)
        Its row in the training set.
    inverted : ndarray of bool, shape (n,)
        Whether the inverse of the sample was judged in its place, the nearer one to a training image.
    labels : ndarray, shape (n,)
        Class that the classifier finds most likely.
    confidence : ndarray, shape (n,)
        The probability it gives to that class.
    classes : ndarray
        All classes of the classifier.
    vendi : float
        Effective number of different samples, between 1 and n: exp(-sum_k p_k ln p_k) of the eigenvalues
        p of the matrix of overlaps over n (Friedman and Dieng, arXiv:2210.02410). It grows with n: compare
        equal numbers of samples.
    """

    nearest: np.ndarray
    nearest_image: np.ndarray
    inverted: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    classes: np.ndarray
    vendi: float

    @property
    def class_counts(self) -> np.ndarray:
        """Samples of each of ``classes``."""
        return np.array([(self.labels == c).sum() for c in self.classes])

    @property
    def effective_classes(self) -> float:
        """exp of the entropy of the classes: 1 where all samples are of one, their number where equal."""
        p = self.class_counts / len(self.labels)
        p = p[p > 0]
        return float(np.exp(-(p * np.log(p)).sum()))

    def share_near(self, reference: SampleQuality, quantile: float = 0.05) -> float:
        """Share of samples as near to a training image as all but the lowest ``quantile`` of a reference.

        Held-out images have 1 - ``quantile`` of themselves; samples that look like no image have 0.
        """
        return float((self.nearest >= np.quantile(reference.nearest, _level(quantile))).mean())

    def share_copied(self, reference: SampleQuality, quantile: float = 0.95) -> float:
        """Share of samples nearer to a training image than ``quantile`` of a reference is.

        Held-out images have 1 - ``quantile`` of themselves; a machine that repeats its training set has 1.
        """
        return float((self.nearest > np.quantile(reference.nearest, _level(quantile))).mean())

    def share_confident(self, reference: SampleQuality, quantile: float = 0.05) -> float:
        """Share of samples classified as confidently as all but the lowest ``quantile`` of a reference."""
        return float((self.confidence >= np.quantile(reference.confidence, _level(quantile))).mean())


def sample_quality(
    samples: Any, data: Dataset, *, classifier: Any = None, up_to_inversion: bool = False
) -> SampleQuality:
    """Nearest training image, class, confidence and diversity of samples.

    The likelihood of a machine and the looks of its samples are different things (Theis, van den Oord and
    Bethge, ICLR 2016), and only the second can be seen where ln Z is out of reach. No single number will
    do: noise is far from every image and classified without confidence, copies are nearer than held-out
    images are, and a machine with one mode has few classes and few different samples.

    Parameters
    ----------
    samples : array_like of +-1 or 0/1, shape (n, V)
        Of a machine, or the held-out images that it is compared with.
    data : Dataset with labels
        Its training images are those that samples may be near to, or copies of.
    classifier : scikit-learn classifier with ``predict_proba``, optional
        Used as it is if it is fitted, otherwise a clone is fitted to the training images. By default 100
        extremely randomised trees: they are unsure away from the data, where a linear classifier is not.
    up_to_inversion : bool, default False
        Judge a sample or its inverse, whichever is nearer to a training image: for machines without biases,
        which give both the same probability.

    Returns
    -------
    SampleQuality

    Raises
    ------
    ImportError
        Without scikit-learn.
    TypeError, ValueError
        If the data have no labels, the samples not their width, or the classifier no probabilities.

    Notes
    -----
    O(n n_train V), one second for 500 samples and 57000 images of MNIST; fitting the default classifier to
    these takes about half a minute, so give a fitted one (:func:`image_classifier`) if you judge often.

    Examples
    --------
    >>> import numpy as np, spinlab as sl
    >>> data = sl.datasets.digits()
    >>> classifier = sl.rbm.image_classifier(data)
    >>> images = sl.rbm.sample_quality(data.test[:100], data, classifier=classifier)
    >>> random = np.random.default_rng(0).choice([-1, 1], (100, 64))
    >>> noise = sl.rbm.sample_quality(random, data, classifier=classifier)
    >>> images.share_near(images) >= 0.95, noise.share_near(images)
    (True, 0.0)
    """
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a spinlab.datasets.Dataset, got {type(data).__name__}")
    samples = as_samples(samples, data.V)
    classifier = image_classifier(data, classifier)
    nearest, rows, inverted = _nearest(samples, data.train, as_flag(up_to_inversion, "up_to_inversion"))
    read = np.where(inverted[:, None], -samples, samples)
    p = classifier.predict_proba(read)
    return SampleQuality(
        nearest=nearest,
        nearest_image=rows,
        inverted=inverted,
        labels=classifier.classes_[p.argmax(1)],
        confidence=p.max(1),
        classes=np.asarray(classifier.classes_),
        vendi=_vendi(read),
    )


def image_classifier(data: Dataset, classifier: Any = None) -> Any:
    """A classifier fitted to the training images, for :func:`sample_quality`.

    Parameters
    ----------
    data : Dataset with labels
    classifier : scikit-learn classifier, optional
        A fitted one is returned as it is, another one is cloned and fitted; by default 100 extremely
        randomised trees with a fixed seed (on MNIST 97 % of the test images).

    Returns
    -------
    classifier

    Examples
    --------
    >>> import spinlab as sl
    >>> data = sl.datasets.digits()
    >>> bool(sl.rbm.image_classifier(data).score(data.test, data.test_labels) > 0.9)
    True
    """
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a spinlab.datasets.Dataset, got {type(data).__name__}")
    try:
        from sklearn.base import clone
        from sklearn.ensemble import ExtraTreesClassifier
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted
    except ImportError:
        raise ImportError(
            "the classifier is scikit-learn's, which is not installed: pip install scikit-learn"
        ) from None
    if classifier is not None and not hasattr(classifier, "predict_proba"):
        raise TypeError(
            f"classifier must be a scikit-learn classifier with predict_proba, got {classifier!r}; "
            "LogisticRegression and the forests have it"
        )
    if classifier is not None:
        try:
            check_is_fitted(classifier)
        except NotFittedError:
            pass
        else:
            width = getattr(classifier, "n_features_in_", data.V)
            if width != data.V:
                raise ValueError(f"the classifier was fitted to {width} pixels, the images have {data.V}")
            return classifier
    if data.train_labels is None:
        raise ValueError(f"{data!r} has no labels to learn; give a fitted classifier")
    classifier = clone(classifier) if classifier is not None else ExtraTreesClassifier(_TREES, random_state=0)
    return classifier.fit(data.train, data.train_labels)


def _level(quantile: Any) -> float:
    if (level := as_real(quantile, "quantile", 0.0)) > 1:
        raise ValueError(f"quantile must lie between 0 and 1, got {quantile!r}")
    return level


def _nearest(samples: np.ndarray, images: np.ndarray, invert: bool) -> tuple[np.ndarray, ...]:
    """Largest overlap of each sample with an image, the row of the image, and whether it is the inverse's."""
    n, V = samples.shape
    best, rows, inverted = np.full(n, -np.inf), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
    spins = samples.astype(np.float32)  # sums of V signs are exact
    for first in range(0, len(images), _ROWS):
        overlap = spins @ images[first : first + _ROWS].astype(np.float32).T
        for sign in (1, -1) if invert else (1,):
            at = (overlap if sign > 0 else -overlap).argmax(1)
            found = sign * overlap[np.arange(n), at]
            better = found > best
            best[better], rows[better], inverted[better] = found[better], at[better] + first, sign < 0
    return best / V, rows, inverted


def _vendi(samples: np.ndarray) -> float:
    """exp of the entropy of the eigenvalues of the overlaps v.v'/(V n), which sum to one."""
    n, V = samples.shape
    spins = samples.astype(np.float64)
    gram = spins @ spins.T if n <= V else spins.T @ spins
    p = np.linalg.eigvalsh(gram / (n * V))
    p = p[p > 1e-14]
    return float(np.exp(-(p * np.log(p)).sum()))
