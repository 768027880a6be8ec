"""Ascent along the gradient of the log-likelihood: each step changes the parameters in place."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from ..._core.device import xp_of
from ..._core.jit import kernel
from ..._core.validate import as_choice, as_real
from ..machines.machine import Machine, Statistics


class Optimiser(abc.ABC):
    """Changes parameters along a gradient; its memory is part of a checkpoint."""

    in_use = False
    """Whether a trainer has taken it: its memory is part of that run."""

    def __init__(self) -> None:
        self._memory: dict[str, np.ndarray] = {}

    @property
    def prefixes(self) -> tuple[str, ...] | None:
        """After an update its memory holds one array per prefix and parameter, by name; None: not known."""
        return None

    @abc.abstractmethod
    def step(self, machine: Machine, gradient: Statistics, lr: float, update: int, epoch: int) -> bool:
        """One update (both counters from 1); returns whether all parameters are still finite and sane."""

    def _remember(self, name: str, like: np.ndarray) -> np.ndarray:
        xp = xp_of(like)
        kept = self._memory[name] if name in self._memory else xp.zeros(like.shape, like.dtype)
        self._memory[name] = xp.asarray(kept)  # from a checkpoint it comes to the host
        return self._memory[name]

    def state_dict(self) -> dict[str, np.ndarray]:
        """What a checkpoint must keep."""
        return dict(self._memory)

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Back to a kept state."""
        self._memory = {name: np.array(value) for name, value in state.items()}


class SGD(Optimiser):
    """Gradient ascent, u <- momentum u + g - weight_decay theta, theta <- theta + lr u.

    Weight decay applies to weights and patterns, not to biases and scales.

    Examples
    --------
    >>> import spinlab as sl
    >>> optimiser = sl.rbm.SGD(momentum=0.9)
    """

    def __init__(self, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__()
        self.momentum = as_real(momentum, "momentum", 0.0)
        if self.momentum >= 1:
            raise ValueError(f"momentum must be below 1, got {self.momentum:g}")
        self.weight_decay = as_real(weight_decay, "weight_decay", 0.0)

    @property
    def prefixes(self) -> tuple[str, ...]:
        return ("",) if self.momentum else ()

    def step(self, machine: Machine, gradient: Statistics, lr: float, update: int, epoch: int) -> bool:
        good = True
        for name, theta in machine.parameters.items():
            u = self._remember(name, theta) if self.momentum else theta  # unused without momentum
            decay = self.weight_decay if name in machine.decayed else 0.0
            rate, momentum, decay = map(theta.dtype.type, (lr, self.momentum, decay))
            if _is_large(theta):
                good &= _sgd(_flat(theta), _flat(gradient[name]), _flat(u), rate, momentum, decay)
                continue
            with np.errstate(over="ignore", invalid="ignore"):
                x = gradient[name] - decay * theta
                if self.momentum:
                    u *= momentum
                    u += x
                    x = u
                theta += rate * x
            good &= _is_sane(theta)
        return good


class Adam(Optimiser):
    """Adam (Kingma and Ba, arXiv:1412.6980), with the bias correction counted by steps.

    Parameters
    ----------
    beta1, beta2, eps : float
        Decay of the two moments, and the term that keeps the division finite.
    weight_decay : float, default 0
        Added to the gradient, as for :class:`SGD`.
    correction : {"step", "epoch"}
        "epoch" uses the number of the epoch, a quirk of the paper's reference code.

    Examples
    --------
    >>> import spinlab as sl
    >>> optimiser = sl.rbm.Adam(beta2=0.99)
    """

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        correction: str = "step",
    ) -> None:
        super().__init__()
        self.beta1, self.beta2 = as_real(beta1, "beta1", 0.0), as_real(beta2, "beta2", 0.0)
        if max(self.beta1, self.beta2) >= 1:
            raise ValueError(f"beta1 and beta2 must be below 1, got {self.beta1:g} and {self.beta2:g}")
        self.eps = as_real(eps, "eps", 0.0, exclusive=True)
        self.weight_decay = as_real(weight_decay, "weight_decay", 0.0)
        self.correction = as_choice(correction, "correction", ("step", "epoch"))

    @property
    def prefixes(self) -> tuple[str, ...]:
        return ("m.", "v.")

    def step(self, machine: Machine, gradient: Statistics, lr: float, update: int, epoch: int) -> bool:
        t = update if self.correction == "step" else epoch
        rate = lr / (1 - self.beta1**t)
        norm = 1 / (1 - self.beta2**t)
        good = True
        for name, theta in machine.parameters.items():
            m, v = self._remember(f"m.{name}", theta), self._remember(f"v.{name}", theta)
            decay = self.weight_decay if name in machine.decayed else 0.0
            numbers = (rate, norm, self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, self.eps, decay)
            r, n, b1, c1, b2, c2, eps, d = numbers = tuple(map(theta.dtype.type, numbers))
            if _is_large(theta):
                good &= _adam(*(_flat(x) for x in (theta, gradient[name], m, v)), *numbers)
                continue
            with np.errstate(over="ignore", invalid="ignore"):
                x = gradient[name] - d * theta
                m *= b1
                m += c1 * x
                v *= b2
                v += c2 * (x * x)
                theta += r * m / (machine.xp.sqrt(v * n) + eps)
            good &= _is_sane(theta)
        return good


