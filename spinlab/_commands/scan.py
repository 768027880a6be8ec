"""``spinlab scan ENSEMBLE ...``."""

from __future__ import annotations

import argparse
import json
from typing import Any, cast

from . import _config, _device, _files, _scheduler, _work

_EPILOG = """\
ensembles, their sizes and loads:
  hopfield, ra   N, K/N      ra_rbm   V, K/V (H = ratio V)
  sk             N           rbm      V (H = ratio V)        ea   side L of a periodic lattice

Temperatures are those of the theory's diagrams (docs: Theory, Coordinates); --stds gives weight scales at
beta = 1 instead. A range is START:STOP:N. One size shows a finite-N crossover, several a finite-size
series; crossings of Binder cumulants are listed from three sizes on. Give --store and repeat the same
command to resume; points that fail are listed and the rest is kept.

examples:
  spinlab scan hopfield --sizes 200 --loads 0.02 0.05 0.1 0.2 --temperatures 0.1:1.5:8 --figure hopfield.png
  spinlab scan sk --sizes 32 64 128 --temperatures 0.4:1.6:13 --instances 50         Binder crossings
  spinlab scan ra --sizes 100 200 --loads 0.05 0.3 --stds 0.01:0.3:8 --accessibility
  spinlab scan ra_rbm --ratio 5 --sizes 200 --loads 0.05 0.1 --temperatures 0.2:1.2:6 --store ra_rbm.sqlite
  spinlab scan ea --dimension 2 --law pm1 --sizes 6 8 12 --temperatures 0.3:2:9
  spinlab scan --config scan.toml                   ensemble = "sk", sizes = [32, 64], instances = 50
  spinlab scan hopfield --preset paper --store hopfield.sqlite --workers 8      hours, resumable
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "scan",
        help="phase scan of a random model over load, temperature and size",
        description="Measure overlaps, energies, P(q) and more over size, load and temperature or weight "
        "scale, from random starts (parallel tempering) and from patterns, with the theory's lines.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("ensemble", nargs="?", help="hopfield, ra, ra_rbm, sk, rbm or ea")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="sizes, increasing")
    parser.add_argument("--loads", nargs="+", metavar="X", help="K/N or K/V: numbers or START:STOP:N")
    parser.add_argument("--temperatures", nargs="+", metavar="X", help="numbers or START:STOP:N")
    parser.add_argument("--stds", nargs="+", metavar="X", help="weight scales instead of temperatures")
    parser.add_argument("--ratio", type=float, default=1.0, help="H/V of two layers (default 1)")
    parser.add_argument("--dimension", type=int, default=3, help="of the ea lattice (default 3)")
    parser.add_argument("--law", default="gaussian", help="couplings of sk and ea: gaussian, pm1, uniform")
    parser.add_argument("--instances", type=int, help="instances per cell")
    parser.add_argument("--steps", type=int, help="steps of every chain; the second half is measured")
    parser.add_argument("--chains", type=int, help="independent replicas, 2 or more")
    parser.add_argument("--accessibility", action="store_true", help="also measure Gibbs accessibility")
    parser.add_argument("--minima", action="store_true", help="also count strict minima (up to 22 spins)")
    parser.add_argument(
        "--preset", default="quick", choices=("quick", "paper"), help="what is not given: minutes, or hours"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the whole scan (default 0)")
    _device.add_option(parser)
    _scheduler.add_options(parser)
    _work.add_options(parser)
    parser.add_argument("--store", help="file that keeps finished points, for resuming")
    parser.add_argument("--retry", action="store_true", help="compute failed points again")
    parser.add_argument("--out", help="write the data: .nc (netCDF) or .csv")
    parser.add_argument("--figure", metavar="FILE", help="draw it: .png, .pdf or .svg")
    parser.add_argument("--show", metavar="NAME", help="of table and figure: m_pattern, binder, chi_SG, ...")
    _config.add_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--quiet", action="store_true", help="no messages, no progress bar")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Scan, print a table, write figure and data."""
    from .. import scans

    _check_show(args)
    _files.check_figure("--figure", args.figure)
    _files.check_data("--out", args.out)
    with _scheduler.executor(args) as workers:
        data = scans.scan(
            args.ensemble,
            sizes=args.sizes,
            loads=_numbers(args.loads, "--loads"),
            temperatures=_numbers(args.temperatures, "--temperatures"),
            stds=_numbers(args.stds, "--stds"),
            ratio=args.ratio,
            dimension=args.dimension,
            law=args.law,
            instances=args.instances,
            n_steps=args.steps,
            n_chains=args.chains,
            accessibility=args.accessibility,
            minima=args.minima,
            preset=args.preset,
            seed=args.seed,
            device=args.device,
            store=args.store,
            executor=workers,
            progress=not args.quiet,
            retry=args.retry,
            **_work.options(args),
        )
    if "n_spins" not in data:
        _work.tell_nothing(args, data)
        return 1
    try:
        if args.json:
            print(json.dumps(_record(data, args.show)))
            args.json = _work.TOLD
        else:
            _print(data, args.show)
    finally:  # also where the reader of the table has gone
        _write(args, data)
    return int(data.attrs["failed_points"] > 0)


def _write(args: argparse.Namespace, data: Any) -> None:
    """The data, and then the figure, which can be drawn from them."""
    from .. import scans
    from .._core.files import atomic_write

    if args.out:
        _files.write_data(data, args.out, ("P", "q"))
    if args.figure:
        figure = scans.draw(data, args.show)
        with atomic_write(args.figure) as path:
            figure.savefig(path, dpi=160, bbox_inches="tight")
    for name in (args.out, args.figure):
        if name and not args.json:  # JSON stands alone
            print(name)


