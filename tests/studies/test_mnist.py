"""Runs on MNIST at the published length: names, files, and statements that follow the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import spinlab as sl
from spinlab.studies import _mnist, _mnist_judged, _mnist_published, fig6, fig7


def test_names_say_how_a_machine_is_trained():
    K, negative, convention, seed = _mnist_published.parsed("K=290, 10 steps, reference, continuous, run 3")
    assert (K, repr(negative), convention, seed) == (290, repr(sl.rbm.PID(10, "continuous")), "reference", 3)
    for settings in (fig6.SMALL, fig6.PAPER):
        assert len(set(settings["machines"])) == len(settings["machines"])
        for name in settings["machines"]:
            _mnist_published.parsed(name)
    assert len(fig6.PAPER["machines"]) == 18
    trainer = _mnist_published.trainer_of(fig6.SMALL["machines"][0], _mnist.digits("digits"), fig6.SMALL)
    assert trainer.reference
    assert trainer.batch_size == 800


def test_a_kept_run_comes_back_in_half_precision(tmp_path):
    rng = np.random.default_rng(0)
    run = {"xi_v": rng.normal(size=(3, 5)), "xi_h": rng.normal(size=(3, 7)), "std_W": np.arange(4.0),
           "along": np.ones((2, len(_mnist_published.NUMBERS)))}  # fmt: skip
    name = "K=3, 1 steps, spinlab, sign, run 1"
    path = _mnist_published.keep(name, run, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name] == ["K3_1steps_spinlab_sign_run1.npz"]
    again = _mnist_published.stored(name, tmp_path)
    np.testing.assert_allclose(again["xi_h"], run["xi_h"], rtol=1e-3)
    np.testing.assert_array_equal(again["std_W"], run["std_W"])
    assert _mnist_published.stored("K=4, 1 steps, spinlab, sign, run 1", tmp_path) is None
    # Stopped after 4 of 6 epochs and 2 of 3 marks: the rest stays unknown.
    found = {"std_W": np.full(6, np.nan), "along": np.full((3, 5), np.nan)}
    _mnist_published.fill(again, found)
    assert np.isfinite(found["std_W"]).sum() == 4
    assert np.isfinite(found["along"][:2]).all()


def test_runs_of_the_study_are_whole_and_small():
    for path in _mnist_published.HERE.glob("*.npz"):
        assert path.stat().st_size < 2_000_000, path
        name = next(m for m in fig6.PAPER["machines"] if _mnist_published.slug(m) == path.stem)
        run, K = _mnist_published.stored(name), _mnist_published.parsed(name)[0]
        assert run["xi_v"].shape == (K, 784)
        assert run["xi_h"].shape == (K, 3000)
        assert 0 < len(run["std_W"]) <= 500
        machine = sl.rbm.RARBM.from_patterns(run["xi_v"], run["xi_h"])
        # Rounded to half precision the patterns still give the W of which the history speaks.
        assert machine.as_ising().coupling_std() == pytest.approx(run["std_W"][-1], rel=1e-3)
        marks = [m for m in fig6.PAPER["marks"] if m <= len(run["std_W"])]
        assert run["along"].shape == (len(marks), len(_mnist_published.NUMBERS))
    values = sl.rbm.singular_values(machine.as_ising())[:5]
    assert fig6.spectrum(name, fig6.PAPER) == pytest.approx(values, rel=1e-3)
    assert fig6.spectrum("test images", fig6.PAPER) == fig6.spectrum(name, fig6.SMALL) == []


def row(digits=0.9, classes=5.0, copied=0.03, quoted=False, nll=200.0):
    likelihood = {
        "quoted": quoted,
        "nll": nll,
        "error": 1.0,
        "gap": 0.0,
        "range": [nll - 1, nll + 1],
        "bound": nll,
    }
    return {"digits": digits, "classes": classes, "copied": copied, "likelihood": likelihood}


def verdicts(table):
    table = {_mnist.STANDARD: row(quoted=True, nll=72.0), _mnist_published.PIXELS: row(nll=218.0), **table}
    return {s["statement"]: s["verdict"] for s in _mnist_judged.statements(table)}


def test_statements_follow_the_numbers():
    def name(K, steps, convention="reference", start="sign", run=1):
        return f"K={K}, {steps} steps, {convention}, {start}, run {run}"

    quirk = "K=200, 1 Gibbs step, last short batch divided by the full size: samples are digits"
    plain = "K=200, 1 Gibbs step, without that: samples are not digits"
    copies = "digits are new ones: at most 10 % are nearer to a training image than 95 % of the test images"
    likelihood = "the final likelihood is comparable to that of standard RBMs"
    fewer = "fewer patterns give the better likelihood (K=190 against 290, every run)"
    starts = "chains from the signs (text) or from the patterns as they are (code): digits either way"
    looks = "more patterns give better-looking samples (more classes at K=290 than at 190, every run)"

    found = verdicts({name(200, 1): row()})
    assert found[quirk] == found[copies] == "holds"
    assert found[plain] == found[starts] == found[looks] == found[fewer] == "open"
    assert found[likelihood] == "fails"  # a bound of 200 from below is worse than 72
    assert verdicts({name(200, 1): row(nll=70.0)})[likelihood] == "open"
    assert verdicts({name(200, 1): row(quoted=True, nll=71.0)})[likelihood] == "holds"
    blind = {_mnist.STANDARD: row(nll=68.0)}  # a bound: only what is worse than independent pixels is judged
    assert verdicts({name(200, 1): row(nll=800.0), **blind})[likelihood] == "fails"
    assert verdicts({name(200, 1): row(nll=200.0), **blind})[likelihood] == "open"
    # One bad run of two is enough.
    found = verdicts({name(200, 1): row(), name(200, 1, run=2): row(digits=0.1, copied=0.9)})
    assert found[quirk] == "fails"
    assert found[copies] == "holds"  # only digits are asked
    assert verdicts({name(200, 1): row(copied=0.3)})[copies] == "fails"
    assert verdicts({name(200, 1, "spinlab"): row(digits=0.0)})[plain] == "holds"
    assert verdicts({name(200, 1, "spinlab"): row(digits=0.3)})[plain] == "fails"
    assert (
        verdicts({name(200, 1): row(), name(200, 1, start="continuous"): row(digits=0.2)})[starts] == "fails"
    )
    two = {name(190, 10): row(classes=3.0, quoted=True), name(290, 10): row(quoted=True, nll=300.0)}
    found = verdicts(two)
    assert found[looks] == found[fewer] == "holds"
    two[name(290, 10, run=2)] = row(classes=2.0, quoted=True, nll=100.0)
    found = verdicts(two)
    assert found[looks] == found[fewer] == "fails"


@pytest.mark.parametrize(
    ("digits", "values", "verdict"),
    [
        (0.9, ([2.0, 1.0], [9.0, 3.0]), "holds"),
        (0.9, ([8.0, 2.0], [9.0, 3.0]), "fails"),
        (0.2, ([2.0, 1.0], [9.0, 3.0]), "open"),  # no run with digits
        (0.9, ([2.0, 1.0], []), "open"),
    ],
)
def test_digits_and_flat_spectra(digits, values, verdict):
    names = ("K=290, 10 steps, reference, sign, run 1", "K=290, 10 steps, spinlab, sign, run 1")
    rows = (row(digits) | {"singular_values": values[0]}, row(0.0) | {"singular_values": values[1]})
    said = "the spectrum of W is flatter in every run with digits than in every run without the quirk (s1/s2)"
    assert verdicts(dict(zip(names, rows, strict=True)))[said] == verdict


def likelihoods(log_z, ess):
    return xr.Dataset(
        {
            "log_z": (("base", "direction"), np.array(log_z, dtype=float)),
            "ess": (("base", "direction"), np.array(ess, dtype=float)),
            "bracket": (("base", "end"), np.array([[499.0, 502.0], [0.0, 0.0]])),
            "nll": ("side", np.array([90.0, 100.0])),
            "image_error": ("side", np.array([1.0, 2.0])),
        },
        {"side": ["train", "test"], "base": ["data", "uniform"]},
    )


def test_a_likelihood_is_quoted_only_where_everything_agrees():
    good = [[500.0, 500.2], [499.9, 500.1]]
    found = _mnist_judged.likelihood(likelihoods(good, np.full((2, 2), 50)))
    assert found["quoted"]
    assert found["range"] == [99.0, 102.0]
    assert found["gap"] == 10.0
    assert _mnist_judged.shown(found) == "100.0 (99.0 to 102.0) ± 2.0"
    for where in np.ndindex(2, 2):
        ess, off = np.full((2, 2), 50.0), np.array(good)
        ess[where], off[where] = 19.0, off[where] + (1.5 if where != (0, 0) else -1.5)
        assert not _mnist_judged.likelihood(likelihoods(good, ess))["quoted"]
        assert not _mnist_judged.likelihood(likelihoods(off, np.full((2, 2), 50)))["quoted"]
    # The larger forward estimate bounds ln Z, and with it the likelihood, from below.
    found = _mnist_judged.likelihood(likelihoods([[500, 510], [503, 500]], np.full((2, 2), 2)))
    assert found["bound"] == pytest.approx(100 + 3 - _mnist_judged.SLACK)
    assert _mnist_judged.shown(found) == "above 98"


def test_a_strip_of_images():
    images = np.where(np.arange(24).reshape(6, 4) % 3 == 0, 1, -1)
    strip = _mnist.strip(images, (2, 2), rows=2)
    assert strip.shape == (5, 8)
    for i in range(6):
        y, x = 3 * (i // 3), 3 * (i % 3)
        np.testing.assert_array_equal(strip[y : y + 2, x : x + 2], images[i].reshape(2, 2))
    assert (strip[2] == 0).all()


def test_presets():
    for study in (fig6, fig7):
        assert set(study.PRESETS) == {"small", "paper", "short"}


def test_classes_of_a_pattern_are_judged_by_settings():
    """Machines of other patterns or steps do not decide for each other, those of the same all do."""

    def verdict(classes):
        names = [*classes, _mnist_published.TEST]
        counts = np.full((len(names), 2, 10), np.nan)
        for i, n in enumerate(classes.values()):
            counts[i] = 0
            counts[i, :, :n] = 20 // n
        data = xr.Dataset(
            {
                "classes": (("machine", "pattern", "class"), counts),
                "pattern_nearest": (("machine", "pattern"), np.full((len(names), 2), 0.5)),
                "near_from_pattern": (("machine", "pattern"), np.full((len(names), 2), 1.0)),
                "nearest": (("machine", "sample"), np.full((len(names), 4), 0.9)),
            },
            {"machine": names},
        )
        settings = {**fig7.SMALL, "machines": tuple(classes)}
        said = fig7.verdict(data, settings, "small")[1]["statements"]
        return {s["statement"].split(":")[0]: s["verdict"] for s in said[1:]}

    few, many, more = "K=2, 1 steps, a, b, run 1", "K=4, 10 steps, a, b, run 1", "K=4, 10 steps, a, b, run 2"
    assert verdict({few: 1, many: 5}) == {"K=2, 1 steps": "fails", "K=4, 10 steps": "holds"}
    assert verdict({few: 3, many: 5, more: 2}) == {"K=2, 1 steps": "holds", "K=4, 10 steps": "fails"}
