"""Conditions of the study of unlearning against what they are meant to do."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab.studies import _unlearning as u
from spinlab.studies import unlearning

DATA = np.random.default_rng(0).choice([-1, 1], (57, 12))  # seven batches of eight, and one image
SETTINGS = {
    "H": 9, "K": 3, "n_steps": 1, "lr": 0.02, "batch_size": 8, "decay": 0.9, "after": 2, "share": 1 / 8,
    "small_start": 0.02,
}  # fmt: skip


def trained(condition, epochs=3, targets=None, **options):
    trainer = u.trainer_of(condition, DATA, SETTINGS | options, 5, targets)
    history = trainer.fit(DATA, epochs, [lambda t: {"std": u.std_of(t.machine)}], progress=False)
    return trainer.machine, history["std"].values


def usual(convention, epochs=3):
    """The same training by the trainer's own settings."""
    machine = sl.rbm.RARBM(12, 9, 3, rng=5)
    schedule = sl.rbm.Geometric(0.9, floor=0.02 / 15, after=2)
    sl.rbm.Trainer(
        machine, sl.rbm.PID(1), lr=0.02, projection="clip", batch_size=8, schedule=schedule,
        convention=convention, rng=5,
    ).fit(DATA, epochs, progress=False)  # fmt: skip
    return machine


def test_no_surplus_and_the_published_one_are_the_two_conventions():
    for condition, convention in ((u.PLAIN, "spinlab"), (u.PUBLISHED, "reference")):
        found, expected = trained(condition)[0], usual(convention)
        np.testing.assert_allclose(found.xi_v, expected.xi_v, atol=2e-6)
        np.testing.assert_allclose(found.xi_h, expected.xi_h, atol=2e-6)
    assert np.abs(usual("spinlab").xi_v - usual("reference").xi_v).max() > 1e-3


def gradient(condition, **options):
    """The last update of the first epoch: its change of the patterns over the rate, and P and N before."""
    trainer = u.trainer_of(condition, DATA, SETTINGS | options, 5)
    control, machine, kept = trainer.negative, trainer.machine, {}
    inner = control._pid.statistics

    def spy(machine, positive, noise):
        kept["N"], kept["P"] = inner(machine, positive, noise), machine.statistics(positive)
        kept["before"] = machine.xi_v.copy(), machine.xi_h.copy()
        return {k: x.copy() for k, x in kept["N"].items()}

    control._pid.statistics = spy
    trainer.fit(DATA, 1, progress=False)
    moved = {
        k: (getattr(machine, k) - b) / 0.02 for k, b in zip(("xi_v", "xi_h"), kept["before"], strict=True)
    }
    return moved, kept


@pytest.mark.parametrize(
    ("condition", "w"), [("1/2 in one of eight", 1 / 2), ("0 in one of eight", 0), (u.SPREAD, 57 / 64)]
)
def test_doses(condition, w, monkeypatch):
    monkeypatch.setattr(u.ClipAnd, "apply", lambda *_: None)
    moved, kept = gradient(condition)
    for k, g in moved.items():
        np.testing.assert_allclose(g, w * kept["P"][k] - kept["N"][k], atol=2e-4)


def test_a_dropped_batch_changes_nothing(monkeypatch):
    monkeypatch.setattr(u.ClipAnd, "apply", lambda *_: None)
    moved, kept = gradient(u.DROPPED)
    assert all((g == 0).all() for g in moved.values())
    assert np.abs(kept["P"]["xi_v"] - kept["N"]["xi_v"]).max() > 0.1


def test_surplus_across_w_leaves_its_size(monkeypatch):
    """g = w (P - N) - (1 - w) N', N' orthogonal to the gradient of ||W||^2, which differences give."""
    monkeypatch.setattr(u.ClipAnd, "apply", lambda *_: None)
    moved, kept = gradient(u.ACROSS)
    v, h = (x.astype(float) for x in kept["before"])
    surplus = {k: -(g - (kept["P"][k] - kept["N"][k]) / 8) / (7 / 8) for k, g in moved.items()}

    def norm(v, h):
        return ((v.T @ h) ** 2).sum() / 3

    change = [norm(v + e * surplus["xi_v"], h + e * surplus["xi_h"]) for e in (1e-3, -1e-3)]
    full = [norm(v + e * kept["N"]["xi_v"], h + e * kept["N"]["xi_h"]) for e in (1e-3, -1e-3)]
    assert abs(change[0] - change[1]) < 1e-3 * abs(full[0] - full[1])
    assert np.abs(surplus["xi_v"] - kept["N"]["xi_v"]).max() > 0.01