def _record(data: Any, show: str | None) -> dict[str, Any]:
    """What the tables show, for scripts."""
    from .. import scans
    from .._core.results import plain_data

    name = show or ("m_pattern" if "m_pattern" in data else "q2")
    measured = scans.reduced(data, name)
    record = {
        "ensemble": data.attrs["ensemble"],
        "status": data.attrs["status"],
        "observable": name,
        "dims": list(measured["value"].dims),
        "coords": {d: measured[d].values for d in measured["value"].dims},
        "value": measured["value"].values,
        "error": measured["error"].values,
        "instances": data.sizes["instance"],
        "failed_points": data.attrs["failed_points"],
        "missing_points": data.attrs["missing_points"],
    }
    return cast("dict[str, Any]", plain_data(record))


def _check_show(args: argparse.Namespace) -> None:
    """Refuse, before anything is computed, a name that the scan will not have."""
    from .._core.validate import as_choice
    from ..scans.families import NAMES, as_family, stored_name
    from ..scans.measuring import names
    from ..scans.reducing import REDUCED
    from ._names import chosen

    if args.ensemble is None:
        raise ValueError(f"name an ensemble, here or in the file of --config: {', '.join(NAMES)}")
    if args.ensemble not in ("rbm_gaussian", "edwards_anderson"):
        args.ensemble = chosen(args.ensemble, "ensemble", NAMES)
    args.ensemble = as_family(args.ensemble)
    if args.show is not None:
        axis = "T" if args.stds is None else "std"
        known = names(stored_name(args.ensemble), axis, args.accessibility, args.minima) | {*REDUCED}
        as_choice(args.show, "--show", sorted(known))


def _numbers(texts: list[str] | None, option: str) -> list[float] | None:
    """Numbers, and ranges START:STOP:N."""
    if texts is None:
        return None
    values: list[float] = []
    for text in texts:
        parts = text.split(":")
        try:
            if len(parts) == 1:
                values.append(float(text))
                continue
            start, stop, n = float(parts[0]), float(parts[1]), int(parts[2])
            if len(parts) != 3 or n < 2:
                raise ValueError
        except (ValueError, IndexError):
            raise ValueError(
                f"{option}: expected a number or START:STOP:N with N >= 2, got {text!r}"
            ) from None
        values += [round(start + (stop - start) * i / (n - 1), 12) for i in range(n)]
    return values


def _print(data: Any, show: str | None) -> None:
    """A block per size: rows of T, columns of load, mean ± standard error; crossings; failures."""
    from .. import scans

    print(data.attrs["status"])
    axis = data.attrs["axis"]
    name = show or ("m_pattern" if "m_pattern" in data else "q2")
    measured = scans.reduced(data, name)
    loads = data["load"].values if "load" in data.dims else [None]
    rows = data[axis].values if axis in measured.dims else [None]
    for size in data["size"].values:
        print(
            f"\n{name}, {data.attrs['size_name']} = {size}"
            + (", columns: load" if "load" in data.dims else "")
        )
        print(f"{axis:>9s}" + "".join(f"{'' if x is None else format(x, 'g'):>18s}" for x in loads))
        for row in rows:
            where = {"size": size} | ({} if row is None else {axis: row})
            line = "      all" if row is None else f"{row:9.4g}"
            for load in loads:
                at = measured.sel(where if load is None else where | {"load": load})
                error = float(at["error"])
                line += f"{float(at['value']):10.4f}" + (f" ±{error:6.4f}" if error == error else " " * 8)
            print(line)
    if "m_pattern" in data and bool((scans.regions(data) == "metastable: only from the pattern").any()):
        print(
            "\nmetastable regions: some cells keep a pattern that random starts do not find (scans.regions)"
        )
    if axis == "T" and data.sizes["size"] >= 3 and data.sizes["instance"] >= 4 and data.sizes["T"] >= 3:
        _print_crossings(scans.binder_crossings(data))
    if data.attrs["missing_points"]:
        print(f"\n{data.attrs['missing_points']} points were not begun in the time given; run again to go on")
    if data.attrs["failed_points"]:
        print(f"\n{data.attrs['failed_points']} points could not be run:")
        for reason, count in json.loads(data.attrs["errors"]).items():
            print(f"  {count} x {reason}")
        gone = data["n_spins"].isnull().any("instance")
        for index in zip(*gone.values.nonzero(), strict=True):
            print(
                "  "
                + ", ".join(f"{d} = {gone[d].values[i]:g}" for d, i in zip(gone.dims, index, strict=True))
            )


def _print_crossings(crossings: Any) -> None:
    print("\ncrossings of the Binder cumulants (bootstrap over instances)")
    loads = crossings["load"].values if "load" in crossings.dims else [None]
    for load in loads:
        part = crossings if load is None else crossings.sel(load=load)
        for pair in part["pair"].values:
            at = part.sel(pair=pair)
            T, error, found = (float(at[name]) for name in ("T", "error", "found"))
            where = "" if load is None else f"load {load:g}, "
            shown = f"T = {T:.3f} ± {error:.3f}" if T == T else "none in this range"
            print(f"  {where}sizes {pair}: {shown} (in {100 * found:.0f} % of resamples)")
