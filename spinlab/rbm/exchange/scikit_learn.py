"""To and from the RBM of scikit-learn, whose units are 0 and 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..machines.machine import Machine
from ..machines.rbm import RBM
from .arrays import from_arrays, to_arrays

if TYPE_CHECKING:
    from sklearn.neural_network import BernoulliRBM

_NAMES = ("components_", "intercept_visible_", "intercept_hidden_")


def from_sklearn(estimator: Any, *, dtype: str = "float64") -> RBM:
    """The fitted ``BernoulliRBM`` of scikit-learn as a machine of spins, with the same probabilities.

    Raises
    ------
    TypeError, ValueError
        If it is not one, or not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> import spinlab as sl
    >>> from sklearn.neural_network import BernoulliRBM
    >>> theirs = BernoulliRBM(3, n_iter=2, random_state=0).fit(np.eye(4))
    >>> sl.rbm.from_sklearn(theirs)
    <RBM: V=4, H=3, biases=True>
    """
    missing = [name for name in _NAMES if not hasattr(estimator, name)]
    if missing:
        if hasattr(estimator, "fit"):
            raise ValueError(f"this {type(estimator).__name__} has no {', '.join(missing)}; fit it first")
        raise TypeError(f"from_sklearn needs a fitted BernoulliRBM, got {type(estimator).__name__}")
    arrays = {name: getattr(estimator, name) for name in _NAMES}
    machine = from_arrays(arrays, units="binary", dtype=dtype)
    assert isinstance(machine, RBM)
    return machine


def to_sklearn(machine: Machine) -> BernoulliRBM:
    """An RBM or RA-RBM as the fitted ``BernoulliRBM`` of scikit-learn, in float64.

    Raises
    ------
    ImportError
        Without scikit-learn.
    TypeError
        If the machine is another one.

    Examples
    --------
    >>> import spinlab as sl
    >>> machine = sl.rbm.RBM.from_weights([[0.5, -0.5]])
    >>> sl.rbm.to_sklearn(machine).components_
    array([[ 2.],
           [-2.]])
    """
    try:
        from sklearn.neural_network import BernoulliRBM
    except ImportError:
        raise ImportError("this needs scikit-learn: pip install spinlab[learn]") from None
    x = to_arrays(machine, units="binary")
    V, H = x["W"].shape
    estimator = BernoulliRBM(n_components=H)
    estimator.components_ = x["W"].T.copy()
    estimator.intercept_visible_, estimator.intercept_hidden_ = x["bv"], x["bh"]
    estimator.n_features_in_, estimator._n_features_out = V, H
    return estimator
