"""Fully connected model with the matrix J written out."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from .._core.forms import Dense
from .._core.tables import shared_names, site_names
from .._core.validate import as_fields, symmetrised
from .base import IsingModel, read_only, spread


class DenseIsing(IsingModel, stored="dense"):
    """Ising model with a dense symmetric matrix of couplings.

    E(s) = -sum_{i<j} J_ij s_i s_j - sum_i b_i s_i + offset.

    Parameters
    ----------
    J : array_like, shape (N, N)
        Symmetric, zero diagonal. Triangles that differ by up to 1e-10 of the largest entry, as those of an
        inverse do, are averaged; ``rounding`` then holds half the sum of their differences.
    b : array_like, shape (N,), or float, optional
        Fields; a number means a uniform field.
    offset : float, default 0
        Constant added to every energy.
    labels : sequence, optional
        Names of the sites; by default those that rows and columns of a pandas.DataFrame or
        xarray.DataArray share. Fields and states with names must have these, in this order.

    Raises
    ------
    ValueError, TypeError
        If J is not a finite, real, symmetric square matrix with zero diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> from spinlab.models import DenseIsing
    >>> ferromagnet = DenseIsing(np.ones((3, 3)) - np.eye(3))
    >>> float(ferromagnet.energy([1, 1, 1]))
    -3.0
    """

    def __init__(
        self, J: Any, b: Any = None, *, offset: float = 0.0, labels: Sequence[Hashable] | None = None
    ) -> None:
        names = shared_names(J)
        self._J, apart = symmetrised(J)
        labels = names if labels is None else labels
        super().__init__(as_fields(b, len(self._J), names=names or site_names(labels)), offset, labels)
        if apart:
            self.__dict__["rounding"] = math.nextafter(self.rounding + apart, math.inf)

    @property
    def J(self) -> np.ndarray:
        """Couplings, shape (N, N), read-only."""
        return read_only(self._J)

    def _times(self, s: np.ndarray) -> np.ndarray:
        return s @ self._J

    def _scaled(self, factor: float) -> DenseIsing:
        return DenseIsing(factor * self._J, factor * self._b, offset=factor * self.offset, labels=self.labels)

    def coupling_std(self) -> float:
        return spread(self._J[np.triu_indices(self.n_spins, 1)])

    def form(self) -> Dense:
        return Dense(self._J, self._b)

    def couplings(self) -> np.ndarray:
        return self._J.copy()
