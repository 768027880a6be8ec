"""How processor time grows with the size: a slope for each sampler and solver beside the expected one.

    python tests/benchmarks/bench_growth.py [--figure docs/figures/growth.png] [part of a name ...]

One thread, processor seconds, the least of some calls on new models after one that compiles. A row takes its
sizes in turn until a call lasts LONGEST seconds. The slope is d ln t / d ln N over the upper half of the
sizes, by least squares, for what takes a power of N, and d log2 t / d N (doublings for each spin, of the
width for trees) for what takes 2^N. Sampling is per sweep of one chain at beta = 1. ``--record FILE`` appends
each time as a line of JSON and takes what is there as measured; ``--figure`` draws all of them.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import spinlab as sl
from spinlab import dynamics, exact
from spinlab.models import PatternIsing, SparseIsing

LONGEST = 1.0  # seconds of the last call of a row
REPEATS = 3


class Row(NamedTuple):
    """A method, the sizes it is given, and what one of them takes."""

    name: str
    panel: str
    sizes: Sequence[int]
    make: Callable[[int], Any]
    run: Callable[[Any], Any]
    expected: str
    spins: Callable[[int], int] = lambda n: n
    longer: Callable[[Any], Any] | None = None
    work: Callable[[int], float] = lambda n: 1.0


def cube(law: str) -> Callable[[int], SparseIsing]:
    return lambda L: sl.ensembles.edwards_anderson(shape=(L, L, L), law=law, rng=L)


def square(law: str) -> Callable[[int], SparseIsing]:
    return lambda L: sl.ensembles.edwards_anderson(shape=(L, L), law=law, periodic=False, rng=L)


def torus(L: int) -> SparseIsing:
    return sl.ensembles.edwards_anderson(shape=(L, L), law="gaussian", periodic=True, rng=L)


def strip(width: int, length: int) -> SparseIsing:
    return sl.ensembles.edwards_anderson(shape=(length, width), law="gaussian", periodic=False, rng=width)


def patterns(K: int, kind: str = "pm1") -> Callable[[int], PatternIsing]:
    def make(N: int) -> PatternIsing:
        rng = np.random.default_rng(N)
        xi = rng.choice([-1.0, 1.0], (K, N)) if kind == "pm1" else rng.normal(size=(K, N))
        return PatternIsing(xi, 1 / N)

    return make


def sk(N: int) -> Any:
    return sl.ensembles.sk(N, rng=N)


def rbm(V: int) -> Any:
    return sl.ensembles.rbm_gaussian(V, 100, rng=V)


UPDATES = 400_000  # of spins, in the shorter call of a sampler
MORE = 4  # times as many in the longer one; the difference knows nothing of setting up


def sampling(
    name: str,
    sizes: Sequence[int],
    make: Callable[[int], Any],
    expected: str,
    sampler: str = "gibbs",
    chains: int = 16,
    spins: Callable[[int], int] = lambda n: n,
    times: int = 1,
) -> Row:
    """Seconds for a sweep of one chain."""
    ladder = {"betas": np.linspace(0.2, 1.0, 8)} if sampler == "parallel_tempering" else {"beta": 1.0}
    copies = chains * (8 if sampler == "parallel_tempering" else 1)

    def steps(N: int) -> int:
        return max(2, UPDATES * times // (N * copies))

    def run(model: Any, times: int = 1) -> Any:
        n = steps(model.n_spins)
        return getattr(dynamics, sampler)(model, times * n, chains, rng=0, threads=1, **ladder)

    def work(size: int) -> float:
        return (MORE - 1) * steps(spins(size)) * copies

    longer = functools.partial(run, times=MORE)
    return Row(name, "sampling", sizes, make, run, expected, spins, longer, work)


def rows() -> Iterator[Row]:
    """All methods."""
    dense = (50, 100, 200, 400, 800, 1600)
    cubes = (4, 6, 8, 12, 16, 24, 32)

    def cubic(L: int) -> int:
        return L**3

    yield sampling("gibbs, dense (SK)", dense, sk, "1 to 2")
    yield sampling("metropolis, dense (SK)", dense, sk, "1 to 2", "metropolis")
    yield sampling("gibbs, 3D Gaussian", cubes, cube("gaussian"), "1", spins=cubic, times=20)
    yield sampling(
        "metropolis, 3D Gaussian", cubes, cube("gaussian"), "1", "metropolis", spins=cubic, times=20
    )
    yield sampling("gibbs, 5 patterns", (100, 300, 1000, 3000, 10_000), patterns(5), "1", times=10)
    yield sampling("gibbs, 64 chains in a word", cubes, cube("pm1"), "1", chains=64, spins=cubic, times=100)
    yield sampling("parallel tempering, SK", dense[:-1], sk, "1 to 2", "parallel_tempering", chains=2)
    yield sampling(
        "parallel tempering, 3D Gaussian", cubes[:-1], cube("gaussian"), "1", "parallel_tempering",
        chains=2, spins=cubic, times=4,
    )  # fmt: skip

    def one(method: Any, **options: Any) -> Callable[[Any], Any]:
        return lambda model: method(model, threads=1, **options)

    sides = (8, 12, 16, 24, 32, 48, 64, 96)
    yield Row("planar ground state, open L x L", "power", sides, square("gaussian"),
              lambda m: exact.planar.ground_state(m), "1 to 2", spins=lambda L: L * L)  # fmt: skip
    yield Row("planar ln Z, open L x L", "power", sides, square("gaussian"),
              lambda m: exact.planar.log_partition(m, 1.0), "1.5", spins=lambda L: L * L)  # fmt: skip
    yield Row("tree ground state, strip of width 8", "power", (100, 200, 400, 800, 1600),
              lambda length: strip(8, length), one(exact.tree.ground_state), "1",
              spins=lambda length: 8 * length)  # fmt: skip
    yield Row("few patterns, K = 3 binary", "power", (10**3, 10**4, 10**5, 10**6), patterns(3),
              one(exact.lowrank.ground_state), "1")  # fmt: skip
    yield Row("few patterns, K = 3 real", "power", (100, 200, 400, 800, 1600), patterns(3, "real"),
              one(exact.lowrank.ground_state), "2, and ln N")  # fmt: skip
    yield Row("few patterns, ln Z, K = 3 binary", "power", (300, 1000, 3000, 10_000), patterns(3),
              one(exact.lowrank.log_partition), "2")  # fmt: skip
    yield Row("branching, Gaussian torus L x L", "power", (8, 12, 16, 24, 32, 40), torus,
              one(exact.branching.ground_state), "none known", spins=lambda L: L * L)  # fmt: skip

    states = (20, 22, 24, 26, 28, 30, 32, 34)
    yield Row("enumeration, every state", "doubling", states, sk,
              one(exact.enumeration.ground_state, prune=False), "1")  # fmt: skip
    yield Row("enumeration, pruned (+-1 all pairs)", "doubling", (24, 28, 32, 36, 40, 44, 48),
              lambda N: sl.ensembles.sk(N, law="pm1", rng=N),
              one(exact.enumeration.ground_state), "below 1")  # fmt: skip
    yield Row("enumeration, ln Z", "doubling", states, sk,
              lambda m: exact.enumeration.log_partition(m, 1.0, threads=1), "1")  # fmt: skip
    yield Row("layer, ground state, V x 100", "doubling", (14, 16, 18, 20, 22, 24, 26), rbm,
              one(exact.layer.ground_state, layer="visible"), "1")  # fmt: skip
    yield Row("layer, ln Z, V x 100", "doubling", (14, 16, 18, 20, 22, 24), rbm,
              lambda m: exact.layer.log_partition(m, 1.0, layer="visible", threads=1), "1")  # fmt: skip
    yield Row("tree, strip of length 20, by its width", "doubling", (8, 10, 12, 14, 16, 18, 20, 22),
              lambda width: strip(width, 20), one(exact.tree.ground_state), "1")  # fmt: skip
    yield Row("branching, SK", "doubling", (30, 40, 50, 60, 70, 80), sk,
              one(exact.branching.ground_state), "below 1")  # fmt: skip


def seconds(row: Row, size: int) -> float:
    """Of the fastest call on a new model; of samplers, of what the longer call has more."""
    model = row.make(size)
    found: list[tuple[float, float]] = []
    while len(found) <= REPEATS and sum(map(sum, found)) < 2 * LONGEST:
        fresh = model.scaled(1.0)  # what a model remembers is not shared
        times = [0.0]
        for run in (row.run, row.longer):
            if run is not None:
                start = time.process_time()
                run(fresh)
                times.append(time.process_time() - start)
        found.append((times[-2], times[-1]))
    short, long = np.min(found, axis=0)
    return float(long - (short if row.longer else 0.0)) / row.work(size)


def slope(row: Row, times: dict[int, float]) -> float:
    """Of the upper half of the sizes, three at least."""
    sizes = sorted(times)[-max(3, (len(times) + 1) // 2) :]
    t = np.array([times[n] for n in sizes])
    if row.panel == "doubling":
        return float(np.polyfit(sizes, np.log2(t), 1)[0])
    return float(np.polyfit(np.log([row.spins(n) for n in sizes]), np.log(t), 1)[0])


def measure(row: Row, known: dict[int, float], record: Path | None) -> dict[int, float]:
    """Times by size, those that are known included."""
    found = dict(known)
    if not found:
        row.run(row.make(row.sizes[0]))  # compiles
    for size in row.sizes:
        if size not in found:
            found[size] = seconds(row, size)
            if record is not None:
                with record.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"row": row.name, "size": size, "seconds": found[size]}) + "\n")
        if row.longer is None and found[size] > LONGEST:
            break
    return found


def draw(found: list[tuple[Row, dict[int, float]]], path: Path) -> None:
    """Three panels: sampling, powers of N, powers of two."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from spinlab import plotting

    labels = {
        "sampling": ("sites $N$", "CPU s for a sweep of one chain"),
        "power": ("sites $N$", "CPU s"),
        "doubling": ("spins $N$, visible units $V$, or width", "CPU s"),
    }
    with plotting.style():
        figure, axes = plt.subplots(1, 3, figsize=(7.6, 4.6), layout="constrained")
        for letter, (panel, (x_label, y_label)), ax in zip("abc", labels.items(), axes, strict=True):
            here = [(row, times) for row, times in found if row.panel == panel]
            for k, (row, times) in enumerate(here):
                sizes = sorted(times)
                x = [n if panel == "doubling" else row.spins(n) for n in sizes]
                ax.plot(x, [times[n] for n in sizes], marker=plotting.MARKERS[k % len(plotting.MARKERS)],
                        color=plotting.COLOURS[k % len(plotting.COLOURS)], markersize=4, linewidth=1,
                        linestyle="-" if k < len(plotting.COLOURS) else "--", label=row.name)  # fmt: skip
            guides(ax, panel, here)
            ax.set(yscale="log", xlabel=x_label, ylabel=y_label)
            if panel != "doubling":
                ax.set_xscale("log")
            ax.set_title(f"({letter})", loc="left")
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), fontsize=8, handlelength=1.5)
        figure.savefig(path, dpi=150)