def test_surplus_of_random_states_is_another_one():
    found, published = trained(u.RANDOM, 1)[0], trained(u.PUBLISHED, 1)[0]
    assert np.abs(found.xi_v - published.xi_v).max() > 1e-3


def test_gradient_of_the_norm_by_differences():
    machine = sl.rbm.RARBM(5, 4, 3, rng=1, dtype="float64")

    def half_norm():
        return ((machine.xi_v.T @ machine.xi_h) ** 2).sum() / 3 / 2

    found = u.gradient_of_norm(machine)
    for name, k, i in (("xi_v", 1, 2), ("xi_h", 2, 3)):
        values = []
        for step in (1e-5, -1e-5):
            machine.parameters[name][k, i] += step
            values.append(half_norm())
            machine.parameters[name][k, i] -= step
        assert found[name][k, i] == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-6)


def test_cosine_of_the_negative_phase_with_the_weights():
    machine = sl.rbm.RARBM(30, 40, 20, rng=2)
    # Patterns of +-1 with their own hidden parts: <v h> is W up to a factor.
    assert u.cosine(machine, machine.xi_v, machine.xi_h) == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    v, h = rng.choice([-1, 1], (6, 30)), rng.uniform(-1, 1, (6, 40))
    W, N = machine.xi_v.T @ machine.xi_h / 20**0.5, v.T @ h / 6
    expected = (W * N).sum() / np.linalg.norm(W) / np.linalg.norm(N)
    assert u.cosine(machine, v, h) == pytest.approx(expected, rel=1e-6)
    summed_out = u.cosine(machine, machine.xi_v, np.tanh(machine.xi_v @ W))
    assert u.cosine_with_weights(machine, 0, 0) == pytest.approx(summed_out, rel=1e-5)
    assert 0.5 < summed_out < 0.99


def test_controls_follow_the_size_of_w():
    targets = trained(u.PUBLISHED, 6)[1]
    free = trained(u.PLAIN, 6)[1]
    assert np.abs(free / targets - 1).max() > 0.02
    for condition, followed in u.FOLLOWING.items():
        assert followed == (u.PLAIN if condition == u.HELD else u.PUBLISHED)
        np.testing.assert_allclose(trained(condition, 6, targets)[1], targets, rtol=2e-3)
    decayed, scaled = (trained(c, 6, targets)[0] for c in (u.DECAY, u.FACTOR))
    assert np.abs(decayed.xi_v - scaled.xi_v).max() > 1e-3


def test_the_size_is_restored_after_the_surplus():
    trainer = u.trainer_of(u.RESTORED, DATA, SETTINGS, 5)
    trainer.fit(DATA, 1, progress=False)
    assert u.std_of(trainer.machine) == pytest.approx(trainer.negative.std_before, rel=1e-5)


def test_the_size_is_held_and_the_surplus_acts():
    free = trained(u.PLAIN, 6)[1]
    machine, std = trained(u.HELD, 6, free)
    np.testing.assert_allclose(std, free, rtol=1e-4)
    W, other = (m.xi_v.T @ m.xi_h for m in (machine, trained(u.PLAIN, 6)[0]))
    assert np.vdot(W, other) < 0.999 * np.linalg.norm(W) * np.linalg.norm(other)


