"""``spinlab accessibility ENSEMBLE ...``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any, cast

from . import _config, _device, _files, _scheduler, _work

if TYPE_CHECKING:
    from ..sweeps import Sweep

_EPILOG = """\
Every size and scale may be given several values: the command then measures all combinations, on
the same instances at every scale. With --store it can be interrupted and resumed, extended by new
values, and looked at with `spinlab sweep`.

ensembles and their sizes:
  ra_rbm -V -H -K    rbm_gaussian, rbm_uniform, rbm_glorot -V -H
  hopfield, ra, wishart_planted -N -K    sk, mattis -N    edwards_anderson --shape

examples:
  spinlab accessibility ra_rbm -V 20 -H 1000 -K 10 --stds 0.1 1 10 --instances 20
  spinlab accessibility rbm_gaussian -V 8 12 16 -H 1000 --stds 10 --reduce min --workers 2
  spinlab accessibility sk -N 24 --stds 0.2 0.5 1 --steps 100 --store sk.sqlite --out sk.csv
"""

_SIZES = ("N", "V", "H", "K")


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "accessibility",
        help="how close Gibbs sampling gets to the ground state",
        description="Gibbs accessibility E/E0 of random models: final energy of Gibbs chains from random "
        "starts over the true ground-state energy, with the excess over a random start "
        "(arXiv:1910.01592, Fig. 1).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "ensemble", nargs="?", help="how the couplings are drawn, for example ra_rbm, rbm_gaussian, sk"
    )
    for size, meaning in zip(_SIZES, ("spins", "visible units", "hidden units", "patterns"), strict=True):
        parser.add_argument(f"-{size}", type=int, nargs="+", metavar=size, help=meaning)
    parser.add_argument(
        "--shape", type=int, nargs="+", metavar="L", help="lattice of edwards_anderson, as 4 4"
    )
    parser.add_argument(
        "--stds",
        type=float,
        nargs="+",
        metavar="X",
        default=[1.0],
        help="weight scales: factors on the ensemble's couplings, whose own std is 1 for ra, ra_rbm, "
        "rbm_gaussian, rbm_uniform, edwards_anderson (default 1)",
    )
    parser.add_argument("--instances", type=int, default=10, help="instances per combination (default 10)")
    parser.add_argument("--steps", type=int, default=10, help="Gibbs steps (default 10)")
    parser.add_argument("--chains", type=int, default=10, help="chains per instance (default 10)")
    parser.add_argument(
        "--reduce",
        choices=("mean", "min", "none"),
        default="mean",
        help="over the chains: mean, min (the chain of lowest energy), or none (every chain, in the data; "
        "the table shows both)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the whole measurement (default 0)")
    _device.add_option(parser)
    _scheduler.add_options(parser)
    _work.add_options(parser)
    parser.add_argument("--store", help="file that keeps finished points, for resuming")
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help="compute only part I of N (1 <= I <= N) into --store, as one job of an array; then `spinlab "
        "sweep merge`",
    )
    parser.add_argument("--out", help="write the data: .nc (netCDF) or .csv")
    _config.add_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--quiet", action="store_true", help="no messages, no progress bar")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print a table, write the data."""
    sweep = _sweep_of(args)
    _files.check_data("--out", args.out)
    with _scheduler.executor(args) as workers:
        if args.shard:
            if not args.store:
                raise ValueError("--shard needs --store, a file of its own for every shard")
            counts = sweep.fill(args.store, args.shard, workers, not args.quiet, **_work.options(args))
            print(
                json.dumps(counts)
                if args.json
                else "{done} of {points} points done, {failed} failed".format(**counts)
            )
            return int(counts["failed"] > 0)
        data = sweep.run(args.store, workers, not args.quiet, **_work.options(args))
    data = data.rename(replica="instance")
    if "ratio" not in data:
        _work.tell_nothing(args, data)
        return 1
    try:
        if args.json:
            print(json.dumps(_record(args, data)))
            args.json = _work.TOLD
        else:
            _print(data, args.reduce)
    finally:  # also where the reader of the table has gone
        if args.out:
            _files.write_data(_over_chains(data, args.reduce), args.out)
    if args.out and not args.json:
        print(args.out)
    return int(data.failed_points > 0)


