"""Array forms, numba primitives, random numbers and validation shared by every layer."""
