"""What the trainer and the negative phases ask of a machine, whatever its architecture.

ln P(v) = -F(v) - ln Z, so d ln P / d theta = <-dF/d theta>_data - <-dF/d theta>_model: a positive phase of
configurations clamped to data, and a negative phase of free ones. Both are a :class:`Phase`.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from ..._core import device as _device
from ..._core.device import to_host, xp_of
from ..._core.results import Result, summary
from ..._core.rng import RNG, as_key
from ..._core.validate import as_choice, as_count, as_data
from ...dynamics.chains import starting_states
from ...models import IsingModel
from ...solve import log_partition
from .archive import header, write
from .parameters import as_state
from .units import Noise

Statistics = dict[str, np.ndarray]
"""Averages of -dF/d theta (or -dE/d theta) by the name of the parameter, shaped like it."""


@dataclass(slots=True, repr=False)
class Phase(Result):
    """Configurations over which a phase averages.

    Attributes
    ----------
    layers : list
        Spins of each layer, visible first, shape (n, size), in the machine's dtype; None where not drawn.
    means : list of ndarray
        What enters the statistics for each layer: its spins, or their conditional means.
    weights : ndarray, shape (n,), optional
        Weights of the configurations, of sum 1; equal by default.
    share : float
        Factor of the whole average (1, but for a convention that divides short batches by the full size).
    fields : ndarray, optional
        Fields of the first hidden layer given ``layers[0]``, where they are known.
    covariance : ndarray, optional
        <h h^T> of the hidden units minus the products of their means, averaged over the configurations, where
        it is known (fully connected machines); 0 otherwise.
    """

    layers: list[Any]
    means: list[np.ndarray]
    weights: np.ndarray | None = None
    share: float = 1.0
    fields: np.ndarray | None = None
    covariance: np.ndarray | None = None

    @property
    def factor(self) -> Any:
        """What multiplies each configuration: a number, or shape (n, 1)."""
        if self.weights is None:
            return self.share / len(self.means[0])
        return (self.share * self.weights)[:, None]

    def configurations(self) -> np.ndarray:
        """Spins of all layers side by side, shape (n, N), int8 (floats where a layer is not of spins)."""
        return np.concatenate([compact(layer) for layer in self.layers if layer is not None], axis=1)


def compact(layer: np.ndarray) -> np.ndarray:
    """Spins as int8; the values of other units as they are."""
    layer = to_host(layer)
    return layer.astype(np.int8) if (np.abs(layer) == 1).all() else np.array(layer)


class Machine(abc.ABC):
    """A Boltzmann machine under training.

    Attributes
    ----------
    parameters : dict of ndarray
        Its arrays by name; the trainer changes them in place. ``dtype`` is theirs.
    V : int
        Visible units.
    config : dict
        Keywords that rebuild the machine's shape, kept in checkpoints.
    provenance : mapping
        Where its parameters come from: "training" after a training, "metadata" and "spinlab" from a file.
    unseeded : dict or None
        Settings of a random start whose seed was left open (``rng=None``); None where the start is fixed.
    on_gpu : bool
        Whether training has a GPU side.
    """

    V: int
    parameters: dict[str, np.ndarray]
    provenance: Mapping[str, Any] = MappingProxyType({})
    has_biases: bool = False
    unseeded: dict[str, float] | None = None
    decayed: ClassVar[frozenset[str]] = frozenset()
    on_gpu: ClassVar[bool] = True

    @property
    def dtype(self) -> np.dtype:
        """Type of the parameters and of all arithmetic in training."""
        return next(iter(self.parameters.values())).dtype

    @property
    @abc.abstractmethod
    def config(self) -> dict[str, Any]: ...

    @property
    def xp(self) -> Any:
        """numpy, or CuPy for a machine on the GPU."""
        return xp_of(next(iter(self.parameters.values())))

    @property
    def device(self) -> str:
        """ "cpu" or "gpu": where the parameters are, and so where training computes."""
        return "cpu" if self.xp is np else "gpu"

    def to(self, device: str) -> Self:
        """Move the parameters, in place; before a trainer is made. Models made of it stay on the CPU.

        Raises
        ------
        ImportError, RuntimeError
            Without the extra ``spinlab[gpu]``, or without a device.
        TypeError
            If this kind of machine has no GPU side.
        """
        as_choice(device, "device", _device.DEVICES)
        if device == "gpu":
            if not self.on_gpu:
                raise TypeError(f"{type(self).__name__} has no GPU side; train it on the CPU")
            _device.require_gpu()
        xp = _device.module(device)
        for name, array in self.parameters.items():
            if name != "scale":  # one number, which the host needs
                self.parameters[name] = _device.to_host(array) if device == "cpu" else xp.asarray(array)
        return self

    def on_host(self) -> dict[str, np.ndarray]:
        """The parameters as numpy arrays."""
        return {name: _device.to_host(array) for name, array in self.parameters.items()}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that a checkpoint must keep: the arrays themselves, not copies."""
        return dict(self.parameters)

    def save(self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None) -> None:
        """Write the machine as one .npz file, which :func:`spinlab.rbm.load` reads back to the same bits.

        The file also holds the version of the package, how the machine was trained, and the metadata. It is
        complete or absent: an error leaves an older file as it was.

        Parameters
        ----------
        path : path
        metadata : mapping, optional
            Texts, numbers, lists and mappings of them.
        """
        provenance = dict(self.provenance) | ({} if metadata is None else {"metadata": dict(metadata)})
        arrays = {name: _device.to_host(x) for name, x in self.state_dict().items()}
        write(path, header(type(self).__name__, self.config, provenance), arrays)

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Back to a kept state, in place.

        The names and shapes of the arrays are all that is compared: those of an FBM with 4 visible units and
        of one with 2 visible and 2 hidden ones are alike. :func:`spinlab.rbm.load` and checkpoints know which
        machine they are of.

        Raises
        ------
        TypeError, ValueError
            If arrays are missing, of another machine, complex, not finite or beyond its precision; the
            machine is then as before.
        """
        own = self.state_dict()
        given = self._checked_state(as_state(state, own))
        for name, array in own.items():
            array[...] = xp_of(array).asarray(given[name])

    def _checked_state(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Refuse arrays of the right shapes that are no parameters of this machine."""
        return state

    @abc.abstractmethod
    def positive(self, v: np.ndarray, noise: Noise) -> Phase:
        """Visible units clamped to the rows of ``v`` (n, V), already in the machine's dtype."""

    @abc.abstractmethod
    def statistics(self, phase: Phase) -> Statistics:
        """Averages over a phase, newly made arrays."""

    @abc.abstractmethod
    def exact_statistics(self) -> Statistics:
        """Averages over the model itself, by enumeration."""

    @abc.abstractmethod
    def random_phase(self, n: int, noise: Noise) -> Phase:
        """Random configurations, the start of free chains."""

    @abc.abstractmethod
    def gibbs(self, phase: Phase, n_steps: int, noise: Noise, beta: Any = 1.0) -> Phase:
        """Free Gibbs sampling from a phase, with means in its result; ``beta`` is 1 or of shape (n, 1).

        The arrays of ``phase`` stay as they are. With ``beta`` given the means may be left out.
        """

    @abc.abstractmethod
    def energies(self, phase: Phase) -> np.ndarray:
        """E of the drawn layers of a phase, shape (n,)."""

    @abc.abstractmethod
    def free_energy(self, v: Any) -> Any:
        """F(v), up to no constant: P(v) = exp(-F(v)) / Z."""

    @abc.abstractmethod
    def as_ising(self) -> IsingModel:
        """The machine as an Ising model in float64, for exact solvers, AIS and dynamics."""

    def log_weights(self, phase: Phase) -> np.ndarray:
        """-F of the visible configurations of a phase, up to a common constant, shape (n,), float64."""
        return self.xp.asarray(-np.asarray(self.free_energy(to_host(phase.layers[0]))))

    def pattern_phase(self, continuous: bool) -> Phase:
        """Configurations of the machine's patterns (regularized axons only)."""
        raise TypeError(
            f"pattern-induced correlations need a machine of patterns (RARBM), got {type(self).__name__}; "
            "train it by CD, PCD, Tempering or Exact"
        )

    def resample_patterns(self, noise: Noise) -> None:
        """Draw the patterns anew by a Gibbs step from their continuous values (regularized axons only)."""
        raise TypeError(
            "the Gibbs projection needs patterns of visible and hidden spins (RARBM), got "
            f"{type(self).__name__}; take projection='sign' or 'clip'"
        )

    def centre(self, gradient: Statistics, offsets: list[np.ndarray]) -> None:
        """Make the gradient that of units shifted by ``offsets``, one array per layer, in place."""
        raise TypeError(f"{type(self).__name__} has no centred gradient; use centred=False")

    def hidden(self, v: np.ndarray, noise: Noise | None = None) -> np.ndarray:
        """Hidden units given the rows of ``v``, side by side: their means, or a sample by ``noise``."""
        raise TypeError(f"{type(self).__name__} does not say what its hidden units do given the visible ones")

    def complete(
        self, v: np.ndarray, known: np.ndarray, n_steps: int, clamped: bool, noise: Noise
    ) -> np.ndarray:
        """Visible units (n, V) after Gibbs steps from ``v``, whose unknown pixels are 0, as those layers that
        are not drawn first; the pixels of the mask ``known`` (n, V) are clamped, or not."""
        raise TypeError(f"{type(self).__name__} has no reconstruction")

    def log_likelihood(self, data: Any) -> np.ndarray:
        """Exact ln P(v) of each sample in nats, shape (n,); ``.mean()`` is the usual figure of merit.

        ln Z is that of :func:`spinlab.log_partition`, in float64: layers of up to about 24 units on
        one side, or few patterns. Beyond that use annealed importance sampling. Data are +-1 or 0/1.
        """
        data = as_data(data, self.V)
        model = self.as_ising()
        return -np.atleast_1d(self.free_energy(data)) - float(log_partition(model))

    def sample(self, n_steps: int, n_chains: int = 1, *, start: Any = None, rng: RNG = None) -> np.ndarray:
        """Visible states after ``n_steps`` of Gibbs sampling, shape (n_chains, V), int8.

        Parameters
        ----------
        n_steps, n_chains : int
        start : array_like of +-1 or 0/1, shape (V,) or (n_chains, V), optional
            Random by default.
        rng : None, int or numpy.random.Generator
        """
        n_steps, n_chains, key = as_count(n_steps, "n_steps", 0), as_count(n_chains, "n_chains"), as_key(rng)
        if start is not None:
            start = as_data(start, self.V, "start")
        v = self.xp.asarray(starting_states(start, n_chains, self.V, key).astype(self.dtype))
        noise = Noise.of(int(key), 0)
        phase = self.gibbs(self.positive(v, noise), n_steps, noise)
        return to_host(phase.layers[0]).astype(np.int8)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={summary(value)}" for name, value in self.config.items())
        return f"<{type(self).__name__}: {sizes}>"


def as_dtype(dtype: str) -> np.dtype:
    """The type of a machine's parameters."""
    return np.dtype(as_choice(dtype, "dtype", ("float32", "float64")))