def as_optimiser(optimiser: Any, momentum: float, weight_decay: float, reference: bool) -> Optimiser:
    """An optimiser by its name, or as given."""
    if isinstance(optimiser, Optimiser):
        if momentum or weight_decay:
            raise ValueError(
                "momentum and weight_decay belong to the optimiser object that was given: set them there"
            )
        if optimiser.state_dict() or (optimiser.in_use and optimiser.prefixes != ()):
            raise ValueError("this optimiser has the memory of another training run; give a new one")
        return optimiser
    if as_choice(optimiser, "optimiser", ("sgd", "adam")) == "sgd":
        return SGD(momentum, weight_decay)
    if momentum:
        raise ValueError("momentum is for optimiser='sgd'; Adam has beta1")
    return Adam(weight_decay=weight_decay, correction="epoch" if reference else "step")


LARGEST = 1e6
"""A parameter beyond this (an energy of 10^6 for one pair of spins) has diverged."""

_LARGEST = np.float32(LARGEST)


_SMALL = 1 << 12


def _is_large(theta: Any) -> bool:
    """Whether a kernel is worth its compilation; below, and on a GPU, arrays give the same bits."""
    return isinstance(theta, np.ndarray) and theta.size > _SMALL


def _is_sane(theta: Any) -> bool:
    return float(abs(theta).max(initial=0)) <= LARGEST  # False for NaN


def _flat(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x).reshape(-1)


@kernel
def _sgd(theta: Any, g: Any, u: Any, lr: Any, momentum: Any, decay: Any) -> Any:
    bad = 0
    if momentum == 0:
        for i in range(len(theta)):
            theta[i] += lr * (g[i] - decay * theta[i])
            bad |= not (abs(theta[i]) <= _LARGEST)
    else:
        for i in range(len(theta)):
            u[i] = momentum * u[i] + (g[i] - decay * theta[i])
            theta[i] += lr * u[i]
            bad |= not (abs(theta[i]) <= _LARGEST)
    return bad == 0


@kernel
def _adam(theta, g, m, v, rate, norm, b1, c1, b2, c2, eps, decay):  # type: ignore[no-untyped-def]
    bad = 0
    for i in range(len(theta)):
        x = g[i] - decay * theta[i]
        m[i] = b1 * m[i] + c1 * x
        v[i] = b2 * v[i] + c2 * (x * x)
        theta[i] += rate * m[i] / (np.sqrt(v[i] * norm) + eps)
        bad |= not (abs(theta[i]) <= _LARGEST)
    return bad == 0
