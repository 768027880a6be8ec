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


@pytest.mark.parametrize("beta", [0.1, 0.7, 2.0])
def test_flips_are_accepted_as_metropolis_and_the_heat_bath_share_them(beta):
    """The first visit of one sweep: a share of 1 - x^2 / (2 + 2 x^2) of the heat bath, x = 2 beta rms(h)."""
    n, J, b = 40_000, 0.5, 0.25
    model = sl.models.DenseIsing([[0.0, J], [J, 0.0]], [b, 0.0])
    heat = 1 - 0.5 / (1 + 1 / (2 * beta * J) ** 2)
    cost = 2 * beta * (J + b)
    for s, metropolis_flips, heat_flips in (
        (-1, 1.0, 1 / (1 + np.exp(-cost))),
        (1, np.exp(-cost), 1 / (1 + np.exp(cost))),
    ):
        ends = metropolis(model, 1, n, beta=beta, initial=np.array([s, 1]), rng=s + 1).states[:, 0]
        p = heat * heat_flips + (1 - heat) * metropolis_flips
        # 5 sigma: false alarm 6e-7.
        assert abs((ends == -s).mean() - p) < 5 * np.sqrt(p * (1 - p) / n)


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
