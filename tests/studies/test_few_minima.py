"""The study of the number of minima, in its small preset, and its sums."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import xarray as xr

from spinlab import studies


def test_small_preset(tmp_path, both_formats):
    study = studies.load("few_minima")
    study.main("small", tmp_path, workers=None, progress=False)
    for name in ("few_minima.png", "few_minima.pdf", "few_minima_fixed_K.nc", "verdict.md"):
        assert (tmp_path / name).stat().st_size > 1000, name
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["bounded"]
    assert verdict["fourteen_attained"]
    # Four sizes of 60 instances: one |z| > 4.5 has a chance of 3e-5, more for the skewed tails; fixed seed.
    assert max(map(abs, verdict["z_sk"])) < 4.5
    with xr.open_dataset(tmp_path / "few_minima_fixed_K.nc") as data:
        assert (data["count"].sel(K=1) == 2).all()
        assert float(data["count"].sel(K=5).max()) <= 1882
        assert (data["count"] % 2 == 0).all()


def test_growth_recovers_a_slope():
    rng = np.random.default_rng(0)
    N = np.array([6, 10, 14, 18])
    count = np.exp(0.3 * N[:, None] + 0.1 * rng.normal(size=(4, 400)))
    data = xr.Dataset({"count": (("N", "replica"), count)}, coords={"N": N})
    slope, error = studies.load("few_minima").growth(data)
    # Four errors: a false alarm has a chance of 6e-5.
    assert slope == pytest.approx(0.3, abs=4 * error)
    assert error < 2e-3


def test_the_order_of_rates_is_what_the_slopes_say():
    ordering = studies.load("few_minima").ordering
    text, z = ordering({0.1: (0.05, 0.001), 0.5: (0.1, 0.001), math.inf: (0.2, 0.001)})
    assert "not decided" not in text
    assert "other way" not in text
    assert z["0.1 < 0.5"] == pytest.approx(0.05 / 2**0.5 / 0.001)
    text, _ = ordering({0.1: (0.11, 0.001), 0.25: (0.09, 0.001), 0.5: (0.092, 0.002)})
    assert "the other way round by more than 3 errors (0.1 < 0.25)" in text
    assert "not decided (0.25 < 0.5)" in text
    assert "so by" not in text


def test_rates_fall_with_the_load():
    rate = studies.load("few_minima").rate
    rates = [rate(load) for load in (0.1, 0.25, 0.5, 1.5, math.inf)]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.1992, abs=1e-4)