def test_the_first_mode_is_cut():
    machine = sl.rbm.RARBM(20, 30, 6, rng=0)
    machine.xi_v[:] += 0.8
    machine.xi_h[:] += 0.8
    before = np.linalg.svd(machine.xi_v.T @ machine.xi_h)
    u.cut_first_mode(machine)
    after = np.linalg.svd(machine.xi_v.T @ machine.xi_h)
    assert before[1][0] > 3 * before[1][1]
    expected = before[1].copy()
    expected[0] = expected[1]
    np.testing.assert_allclose(after[1], expected, rtol=1e-4, atol=1e-4)
    # The vectors stay: what is left of the first mode is its second value's worth.
    W = machine.xi_v.T @ machine.xi_h
    np.testing.assert_allclose(before[0][:, 0] @ W, expected[1] * before[2][0], atol=1e-3)


@pytest.mark.parametrize("condition", [u.CUT, u.CUT_SMALL])
def test_the_mode_is_cut_at_the_end_of_each_epoch(condition):
    targets = trained(u.PUBLISHED)[1]
    values = sl.rbm.singular_values(trained(condition, 3, targets)[0])
    assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_a_small_start():
    assert u.std_of(u.trainer_of(u.SMALL_START, DATA, SETTINGS, 5).machine) == pytest.approx(
        0.02 * u.std_of(u.trainer_of(u.PLAIN, DATA, SETTINGS, 5).machine), rel=1e-5
    )


def test_memory_of_frozen_and_of_free_chains():
    frozen = sl.rbm.RARBM(40, 400, 4, rng=1)
    images = np.where(frozen.xi_v > 0, 1, -1)
    assert u.memory(frozen, images, 5, 0) > 0.7
    free = sl.rbm.RBM.from_weights(np.zeros((40, 3)))
    assert abs(u.memory(free, np.tile(images, (75, 1)), 5, 0)) < 0.03  # five standard errors
    assert u.memory(frozen, images, 5, 0) == pytest.approx(u.memory(frozen, -images, 5, 0), abs=1e-6)


def test_one_pattern_has_one_minimum_up_to_inversion():
    machine = sl.rbm.RARBM(40, 60, 1, rng=0)
    found = u.landscape(machine, 20, 16, 0)
    assert found["minima"] == 1 / 16
    assert found["excess"] == pytest.approx(1.0, abs=0.05)
    free = sl.rbm.RARBM.from_patterns(1e-3 * machine.xi_v, 1e-3 * machine.xi_h)
    assert abs(u.landscape(free, 20, 16, 0)["excess"]) < 0.2


def test_statements_need_the_effect():
    ends = {c: np.array([0.1, 0.2]) for c in u.CONDITIONS}
    said = {s["statement"]: s["verdict"] for s in unlearning.statements(ends)}
    assert set(said.values()) == {"fails", "open"}
    ends[u.PUBLISHED], ends[u.RESTORED] = np.array([0.8, 0.9]), np.array([0.7, 0.9])
    said = [s["verdict"] for s in unlearning.statements(ends)]
    assert said == ["holds", "holds", *["fails"] * 10]
    ends[u.DECAY] = np.array([1.0, 0.0])  # runs that differ
    assert [s["verdict"] for s in unlearning.statements(ends)][4] == "open"
    ends[u.PUBLISHED] = np.array([0.8, 0.25])  # one run of two without
    assert unlearning.statements(ends)[0]["verdict"] == "fails"


def test_flat_spectra_and_digits():
    digits, lead = np.array([1.0, 0.9, 0.0, 0.1]), np.array([1.1, 2.0, 6.0, 30.0])
    assert unlearning.flatness(digits, lead)["verdict"] == "holds"
    assert unlearning.flatness(digits, lead[::-1])["verdict"] == "fails"
    assert unlearning.flatness(digits[:2], lead[:2])["verdict"] == "open"


def test_the_surplus_flattens_only_where_every_run_says_so():
    lead = {u.PLAIN: np.array([6.0, 7.0]), u.PUBLISHED: np.array([1.1, 1.2])}
    found = unlearning.surplus_flattens(lead)
    assert found["verdict"] == "holds"
    assert found["evidence"] == "no surplus: 6, 7; 1/8 in one of eight: 1.1, 1.2"
    for wrong in (np.array([1.1, 6.5]), np.array([8.0, 9.0])):
        assert unlearning.surplus_flattens(lead | {u.PUBLISHED: wrong})["verdict"] == "fails"
