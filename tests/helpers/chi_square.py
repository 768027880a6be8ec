"""States of a sampler against the exact Boltzmann distribution."""

from __future__ import annotations

import numpy as np
import scipy.stats
from naive import all_states, energies

# Each chi-square and 5-sigma assertion of the samplers' tests may fail by chance with probability 1e-6 at
# most; seeds are fixed, so it does not from run to run.
FALSE_ALARM = 1e-6
N_CHAINS = 6000


def boltzmann(case, beta):
    """Probabilities of all states, in the order of all_states."""
    E = energies(case.J, case.b, 0.0, all_states(len(case.b)))
    weights = np.exp(-beta * (E - E.min()))
    return weights / weights.sum()


def p_value(states, probabilities):
    """Chi-square test of independent states; states expected fewer than 10 times share one bin."""
    n = states.shape[1]
    index = (states > 0) @ (1 << np.arange(n - 1, -1, -1))
    seen = np.bincount(index, minlength=2**n).astype(float)
    expected = probabilities * len(states)
    rare = expected < 10
    seen, expected = (np.append(x[~rare], x[rare].sum()) for x in (seen, expected))
    if expected[-1] < 10:
        seen[-2], expected[-2] = seen[-2:].sum(), expected[-2:].sum()
        seen, expected = seen[:-1], expected[:-1]
    return scipy.stats.chisquare(seen, expected).pvalue
