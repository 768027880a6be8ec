"""<s_i tanh x_a> from tables of exponentials against the plain sum over all states."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import spinlab as sl
from spinlab.rbm.machines.enumerated import blocks_of, enumerated_products, relevant_weights


def plain(W):
    """All states one by one, in float64."""
    s = np.array(list(itertools.product([-1.0, 1.0], repeat=len(W))))
    x = s @ W.astype(float)
    log_p = np.log(2 * np.cosh(x)).sum(1)
    p = np.exp(log_p - log_p.max())
    return (s.T * (p / p.sum())) @ np.tanh(x)


def weights(n, m, std, seed=0):
    return np.random.default_rng(seed).normal(0, std, (n, m)).astype(np.float32)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("m", [1, 7, 300])
@pytest.mark.parametrize("std", [0.0, 0.02, 0.3])
def test_products_are_those_of_all_states(n, m, std):
    W = weights(n, m, std)
    blocks = blocks_of(W)
    assert blocks[-1] == m
    assert np.allclose(enumerated_products(W, blocks), plain(W), atol=2e-6)


def test_blocks_keep_products_finite():
    """Aligned weights: prod cosh reaches e^400 in one state, in five blocks."""
    W = np.full((4, 400), 0.25, np.float32)
    blocks = blocks_of(W)
    assert len(blocks) == 5
    sums = np.add.reduceat(np.abs(W).sum(0), [0, *blocks[:-1]])
    assert sums.max() <= 80
    assert np.allclose(enumerated_products(W, blocks), plain(W), atol=2e-6)
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(enumerated_products(W, np.array([400]))).all()


@pytest.mark.parametrize("spread", [1.0, 20.0, 400.0])
def test_states_left_out_have_no_weight_together(spread):
    log_w = 700.0 + np.random.default_rng(2).normal(0, spread, (128, 256))
    exact = np.exp(log_w - log_w.max())
    found = relevant_weights(log_w)
    kept = found > 0
    np.testing.assert_allclose(found[kept], exact[kept], rtol=1e-6)
    assert exact[~kept].sum() <= 2.0**-25 * exact.sum()
    assert kept.all() if spread == 1.0 else kept.sum() < 0.2 * kept.size
    assert (
        exact[exact < 0.75 * exact[kept].min()].sum() > 2.0**-26 * exact.sum()
        or kept.sum() < 100
        or kept.all()
    )


def test_many_blocks_share_logarithms():
    """Twelve factors of e^70 in the largest state: their product is no float64 number."""
    W = np.full((4, 12 * 70), 0.25, np.float32)
    blocks = blocks_of(W)
    assert len(blocks) > 10
    assert np.allclose(enumerated_products(W, blocks), plain(W), atol=2e-6)
    # Aligned weights have one state that counts; here many do, and each block has to count once.
    W = weights(6, 1000, 0.16)
    blocks = blocks_of(W)
    assert len(blocks) > 8
    assert np.allclose(enumerated_products(W, blocks), plain(W), atol=4e-6)


def test_strong_weights_and_many_units_are_left_to_the_sum():
    assert blocks_of(weights(4, 3, 1.0)) is not None
    assert blocks_of(np.full((4, 3), 21.0, np.float32)) is None  # e^84
    assert blocks_of(np.full((4, 1000), 1.0, np.float32)) is None  # 50 blocks
    assert blocks_of(weights(21, 3, 0.1)) is None


@pytest.mark.parametrize(("V", "H"), [(6, 40), (40, 6)])
@pytest.mark.parametrize("kind", ["free", "patterns"])
def test_machines_take_them(V, H, kind, monkeypatch):
    """Gradients by either sum, with the smaller layer visible or hidden."""
    if kind == "free":
        machine = sl.rbm.RBM(V, H, std=0.2, rng=1)
    else:
        xi = sl.rbm.RARBM(V, H, 3, rng=1)
        machine = sl.rbm.RARBM.from_patterns(xi.xi_v, 0.7 * xi.xi_h, scale=0.3, train_scale=True)
    found = machine.exact_statistics()
    monkeypatch.setattr("spinlab.rbm.machines.two_layer.blocks_of", lambda W: None)
    expected = machine.exact_statistics()
    assert found.keys() == expected.keys() == machine.parameters.keys()
    for name, value in found.items():
        assert value.dtype == np.float32
        assert value.shape == expected[name].shape
        assert np.allclose(value, expected[name], rtol=1e-5, atol=2e-5), name
        assert not np.array_equal(value, expected[name])  # another sum indeed
