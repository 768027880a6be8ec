"""What the hidden units know: they are the input of a linear classifier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.device import to_host
from ..._core.progress import map_with_progress, shows_progress
from ..._core.results import Result
from ..._core.rng import RNG, as_generator, as_key
from ..._core.validate import as_choice, as_count
from ...datasets import Dataset
from ..machines.as_two_layers import Layers, as_two_layers
from ..machines.hybrid import GaussianHiddenMachine
from ..machines.machine import Machine
from ..machines.two_layer import TwoLayerMachine
from ..machines.units import Noise, mean_spins
from .ais import as_samples

_ROWS = 1024  # samples per matrix product: fixed, for the random numbers


@dataclass(frozen=True, eq=False, repr=False)
class FeatureAccuracy(Result):
    """Fraction of images that a linear classifier of hidden features labels correctly.

    Attributes
    ----------
    train, test : ndarray, shape (n_seeds,)
    """

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class FeatureGain(Result):
    """What training has added to the features: trained minus untrained, same classifier, same data.

    Attributes
    ----------
    trained, untrained : FeatureAccuracy
    test_gain, std_error : float
        Mean difference of the accuracies on the test set, and its standard error over the seeds.
    """

    trained: FeatureAccuracy
    untrained: FeatureAccuracy
    test_gain: float
    std_error: float


def hidden_features(model: Any, data: Any, *, kind: str = "mean", rng: RNG = None) -> np.ndarray:
    """Hidden units given data: <h_a> = tanh((v W)_a + bh_a), their probabilities, or samples.

    Parameters
    ----------
    model : BipartiteIsing, PatternBipartiteIsing or any machine with hidden units
        Those of a deep machine stand side by side, the first hidden layer first: by mean field, or sampled by
        clamped Gibbs steps; those of a fully connected one as its ``positive`` says; the mean of Gaussian
        units is their field.
    data : array_like of +-1 or 0/1, shape (n, V)
    kind : {"mean", "probability", "sampled"}
        "mean": in [-1, 1]; "probability": P(h = +1), in [0, 1]; "sampled": one draw of +-1.
    rng : None, int or numpy.random.Generator
        For "sampled".

    Returns
    -------
    ndarray of float32, shape (n, H)

    Examples
    --------
    >>> from spinlab.models import BipartiteIsing
    >>> from spinlab.rbm import hidden_features
    >>> hidden_features(BipartiteIsing([[9.0, 0.0]]), [[1], [-1]], kind="probability").round(3).tolist()
    [[1.0, 0.5], [0.0, 0.5]]
    """
    as_choice(kind, "kind", ("mean", "probability", "sampled"))
    generator = as_generator(rng)
    key = int(as_key(generator)) if kind == "sampled" else 0
    if isinstance(model, Machine) and not isinstance(model, TwoLayerMachine):
        return _features_of_machine(model, as_samples(data, model.V), kind, key)
    layers = Layers(as_two_layers(model, "hidden features"))
    data = as_samples(data, layers.V)
    out = np.empty((len(data), layers.H), dtype=np.float32)
    with one_blas_thread():
        for first in range(0, len(data), _ROWS):
            x = layers.hidden_fields(data[first : first + _ROWS].astype(np.float32))
            if kind == "sampled":
                Noise.of(key, first).spins(x, out=out[first : first + _ROWS])
            else:
                mean_spins(x, out=out[first : first + _ROWS])
    if kind == "probability":
        out += 1
        out /= 2
    return out


def _features_of_machine(machine: Machine, data: np.ndarray, kind: str, key: int) -> np.ndarray:
    if kind == "probability" and isinstance(machine, GaussianHiddenMachine):
        raise ValueError(f"the hidden units of {machine!r} are no spins with a probability; take kind='mean'")
    parts = []
    with one_blas_thread():
        for first in range(0, len(data), _ROWS):
            v = machine.xp.asarray(data[first : first + _ROWS].astype(machine.dtype))
            found = machine.hidden(v, Noise.of(key, first) if kind == "sampled" else None)
            parts.append(to_host(found).astype(np.float32))
    out = np.concatenate(parts)
    return (out + 1) / 2 if kind == "probability" else out


@shows_progress
def feature_accuracy(
    models: Any,
    data: Dataset,
    *,
    kind: str = "sampled",
    n_seeds: int = 5,
    classifier: Any = None,
    rng: RNG = 0,
    progress: bool | None = None,
) -> FeatureAccuracy:
    """Accuracy of logistic regression on hidden features (arXiv:1910.01592, Sec. V.C).

    Parameters
    ----------
    models : machine, model, or a sequence of them
        One for all seeds, or one for each.
    data : Dataset with labels
        See :mod:`spinlab.datasets`.
    kind : {"sampled", "mean", "probability"}
        As in :func:`hidden_features`.
    n_seeds : int, default 5
        Repetitions, each with its own draw of the features (and its own model, if there are several).
    classifier : scikit-learn classifier, optional
        Cloned for each seed; by default ``LogisticRegression(max_iter=1000)``.
    rng : None, int or numpy.random.Generator, default 0
    progress : bool, optional
        A bar for work of more than 5 s: None in terminals and notebooks, True always, False never.

    Returns
    -------
    FeatureAccuracy

    Raises
    ------
    ImportError
        Without scikit-learn.

    Notes
    -----
    The regression takes nearly all of the time: minutes for 60000 images and 500 hidden units.

    Examples
    --------
    >>> import spinlab as sl
    >>> from spinlab.rbm import feature_accuracy
    >>> random = sl.ensembles.ra_rbm(V=64, H=100, K=20, rng=0)
    >>> feature_accuracy(random, sl.datasets.digits(), n_seeds=1).test.min() > 0.7  # doctest: +SKIP
    True
    """
    clone, make = _scikit_learn()
    n_seeds = as_count(n_seeds, "n_seeds")
    _check_labels(data)
    if classifier is not None and not all(
        hasattr(classifier, name) for name in ("get_params", "fit", "score")
    ):
        raise TypeError(
            f"classifier must be one of scikit-learn's, with fit and score, got {type(classifier).__name__}; "
            "leave it out for logistic regression"
        )
    own = list(models) if isinstance(models, Sequence) else [models] * n_seeds
    if len(own) != n_seeds:
        raise ValueError(f"models must be one or as many as n_seeds = {n_seeds}, got {len(own)}")
    generator = as_generator(rng)

    def accuracies(model: Any) -> tuple[float, float]:
        fitted = clone(classifier) if classifier is not None else make(max_iter=1000)
        X = hidden_features(model, data.train, kind=kind, rng=generator)
        fitted.fit(X, data.train_labels)
        on_train = fitted.score(X, data.train_labels)
        X = hidden_features(model, data.test, kind=kind, rng=generator)
        return on_train, fitted.score(X, data.test_labels)

    train, test = np.array(map_with_progress(accuracies, own, 1, "features")).T
    return FeatureAccuracy(train, test)


@shows_progress
def feature_gain(
    trained: Any,
    untrained: Any,
    data: Dataset,
    *,
    kind: str = "sampled",
    n_seeds: int = 5,
    classifier: Any = None,
    rng: RNG = 0,
    progress: bool | None = None,
) -> FeatureGain:
    """Accuracy of the features of trained machines minus that of untrained ones.

    Random features alone go far (an untrained RA-RBM of 3000 hidden units reaches about 93.6 % on MNIST), so
    an accuracy says what was learned only beside that of the machine before training.

    Parameters
    ----------
    trained, untrained : machine, model, or a sequence of one for each seed
    data, kind, n_seeds, classifier, rng, progress
        As in :func:`feature_accuracy`.

    Returns
    -------
    FeatureGain

    Examples
    --------
    >>> import spinlab as sl
    >>> from spinlab.rbm import feature_gain
    >>> before, after = (sl.ensembles.ra_rbm(V=64, H=50, K=9, rng=seed) for seed in (0, 1))
    >>> gain = feature_gain(after, before, sl.datasets.digits(), n_seeds=2)  # doctest: +SKIP
    >>> abs(gain.test_gain) < 0.2  # doctest: +SKIP
    True
    """
    generator = as_generator(rng)
    one, other = (
        feature_accuracy(models, data, kind=kind, n_seeds=n_seeds, classifier=classifier, rng=generator)
        for models in (trained, untrained)
    )
    difference = one.test - other.test
    spread = float(difference.std(ddof=1)) if len(difference) > 1 else math.nan
    return FeatureGain(one, other, float(difference.mean()), spread / math.sqrt(len(difference)))


def _scikit_learn() -> tuple[Any, Any]:
    try:
        from sklearn.base import clone
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise ImportError(
            "the classifier is scikit-learn's, which is not installed: pip install scikit-learn"
        ) from None
    return clone, LogisticRegression


def _check_labels(data: Any) -> None:
    if not isinstance(data, Dataset):
        raise TypeError(f"data must be a spinlab.datasets.Dataset, got {type(data).__name__}")
    if data.train_labels is None or data.test_labels is None:
        raise ValueError(f"{data!r} has no labels to learn")
