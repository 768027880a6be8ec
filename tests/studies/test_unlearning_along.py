"""Relaxation along training: the modes, chains whose time is known, and sentences that follow the numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from spinlab.studies._unlearning import PLAIN, PUBLISHED

import spinlab as sl
from spinlab import studies

study = studies.load("unlearning_along")
EPOCHS = (0, 10, 40)


def test_leading_modes_are_those_of_w():
    machine = sl.rbm.RARBM(30, 40, 15, rng=0)
    u, s, _ = np.linalg.svd(machine.xi_v.T @ machine.xi_h)
    found = study.leading_modes(machine)
    assert found.shape == (30, study.MODES)
    np.testing.assert_allclose(np.abs((u[:, : study.MODES] * found).sum(0)), 1, atol=1e-4)
    assert s[0] > s[study.MODES]


def test_relaxation_against_the_exact_time():
    machine = sl.rbm.RARBM(6, 8, 2, scale=0.35, rng=1)
    exact = sl.observables.relaxation_time(machine.as_ising()).time
    assert exact > 1
    images = np.random.default_rng(0).choice([-1, 1], (16, 6))
    tau, error, bound = study.relaxation(machine, images, 32, 1000, (1,), 0)
    assert math.isnan(bound)
    assert abs(tau - exact) < 4 * error  # a fixed seed; chance below 1e-3
    assert error < 0.2 * exact


def test_frozen_chains_have_no_time():
    """Two patterns far below their temperature: each start stays in the valley that it fell into."""
    machine = sl.rbm.RARBM(40, 60, 2, scale=5.0, rng=0)
    images = np.where(machine.xi_v[[0] * 4] > 0, 1, -1)
    tau, _, bound = study.relaxation(machine, images, 8, 50, (1, 2), 0)
    assert math.isnan(tau)
    assert 25 < bound <= 50 * 2


def test_bounds_from_below():
    """Telegraph signals: slower ones than the run resolves have a bound below their time, noise has none."""
    generator = np.random.default_rng(5)

    def telegraph(tau):
        flips = generator.random((400, 32)) < (1 - math.exp(-1 / tau)) / 2
        signal = generator.choice([-1, 1], 32) * np.cumprod(np.where(flips, -1, 1), 0)
        return np.stack([np.ones_like(signal), signal, generator.choice([-1, 1], signal.shape)], -1)

    assert 15 < study.at_least(telegraph(60)) < 60  # a fixed seed; two errors fail in 3 %
    assert math.isnan(study.at_least(telegraph(0.2)))
    assert study.at_least(telegraph(1e9)) == 400  # none changes: as long as the run
    rare = np.ones((400, 32, 2), dtype=np.int8)
    rare[100, 3, 1] = -1
    assert math.isnan(study.at_least(rare))


def test_one_state_and_its_inverse():
    machine = sl.rbm.RARBM(40, 60, 2, scale=5.0, rng=0)
    machine.xi_v[1] *= 1e-3
    images = np.where(machine.xi_v[[0] * 4] > 0, 1, -1)
    assert study.relaxation(machine, images, 8, 50, (1,), 0)[0] == math.inf


def course(with_surplus=(math.nan, 3.0, 2.0), without=(math.nan, 3.0, 3.5), spread=0.05):
    def runs(values):
        return np.array(values) + spread * np.array([[-1.0], [0.0], [1.0]])

    def of(tau):
        rest = {q: runs((1.0, 1.0, 1.0)) for q in ("lead", "minima", "excess")}
        rest["at_least"] = np.full((3, 3), math.nan)
        return {"log_tau": runs(tau), "relative_error": runs((0.1, 0.1, 0.1)), **rest}

    found = {PLAIN: of(without), PUBLISHED: of(with_surplus)}
    found[PUBLISHED]["log_tau"][0] += 0.4 * spread  # pairs do not differ by the same to the last digit
    return found


END = "At the end ln of the relaxation time"
ALONG = f"Along training ({PUBLISHED}) ln of the relaxation time"


@pytest.mark.parametrize(
    ("data", "start", "word"),
    [
        (course(), END, "is smaller with the surplus (-1.49 ± 0.01)."),
        (course(with_surplus=(math.nan, 3.0, 5.0)), END, "is larger with the surplus (+1.51 ± 0.01)."),
        (course(with_surplus=(math.nan, 3.0, 3.5)), END, "is not decidedly different (+0.01 ± 0.01)."),
        (course(without=(math.nan, 3.0, math.inf)), END, ": not resolved in every run."),
        (course(), ALONG, "falls (-1.00 ± 0.00) from epoch 10 to 40."),
        (course(with_surplus=(1.0, 3.0, 2.0)), ALONG, "rises (+1.00 ± 0.00) from epoch 0 to 40."),
        (course(with_surplus=(math.nan, math.nan, math.nan)), ALONG, ": not resolved in every run."),
        # The last epoch alone has no change, which is not "does not change".
        (course(with_surplus=(math.nan, math.nan, 2.0)), ALONG, ": not resolved in every run."),
    ],
)
def test_statements_follow_the_numbers(data, start, word):
    (said,) = (s for s in study.statements(data, EPOCHS) if s.startswith(start))
    assert said.removeprefix(start).strip() == word


def test_runs_that_differ_decide_nothing():
    data = course()
    data[PUBLISHED]["log_tau"][1, -1] = 4.0
    (said,) = (s for s in study.statements(data, EPOCHS) if s.startswith(END))
    assert "not decidedly different" in said


def test_what_is_not_resolved_is_named():
    data = course(without=(math.nan, 3.0, math.inf))
    data[PLAIN]["at_least"][:2, 0] = 300.0, 200.0
    data[PUBLISHED]["at_least"][:, 0] = 70.0
    said = study.statements(data, EPOCHS)
    assert said[0] == (
        f"Relaxation is resolved ({PLAIN}) in 3 of 9 measurements; not in every run at epoch 0 (0), 40 (0); "
        "3 show one state and its inverse, where nothing changes; 2 take more than 200 steps; 1 "
        "leave neither a time nor a bound."
    )
    assert said[1] == (
        f"Relaxation is resolved ({PUBLISHED}) in 6 of 9 measurements; not in every run at epoch 0 (0); "
        "3 take more than 70 steps."
    )


def test_small_preset(tmp_path, monkeypatch):
    tiny = {"marks": (1, 3), "records": 60, "n_images": 400, "batch_size": 53, "H": 60}
    monkeypatch.setattr(study, "SMALL", study.SMALL | tiny)
    study.main("small", tmp_path, workers=None, progress=False)
    text = (tmp_path / "verdict.md").read_text()
    assert text.count("Relaxation is resolved") == 2
    # From the same start: the first rows agree but for the relaxation, which has its own random numbers.
    rows = [r.split("|")[4:] for r in text.splitlines() if " | 0 | " in r]
    assert len(rows) == 2
    assert rows[0] == rows[1]
