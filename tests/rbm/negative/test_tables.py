"""Chains from tables against sums written out, frequencies, and the exact distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

import spinlab as sl
from spinlab.rbm.machines.units import Noise
from spinlab.rbm.negative import tables
from spinlab.rbm.negative.tables import TablePCD, bits
from spinlab.studies import _bars

KEY = np.uint64(11)


def _chains(W, n, seed):
    """Tables of W, random v and h, and h as spins."""
    V, H = W.shape
    rng = np.random.default_rng(seed)
    v = rng.integers(0, 1 << V, n)
    fours = rng.integers(0, 16, (n, -(-H // 4))).astype(np.uint8)
    h = np.concatenate([2.0 * ((fours >> j) & 1) - 1 for j in range(4)], axis=1)[:, :H]
    return tables.half_tables(W), tables.sum_tables(W), v, fours, h


@pytest.mark.parametrize(("V", "H"), [(16, 37), (6, 9), (2, 4)])
def test_tables_hold_the_fields(V, H):
    W = np.random.default_rng(V).normal(0, 0.4, (V, H)).astype(np.float32)
    (left, right), sums, v, fours, h = _chains(W, 50, 1)
    x = (2.0 * bits(v, V) - 1) @ W
    low, high = v & (1 << V // 2) - 1, v >> V // 2
    np.testing.assert_allclose(left[low, :H] * right[high, :H], np.exp(-2 * x), rtol=2e-5)
    y = np.stack([sums[np.arange(len(sums)), row].sum(0) for row in fours])
    np.testing.assert_allclose(y[:, :V], h @ W.T, atol=2e-5)
    spins = 2.0 * bits(v, V) - 1
    np.testing.assert_allclose(tables.products(W, left, right, v), spins.T @ np.tanh(x) / len(v), atol=1e-6)


def test_units_are_drawn_with_their_probabilities():
    """Each unit of both layers, 40 000 chains in one state; 5 errors over 19 units: false alarm 1e-5."""
    W = np.random.default_rng(4).normal(0, 0.5, (6, 13)).astype(np.float32)
    (left, right), sums, v, fours, h = _chains(W, 1, 2)
    n = 40_000
    v, fours = np.repeat(v, n), np.repeat(fours, n, axis=0)
    expected = 1 / (1 + np.exp(-2 * h[0] @ W.T)), 1 / (1 + np.exp(-2 * (2.0 * bits(v[:1], 6)[0] - 1) @ W))
    up = np.empty_like(fours)
    tables._draw_hidden(left, right, v, KEY, np.uint32(1), up)
    there = np.concatenate([(up >> j) & 1 for j in range(4)], axis=1)[:, :13]
    tables._draw_visible(sums, fours, KEY, np.uint32(2), 63, v)
    assert v.max() < 64
    for found, p in ((bits(v, 6), expected[0]), (there, expected[1])):
        assert (np.abs(found.mean(0) - p) < 5 * (p * (1 - p) / n) ** 0.5).all()
        assert np.abs(np.corrcoef(found.T.astype(float)) - np.eye(len(p))).max() < 0.03


def test_chains_reach_the_distribution():
    """Visible states after 40 steps against enumeration: chi-square, level 1e-4; another scale fails."""
    W = np.random.default_rng(5).normal(0, 0.35, (6, 10)).astype(np.float32)
    machine = sl.rbm.RBM.from_weights(W)
    phase = TablePCD(40, 20_000)
    found = phase.statistics(machine, None, Noise(3))["W"]
    exact = machine.exact_statistics()["W"]
    assert np.abs(found - exact).max() < 5 / 20_000**0.5
    v = phase.configurations[:, :6]
    counts = np.bincount((v > 0) @ (1 << np.arange(6)), minlength=64)
    states = 2.0 * bits(np.arange(64), 6) - 1

    def statistic(scale):
        weights = np.cosh(scale * states @ W).prod(1)
        expected = weights / weights.sum() * len(v)
        return ((counts - expected) ** 2 / expected).sum()

    assert statistic(1.0) < chi2.isf(1e-4, 63) < statistic(1.1)
    # The hidden units belong to the visible ones: their mean product is that of the model.
    h = phase.configurations[:, 6:]
    assert np.abs(v.T.astype(float) @ h / len(v) - exact).max() < 5 / 20_000**0.5


def test_training_goes_as_with_the_chains_of_the_package():
    """Three epochs of the Bars by each: NLL and singular values within five errors of five runs (1e-5)."""
    data = sl.datasets.bars(4)
    found = {}
    for name, make in (("table", TablePCD), ("plain", sl.rbm.PCD)):
        found[name] = []
        for seed in range(5):
            trainer = _bars.trainer_of("pcd", "reference", [seed, 7], negative=make(10, 64))
            trainer.fit(data.train, 3, progress=False)
            model = trainer.machine.as_ising()
            nll = -sl.rbm.log_likelihood(model, data.train, threads=1).mean()
            found[name].append([nll, *sl.rbm.singular_values(model)[:3]])
    a, b = (np.array(found[name]) for name in ("table", "plain"))
    error = ((a.var(0, ddof=1) + b.var(0, ddof=1)) / 5) ** 0.5
    assert (np.abs(a.mean(0) - b.mean(0)) < 5 * error).all()
    assert a.mean(0)[0] < 8  # it trains: 11.1 before


def test_resumes_to_the_same_bits(tmp_path):
    data = sl.datasets.bars(4)

    def trainer():
        return _bars.trainer_of("pcd", "reference", 3, negative=TablePCD(2, 32))

    whole, first, second = trainer(), trainer(), trainer()
    whole.fit(data.train, 2, progress=False)
    first.fit(data.train, 1, progress=False, checkpoint=tmp_path / "run.npz")
    second.fit(data.train, 2, progress=False, checkpoint=tmp_path / "run.npz")
    assert np.array_equal(whole.machine.W, second.machine.W)
    assert np.array_equal(whole.negative.configurations, second.negative.configurations)


def test_refusals():
    for machine in (sl.rbm.RBM(18, 4), sl.rbm.RBM(5, 4), sl.rbm.RBM(6, 4, biases=True)):
        with pytest.raises(ValueError, match="tables need an RBM without biases"):
            sl.rbm.Trainer(machine, TablePCD(1, 8))
    with pytest.raises(ValueError, match="too large"):
        TablePCD(1, 8).statistics(sl.rbm.RBM.from_weights(np.full((6, 4), 20.0)), None, Noise(1))
