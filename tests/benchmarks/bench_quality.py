"""Likelihood of a standard RBM after a fixed number of updates: python tests/benchmarks/bench_quality.py

500 hidden units, stochastically binarised MNIST (SPINLAB_DATA or the network), centred PCD-1 in batches of
500, 3000 updates; the test likelihood with ln Z between forward and reverse annealed importance sampling.
Takes about ten minutes on one core and prints a Markdown table.
"""

from __future__ import annotations

import time

import numpy as np

import spinlab as sl

H, BATCH, EPOCHS, LR = 500, 500, 25, 0.03


def main() -> None:
    raw = sl.datasets.mnist(None)
    grey = raw.train / 255.0
    test = sl.datasets.binarized(raw.test / 255.0, "stochastic", rng=0)
    rbm = sl.rbm.RBM(raw.V, H, std=0.01, biases=True, rng=0)
    on = np.clip(grey.mean(0), 1e-3, 1 - 1e-3)
    rbm.parameters["bv"][:] = np.log(on / (1 - on)) / 2
    schedule = sl.rbm.Linear(EPOCHS, 0.05)
    trainer = sl.rbm.Trainer(rbm, sl.rbm.PCD(1, 500), lr=LR, batch_size=BATCH, schedule=schedule, rng=1)
    start = time.process_time()
    for epoch in range(EPOCHS):
        trainer.fit(sl.datasets.binarized(grey, "stochastic", rng=100 + epoch), epoch + 1, progress=False)
    trained = time.process_time() - start
    result = sl.rbm.negative_log_likelihood(
        rbm,
        test,
        rng=1,
        base_biases=sl.rbm.data_biases(test),
        schedule="published",
        n_chains=400,
        reverse=2000,
    )
    run = result.ais
    print("| updates | training, CPU s | test NLL, nats | bracket | ESS forward | reverse | sampling error |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    print(
        f"| {trainer.updates} | {trained:.0f} | {result.nll:.2f} | {result.interval[0]:.2f} to "
        f"{result.interval[1]:.2f} | {run.ess:.0f} | {run.reverse.ess:.0f} | {result.sampling_error:.2f} |"
    )


if __name__ == "__main__":
    main()
