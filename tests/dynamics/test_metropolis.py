"""Metropolis: its own acceptance rates, and the same loops for all forms."""

from __future__ import annotations

import numpy as np
import pytest
from chi_square import FALSE_ALARM, N_CHAINS, boltzmann, p_value
from model_forms import FORMS, make

import spinlab as sl
from spinlab.dynamics import metropolis

CASES = [
    pytest.param(form, {"order": order}, id=f"{form.__name__}-{order}")
    for form in FORMS
    for order in ("sequential", "random")
]
CASES.append(pytest.param(FORMS[0], {"dtype": "float32"}, id="dense-float32"))


@pytest.mark.parametrize(("form", "options"), CASES)
def test_the_boltzmann_distribution(form, options):
    case = make(form, integer=False, fields=True)
    chains = metropolis(case.model, 40, N_CHAINS, beta=0.4, rng=2, **options)
    assert p_value(chains.states, boltzmann(case, 0.4)) > FALSE_ALARM


def test_flips_are_accepted_with_metropolis_probability():
    # One spin in a field: from below, a flip lowers the energy and is certain; from above, exp(-2 beta b).
    n, beta, b = 40_000, 0.7, 0.5
    down = metropolis(sl.models.DenseIsing([[0.0]], b), 1, n, beta=beta, initial=-np.ones(1), rng=0)
    assert (down.states == 1).all()
    up = metropolis(sl.models.DenseIsing([[0.0]], b), 1, n, beta=beta, initial=np.ones(1), rng=1)
    p = np.exp(-2 * beta * b)
    # 5 sigma: false alarm 6e-7.
    assert abs((up.states == -1).mean() - p) < 5 * np.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("n", [1, 63, 130])
def test_tiles_take_the_same_steps_as_the_generic_loop(n):
    rng = np.random.default_rng(n)
    J = np.triu(rng.integers(-3, 4, (n, n)), 1)
    model = sl.models.DenseIsing(J + J.T, rng.integers(-2, 3, n))
    kept = {"n_steps": 300, "n_chains": 21, "beta": 0.1, "record_every": 37, "rng": 3}
    runs = [metropolis(model, dtype=d, **kept) for d in ("float64", "float32")]
    generic = metropolis(model.to_sparse(), **kept)
    for run in runs:
        np.testing.assert_array_equal(run.samples, generic.samples)
        np.testing.assert_array_equal(run.moved, generic.moved)


@pytest.mark.parametrize("order", ["sequential", "random"])
@pytest.mark.parametrize("K", [3, 8])
def test_all_forms_of_one_model_take_the_same_steps(order, K):
    rng = np.random.default_rng(5)
    model = sl.models.PatternIsing(rng.choice([-1, 1], (K, 90)), 1.0, rng.integers(-1, 2, 90))
    kept = {"n_steps": 300, "n_chains": 37, "beta": 0.02, "order": order, "rng": 8, "record_every": 70}
    runs = [metropolis(m, **kept) for m in (model, model.to_dense(), model.to_sparse())]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.samples, runs[0].samples)