def guides(ax: Any, panel: str, found: list[tuple[Row, dict[int, float]]]) -> None:
    """Grey lines of whole exponents, from the first point of the first row."""
    row, times = found[0]
    sizes = sorted(times)
    if panel == "doubling":
        x = np.array([sizes[0], sizes[-1]], float)
        ax.plot(x, times[sizes[-1]] * 2.0 ** (x - x[1]) * 4, color="0.6", linestyle=":", label="$2^N$")
        return
    x = np.array([row.spins(sizes[0]), max(r.spins(max(t)) for r, t in found)], float)
    start = min(t[min(t)] for _, t in found) / 2
    for power, dash in ((1, ":"), (2, "-.")):
        end = x if power == 1 else np.minimum(x, x[0] * 100)
        ax.plot(end, start * (end / x[0]) ** power, color="0.6", linestyle=dash, label=f"$N^{power}$")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="parts of names; all rows without one")
    parser.add_argument("--record", type=Path)
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    known: dict[str, dict[int, float]] = {}
    if given.record is not None and given.record.exists():
        for line in given.record.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            known.setdefault(entry["row"], {})[entry["size"]] = entry["seconds"]
    found = []
    print("| method | sizes | largest: CPU s | slope | expected |\n|---|---|--:|--:|---|")
    for row in rows():
        if given.parts and not any(part in row.name for part in given.parts):
            continue
        times = measure(row, known.get(row.name, {}), given.record)
        sizes = [n if row.panel == "doubling" else row.spins(n) for n in sorted(times)]
        unit = "doublings" if row.panel == "doubling" else "power"
        print(
            f"| {row.name} | {sizes[0]} to {sizes[-1]} | {times[max(times)]:.3g} "
            f"| {slope(row, times):.2f} | {row.expected} ({unit}) |",
            flush=True,
        )
        found.append((row, times))
    if given.figure is not None:
        draw(found, given.figure)


if __name__ == "__main__":
    main()
