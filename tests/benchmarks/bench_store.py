"""A sweep's store at scale: what writing, resuming, merging, status and export cost per point.

    python tests/benchmarks/bench_store.py [POINTS]     (default 100000; the pages quote 1000000)

Every step runs in a process of its own, so that its peak memory is its own. Prints a markdown table.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from spinlab.sweeps import Store, Sweep
from spinlab.sweeps.database import Writer
from spinlab.sweeps.encode import encode
from spinlab.sweeps.execute import Outcome


def small(x, scale, rng):
    """A point that costs next to nothing, with a result of three numbers and an array of ten."""
    return {"energy": x * scale, "count": 3, "moved": True, "chains": np.full(10, scale)}


def grid(n: int) -> Sweep:
    side = max(1, round((n / 100) ** 0.5))
    return Sweep(small, {"x": range(side), "scale": np.arange(1, side + 1) / 7}, replicas=100)


def write(folder: Path, n: int, name: str = "all", first: int = 0, step: int = 1) -> None:
    """Rows as a sweep writes them, without the computing."""
    sweep = grid(n)
    with Writer(folder / f"{name}.sqlite") as writer:
        key, _ = writer.add(sweep.plan, computes=True)
        for point in sweep.plan.points(range(first, len(sweep), step)):
            blob = encode(small(**point.params, rng=point.seed))
            writer.save(key, point, Outcome(blob, None, 0.001))


STEPS = {
    "write": lambda folder, n: write(folder, n),
    "status": lambda folder, n: Store(folder / "all").status(),
    "resume, nothing missing": lambda folder, n: grid(n).fill(folder / "all", progress=False),
    "resume, 1 of 100 shards": lambda folder, n: grid(n).fill(folder / "all", (1, 100), progress=False),
    "to_xarray": lambda folder, n: Store(folder / "all").to_xarray(),
    "export CSV": lambda folder, n: Store(folder / "all").export(folder / "all.csv"),
    "export netCDF": lambda folder, n: Store(folder / "all").export(folder / "all.nc"),
    "write the even half": lambda folder, n: write(folder, n, "even", 0, 2),
    "merge it (new points)": lambda folder, n: merge(folder, "new", "even"),
    "merge it again (overlap)": lambda folder, n: merge(folder, "new", "even"),
    "run 20000 points here": lambda folder, n: grid(20000).fill(folder / "run", progress=False),
    "run 20000 points, 2 workers": lambda folder, n: grid(20000).fill(
        folder / "pool", executor=2, progress=False
    ),
}


def merge(folder: Path, out: str, other: str) -> None:
    if not (folder / f"{out}.sqlite").exists():
        with Writer(folder / f"{out}.sqlite"):
            pass
    Store(folder / out).merge(folder / other)


def main() -> None:
    if len(sys.argv) > 2:  # one step, in a process of its own
        folder, n, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, cpu = time.perf_counter(), time.process_time()
        STEPS[name](folder, n)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{wall:.2f} {cpu:.2f} {before / 1024:.0f} {peak / 1024:.0f}")
        return
    n = int(sys.argv[1]) if len(sys.argv) == 2 else 10**5
    print(f"{len(grid(n))} points\n")
    print("| step | wall s | CPU s | us per point | peak memory above start, MB |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in STEPS:
            words = [sys.executable, __file__, folder, str(n), name]
            env = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
            done = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
            wall, cpu, before, peak = map(float, done.stdout.split())
            count = 20000 if "20000" in name else n // 2 if "half" in name or "merge" in name else n
            print(
                f"| {name} | {wall:.2f} | {cpu:.2f} | {1e6 * cpu / count:.1f} | {peak - before:.0f} |",
                flush=True,
            )
        print(f"\nsize of the store: {(Path(folder) / 'all.sqlite').stat().st_size / 2**20:.0f} MB")


if __name__ == "__main__":
    main()
