"""The weights of the verdict on the phase."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Of log odds; ``tests/benchmarks/validate_families.py fit`` finds them.

    Attributes
    ----------
    line, lattice_line : float
        Of the distance from the line of theory, in its errors, and for lattices, where that line is a bound.
    overlap, overlap_at, lattice_overlap_at : float
        Of ln(q^2 N^(2/3)), and its values at a transition.
    lattice_shift, glass_shift : float
        ln of the bound over the transition of a lattice, to order and to a glass.
    order, stable, alone, first : float
        Of order: a constant, stability of replica symmetry, the next state's energy, which line comes first.
    flat, flat_stable : float
        The constant and the stability where no glass can be.
    field : float
        Doubt in fields.
    reach, reach_at : float
        Of ln((2 pi xi/L)^2) on lattices, and its value at a transition: 2.8 in three dimensions, 2.2 in four.
    """

    line: float = 0.55
    lattice_line: float = 0.718
    overlap: float = 2.794
    overlap_at: float = 0.034
    lattice_overlap_at: float = 1.354
    lattice_shift: float = 0.319
    glass_shift: float = 0.515
    order: float = -1.239
    stable: float = 1.316
    alone: float = 0.938
    first: float = 0.964
    flat: float = 0.289
    flat_stable: float = 2.486
    field: float = 0.0
    reach: float = 1.056
    reach_at: float = 2.282


WEIGHTS = Weights()

# Probabilities are raised to this power, once the weights have made them: fitted to the verdicts on thirty
# families that no weight had seen (docs: Diagnose), as confidence on families seen is too high elsewhere.
SHARPNESS = 0.7
