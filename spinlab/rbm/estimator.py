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

from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.validate import as_choice, as_count, as_real
from ..dynamics import block_gibbs
from ..models import TwoLayerIsing
from .judging.ais import data_biases, log_partition_ais
from .judging.likelihood import exact_in_reach, free_energies
from .machines.ra_rbm import RARBM
from .machines.rbm import RBM
from .negative import CD, PCD, PID, Exact, NegativePhase, Tempering
from .training.trainer import Trainer

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    RBMTransformer: type[BaseEstimator]

__all__ = ["RBMTransformer"]

_LARGEST_SEED = 2**31 - 1


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
        binarize : float or None, default 0.0
            A feature above this becomes +1, else -1, as in scikit-learn's BernoulliNB: 0 serves both
            0/1 and +-1 data, 0.5 grey levels in [0, 1]. None demands data of +-1.
        random_state : None, int or RandomState
        verbose : bool, default False
            Whether to show a progress bar.

        Attributes
        ----------
        machine_ : Machine
            The trained machine.
        history_ : xarray.Dataset
            What the trainer has recorded along the epochs.
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
            binarize: float | None = 0.0,
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
            self.random_state = random_state
            self.verbose = verbose

        def fit(self, X: Any, y: Any = None) -> Any:
            """Train on the rows of X (n_samples, n_features); y is ignored."""
            spins = self._spins(X, reset=True)
            random = check_random_state(self.random_state)
            start, training, self._seed = (int(random.randint(_LARGEST_SEED)) for _ in range(3))
            V, H = spins.shape[1], as_count(self.n_components, "n_components")
            machine: RBM | RARBM
            if self.n_patterns is None:
                machine = RBM(V, H, biases=self.biases, rng=start)
            else:
                K = as_count(self.n_patterns, "n_patterns")
                machine = RARBM(V, H, K, biases=self.biases, rng=start)
            if self.biases:
                machine.parameters["bv"][:] = data_biases(spins)
            negative = _negative_phase(self.negative, self.n_steps, self.n_chains)
            trainer = Trainer(
                machine,
                negative,
                lr=self.lr,
                optimiser=self.optimiser,
                batch_size=self.batch_size,
                projection=self.projection,
                rng=training,
            )
            self.history_ = trainer.fit(spins, self.n_iter, progress=bool(self.verbose))
            self.machine_ = machine
            self._data_biases = data_biases(spins)
            self._log_z: float | None = None
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
            if self._log_z is None:
                if exact_in_reach(model):
                    from ..solve import log_partition

                    self._log_z = float(log_partition(model))
                else:
                    run = log_partition_ais(model, base_biases=self._data_biases, rng=self._seed)
                    self._log_z = run.log_z
            return -free_energies(model, spins) - self._log_z

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
                if not (np.abs(X) == 1).all():
                    raise ValueError("with binarize=None the data must hold only +1 and -1; give a threshold")
                return X.astype(np.int8)
            threshold = as_real(self.binarize, "binarize")
            return np.where(np.greater(X, threshold), np.int8(1), np.int8(-1))

        @property
        def _n_features_out(self) -> int:
            return self.machine_.H

    return {"RBMTransformer": RBMTransformer}
