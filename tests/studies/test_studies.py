"""Studies end to end in their small preset, and the numbers they rest on."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import sweep_points
import xarray as xr

import spinlab as sl
from spinlab import studies


def run(name, out):
    return studies.load(name).main("small", out, workers=None, progress=False)


@pytest.mark.parametrize("name", studies.names())
def test_every_study_declares_its_claim_and_presets(name):
    study = studies.load(name)
    for part in ("Claim", "Figure:", "Runtime:", "Verdict:"):
        assert part in study.__doc__, f"{name}: no {part}"
    assert set(study.SMALL) == set(study.PAPER)


def test_fig1_small(both_formats, tmp_path):
    output = run("fig1", tmp_path)
    for name in ("fig1.png", "fig1.pdf", "fig1_main.nc", "fig1_inset.nc", "verdict.md"):
        assert (tmp_path / name).stat().st_size > 1000, name
    assert (tmp_path / "fig1.png").read_bytes()[:4] == b"\x89PNG"
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    # The inset at V = 8, 10, 12 has the settings of the reference measurement; chance of |z| > 4
    # in 18 comparisons is 1e-3, and the seed is fixed.
    assert len(verdict["z"]) == 18
    assert verdict["agrees_with_reference"]
    holds = {claim["statement"]: claim["holds"] for claim in verdict["statements"]}
    assert holds["RA is more accessible at every V, scale 10 (lowest of ten chains)"]
    assert not holds["RA is more accessible at every V, scale 10 (mean of ten chains)"]
    assert not holds["independent weights do descend from a random start, scale 10"]
    with xr.open_dataset(tmp_path / "fig1_main.nc") as data:
        plateau = data.sel(std=10.0)
        assert float(plateau["moved_chains"].sel(ensemble="rbm_gaussian").max()) == 0
        assert "height of a frozen start" in (tmp_path / "verdict.md").read_text()
        assert float(plateau["excess"].sel(ensemble="ra_rbm").mean()) > 0.6
        assert "spinlab" in json.dumps({k: str(v) for k, v in data.attrs.items()})
        first = data["mean"].values
    # A rerun computes nothing and gives the same bits.
    (tmp_path / "fig1_main.nc").unlink()
    again = run("fig1", tmp_path)
    assert again.paths == output.paths
    with xr.open_dataset(tmp_path / "fig1_main.nc") as data:
        np.testing.assert_array_equal(first, data["mean"].values)


def test_fig1_notices_a_shifted_measurement(tmp_path):
    from spinlab.studies._fig1_verdict import z_values

    study = studies.load("fig1")
    main, inset = study.sweeps(study.SMALL)
    data = inset.run(progress=False)
    shifted = data.assign(mean=data["mean"] * 1.03)
    honest = z_values(None, data, study.SMALL)
    wrong = z_values(None, shifted, study.SMALL)
    assert max(abs(row["z"]) for row in honest) < 4 < max(abs(row["z"]) for row in wrong)
    assert len(main) == 60


def test_accessibility_map_small(tmp_path):
    run("accessibility_map", tmp_path)
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["excess_falls_with_load"]
    assert (tmp_path / "accessibility_map.png").exists()


def test_glass_lines_of_the_map():
    study = studies.load("accessibility_map")
    # T_g = 1 + sqrt(alpha) in units where the couplings are Hopfield's: std = sqrt(K)/(N T).
    assert study.glass_std_ra(np.array([25.0]), 100)[0] == pytest.approx(5 / (100 * 1.5))
    # Many patterns: the two-layer model tends to the Gaussian one, std (V H)^(1/4) = 1.
    (many,) = study.glass_std_ra_rbm(np.array([1e9]), 20, 1000)
    assert many == pytest.approx(20_000**-0.25, rel=1e-3)
    # Few patterns: b tends to 1, std = sqrt(K / (V H)).
    (few,) = study.glass_std_ra_rbm(np.array([1.0]), 10**8, 10**8)
    assert few == pytest.approx(1e-8, rel=1e-3)
    # The root solves the equation as physics states it.
    a, c = 7 / 20, 7 / 1000
    (std,) = study.glass_std_ra_rbm(np.array([7.0]), 20, 1000)
    u = std**2 * 20_000 / 7
    assert u**2 * (a * c * (1 + u) + (a + c) * (1 - u)) == pytest.approx((1 - u) ** 3, rel=1e-9)


def test_failed_points_stop_a_study(tmp_path, monkeypatch):
    study = studies.load("fig1")

    def broken(**_):
        raise ValueError("no such thing")

    monkeypatch.setattr(study, "follow", broken)
    with pytest.raises(RuntimeError, match="60 of 60 points failed"):
        run("fig1", tmp_path)


def test_a_study_that_changed(tmp_path):
    """It is refused, its points are kept, or they are computed again."""

    def run(factor):
        def times(x, rng):
            return {"y": factor * x}

        sweep = sl.sweeps.Sweep(times, {"x": [1, 2]}, replicas=1, name="times")
        return studies.Output(tmp_path).run(sweep, "data", None, False)["y"].values.ravel().tolist()

    assert run(1) == [1, 2]
    with pytest.raises(ValueError, match="--changed keep takes its points as they are, --changed redo"):
        run(3)
    with studies.sweeps_run_with(changed="keep"):
        assert run(3) == [1, 2]
    with studies.sweeps_run_with(changed="redo"):
        assert run(5) == [5, 10]
    with pytest.raises(ValueError, match="the study changed"):  # the option ends with the block
        run(6)


def test_time_is_for_all_sweeps_of_a_study(tmp_path, monkeypatch):
    """The second sweep has what the first one left, and points that were not begun end the study."""
    monkeypatch.setattr(studies, "time", SimpleNamespace(monotonic=iter([0.0, 1.0, 70.0]).__next__))
    sweep = sl.sweeps.Sweep(sweep_points.steps, {"x": [1, 2]}, replicas=1)
    with studies.sweeps_run_with(seconds=60.0):
        studies.Output(tmp_path).run(sweep, "first", None, False)
        with pytest.raises(RuntimeError, match="2 of 2 points of second were not begun in the time given"):
            studies.Output(tmp_path).run(sweep, "second", None, False)


def test_tables_are_markdown():
    assert studies.markdown_table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
