"""Patterns behind the weights of two layers: found where they are, refused where they are not."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab.exact import layer, lowrank
from spinlab.exact.lowrank.recover_layers import recover_layers
from spinlab.models import BipartiteIsing


def weights(rbm):
    return rbm.scale * (rbm.xi_v.T @ rbm.xi_h)


def check(model, E0):
    size = np.abs(model.W).sum() + np.abs(model.b).sum() + abs(model.offset)
    answer = lowrank.ground_state(model)
    assert answer.certified
    assert answer.energy == pytest.approx(E0, rel=0, abs=1e-14 * size)
    assert model.energy(answer.state) == pytest.approx(answer.energy, rel=0, abs=1e-13 * size)
    assert answer.lower_bound <= min(answer.energy, E0 + 1e-15 * size)
    assert answer.bound_gap < 1e-9 * size
    assert answer.v.shape == (model.V,)


@pytest.mark.parametrize("K", range(1, 8))
def test_binary_patterns(K):
    rng = np.random.default_rng(K)
    for _ in range(6):
        V, H = int(rng.integers(10, 15)), 700
        rbm = sl.ensembles.ra_rbm(V, H, K, rng=rng).scaled(float(rng.choice([1.0, -0.3, 1e-9])))
        for model in (BipartiteIsing(weights(rbm)), BipartiteIsing(weights(rbm).T)):
            recovered = recover_layers(model)
            if isinstance(recovered, str):  # too few visible columns to tell seven patterns apart
                assert K > 4, recovered
                continue
            assert recovered.left < 1e-10 * np.abs(model.W).sum()
            assert recovered.model.K <= K
            check(model, layer.ground_state(model).energy)


def test_biases_and_offsets_are_kept():
    rng = np.random.default_rng(0)
    for K in (1, 2, 3):
        rbm = sl.ensembles.ra_rbm(12, 90, K, rng=rng)
        model = BipartiteIsing(weights(rbm), rng.normal(size=12) * 9, rng.normal(size=90), offset=-2.5)
        check(model, layer.ground_state(model).energy)
        uniform = BipartiteIsing(weights(rbm), 3.0, rng.normal(size=90))
        check(uniform, layer.ground_state(uniform).energy)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_real_patterns(rank):
    rng = np.random.default_rng(rank)
    for V, H in ((12, 40), (30, 10), (3, 3)):
        model = BipartiteIsing(rng.normal(size=(V, rank)) @ rng.normal(size=(rank, H)), offset=1.0)
        check(model, layer.ground_state(model).energy)


def test_a_small_perturbation_enters_the_bound_and_a_large_one_is_refused():
    rng = np.random.default_rng(3)
    W = weights(sl.ensembles.ra_rbm(14, 300, 3, rng=rng))
    noise = rng.normal(size=W.shape)
    near = BipartiteIsing(W + 1e-12 * noise)
    answer = lowrank.ground_state(near)
    E0 = layer.ground_state(near).energy
    assert answer.lower_bound <= E0 <= answer.energy + 1e-12 * np.abs(W).sum()
    assert answer.bound_gap > 1e-12 * np.abs(noise).sum()
    for far in (W + 1e-8 * noise, rng.normal(size=(14, 300)), np.zeros((3, 4))):
        with pytest.raises(ValueError, match="finds no few patterns behind the matrix"):
            lowrank.ground_state(BipartiteIsing(far))


def test_beyond_the_reach_of_the_layers():
    rbm = sl.ensembles.ra_rbm(300, 500, 5, rng=1)
    answer = sl.ground_state(BipartiteIsing(weights(rbm)))
    assert answer.method == "lowrank"
    assert answer.energy == pytest.approx(sl.ground_state(rbm).energy, rel=1e-13)
