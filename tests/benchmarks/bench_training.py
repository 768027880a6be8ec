"""Training of restricted Boltzmann machines beside scikit-learn's and, where installed, the package rbms.

    python tests/benchmarks/bench_training.py

prints markdown tables: process CPU seconds per update on one core (the best of several), V = 784, batches
of 500, all in one run of about two minutes. GFlop/s counts the matrix products of an update,
(3 + 2k) 2BVH, beside a plain float32 product of the same run, so that machines can be compared; "products
alone" is the time of exactly these products and nothing else, which no update can beat. scikit-learn and rbms
train 0/1 units by PCD, rbms centred.
"""

from __future__ import annotations

import importlib.util
import time
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from spinlab._core.blas import one_blas_thread
from spinlab.rbm import CD, PCD, PID, RARBM, RBM, Exact, Trainer

V, B, K = 784, 500, 200
REPEATS = 4


def best_time(function: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Shortest process time of one call, after a first one that compiles."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def data(n: int) -> np.ndarray:
    """Spins with a fifth of the pixels on; speed does not depend on what they show."""
    return np.where(np.random.default_rng(0).random((n, V)) < 0.2, 1, -1).astype(np.int8)


def update_time(trainer: Trainer, samples: np.ndarray) -> float:
    """Seconds per update of epochs over ``samples``."""
    updates = -(-len(samples) // trainer.batch_size)

    def epoch() -> None:
        trainer.fit(samples, trainer.epoch + 1, progress=False)

    return best_time(epoch) / updates


def products_time(H: int, k: int) -> float:
    """Seconds for the matrix products of an update: fields of the data, k steps, two gradients."""
    v, h, w = (np.ones(shape, np.float32) for shape in ((B, V), (B, H), (V, H)))

    def products() -> None:
        for _ in range(1 + k):
            v @ w
        for _ in range(k):
            h @ w.T
        for _ in range(2):
            v.T @ h

    return best_time(products, 2 * REPEATS)


def sklearn_time(H: int, samples: np.ndarray) -> float | None:
    """BernoulliRBM of scikit-learn: PCD-1 with as many chains as samples in the batch."""
    if importlib.util.find_spec("sklearn") is None:
        return None
    from sklearn.neural_network import BernoulliRBM

    x = ((samples + 1) / 2).astype(np.float32)

    def fit(epochs: int) -> float:
        model = BernoulliRBM(n_components=H, batch_size=B, n_iter=epochs, random_state=0)
        start = time.process_time()
        model.fit(x)
        return time.process_time() - start

    fit(1)
    updates = len(samples) // B
    return min((fit(3) - fit(1)) / 2 for _ in range(2)) / updates


def rbms_time(H: int, k: int, samples: np.ndarray) -> float | None:
    """PCD-k of the PyPI package rbms (torch): gradient and SGD step, centred, on one thread."""
    if importlib.util.find_spec("rbms") is None:
        return None
    warnings.simplefilter("ignore")  # torch deprecates what rbms uses
    import torch
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.training.pcd import fit_batch_pcd

    torch.set_num_threads(1)
    x = torch.tensor((samples[:B] + 1) / 2, dtype=torch.float32)
    model = BBRBM(weight_matrix=0.01 * torch.randn(V, H), vbias=torch.zeros(V), hbias=torch.zeros(H))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, maximize=True)
    chains = model.init_chains(B)

    def update() -> None:
        nonlocal chains
        chains, _ = fit_batch_pcd((x, torch.ones(B)), chains, model, k, 1.0)
        optimiser.step()

    return best_time(update)


def cell(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.4f}"


def main() -> None:
    with one_blas_thread():
        tables()


def tables() -> None:
    """Everything, one table after the other."""
    samples = data(3 * B)
    a, w = samples[:B].astype(np.float32), np.ones((V, 3000), np.float32)
    roof = 2 * B * V * 3000 / best_time(lambda: a @ w) / 1e9
    print(f"float32 product ({B} x {V} x 3000): {roof:.0f} GFlop/s\n")
    print("| H | k | CD | PCD | PCD, biases, centred | PCD, GFlop/s | products alone | scikit-learn | rbms |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for H, k in ((500, 1), (500, 10), (3000, 1), (3000, 10)):
        cd = update_time(Trainer(RBM(V, H, rng=0), CD(k), batch_size=B, rng=0), samples)
        pcd = update_time(Trainer(RBM(V, H, rng=0), PCD(k, B), batch_size=B, rng=0), samples)
        biased = update_time(Trainer(RBM(V, H, biases=True, rng=0), PCD(k, B), batch_size=B, rng=0), samples)
        rate = (3 + 2 * k) * 2 * B * V * H / pcd / 1e9
        others = [sklearn_time(H, samples) if k == 1 else None, rbms_time(H, k, samples)]
        numbers = [
            f"{H}",
            f"{k}",
            f"{cd:.4f}",
            f"{pcd:.4f}",
            f"{biased:.4f}",
            f"{rate:.0f}",
            f"{products_time(H, k):.4f}",
            *map(cell, others),
        ]
        print(f"| {' | '.join(numbers)} |", flush=True)
    print(f"\nRAPID, H = 3000, K = {K}, W never formed:\n")
    print("| Gibbs steps | s per update | peak memory, MB | 4 bytes x (V + H)(K + B), MB |")
    print("|--:|--:|--:|--:|")
    for k in (0, 1, 10):
        trainer = Trainer(RARBM(V, 3000, K, rng=0), PID(k), batch_size=B, projection="clip", rng=0)
        seconds = update_time(trainer, samples)
        tracemalloc.start()
        trainer.fit(samples[:B], trainer.epoch + 1, progress=False)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        print(f"| {k} | {seconds:.4f} | {peak:.0f} | {4 * (V + 3000) * (K + B) / 1e6:.0f} |", flush=True)
    print("\n4x4 Bars, V = 16, H = 1000 (10 images per epoch), CPU seconds:\n")
    print("| method | updates | s | ms per update |")
    print("|---|--:|--:|--:|")
    bars = np.repeat(
        [[1, -1, -1, -1], [1, 1, -1, -1], [1, 1, 1, -1], [1, -1, 1, 1], [1, 1, -1, 1]], 4, axis=1
    )
    bars = np.concatenate([bars, -bars])
    for name, build, size, epochs in (
        ("RAPID, K = 8", lambda: (RARBM(16, 1000, 8, rng=0), PID(), {"projection": "sign"}), 3, 300),
        ("CD-10, Adam", lambda: (RBM(16, 1000, rng=0), CD(10), {"optimiser": "adam"}), 1, 100),
        ("PCD-10, 2048 chains", lambda: (RBM(16, 1000, rng=0), PCD(10, 2048), {"optimiser": "adam"}), 1, 2),
        ("exact", lambda: (RBM(16, 1000, rng=0), Exact(), {"optimiser": "adam"}), 1, 2),
    ):

        def run(build: Any = build, size: int = size, epochs: int = epochs) -> None:
            machine, negative, options = build()
            Trainer(machine, negative, lr=0.001, batch_size=size, rng=0, **options).fit(bars, epochs)

        seconds, updates = best_time(run, 2), epochs * -(-len(bars) // size)
        print(f"| {name} | {updates} | {seconds:.3f} | {1e3 * seconds / updates:.3f} |", flush=True)


if __name__ == "__main__":
    main()
