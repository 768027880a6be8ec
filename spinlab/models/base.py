"""What every Ising model can do, whatever way it stores its couplings.

E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset,  s_i = +-1, each pair counted once.
"""

from __future__ import annotations

import abc
import copy
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from .._core import device as _device
from .._core.forms import Form
from .._core.validate import as_choice, as_real, as_spins, check_memory, rounded_off

if TYPE_CHECKING:
    import scipy.sparse


_ROUNDING = 1e-14  # relative to the largest coupling
_UP = 1 + 2.0**-50  # for the rounding of a few sums and products themselves


def read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written to; kernels keep the writeable original (one signature)."""
    view = array.view()
    view.flags.writeable = False
    return view


def spread(x: np.ndarray) -> float:
    """Standard deviation of ``x``; zero where it is mere rounding of a common value."""
    top = float(np.abs(x).max(initial=0.0))
    if top == 0.0:
        return 0.0
    exponent = int(np.frexp(top)[1])  # a power of two keeps squares in range and loses no bits
    std = float(np.std(np.ldexp(x, -exponent)))
    return float(np.ldexp(std, exponent)) if std > _ROUNDING else 0.0


class IsingModel(abc.ABC):
    """Ising model E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset with s_i = +-1.

    Models are immutable: :meth:`scaled` and :meth:`with_std` return new ones.

    Attributes
    ----------
    b : ndarray, shape (N,)
        Local fields (read-only).
    offset : float
        Constant added to every energy (from 0/1 units, QUBOs and BQMs; otherwise 0).
    labels : tuple or None
        Names of the sites, for models read from graphs and BQMs.
    device : str
        "cpu" or "gpu": where functions of this model compute (see :meth:`to`).
    rounding : float
        Bound on how far any energy lies from that of what the model was made from: 0/1 units, a matrix
        that is symmetric up to rounding, patterns written out. Usually 0. Proofs carry it in their bounds.
    """

    device: str = "cpu"
    rounding: float = 0.0
    _stored: ClassVar[dict[str, Any]] = {}  # the classes that store a matrix, which stand above this one

    def __init_subclass__(cls, stored: str | None = None) -> None:
        if stored:
            IsingModel._stored[stored] = cls

    def __init__(self, b: np.ndarray, offset: float, labels: Sequence[Hashable] | None) -> None:
        self._b = b
        self.offset = as_real(offset, "offset")
        if apart := rounded_off(offset, self.offset):  # of a Fraction, for example
            self.__dict__["rounding"] = apart
        self.labels = None if labels is None else _as_labels(labels, len(b))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__:
            raise AttributeError(f"models are immutable ({name}); use scaled, with_std or build a new model")
        super().__setattr__(name, value)

    @property
    def b(self) -> np.ndarray:
        """Fields, shape (N,), read-only."""
        return read_only(self._b)

    @property
    def n_spins(self) -> int:
        """Number of spins N (V + H for a bipartite model)."""
        return len(self._b)

    @property
    def has_fields(self) -> bool:
        """Whether any field is non-zero; without fields E(s) = E(-s)."""
        return bool(self._b.any())

    def energy(self, states: Any) -> Any:
        """Energies of states.

        Parameters
        ----------
        states : array_like of +-1, shape (..., N)

        Returns
        -------
        float or ndarray, shape (...,)
        """
        s = as_spins(states, self.n_spins, names=self.labels).astype(np.float64)
        pairs = (s * self._times(s)).sum(-1) / 2
        return self.offset - pairs - s @ self._b

    def local_fields(self, states: Any) -> np.ndarray:
        """h_i = sum_j J_ij s_j + b_i, shape (..., N); flipping s_i costs 2 s_i h_i."""
        s = as_spins(states, self.n_spins, names=self.labels).astype(np.float64)
        return self._times(s) + self._b

    def with_std(self, std: float) -> Self:
        """The model rescaled so that :meth:`coupling_std` equals ``std``."""
        std = as_real(std, "std", 0.0)
        now = self.coupling_std()
        if now == 0.0:
            raise ValueError("all couplings of this model are equal: no scale gives them a chosen std")
        return self.scaled(std / now)

    def scaled(self, factor: float) -> Self:
        """The model with couplings, fields and offset multiplied by ``factor``."""
        factor = as_real(factor, "factor")
        with np.errstate(over="ignore", invalid="ignore"):  # the constructors refuse what overflows
            return self._scaled(factor)._on(self.device)._off_by(abs(factor) * self.rounding)

    def to(self, device: str) -> Self:
        """The same model, computed on ``device``.

        The couplings stay where they are, results come back as numpy arrays: only the work moves.
        Functions without a GPU side compute on the CPU as before (docs: GPU).

        Parameters
        ----------
        device : {"cpu", "gpu"}

        Raises
        ------
        ImportError
            CuPy or numba-cuda is missing: install ``spinlab[gpu]``.
        RuntimeError
            There is no CUDA device that works.

        Examples
        --------
        >>> import spinlab as sl
        >>> sl.ensembles.sk(10, rng=0).to("cpu").device
        'cpu'
        """
        if as_choice(device, "device", _device.DEVICES) == "gpu":
            _device.require_gpu()
        return self._on(device)

    def _on(self, device: str) -> Self:
        if device == self.device:
            return self
        model = copy.copy(self)
        model.__dict__["device"] = device
        return model

    def _off_by(self, rounding: float) -> Self:
        """The model, known to be wrong by so much more."""
        if rounding == 0.0:
            return self
        model = copy.copy(self)
        model.__dict__["rounding"] = as_real(
            (self.rounding + rounding) * _UP, "the rounding of the couplings"
        )
        return model

    def coupling_rounding(self) -> float:
        """Bound on the error of :meth:`couplings`, over all pairs: writing patterns out rounds."""
        return 0.0

    @abc.abstractmethod
    def _times(self, s: np.ndarray) -> np.ndarray:
        """J s over the last axis, without fields."""

    @abc.abstractmethod
    def _scaled(self, factor: float) -> Self: ...

    @abc.abstractmethod
    def coupling_std(self) -> float:
        """Standard deviation over the couplings that the model may have (its pairs or edges)."""

    @abc.abstractmethod
    def form(self) -> Form:
        """Arrays for kernels."""

    @abc.abstractmethod
    def couplings(self) -> np.ndarray:
        """The full matrix J, shape (N, N), newly made."""

    def to_dense(self) -> Any:
        """The same model with J written out (N^2 numbers), a :class:`~spinlab.models.DenseIsing`."""
        check_memory(4 * 8 * self.n_spins**2, f"a dense model of {self.n_spins} spins")
        model = self._stored["dense"](self.couplings(), self._b, offset=self.offset, labels=self.labels)
        return model._on(self.device)._off_by(self.rounding + self.coupling_rounding())

    def to_sparse(self) -> Any:
        """The same model with only its non-zero couplings, a :class:`~spinlab.models.SparseIsing`."""
        J = self._sparse_couplings()
        model = self._stored["sparse"](J, self._b, offset=self.offset, labels=self.labels)
        return model._on(self.device)._off_by(self.rounding + self.coupling_rounding())

    def _sparse_couplings(self) -> scipy.sparse.csr_array:
        import scipy.sparse

        return scipy.sparse.csr_array(self.couplings())

    def __repr__(self) -> str:
        fields = ", with fields" if self.has_fields else ""
        place = "" if self.device == "cpu" else f", on the {self.device}"
        return f"<{type(self).__name__}: {self._size()}{fields}{place}>"

    def _size(self) -> str:
        return f"N={self.n_spins}"


def _as_labels(labels: Sequence[Hashable], n: int) -> tuple[Hashable, ...]:
    try:
        labels = tuple(labels)
        distinct = len(set(labels))
    except TypeError as error:
        raise TypeError(f"labels must be a sequence of hashable names of the sites: {error}") from None
    if len(labels) != n:
        raise ValueError(f"labels must name all {n} sites, got {len(labels)}")
    if distinct != n:
        raise ValueError("labels must be distinct, one for each site")
    return labels
