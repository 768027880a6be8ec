"""The study of deep machines: its starts, and sentences with data against them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import xarray as xr

from spinlab import studies

study = studies.load("deep_axons")
TRAIN = {V: np.random.default_rng(V).choice([-1, 1], (20, V)) for V in (16, 36, 64)}


@pytest.mark.parametrize("case", study.CASES)
@pytest.mark.parametrize("recipe", study.RECIPES)
def test_starts(case, recipe):
    """The sizes that the table names; patterns of +-1, or small ones; free weights smaller still."""
    V, hidden = study.CASES[case]
    model = study.machine_of(case, recipe, TRAIN[V], np.random.default_rng(0)).as_ising()
    assert model.n_spins == V + sum(hidden)
    std = model.coupling_std()
    expected = {"own": 0.15**2, "free": 0.01}.get(recipe, 1.0)
    assert std == pytest.approx(expected, rel=0.25)


def test_the_likelihood_is_that_of_all_states():
    """Two epochs of one run: the density sums to one over all visible states."""
    import spinlab as sl

    machine = study.machine_of("bars, deep", "own", TRAIN[16], np.random.default_rng(1))
    v = 2 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1) - 1
    assert np.exp(sl.rbm.log_likelihood(machine, v, threads=1)).sum() == pytest.approx(1)


NUMBERS = {
    case: {
        "rapid": (50.0, 1.0),
        "fast": (40.0, 1.0),
        "clipped": (11.0, 0.1),
        "own": (7.0, 0.1) if "deep" in case else (8.0, 0.1),
        "free": (8.0, 0.1),
    }
    for case in ("bars, restricted", "bars, deep")
}


@pytest.mark.parametrize(
    ("sentence", "path", "value"),
    [
        ("3 errors: bars, restricted; bars, deep; below it: nowhere", ("bars, deep", "fast"), (10.0, 0.1)),
        ("3 errors: bars, restricted; bars, deep; below it: nowhere", ("bars, deep", "fast"), (11.2, 0.1)),
        ("RAPID fails on deep machines (bars, deep)", ("bars, deep", "fast"), (10.0, 0.1)),
        ("It fails with one hidden layer, too (bars, r", ("bars, restricted", "fast"), (10.0, 0.1)),
        ("the conclusion does not follow", ("bars, restricted", "fast"), (10.0, 0.1)),
        ("learn the same deep machines (bars, deep)", ("bars, deep", "free"), (11.0, 0.1)),
        ("the conclusion does not follow", ("bars, deep", "free"), (11.0, 0.1)),
        ("ahead by more than 3 errors: bars, deep (-1.00 ± 0.14)", ("bars, deep", "own"), (7.8, 0.1)),
        ("not decided: bars, restricted (+0.00", ("bars, restricted", "own"), (9.0, 0.1)),
        ("by more than 3 errors: bars, restricted; bars, deep.", ("bars, deep", "clipped"), (7.1, 0.1)),
        ("advantage of patterns grows on bars (+1.00 ± 0.20 nats)", ("bars, restricted", "own"), (7.0, 0.1)),
        ("advantage of patterns grows on bars", ("bars, deep", "own"), (9.0, 0.1)),
    ],
)
def test_sentences(sentence, path, value):
    assert sentence in " ".join(study.statements(NUMBERS, []))
    false = copy.deepcopy(NUMBERS)
    false[path[0]][path[1]] = value
    assert sentence not in " ".join(study.statements(false, []))


def test_runs_that_ran_away_are_counted_and_left_out():
    values = np.full((1, len(study.RECIPES), 1, 3), 6.0)
    values[0, list(study.RECIPES).index("own"), 0] = 6.0, 7.0, 900.0
    values[0, list(study.RECIPES).index("fast"), 0] = np.inf
    nll = xr.DataArray(
        values,
        dims=("case", "recipe", "epoch", "replica"),
        coords={"case": ["bars, deep"], "recipe": list(study.RECIPES)},
    )
    found, away = study.numbers(nll, {"cases": ("bars, deep",)})
    assert found["bars, deep"]["own"][0] == pytest.approx(6.5)
    assert away == ["bars, deep, patterns of their own scale, PCD: 1 of 3"]
    assert study.text(found["bars, deep"]["fast"]) == "diverges"
    assert "1 of 3" in " ".join(study.statements(found, away))
    assert "left out of all comparisons: none" in " ".join(study.statements(found, []))
