"""The sites of one layer of a model with few patterns: sums over them, and the objective of a search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..._core.blas import one_blas_thread
from . import threshold_functions
from .threshold_functions import MAX_INPUTS
from .zonotope import Convex, U, quadratic, sum_of_sizes


@dataclass(frozen=True)
class Side:
    """The sites whose signs are searched, E = offset + diagonal - F(m, b.s) with m = sum_i s_i X_i.

    Without ``other``, F = (scale/2) m.m + b.s, which counts the diagonal; with the patterns and fields
    (X', b') of the other layer, F = sum_a |scale X'_a.m + b'_a| + b.s.
    """

    X: np.ndarray  # (N, K)
    b: np.ndarray  # (N,)
    scale: float
    offset: Fraction
    other: Side | None = None
    is_first: bool = True  # of two layers

    @property
    def K(self) -> int:
        return self.X.shape[1]

    @cached_property
    def negative(self) -> np.ndarray | None:
        """Bit k is set where entry k of a row is -1; None if an entry is not +-1."""
        return read_bits(self.X)

    @cached_property
    def is_integer(self) -> bool:
        """Whether sums over sites are exact."""
        X = self.X
        return self.negative is not None or (np.array_equal(X, np.rint(X)) and float((X**2).sum()) < 2.0**53)

    @cached_property
    def diagonal(self) -> Fraction:
        """(scale/2) sum_ik X_ik^2"""
        squares = self.X.size if self.negative is not None else math.fsum((self.X**2).sum(1).tolist())
        return Fraction(self.scale) / 2 * Fraction(squares)

    def overlaps(self, s: np.ndarray) -> list[Fraction]:
        """m, exact for integers, else rounded once."""
        if self.is_integer:
            with one_blas_thread():
                return [Fraction(m) for m in (s @ self.X).tolist()]
        return [Fraction(math.fsum((s * column).tolist())) for column in self.X.T]

    def energy(self, state: np.ndarray) -> Fraction:
        if self.other is None:
            squares = sum((m * m for m in self.overlaps(state)), Fraction(0))
            return self.offset + self.diagonal - Fraction(self.scale) / 2 * squares - dot(self.b, state)
        first, second = (self, self.other) if self.is_first else (self.other, self)
        v, h = np.split(state, [len(first.b)])
        product = sum(
            (m * n for m, n in zip(first.overlaps(v), second.overlaps(h), strict=True)), Fraction(0)
        )
        return self.offset - Fraction(self.scale) * product - dot(first.b, v) - dot(second.b, h)

    def plain(self) -> bool:
        """Whether there are no fields at all."""
        return not self.b.any() and (self.other is None or not self.other.b.any())

    def objective(self, V: np.ndarray, c: np.ndarray, scale: float) -> Convex:
        """F of y, with m = V y and b.s = c.y."""
        if self.other is None:
            return quadratic(scale / 2 * (V.T @ V), c)
        X, b, negative = self.other.X, self.other.b, self.other.negative
        if negative is None or self.K > MAX_INPUTS:
            return sum_of_sizes(c, scale * (X @ V), np.arange(len(X)), -b)
        group, sign = fold(negative, self.K)
        present, group = np.unique(group, return_inverse=True)
        return sum_of_sizes(c, scale * (threshold_functions.half_cube(self.K)[present] @ V), group, -sign * b)

    def steepness(self) -> np.ndarray:
        """Bounds on |dF/dm_k|."""
        if self.other is None:
            return self.scale * np.abs(self.X).sum(0)
        return abs(self.scale) * np.abs(self.other.X).sum(0)

    def lower(self, upper: Fraction) -> Fraction:
        """The bound on E from one on F."""
        if self.other is not None:
            return self.offset - upper
        rounding = Fraction(0) if self.is_integer else (self.K + 2) * Fraction(U)
        return self.offset - upper + self.diagonal * (1 - rounding)

    def complete(self, s: np.ndarray) -> np.ndarray:
        """The state of all sites."""
        if self.other is None:
            return s
        m = np.array([float(x) for x in self.overlaps(s)])
        h = np.where(self.scale * (self.other.X @ m) + self.other.b < 0, -1, 1).astype(np.int8)
        return np.concatenate([s, h] if self.is_first else [h, s])


def read_bits(X: np.ndarray) -> np.ndarray | None:
    """Bit k of number i is set where X_ik = -1; None if an entry is not +-1."""
    if X.shape[1] >= 63 or not all(np.array_equal(np.abs(X[:n]), np.ones_like(X[:n])) for n in (1, None)):
        return None  # most often seen in the first row
    bits = np.zeros(len(X), np.int64)
    for k in range(X.shape[1]):
        bits |= (X[:, k] < 0).astype(np.int64) << k
    return bits


def fold(negative: np.ndarray, K: int) -> tuple[np.ndarray, np.ndarray]:
    """(class, sign): the row is sign times the row of its class, whose last entry is +1."""
    flip = negative >> (K - 1)
    return (negative ^ -flip) & ((1 << (K - 1)) - 1), 1 - 2 * flip


def dot(b: np.ndarray, s: np.ndarray) -> Fraction:
    """b.s, rounded once."""
    return Fraction(math.fsum((b * s).tolist()) if b.any() else 0)
