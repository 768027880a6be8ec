"""Boltzmann machines behind the interface of scikit-learn.

``RBMTransformer`` is a scikit-learn estimator, defined when it is first asked for, because scikit-learn is
an optional package (``pip install spinlab[learn]``).

Examples
--------
>>> import numpy as np
>>> from spinlab.rbm.estimator import RBMTransformer
>>> X = np.array([[0, 0, 1, 1], [1, 1, 0, 0]] * 20)
>>> machine = RBMTransformer(n_components=8, n_iter=50, lr=0.1, random_state=0).fit(X)
>>> machine.transform(X).shape
(40, 8)
>>> bool(machine.score(X) > -4 * np.log(2))  # better than equally probable states; at best -ln 2
True
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.validate import as_choice, as_count, as_data, as_flag, as_real
from ..dynamics import block_gibbs
from ..models import TwoLayerIsing
from .judging.ais import data_biases, log_partition_ais
from .judging.likelihood import exact_in_reach, free_energies
from .machines.ra_rbm import RARBM
from .machines.rbm import RBM
from .negative import CD, PCD, PID, Exact, NegativePhase, Tempering
from .training.identity import arrays_of
from .training.trainer import Trainer

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    RBMTransformer: type[BaseEstimator]

__all__ = ["RBMTransformer"]

_LARGEST_SEED = 2**31 - 1
_BETWEEN = {"lr", "batch_size", "callbacks", "verbose", "n_iter", "checkpoint", "warm_start", "random_state"}
"""Settings that may change between calls of ``partial_fit``; the last four are of ``fit`` alone."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    globals().update(_define())
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)


def _negative_phase(name: str, n_steps: int, n_chains: int) -> NegativePhase:
    known = {
        "cd": lambda: CD(n_steps),
        "pcd": lambda: PCD(n_steps, n_chains),
        "tempering": lambda: Tempering(n_steps, n_chains),
        "pid": lambda: PID(n_steps),
        "exact": Exact,
    }
    return known[as_choice(name, "negative", known)]()


