"""Names and units of what a scan measures, in xarray's attributes."""

from __future__ import annotations


def _of(long_name: str, units: str = "1") -> dict[str, str]:
    return {"long_name": long_name, "units": units}


_ENERGY = "those of the couplings"
ATTRIBUTES = {
    "size": _of("size"),
    "load": _of("load, patterns per spin"),
    "T": _of("temperature of the phase diagram"),
    "std": _of("standard deviation of the weights"),
    "instance": _of("instance of the disorder"),
    "n_spins": _of("number of spins"),
    "temperature": _of("temperature of the phase diagram"),
    "e_random": _of("energy per spin from random starts", _ENERGY),
    "e_pattern": _of("energy per spin from a pattern", _ENERGY),
    "q_abs": _of("mean |q| of two replicas"),
    "q2": _of("mean q^2 of two replicas"),
    "q4": _of("mean q^4 of two replicas"),
    "q": _of("overlap of two replicas"),
    "P": _of("density of the overlap q"),
    "m_pattern": _of("overlap with the pattern where the chains started"),
    "m_hidden": _of("the same in the hidden layer"),
    "m_random": _of("largest overlap with a pattern, from random starts"),
    "q_pattern": _of("overlap of two replicas from a pattern"),
    "accessibility": _of("Gibbs accessibility E/E0"),
    "excess": _of("excess of E/E0 over random states"),
    "certified": _of("whether the ground state is proven"),
    "n_minima": _of("number of strict minima"),
    "swap_rate": _of("rate of exchanges between temperatures"),
    "round_trips": _of("round trips between the temperatures"),
}
