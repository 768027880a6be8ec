"""Numbers of the study pages, recomputed in plain numpy: nothing here imports spinlab.

Each quoted value (mean, error) is compared with a fresh one; seeds are fixed. A difference beyond 4.5
combined errors fails: 7e-6 for each of 16 numbers with normal errors.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

pytestmark = pytest.mark.slow
V, H, K = 16, 1000, 8
TOP_TRAIN = ("1000", "1100", "1110", "1011", "1101")  # of the training images, and their inverses
TOP_TEST = ("1010", "1001")


def images(tops):
    rows = [[1.0 if c == "1" else -1.0 for c in top] for top in tops]
    rows += [[-x for x in row] for row in rows]
    return np.array([row * 4 for row in rows])  # full vertical bars: the top row repeats


TRAIN = images(TOP_TRAIN)
# All states with the first spin up: without biases an image and its inverse weigh alike.
HALF = np.array(list(itertools.product([1.0], *[[1.0, -1.0]] * (V - 1))), dtype=np.float32)


def compare(fresh, quoted, error):
    fresh = np.asarray(fresh, dtype=float)
    own = fresh.std(ddof=1) / len(fresh) ** 0.5
    z = (fresh.mean() - quoted) / math.hypot(own, error)
    assert abs(z) < 4.5, f"{fresh.mean():.4f} ± {own:.4f}, quoted {quoted} ± {error}"


def spins(rng, x):
    return np.where(rng.random(x.shape) < 1 / (1 + np.exp(-2 * np.clip(x, -30, 30))), 1.0, -1.0)


def ground(W):
    W = W.astype(np.float32)
    return -max(float(np.abs(part @ W).sum(1).max()) for part in np.split(HALF, 8))


def log_weights(v, W):
    x = np.abs(v @ W)
    return (x + np.log1p(np.exp(-2 * x))).sum(1, dtype=np.float64)


def nll(W, data):
    W = W.astype(np.float32)
    logs = np.concatenate([log_weights(part, W) for part in np.split(HALF, 8)])
    top = logs.max()
    log_z = math.log(2) + top + math.log(np.exp(logs - top).sum())
    return log_z - log_weights(data.astype(np.float32), W).mean()


def free_step_distance(rng, W, data, repeats=40):
    start = np.repeat(data, repeats, axis=0)
    given = np.where(np.arange(V) < 4, start, 0.0)
    v = spins(rng, spins(rng, given @ W) @ W.T)
    return np.abs(v - start).mean() / 2


def lowest_of_ten_chains(rng, W):
    v = np.where(rng.random((10, V)) < 0.5, 1.0, -1.0)
    for _ in range(10):
        h = spins(rng, v @ W)
        v = spins(rng, h @ W.T)
    return -((v @ W) * h).sum(1).max() * -1 / -ground(W)


@pytest.fixture(scope="module")
def rapid():
    """24 machines before training and after an epoch.

    Rate .02, batches of 3, the last one of a single image divided by 3, patterns back to signs.
    """
    found = []
    for seed in range(24):
        rng = np.random.default_rng([1, seed])
        xi = np.where(rng.random((K, V + H)) < 0.5, 1.0, -1.0)
        start = lowest_pattern(xi)
        order = rng.permutation(len(TRAIN))
        for first in range(0, len(TRAIN), 3):
            xi = xi + 0.02 * (gradient(xi, TRAIN[order[first : first + 3]], 3) - patterns_gradient(xi))
        xi = np.where(xi >= 0, 1.0, -1.0)
        W = weights(xi)
        found.append(
            {
                "start": start,
                "reached": lowest_pattern(xi),
                "distance": free_step_distance(rng, W, TRAIN),
                "nll": nll(W, TRAIN) if seed < 10 else None,
            }
        )
    return found


def weights(xi):
    return xi[:, :V].T @ xi[:, V:] / K**0.5


def gradient(xi, v, n):
    """Sum over images of -dF/dxi, over n."""
    t = np.tanh(v @ weights(xi))
    visible = (t @ xi[:, V:].T).T @ v
    hidden = (v @ xi[:, :V].T).T @ t
    return np.concatenate([visible, hidden], axis=1) / (n * K**0.5)


def patterns_gradient(xi):
    return gradient(xi, np.where(xi[:, :V] >= 0, 1.0, -1.0), K)


def lowest_pattern(xi):
    W = weights(xi)
    return max(float(row[:V] @ W @ row[V:]) for row in xi) / -ground(W)


def test_patterns_before_and_after_an_epoch(rapid):
    """Fig. 2: .925(4) of the ground energy before training, .698(8) after the first epoch."""
    compare([r["start"] for r in rapid], 0.925, 0.004)
    compare([r["reached"] for r in rapid], 0.698, 0.008)


def test_reconstruction_and_likelihood_of_rapid(rapid):
    """Fig. 3, epoch 1: distance .211(5) after a free step, NLL 3409(115) nats."""
    compare([r["distance"] for r in rapid], 0.211, 0.005)
    compare([r["nll"] for r in rapid if r["nll"] is not None], 3409, 115)


def test_exact_gradients_after_an_epoch():
    """Fig. 3 and 2: distance .458(1) after a free step, lowest of ten chains .077(4); Adam by step."""
    distance, lowest = [], []
    for seed in range(5):
        rng = np.random.default_rng([2, seed])
        W = 0.01 * rng.standard_normal((V, H))
        m, s = np.zeros_like(W), np.zeros_like(W)
        for step, image in enumerate(TRAIN[rng.permutation(len(TRAIN))], 1):
            logs, mean, norm = [], 0.0, 0.0
            small = W.astype(np.float32)
            parts = np.split(HALF, 8)
            logs = [log_weights(part, small) for part in parts]
            top = max(x.max() for x in logs)
            for part, log_w in zip(parts, logs, strict=True):
                w = np.exp(log_w - top)
                mean = mean + (part.T * w) @ np.tanh(part @ small)
                norm += w.sum()
            g = np.outer(image, np.tanh(image @ W)) - mean / norm
            m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
            W = W + 0.001 * m / (1 - 0.9**step) / (np.sqrt(s / (1 - 0.999**step)) + 1e-8)
        distance.append(free_step_distance(rng, W, TRAIN))
        lowest.append(lowest_of_ten_chains(rng, W))
    compare(distance, 0.458, 0.001)
    compare(lowest, 0.077, 0.004)


def test_what_a_random_state_has_of_the_ground_energy():
    """Fig. 1 dissected, V = 16: offset .919(1) for Gaussian weights, .545(4) for K = 10 patterns."""
    rng = np.random.default_rng(3)
    for kind, quoted, error in (("gaussian", 0.919, 0.001), ("patterns", 0.545, 0.004)):
        found = []
        for _ in range(12):
            if kind == "gaussian":
                W = rng.standard_normal((V, H))
            else:
                W = (
                    np.where(rng.random((V, 10)) < 0.5, 1, -1)
                    @ np.where(rng.random((10, H)) < 0.5, 1, -1)
                    / 10**0.5
                )
            v = np.where(rng.random((200, V)) < 0.5, 1.0, -1.0)
            found.append(np.abs(v @ W).sum(1).mean() / -ground(W))
        compare(found, quoted, error)


def test_usual_start_is_a_paramagnet_with_many_minima():
    """Glass studies: x = s (VH)^(1/4) = .07 at V = 16, H = 128, s = .01; 53 000 strict minima of E.

    A visible state counts if, with its best hidden layer, no single spin gains by a flip.
    """
    x = 0.01 * (V * 128) ** 0.25
    assert abs(x - 0.07) < 0.005
    states = np.array(list(itertools.product([-1.0, 1.0], repeat=V)), dtype=np.float32)
    counts = []
    for seed in range(6):
        W = (0.01 * np.random.default_rng([4, seed]).standard_normal((V, 128))).astype(np.float32)
        h = np.sign(states @ W)
        counts.append((states * (h @ W.T) > 0).all(1).sum())
    compare(counts, 53_000, 1_500)


def test_unstable_units_at_large_scale():
    """Glass studies: V Phi(-sqrt(2H/(pi V))) = 2e-7 at V = 20, H = 1000."""
    z = math.sqrt(2 * 1000 / (math.pi * 20))
    assert 20 * 0.5 * math.erfc(z / math.sqrt(2)) == pytest.approx(2e-7, rel=0.5)


def test_overlaps_of_the_hopfield_model():
    """Verdict of the Hopfield study, theory: m and q by iterating the replica-symmetric equations."""
    x, w = np.polynomial.hermite_e.hermegauss(120)
    w = w / w.sum()
    for alpha, T, m_quoted, q_quoted in ((0.02, 0.5, 0.9450, 0.8946), (0.05, 0.3, 0.9912, 0.9830)):
        m, q = 1.0, 1.0
        for _ in range(2000):
            r = q / (1 - (1 - q) / T) ** 2
            t = np.tanh((m + math.sqrt(alpha * r) * x) / T)
            m, q = float(w @ t), float(w @ t**2)
        assert (m, q) == pytest.approx((m_quoted, q_quoted), abs=1e-4)


def test_overlaps_of_regularized_axons():
    """RA-RBM with V = 1000, H = 5000, K = 100 at 1/b = .5: .9826 and .6758 (saddle point), six instances.

    W = xi_v xi_h / sqrt(VH) at inverse temperature 2.
    """
    v_size, h_size, k = 1000, 5000, 100
    mu, nu = [], []
    for seed in range(6):
        rng = np.random.default_rng([5, seed])
        xi_v = np.where(rng.random((k, v_size)) < 0.5, 1.0, -1.0)
        xi_h = np.where(rng.random((k, h_size)) < 0.5, 1.0, -1.0)
        c = 2.0 / math.sqrt(v_size * h_size)
        v, seen = xi_v[:1], []
        for step in range(100):
            h = spins(rng, c * ((v @ xi_v.T) @ xi_h))
            v = spins(rng, c * ((h @ xi_h.T) @ xi_v))
            if step >= 50:
                seen.append((abs(v[0] @ xi_v[0]) / v_size, abs(h[0] @ xi_h[0]) / h_size))
        mean = np.mean(seen, axis=0)
        mu.append(mean[0])
        nu.append(mean[1])
    compare(mu, 0.9826, 0.001)
    compare(nu, 0.6758, 0.002)


def test_least_nll_of_noisy_patterns():
    """Calibration: 5.92 nats, the density of eight patterns with 5 % flips, made symmetric."""
    rows = (
        "##..##..........", "..##..##........", "........##..##..", "..........##..##",
        ".....##..##.....", "#....#....#....#", "...#..#..#..#...", "#..#........#..#",
    )  # fmt: skip
    centres = np.array([[1 if c == "#" else -1 for c in row] for row in rows])
    states = np.array(list(itertools.product([-1, 1], repeat=V)))
    flips = (V - states @ centres.T) / 2
    p = (0.05**flips * 0.95 ** (V - flips)).mean(1)
    symmetric = (p + p[::-1]) / 2
    assert -(p * np.log(symmetric)).sum() == pytest.approx(5.92, abs=0.005)


def test_bars_span_four_dimensions():
    assert np.linalg.matrix_rank(np.concatenate([TRAIN, images(TOP_TEST)])) == 4
