"""Phase scans: bookkeeping, bad input, and numbers against theory, enumeration and made-up curves."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import xarray as xr

import spinlab as sl
from spinlab import theory
from spinlab.cli import main
from spinlab.scans import binder, binder_crossings, draw, reduced, regions, scan, theory_lines
from spinlab.scans.families import FAMILIES
from spinlab.scans.measuring import names
from spinlab.scans.reducing import observables_of

QUICK = {"instances": 2, "n_steps": 40, "n_chains": 2}


@pytest.mark.parametrize("ensemble", FAMILIES)
def test_every_ensemble_can_be_scanned_and_drawn(ensemble):
    size = 3 if ensemble == "ea" else 16
    loads = {"loads": [0.1, 0.2]} if FAMILIES[ensemble].load else {}
    data = scan(ensemble, sizes=[size], temperatures=[0.5, 1.5], **loads, **QUICK)
    assert data.attrs["failed_points"] == 0
    assert "crossover" in data.attrs["status"]
    np.testing.assert_allclose(data["P"].sum("q") * 2 / data.sizes["q"], 1.0)
    assert np.isfinite(data["e_random"]).all()
    assert ("m_pattern" in data) == bool(loads)
    assert set(observables_of(data)) == names(ensemble, "T", False, False) | {"binder", "chi_SG"}
    figure = draw(data)
    assert "crossover" in figure.texts[0].get_text() or "crossover" in figure._suptitle.get_text()


def test_random_starts_sample_the_boltzmann_distribution():
    """Energy and q^2 of small SK models against a sum over all states."""
    seeds_T = [0.6, 1.0, 2.0]
    data = scan("sk", sizes=[6], temperatures=seeds_T, instances=6, n_steps=40_000, n_chains=4, seed=3)
    sweep_seeds = _seeds_of(data)
    states = np.array(list(itertools.product([-1, 1], repeat=6)))
    for replica, seed in enumerate(sweep_seeds):
        J = sl.ensembles.sk(6, rng=np.random.default_rng(seed)).couplings()
        E = -np.einsum("si,ij,sj->s", states, J, states) / 2
        for T in seeds_T:
            p = np.exp(-(E - E.min()) / T)
            p /= p.sum()
            overlap = states @ states.T / 6
            measured = data.sel(T=T, size=6).isel(instance=replica)
            # 200 records of 6 pairs: errors of q2 about .01, of e below .004; 5 sigma for each of the
            # 36 numbers, and the seed is fixed.
            assert float(measured["e_random"]) == pytest.approx(p @ E / 6, abs=0.02)
            assert float(measured["q2"]) == pytest.approx(p @ overlap**2 @ p, abs=0.05)


def _seeds_of(data):
    from spinlab.scans.measuring import measure

    fixed = {
        "ensemble": "sk", "axis": "T", "values": tuple(data["T"].values.tolist()), "ratio": 1.0,
        "dimension": 3, "law": "gaussian", "n_steps": 40_000, "n_chains": 4, "load": 1.0,
        "with_accessibility": False, "with_minima": False,
    }  # fmt: skip
    plan = sl.sweeps.Sweep(measure, axes={"size": (6,)}, fixed=fixed, replicas=6, seed=3)
    return [point.seed for point in plan.points()]


def test_hopfield_keeps_a_pattern_as_theory_says():
    data = scan("hopfield", sizes=[1000], loads=[0.05], temperatures=[0.3, 1.5], instances=2, n_steps=60)
    m = data["m_pattern"].sel(size=1000, load=0.05).mean("instance")
    # m fluctuates by about .003 at N = 1000; .02 is 6 sigma.
    assert float(m.sel(T=0.3)) == pytest.approx(theory.hopfield.retrieval(0.05, 0.3).m, abs=0.02)
    assert float(m.sel(T=1.5)) < 0.2
    assert regions(data).sel(T=1.5).values.item() == "no recall"


def test_scales_and_temperatures_are_the_same_thing():
    std = theory.coordinates.hopfield_std(40, 4, np.array([1.2, 0.5]))
    by_std = scan("ra", sizes=[40], loads=[0.1], stds=std, **QUICK)
    np.testing.assert_allclose(by_std["temperature"].values[0, 0, 0], [1.2, 0.5])
    draw(by_std, "e_random")
    assert set(observables_of(by_std)) == names("ra", "std", False, False) | {"binder", "chi_SG"}


def test_resumes_from_its_store(tmp_path):
    arguments = {"sizes": [8], "temperatures": [0.5, 1.0], **QUICK}
    first = scan("sk", store=tmp_path / "s", **arguments)
    again = scan("sk", store=tmp_path / "s", **arguments)
    xr.testing.assert_equal(first, again)
    more = scan("sk", store=tmp_path / "s", **(arguments | {"instances": 3}))
    xr.testing.assert_equal(more.isel(instance=slice(2)), first)


def test_points_that_cannot_run_are_reported_and_the_rest_completed(capsys):
    data = scan("hopfield", sizes=[20], loads=[0.01, 0.1], temperatures=[1.0, 2.0], **QUICK)
    assert data.attrs["failed_points"] == 2
    assert "0.2 patterns" in data.attrs["first_error"]
    assert np.isnan(data["q2"].sel(load=0.01)).all()
    assert np.isfinite(data["q2"].sel(load=0.1)).all()
    assert (regions(data).sel(load=0.01) == "not measured").all()
    command = "scan hopfield --size 20 --load 0.01 0.1 --temperatures 1 2 --instances 2 --steps 40 --quiet"
    assert main(command.split()) == 1
    text = capsys.readouterr().out
    assert "size = 20, load = 0.01" in text
    reason = data.attrs["first_error"].partition(": ")[2]
    assert json.loads(data.attrs["errors"]) == {reason: 2}
    assert f"2 points could not be run:\n  2 x {reason}\n" in text


def test_usual_loads_without_a_pattern_are_left_out(caplog):
    arguments = {"temperatures": [1.0], "instances": 1, "n_steps": 10}
    with caplog.at_level("INFO", logger="spinlab"):
        data = scan("hopfield", sizes=[16, 32], **arguments)
    # 0.02 x 16 = 0.32 patterns, and 0.05 x 16 = 0.8 is rounded to one
    assert data["load"].values.tolist() == [0.05, 0.1, 0.2]
    assert data.attrs["failed_points"] == 0
    assert "the usual loads below 0.05 mean no pattern at size 16" in caplog.text
    caplog.clear()
    assert scan("hopfield", sizes=[32], **arguments)["load"].values.tolist() == [0.02, 0.05, 0.1, 0.2]
    assert "usual loads" not in caplog.text


def test_accessibility_and_minima():
    data = scan("hopfield", sizes=[15], loads=[0.2], temperatures=[0.1, 5.0], accessibility=True, minima=True,
                instances=3, n_steps=20, n_chains=2)  # fmt: skip
    assert data["certified"].all()
    # Three patterns have at most 14 strict minima, the zero-threshold functions of three inputs.
    assert (data["n_minima"] <= 14).all()
    assert (data["accessibility"].sel(T=0.1) > data["accessibility"].sel(T=5.0)).all()
    np.testing.assert_allclose(data["accessibility"], data["excess"])  # no layers: random states have E = 0
    assert set(observables_of(data)) == names("hopfield", "T", True, True) | {"binder", "chi_SG"}
    for name in ("n_minima", "certified", "n_spins", "excess"):  # only the last depends on T
        assert draw(data, name).axes[0].containers[0].has_yerr, name


def _curves(Tc, width, noise, sizes=(8, 16, 32), n=40):
    """q2 and q4 with g = .5 - (T - Tc) L/width: exact crossings at Tc."""
    T, rng = np.linspace(0.5, 1.5, 11), np.random.default_rng(0)
    g = np.array([0.4 - (T - Tc) * L / width for L in sizes])
    q2 = 1 + noise * rng.standard_normal((len(sizes), n, len(T)))
    q4 = (3 - 2 * g)[:, None] * np.ones(q2.shape) * (1 + noise * rng.standard_normal(q2.shape))
    dims = ("size", "instance", "T")
    return xr.Dataset({"q2": (dims, q2), "q4": (dims, q4)}, coords={"size": list(sizes), "T": T})


def test_errors_are_those_of_leaving_one_instance_out():
    data = _curves(0.93, 100, 0.05, n=6).assign_attrs(axis="T", ensemble="ea", dimension=3)
    data["q2"][1, 2, :] = data["q4"][1, 2, :] = np.nan  # a failed point
    chosen = {
        "q2": lambda q2, q4, L: q2.mean(),
        "chi_SG": lambda q2, q4, L: L**3 * q2.mean(),
        "binder": lambda q2, q4, L: 1.5 - q4.mean() / q2.mean() ** 2 / 2,
    }
    for name, statistic in chosen.items():
        result = reduced(data, name)
        for L, T in itertools.product((8, 16), (0.5, 1.5)):
            q2, q4 = (data[x].sel(size=L, T=T).values for x in ("q2", "q4"))
            kept = [i for i in range(6) if not np.isnan(q2[i])]
            left = [statistic(*(q[[j for j in kept if j != i]] for q in (q2, q4)), L) for i in kept]
            n, at = len(kept), result.sel(size=L, T=T)
            assert n == (5 if L == 16 else 6)
            assert float(at["value"]) == pytest.approx(statistic(q2[kept], q4[kept], L), rel=1e-12)
            expected = ((n - 1) / n * sum((x - sum(left) / n) ** 2 for x in left)) ** 0.5
            assert float(at["error"]) == pytest.approx(expected, rel=1e-9)
    alone = reduced(data.isel(instance=[0]), "binder")
    assert np.isfinite(alone["value"]).all()
    assert alone["error"].isnull().all()


def test_older_files_with_replicas_for_instances():
    data = _curves(0.93, 100, 0.02, n=8).assign_attrs(axis="T", ensemble="ea", dimension=3)
    old = data.rename(instance="replica")
    for function in (binder, binder_crossings, lambda x: reduced(x, "q2"), lambda x: reduced(x, "binder")):
        xr.testing.assert_equal(function(old), function(data))
    old, data = (
        x.assign_attrs(size_name="L", status="", law="gaussian", ratio=1.0, load_name="") for x in (old, data)
    )
    for made in (draw(old, "q2"), draw(data, "q2")):
        assert "8 instances" in made._suptitle.get_text()
    with pytest.raises(ValueError, match="no q2 by instance"):
        binder(data.rename(instance="copy"))


def test_crossings_of_made_up_curves():
    exact = binder_crossings(_curves(0.93, 100, 0.0))
    np.testing.assert_allclose(exact["T"], 0.93)
    np.testing.assert_allclose(exact["error"], 0.0, atol=1e-12)
    noisy = binder_crossings(_curves(0.93, 100, 0.02))
    assert (noisy["error"] > 0).all()
    # Two crossings within 4 bootstrap errors: false alarm 1e-4.
    assert (abs(noisy["T"] - 0.93) < 4 * noisy["error"]).all()
    none = binder_crossings(_curves(3.0, 100, 0.0))
    assert none["T"].isnull().all()
    assert (none["found"] == 0).all()


def test_noise_does_not_cross():
    # Three sizes far above their transition: q normal, g = 0 up to noise. Of 40 pairs 1 % pass each (measured
    # in tests/benchmarks/error_bars.py): three or more in 0.8 % of the seeds.
    T, seen = np.linspace(3, 6, 7), 0
    for seed in range(20):
        q = np.random.default_rng(seed).normal(size=(3, 8, 7, 24))
        dims = ("size", "instance", "T")
        moments = {"q2": (dims, (q**2).mean(-1)), "q4": (dims, (q**4).mean(-1))}
        data = xr.Dataset(moments, coords={"size": [8, 16, 32], "T": T})
        found = binder_crossings(data, n_resamples=100)
        seen += int(found["T"].notnull().sum())
        assert (found["found"] > 0).any()  # some resamples always cross
        if found["T"].isnull().any():
            moments = [data[name].values for name in ("q2", "q4")]
            with pytest.raises(ValueError, match="by more than noise"):
                sl.observables.binder_crossings([8, 16, 32], T, *moments, n_resamples=100, rng=0)
    assert seen <= 2


def test_failed_points_leave_the_others_crossing():
    data = _curves(0.93, 100, 0.02)
    data["q2"][1, 2, :] = data["q4"][1, 2, :] = np.nan
    found = binder_crossings(data)
    assert (abs(found["T"] - 0.93) < 4 * found["error"]).all()
    data["q2"][1, :, 4] = np.nan  # a whole cell
    assert binder_crossings(data)["T"].isnull().all()


def test_lines():
    lines = theory_lines("ra_rbm", [0.05, 0.5], ratio=1.0)
    assert lines["retrieval"][0] > 0.5
    assert lines["retrieval"][1] == 0
    assert lines["glass"][0] == pytest.approx(1 / theory.bipartite.glass_line(0.05, 0.05))
    assert theory_lines("ea", dimension=2)["glass"].tolist() == [0.0]
    assert theory_lines("ea", dimension=4) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperatures": [0.0, 1.0]}, "T must be a finite number above 0"),
        ({"temperatures": [1.0, np.inf]}, "T must be a finite number above 0"),
        ({"temperatures": [1.0, 0.5]}, "increase strictly"),
        ({"temperatures": []}, "empty"),
        ({"sizes": []}, "empty"),
        ({"sizes": [8, 8]}, "increase strictly"),
        ({"loads": [0.1]}, "no load"),
        ({"temperatures": [1.0], "stds": [1.0]}, "not both"),
        ({"n_chains": 1}, "n_chains must be at least 2"),
        ({"preset": "huge"}, "unknown preset"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        scan("sk", **arguments)


def test_more_bad_input():
    with pytest.raises(ValueError, match="unknown ensemble 'xy'"):
        scan("xy")
    with pytest.raises(ValueError, match="no weight scale"):
        scan("ea", stds=[1.0])
    with pytest.raises(TypeError, match="sequence"):
        scan("sk", temperatures=1.0)
    data = scan("sk", sizes=[8, 10], temperatures=[0.5, 1.0, 2.0], instances=4, n_steps=20)
    with pytest.raises(ValueError, match="at least 3 values of size"):
        binder_crossings(data)
    for name in ("colour", "P"):
        with pytest.raises(ValueError, match=f"no observable '{name}' to average; it has binder, chi_SG"):
            draw(data, name)
    assert draw(data, "binder").axes[0].containers[0].has_yerr
    assert draw(data, "swap_rate").axes[0].get_ylabel() == "swap_rate"
    with pytest.raises(ValueError, match="no patterns"):
        regions(data)


def test_command(tmp_path, capsys, monkeypatch):
    out = tmp_path / "sk.csv"
    command = "scan sk --size 8 12 16 --temperatures 0.4:1.6:4 --instances 4 --steps 40 --quiet --show binder"
    command += f" --out {out}"
    assert main([*command.split(), "--figure", str(tmp_path / "sk.png")]) == 0
    text = capsys.readouterr().out
    assert "crossings of the Binder cumulants" in text
    assert sum(" ±" in line for line in text.splitlines() if line.startswith("     ")) == 3 * 4
    assert (tmp_path / "sk.png").read_bytes()[:4] == b"\x89PNG"
    assert len(out.read_text().splitlines()) == 1 + 3 * 4 * 4
    computed = []
    monkeypatch.setattr("spinlab.scans.scan", lambda *args, **options: computed.append(args))
    for option, value, message in (
        ("--show", "m_pattern", "unknown --show 'm_pattern'; known: binder, chi_SG, e_random"),
        ("--figure", str(tmp_path / "sk.xyz"), "ends in '.xyz'; known are "),
        ("--figure", str(tmp_path / "none" / "sk.png"), "--figure: cannot write"),
        ("--out", str(tmp_path / "sk.parquet"), "ends in '.parquet'; known are .nc, .csv"),
        ("--out", str(tmp_path / "none" / "sk.csv"), "--out: cannot write"),
    ):
        assert main(["scan", "sk", option, value]) == 1
        assert message in capsys.readouterr().err
    assert not computed
    monkeypatch.undo()
    assert main(["scan", "sk", "--temperatures", "0.4:1.6"]) == 1
    assert "START:STOP:N" in capsys.readouterr().err
