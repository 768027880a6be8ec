"""The phase studies in their small preset, and the pieces that their verdicts rest on."""

from __future__ import annotations

import json

import numpy as np
import pytest

import spinlab as sl
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


def energies_of(study, e, scale):
    return study.Energies(e, e, np.broadcast_to(scale, e.shape))


def on_line(N):
    return -0.75 + 0.7 * N ** (-2 / 3)


def test_the_fit_finds_a_known_line():
    study = studies.load("sk_finite_size")
    rng = np.random.default_rng(0)
    found = {
        N: energies_of(
            study, -0.75 + 0.7 * N ** (-2 / 3) + 0.05 * rng.standard_normal(400), study.mean_scale(N)
        )
        for N in (8, 12, 16, 24, 32)
    }
    fit = study.fit(found, 12)
    assert abs(fit["e0"] + 0.75) < 4 * fit["error"]
    assert 0.001 < fit["error"] < 0.02
    assert fit["bracket"] == 0.0
    shifted = study.fit({N: e._replace(energy=e.energy + 0.2) for N, e in found.items()}, 12)
    assert shifted["e0"] == pytest.approx(fit["e0"] + 0.2)
    # Bounds that lie lower everywhere by as much move the result by as much.
    bounded = study.fit({N: e._replace(bound=e.energy - 0.01) for N, e in found.items()}, 12)
    assert bounded["bracket"] == pytest.approx(0.01)
    assert bounded["e0"] == fit["e0"]
    curve = {
        N: energies_of(
            study, -0.75 + 0.7 * N ** (-2 / 3) + 2 / N + np.array([-1e-9, 0, 1e-9]), study.mean_scale(N)
        )
        for N in (8, 12, 16, 24, 32)
    }
    assert study.fit(curve, 8, 1.0)["e0"] == pytest.approx(-0.75, abs=1e-6)
    assert abs(study.fit(curve, 8)["e0"] + 0.75) > 0.01


def test_energies_are_steadied_without_a_bias():
    study = studies.load("sk_finite_size")
    rng = np.random.default_rng(1)
    N, n = 6, 40_000
    J = rng.standard_normal((n, N * (N - 1) // 2)) / N**0.5
    states = np.array([[1, *s] for s in np.ndindex(*(2,) * (N - 1))]) * 2 - 1
    pairs = np.triu_indices(N, 1)
    e = -(J @ (states[:, pairs[0]] * states[:, pairs[1]]).T).max(1) / N
    scale = (N * (J**2).mean(1)) ** 0.5
    assert scale.mean() == pytest.approx(study.mean_scale(N), abs=4 * scale.std() / n**0.5)
    steadied = study.steady(N, energies_of(study, e, scale))
    # 4 standard errors of the difference of the two means: a false alarm has chance 6e-5, the seed is fixed.
    assert abs((steadied - e).mean()) < 4 * (steadied - e).std() / n**0.5
    assert steadied.std() < 0.8 * e.std()
    model = sl.ensembles.sk(6, rng=3)
    assert study.scale_of(model) == pytest.approx((6 * (model.J[np.triu_indices(6, 1)] ** 2).mean()) ** 0.5)


def test_kept_instances_are_read_and_the_others_computed(tmp_path, monkeypatch):
    study = studies.load("sk_finite_size")
    from spinlab.studies import _sk_large as large

    monkeypatch.setattr(large, "KEPT", tmp_path / "kept.csv")
    preset = {"large": {20: 4}, "seconds": 5.0}
    first = large.energies(20, 3, 5.0, studies.Output(tmp_path), None, False)
    truth = [sl.ground_state(large.instance_of(20, k), "enumeration").energy / 20 for k in range(4)]
    np.testing.assert_allclose(first.energy, truth[:3], rtol=1e-12)
    assert (first.bound == first.energy).all()
    assert large.keep(tmp_path, preset) == 3
    rows = large.kept()
    rows[20, 1][0] = -9.5  # as if it had not been finished
    monkeypatch.setattr(large, "kept", lambda: rows)
    again = large.energies(20, 4, 5.0, studies.Output(tmp_path / "other"), None, False)
    np.testing.assert_array_equal(again.energy[:3], first.energy)
    assert again.bound[1] == -9.5
    assert again.energy[3] == pytest.approx(truth[3])
    assert study.fit({20: again, 30: first, 40: first}, 20)["bracket"] > 0


def test_stored_instances_are_complete_and_what_their_numbers_say():
    from spinlab.studies import _sk_large as large

    rows = large.kept()
    wanted = {(N, k) for N, n in studies.load("sk_finite_size").PAPER["large"].items() for k in range(n)}
    assert set(rows) == wanted
    for (N, number), (bound, energy, scale, nodes, took) in rows.items():
        assert scale == pytest.approx(large.scale_of(large.instance_of(N, number)), rel=1e-12)
        assert bound == energy  # all are proven by now
        assert nodes >= 1
        assert took < 610
    energies = np.array([rows[80, k][1] for k in range(100)])
    assert energies.mean() == pytest.approx(-0.7209, abs=4 * energies.std() / 10)  # -0.7632 + 0.77 N^(-2/3)


def test_an_instance_that_is_not_finished_enters_as_an_interval():
    from spinlab.studies import _sk_large as large

    found = large.point(90, 0, 0.01, rng=0)
    assert found["bound"] < found["energy"] - 1e-3
    assert np.isfinite(found["bound"])
