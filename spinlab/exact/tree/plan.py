"""An elimination order with its tables: what the search for orders makes and the kernels work through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Steps(NamedTuple):
    """An elimination order as kernels see it: step i eliminates spin ``order[i]``.

    The table of step i covers the states of ``scope[start[i]:start[i + 1]]``, the later steps that its
    spin is coupled to by then, in ascending order; bit k of an index belongs to the k-th of them. The steps
    are in postorder of the tree ``parent``, so that two stacks hold all tables that wait to be used:
    step i writes at ``offset[i]`` of stack ``stack[i]``; the tables of its children lie in the other one.
    """

    order: np.ndarray
    start: np.ndarray
    scope: np.ndarray
    parent: np.ndarray
    """The step that uses the table: the first of the scope, -1 where that is empty."""
    child_start: np.ndarray
    child: np.ndarray
    """``child[child_start[i]:child_start[i + 1]]`` are the steps whose tables step i uses."""
    mask: np.ndarray
    """Which spins of the parent (its own, then its scope) are in the scope of a step, as bits."""
    even: np.ndarray
    """Whether the spin's component has no field, so that T(s) = T(-s)."""
    folded: np.ndarray
    """Whether only the half of the table where the highest bit is unset is stored."""
    size: np.ndarray
    """Stored entries of the table."""
    stack: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True)
class Elimination:
    """A model in the order of its elimination, and what that costs.

    Attributes
    ----------
    steps : Steps
    J : ndarray
        Coupling of the spin of a step to each spin of its scope, 0 where there is none.
    b : ndarray, shape (N,)
        Fields by step.
    edges : ndarray, shape (M,)
        Position in ``J`` of every edge of the model.
    width : int
        max_i |S_i|.
    waiting : tuple of int
        Entries of each of the two stacks.
    roundings : int
        Additions that a term of the energy passes through at most.
    """

    steps: Steps
    J: np.ndarray
    b: np.ndarray
    edges: np.ndarray
    width: int
    waiting: tuple[int, int]
    roundings: int

    def stacks(self) -> tuple[np.ndarray, np.ndarray]:
        """Space for the tables that wait to be used."""
        return np.empty(self.waiting[0]), np.empty(self.waiting[1])

    @property
    def place(self) -> np.ndarray:
        """Where the table of each step begins if all are kept."""
        return np.cumsum(self.steps.size) - self.steps.size

    @property
    def roots(self) -> np.ndarray:
        """Where the values of the roots, one for each component, are on the first stack."""
        return self.steps.offset[self.steps.parent < 0]
