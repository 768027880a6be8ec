"""The phase studies in their small preset, and the pieces that their verdicts rest on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spinlab import studies, theory


def verdict(name, folder):
    studies.load(name).main("small", folder, workers=None, progress=False)
    assert (folder / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    return json.loads((folder / "verdict.json").read_text())


def test_hopfield_phase_diagram(tmp_path):
    found = verdict("hopfield_phase_diagram", tmp_path)
    assert found["agrees_with_theory"]
    assert found["cells_wrong"] == []


def test_ra_rbm_phase_diagram(tmp_path):
    found = verdict("ra_rbm_phase_diagram", tmp_path)
    assert found["collapse"]
    assert found["differ_at_equal_total_load"]
    assert found["agrees_with_saddle_point"]


def test_ra_rbm_quoted_values_are_the_saddle_point():
    study = studies.load("ra_rbm_phase_diagram")
    for (V, H, K), quoted in study.QUOTED.items():
        state = theory.bipartite.recall(K / V, K / H, 1 / study.QUOTED_T)
        assert (state.mu, state.nu) == pytest.approx(quoted, abs=1e-4)
    for preset in (study.SMALL, study.PAPER):
        # What the figure claims: one (K/V, K/H) on the left, one K/(V+H) on the right.
        assert len({(K / V, K / H) for V, H, K in preset["same"]}) == 1
        assert {K / (V + H) for V, H, K in preset["other"]} == {1 / 40}


def test_sk_finite_size(tmp_path):
    found = verdict("sk_finite_size", tmp_path)
    assert found["holds"]
    # Three comparisons with an independent enumeration; |z| > 4 has chance 2e-4, and the seed is fixed.
    assert max(map(abs, found["z"].values())) < 4


def test_the_fit_finds_a_known_line():
    study = studies.load("sk_finite_size")
    rng = np.random.default_rng(0)
    energies = {N: -0.75 + 0.7 * N ** (-2 / 3) + 0.05 * rng.standard_normal(400) for N in (8, 12, 16, 24, 32)}
    fit = study.fit(energies)
    assert abs(fit["e0"] + 0.75) < 4 * fit["error"]
    assert 0.001 < fit["error"] < 0.02
    shifted = study.fit({N: e + 0.2 for N, e in energies.items()})
    assert shifted["e0"] == pytest.approx(fit["e0"] + 0.2)
