"""Regularized axons: weights (scale/sqrt K) sum_k xi^k (x) xi^k; patterns and scale are parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from .parameters import as_scale, check_range


class RegularizedAxons:
    """The scale of a machine of K patterns: one of its parameters, or fixed but part of a checkpoint."""

    K: int
    trains_scale: bool
    parameters: dict[str, np.ndarray]
    dtype: Any

    def _start_scale(self, scale: float, kind: np.dtype) -> None:
        self._scale = np.array([as_scale(scale, kind)], dtype=kind)
        if self.trains_scale:
            self.parameters["scale"] = self._scale

    @property
    def scale(self) -> float:
        """Overall scale of the weights; it can be set."""
        return float(self._scale[0])

    @scale.setter
    def scale(self, value: float) -> None:
        self._scale[0] = as_scale(value, self._scale.dtype)

    @property
    def _unit(self) -> Any:
        """scale / sqrt(K) in the machine's dtype."""
        return self._scale[0] / self.dtype.type(self.K**0.5)

    def _checked_state(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Refuse patterns whose products leave the machine's precision."""
        sums = sorted(float(np.abs(x).sum()) for name, x in state.items() if name.startswith("xi"))
        scale = abs(float(np.asarray(state["scale"])[0]))
        largest = sums[-1] * sums[-2:][0] * scale  # of two layers, or of one with itself
        check_range(np.array(largest), "the product of patterns and scale", self.dtype)
        return state

    def state_dict(self) -> dict[str, np.ndarray]:
        """Parameters and the scale."""
        return self.parameters | {"scale": self._scale}


class PatternsOfTwoLayers:
    """Names for the two parts of the patterns of a machine of two layers."""

    parameters: dict[str, np.ndarray]

    @property
    def xi_v(self) -> np.ndarray:
        """Visible parts of the patterns themselves, shape (K, V)."""
        return self.parameters["xi_v"]

    @property
    def xi_h(self) -> np.ndarray:
        """Hidden parts of the patterns themselves, shape (K, H)."""
        return self.parameters["xi_h"]


def random_patterns(generator: np.random.Generator, K: int, n: int, kind: np.dtype) -> np.ndarray:
    """K patterns of n random +-1, shape (K, n)."""
    return (2 * generator.integers(0, 2, (K, n), dtype=np.int8) - 1).astype(kind)


def signs(x: np.ndarray) -> np.ndarray:
    """+1 where x >= 0, else -1; same dtype."""
    s = (x >= 0).astype(x.dtype)
    return s + s - 1  # arithmetic is vectorised, a choice by where() is not