def _sweep_of(args: argparse.Namespace) -> Sweep:
    """All sizes and scales that are asked for, on the same instances at every scale."""
    from .. import ensembles, sweeps
    from .._core import device
    from .._core.validate import as_count, as_real
    from ._names import chosen

    if args.ensemble is None:
        raise ValueError(f"name an ensemble, here or in the file of --config: {', '.join(ensembles.__all__)}")
    args.ensemble = chosen(args.ensemble, "ensemble", ensembles.__all__)
    axes: dict[str, Any] = {size: getattr(args, size) for size in _SIZES if getattr(args, size)}
    fixed: dict[str, Any] = {"ensemble": args.ensemble, "n_steps": args.steps, "n_chains": args.chains}
    if args.device != "cpu":
        device.require_gpu()  # before any worker starts
        fixed["device"] = args.device
    if args.shape:
        fixed["shape"] = tuple(args.shape)
    _check_sizes(args.ensemble, {*axes, *fixed} - {"ensemble", "n_steps", "n_chains", "device"})
    for std in args.stds:
        as_real(std, "std", 0.0, exclusive=True)
    return sweeps.Sweep(
        measure,
        axes=axes | {"std": args.stds},
        fixed=fixed,
        replicas=as_count(args.instances, "instances"),
        seed=args.seed,
        pair_over=("std",),
        dims=dict.fromkeys(("ratio", "excess"), ("chain",)),
    )


def _over_chains(data: Any, reduce: str) -> Any:
    """The data with their chains reduced as in the table."""
    if reduce == "mean":
        return data.assign(ratio=data["ratio"].mean("chain"), excess=data["excess"].mean("chain"))
    if reduce == "min":
        return data.assign(ratio=data["ratio"].max("chain"), excess=data["excess"].max("chain"))
    return data


def measure(
    ensemble: str, std: float, n_steps: int, n_chains: int, rng: int, device: str = "cpu", **sizes: Any
) -> dict[str, Any]:
    """One instance at one scale; the instance depends on the seed alone, which all scales share."""
    import numpy as np

    from .. import ensembles, observables

    generator = np.random.default_rng(rng)
    model = getattr(ensembles, ensemble)(**sizes, rng=generator).scaled(std).to(device)
    a = observables.gibbs_accessibility(model, n_steps, n_chains, reduce=None, rng=generator)
    return {
        "ratio": a.ratio,
        "excess": a.excess,
        "moved_chains": a.moved_chains,
        "moved_spins": a.moved_spins,
        "ground_energy": a.ground_energy,
        "random_energy": a.random_energy,
        "measured_std": model.coupling_std(),
    }


def _record(args: argparse.Namespace, data: Any) -> dict[str, Any]:
    """Means over chains and instances with standard errors, for scripts."""
    from .._core.results import plain_data

    dims = [d for d in data["ratio"].dims if d not in ("chain", "instance")]
    record: dict[str, Any] = {
        "ensemble": args.ensemble,
        "dims": dims,
        "coords": {d: data[d].values for d in dims},
        "instances": data.sizes["instance"],
        "failed_points": data.failed_points,
    }
    lowest = {"ratio": data["ratio"].max("chain"), "excess": data["excess"].max("chain")}
    for name in ("ratio", "excess"):
        for how, x in (("mean", data[name].mean("chain")), ("min", lowest[name])):
            if args.reduce in (how, "none"):
                n = x.notnull().sum("instance")
                record[f"{name}_{how}"] = x.mean("instance").values
                record[f"{name}_{how}_error"] = (x.std("instance", ddof=1) / n**0.5).values
    return cast("dict[str, Any]", plain_data(record))


def _check_sizes(ensemble: str, given: set[str]) -> None:
    """The sizes asked for must be the ensemble's own."""
    import inspect

    from .. import ensembles

    parameters = inspect.signature(getattr(ensembles, ensemble)).parameters
    known = {name for name in parameters if name in {*_SIZES, "shape"}}
    for name in sorted(given - known):
        raise ValueError(f"{ensemble} has no size {name}; it takes {', '.join(sorted(known))}")
    needed = {
        name for name in known if parameters[name].default is inspect.Parameter.empty or name == "shape"
    }
    for name in sorted(needed - given):
        option = "--shape" if name == "shape" else f"-{name}"
        raise ValueError(f"{ensemble} needs {option}")


def _print(data: Any, reduce: str) -> None:
    """A line per combination: mean over instances and its standard error."""
    import itertools

    columns: dict[str, Any] = {}
    if reduce in ("mean", "none"):
        columns |= {"E/E0 mean": data["ratio"].mean("chain"), "excess mean": data["excess"].mean("chain")}
    if reduce in ("min", "none"):
        columns |= {"E/E0 min": data["ratio"].max("chain"), "excess min": data["excess"].max("chain")}
    columns["chains moved"] = data["moved_chains"]
    axes = [name for name in next(iter(columns.values())).dims if name != "instance"]
    print("".join(f"{name:>10s}" for name in axes) + "".join(f"{name:>22s}" for name in columns))
    for values in itertools.product(*(data[name].values for name in axes)):
        where = dict(zip(axes, values, strict=True))
        line = "".join(f"{value:10.6g}" for value in values)
        for column in columns.values():
            cell = column.sel(where)
            mean, n = float(cell.mean()), int(cell.notnull().sum())  # without points that failed
            if n > 1:
                line += f"{mean:>11.4f} ± {float(cell.std(ddof=1)) / n**0.5:<8.4f}"
            else:
                line += f"{mean:>22.4f}"
        print(line)