def _define() -> dict[str, type]:
    try:
        from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
        from sklearn.utils import check_random_state
        from sklearn.utils.validation import check_is_fitted, validate_data
    except ImportError:
        raise ImportError("the estimator needs scikit-learn: pip install spinlab[learn]") from None
    from scipy.special import expit

    class RBMTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
        """Restricted Boltzmann machine with +-1 units as a scikit-learn transformer.

        Parameters
        ----------
        n_components : int, default 256
            Hidden units.
        n_patterns : int or None, default None
            Patterns of a machine with regularized axons (:class:`spinlab.rbm.RARBM`); None is a machine with
            free weights (:class:`spinlab.rbm.RBM`).
        negative : {"pcd", "cd", "tempering", "pid", "exact"}
            Negative phase, see :mod:`spinlab.rbm.negative`; "pid" is for machines with patterns.
        n_steps : int, default 1
            Gibbs steps of an update.
        n_chains : int, default 100
            Chains of "pcd" and "tempering".
        lr : float, default 0.01
            Learning rate.
        n_iter : int, default 10
            Passes over the data.
        batch_size : int, default 100
        optimiser : {"sgd", "adam"}
        projection : {"none", "sign", "clip", "gibbs"}
            For machines with patterns.
        biases : bool, default True
        binarize : "auto", float or None, default "auto"
            A feature above this becomes +1, else -1. "auto": 0.5 for data in [0, 1], 0 where some are
            negative, half of the largest otherwise (grey levels to 255); where all features would come out
            alike, the middle of their range. A number is taken as it is, and refused where all features
            come out alike. None demands data of +-1 or 0/1.
        warm_start : bool, default False
            Whether ``fit`` goes on from the machine of the last call (with new chains).
        callbacks : sequence of functions or None, default None
            As for :meth:`spinlab.rbm.Trainer.fit`.
        checkpoint : path or None, default None
            File that a run is kept in and goes on from, see :meth:`spinlab.rbm.Trainer.fit`.
        random_state : None, int or RandomState
        verbose : bool, default False
            Whether to show a progress bar.

        Attributes
        ----------
        machine_ : Machine
            The trained machine.
        history_ : xarray.Dataset
            What the trainer has recorded along the epochs.
        threshold_ : float
            What ``binarize`` came to; NaN for data of spins.
        n_features_in_ : int
        """

        __qualname__ = "RBMTransformer"

        def __init__(
            self,
            n_components: int = 256,
            *,
            n_patterns: int | None = None,
            negative: str = "pcd",
            n_steps: int = 1,
            n_chains: int = 100,
            lr: float = 0.01,
            n_iter: int = 10,
            batch_size: int = 100,
            optimiser: str = "sgd",
            projection: str = "none",
            biases: bool = True,
            binarize: Any = "auto",
            warm_start: bool = False,
            callbacks: Any = None,
            checkpoint: Any = None,
            random_state: Any = None,
            verbose: bool = False,
        ) -> None:
            self.n_components = n_components
            self.n_patterns = n_patterns
            self.negative = negative
            self.n_steps = n_steps
            self.n_chains = n_chains
            self.lr = lr
            self.n_iter = n_iter
            self.batch_size = batch_size
            self.optimiser = optimiser
            self.projection = projection
            self.biases = biases
            self.binarize = binarize
            self.warm_start = warm_start
            self.callbacks = callbacks
            self.checkpoint = checkpoint
            self.random_state = random_state
            self.verbose = verbose

        def fit(self, X: Any, y: Any = None) -> Any:
            """Train on the rows of X (n_samples, n_features); y is ignored."""
            warm = as_flag(self.warm_start, "warm_start") and hasattr(self, "machine_")
            spins = self._spins(X, reset=not warm)
            self._new_trainer(spins, self.machine_ if warm else None)
            return self._train(spins, self.n_iter, self.checkpoint)

        def partial_fit(self, X: Any, y: Any = None) -> Any:
            """One pass over the rows of X, on from earlier calls; y is ignored.

            The chains, the optimiser's memory and the first threshold are kept; the biases start from the
            means of the first rows. ``lr``, ``batch_size`` and ``callbacks`` may be set anew between calls,
            other settings of the training not.
            """
            first = not hasattr(self, "machine_")
            if not first:
                self._check_unchanged(
                    "the training to go on from", [name for name in self._settings if name not in _BETWEEN]
                )
            spins = self._spins(X, reset=first)
            if first:
                self._new_trainer(spins, None)
            self._trainer.lr = as_real(self.lr, "lr", 0.0)
            self._trainer.batch_size = as_count(self.batch_size, "batch_size")
            return self._train(spins, self._trainer.epoch + 1, None)

        def _check_unchanged(self, what: str, names: Iterable[str]) -> None:
            """Refuse settings that were changed since, and that would be passed over in silence."""
            for name in names:
                was, now = self._settings[name], getattr(self, name)
                if now is not was and now != was:
                    raise ValueError(
                        f"{what} has {name}={was!r}, now {name}={now!r}; put it back, or begin anew by fit "
                        "with warm_start=False"
                    )

        def _new_trainer(self, spins: np.ndarray, machine: RBM | RARBM | None) -> None:
            random = check_random_state(self.random_state)
            start, training, self._seed = (int(random.randint(_LARGEST_SEED)) for _ in range(3))
            open_seed = self.checkpoint is not None and self.random_state is None
            if machine is None:
                machine = self._new_machine(spins, None if open_seed else start)
            else:
                self._check_unchanged("the machine to go on from", ("n_components", "n_patterns", "biases"))
            self._trainer = Trainer(
                machine,
                _negative_phase(self.negative, self.n_steps, self.n_chains),
                lr=self.lr,
                optimiser=self.optimiser,
                batch_size=self.batch_size,
                projection=self.projection,
                rng=None if open_seed else training,
            )
            self.machine_, self._settings = machine, self.get_params(deep=False)

        def _new_machine(self, spins: np.ndarray, seed: int | None) -> RBM | RARBM:
            V, H = spins.shape[1], as_count(self.n_components, "n_components")
            machine: RBM | RARBM
            if self.n_patterns is None:
                machine = RBM(V, H, biases=self.biases, rng=seed)
            else:
                K = as_count(self.n_patterns, "n_patterns")
                machine = RARBM(V, H, K, biases=self.biases, rng=seed)
            if self.biases:
                machine.parameters["bv"][:] = data_biases(spins)
            return machine

        def _train(self, spins: np.ndarray, epochs: int, checkpoint: Any) -> Any:
            callbacks = () if self.callbacks is None else self.callbacks
            progress = bool(self.verbose)
            self.history_ = self._trainer.fit(
                spins, epochs, callbacks, checkpoint=checkpoint, progress=progress
            )
            self._data_biases = data_biases(spins)
            self._log_z: tuple[str, float] | None = None
            return self

        def transform(self, X: Any) -> np.ndarray:
            """P(h = +1 | v) of the hidden units, shape (n_samples, n_components)."""
            model = self._model()
            out: np.ndarray = expit(2 * model.hidden_input(self._spins(X).astype(np.float64)))
            return out

        def score_samples(self, X: Any) -> np.ndarray:
            """ln P(v) of each row in nats.

            ln Z is exact where that takes less than a minute, otherwise from annealed importance sampling
            with 1000 steps (which warns if it cannot be trusted); it is found once after each fit.
            """
            model = self._model()
            spins = self._spins(X)
            now = arrays_of(self.machine_)  # the machine may have been changed by hand
            if self._log_z is None or self._log_z[0] != now:
                if exact_in_reach(model):
                    from ..solve import log_partition

                    log_z = float(log_partition(model))
                else:
                    log_z = log_partition_ais(model, base_biases=self._data_biases, rng=self._seed).log_z
                self._log_z = now, log_z
            return -free_energies(model, spins) - self._log_z[1]

        def score(self, X: Any, y: Any = None) -> float:
            """Mean ln P(v) over the rows, for model selection; y is ignored."""
            return float(self.score_samples(X).mean())

        def sample(self, n_samples: int = 1, *, n_steps: int = 1000, random_state: Any = None) -> np.ndarray:
            """Visible states +-1 after ``n_steps`` of block Gibbs sampling from random ones.

            Returns
            -------
            ndarray of int8, shape (n_samples, n_features)
            """
            seed = int(check_random_state(random_state).randint(_LARGEST_SEED))
            chains = block_gibbs(self._model(), n_steps, n_samples, rng=seed)
            return chains.states[:, : self.n_features_in_]

        def gibbs(self, X: Any, *, n_steps: int = 1, random_state: Any = None) -> np.ndarray:
            """Visible states +-1 after ``n_steps`` of block Gibbs sampling from the rows of X."""
            model, spins = self._model(), self._spins(X)
            seed = int(check_random_state(random_state).randint(_LARGEST_SEED))
            chains = block_gibbs(model, n_steps, len(spins), initial=spins, rng=seed)
            return chains.states[:, : self.n_features_in_]

        def _model(self) -> TwoLayerIsing:
            check_is_fitted(self, "machine_")
            return self.machine_.as_ising()

        def _spins(self, X: Any, reset: bool = False) -> np.ndarray:
            """Validated features as +-1."""
            X = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
            if self.binarize is None:
                self.threshold_ = math.nan
                return as_data(X, X.shape[1], "X")
            if reset or not hasattr(self, "threshold_"):
                self.threshold_ = _threshold(self.binarize, X)
            return np.where(np.greater(X, float(self.threshold_)), np.int8(1), np.int8(-1))

        @property
        def _n_features_out(self) -> int:
            return self.machine_.H

    for method in vars(RBMTransformer).values():  # their names appear in messages
        if isinstance(method, FunctionType):
            method.__qualname__ = f"RBMTransformer.{method.__name__}"
    return {"RBMTransformer": RBMTransformer}


def _threshold(binarize: Any, X: np.ndarray) -> float:
    """The number above which a feature is +1, such that not all features come out alike if they differ."""
    low, high = float(X.min()), float(X.max())
    if isinstance(binarize, str):
        as_choice(binarize, "binarize", ("auto",))
        found = 0.0 if low < 0 else 0.5 if high <= 1 else high / 2
        return found if low <= found < high or low == high else low + (high - low) / 2
    found = as_real(binarize, "binarize")
    if low < high and not low <= found < high:
        raise ValueError(
            f"binarize={found:g} makes all features alike: they lie between {low:g} and {high:g}; give a "
            'threshold between them, or "auto"'
        )
    return found
