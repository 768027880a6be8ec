"""Instances of sk_finite_size beyond enumeration: fixed beforehand, each with a proven bound and an energy.

An instance is ``sk(N, rng=1000 N + number)``. It is given a time; where that does not suffice for a proof, it
enters with the bound that is proven by then and the energy of the best state: leaving it out would select
by hardness, which goes with the energy. What was computed once is kept in ``reference/sk_large.csv``.
``python -m spinlab.studies._sk_large FOLDER`` writes there what the stores of FOLDER hold.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import spinlab as sl
from spinlab.studies import Output, load

KEPT = Path(__file__).parent / "reference" / "sk_large.csv"
COLUMNS = ("N", "instance", "bound", "energy", "scale", "nodes", "took")


class Energies(NamedTuple):
    """Of instances of one size, per spin: bound <= E_0 / N <= energy; scale is sqrt(N mean J^2)."""

    bound: np.ndarray
    energy: np.ndarray
    scale: np.ndarray


def instance_of(N: int, number: int) -> sl.models.DenseIsing:
    """The instance of this number: the same for everybody."""
    return sl.ensembles.sk(N, rng=1000 * N + number)


def scale_of(model: sl.models.DenseIsing) -> float:
    """Root mean square of the couplings i < j, times sqrt(N)."""
    N = model.n_spins
    return float(np.sqrt((model.J**2).sum() / (N - 1)))


def point(N: int, instance: int, seconds: float, rng: int) -> dict[str, float]:
    """One instance, whose seed is its number; ``seconds`` of wall-clock time at most."""
    model = instance_of(N, instance)
    found = sl.ground_state(model, "branching", seconds=seconds, threads=1)
    bound = found.energy if found.certified else found.lower_bound
    return {
        "bound": bound / N,
        "energy": found.energy / N,
        "scale": scale_of(model),
        "nodes": float(found.reason.split(" nodes")[0].rsplit(" ", 1)[-1]),
        "took": float(found.seconds or 0.0),
    }


def sweep(N: int, numbers: tuple[int, ...], seconds: float) -> sl.sweeps.Sweep:
    """The instances of one size; resumable, whatever the numbers are."""
    axes = {"N": (N,), "instance": numbers}
    return sl.sweeps.Sweep(point, axes=axes, fixed={"seconds": seconds}, name="sk_large")


def energies(N: int, n: int, seconds: float, output: Output, workers: int | None, progress: bool) -> Energies:
    """Instances 0 to n - 1: kept ones are read, the others computed."""
    rows = {number: row for (size, number), row in kept().items() if size == N}
    missing = tuple(number for number in range(n) if number not in rows)
    if missing:
        data = output.run(sweep(N, missing, seconds), f"sk_large_{N}", workers, progress)
        rows |= table_of(data)
    found = np.array([rows[number] for number in range(n)])
    return Energies(found[:, 0], found[:, 1], found[:, 2])


def table_of(data: Any) -> dict[int, list[float]]:
    """The columns from ``bound`` on, by number, of those instances that are computed."""
    found = np.stack([data[name].values.ravel() for name in COLUMNS[2:]], axis=1)
    numbers = data["instance"].values.tolist()
    return {n: row.tolist() for n, row in zip(numbers, found, strict=True) if np.isfinite(row).all()}


def kept() -> dict[tuple[int, int], list[float]]:
    """What was computed once, by size and number."""
    if not KEPT.exists():
        return {}
    with KEPT.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))
    return {(int(row[0]), int(row[1])): [float(x) for x in row[2:]] for row in rows[1:]}


def keep(folder: Path, preset: dict[str, Any]) -> int:
    """Write what the stores of a folder hold, with what was kept before; returns the number of instances."""
    found = kept()
    for N, n in preset["large"].items():
        store = folder / f"sk_large_{N}.sqlite"
        numbers = tuple(number for number in range(n) if (N, number) not in found)
        if numbers and store.exists():
            data = sweep(N, numbers, preset["seconds"]).run(store, progress=False, seconds=1e-9)
            found |= {(N, number): row for number, row in table_of(data).items()}
    text = io.StringIO()
    text.write(
        f"# sk(N, rng=1000 N + instance): bound and energy per spin, {preset['seconds']:g} s at most each\n"
    )
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (N, number), row in sorted(found.items()):
        writer.writerow([N, number, *map(repr, row[:3]), int(row[3]), f"{row[4]:.2f}"])
    temporary = KEPT.with_suffix(".tmp")
    temporary.write_text(text.getvalue(), encoding="utf-8")
    temporary.replace(KEPT)
    return len(found)


if __name__ == "__main__":
    print(keep(Path(sys.argv[1]), load("sk_finite_size").PAPER))
