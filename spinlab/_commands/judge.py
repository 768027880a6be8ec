"""``spinlab judge MACHINE DATA``."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from . import _data, _files

_EPILOG = """\
The likelihood is exact where a layer has at most about 24 units or a machine few patterns, else it is
bracketed by annealed importance sampling; the bracket is what the uncertainty of ln Z leaves. Knowing nothing
costs V ln 2 nats, and a machine far above that is too cold or has not learned: see spinlab.rbm.fit_scale.

examples:
  spinlab judge rbm.npz test.npy
  spinlab judge rbm.npz test.npy --known 392 --json      also reconstruct from the first 392 pixels
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "judge",
        help="likelihood and reconstructions of a trained machine",
        description="Judge a machine by data that it was not trained on: -ln P(v) and reconstruction.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("machine", help="file of `spinlab train` or machine.save, - for standard input")
    parser.add_argument("data", help=_data.HELP)
    parser.add_argument("--method", default="auto", help="of ln Z: auto (default), exact or ais")
    parser.add_argument("--known", type=int, metavar="N", help="also reconstruct from the first N pixels")
    parser.add_argument("--seed", type=int, default=0, help="seed of what is drawn (default 0)")
    _data.add_data_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge and print."""
    from .. import rbm
    from .._core.results import plain_data
    from ._names import chosen

    method = chosen(args.method, "method", ("auto", "exact", "ais"))
    with _files.on_disk(args.machine) as file:
        machine = rbm.load(file)
    data = _data.spins(_data.read_data(args.data, args.key), args.threshold)
    found = rbm.negative_log_likelihood(machine, data, method=method, rng=args.seed)
    uniform = machine.V * math.log(2)
    record: dict[str, Any] = {
        "machine": repr(machine),
        "samples": len(data),
        "nll": found.nll,
        "interval": found.interval,
        "sampling_error": found.sampling_error,
        "log_z": found.log_z,
        "method": found.method,
        "uniform": uniform,
    }
    if args.known is not None:
        distance = rbm.hamming_distance(machine, data, args.known, rng=args.seed)
        record["hamming"], record["hamming_error"] = distance.mean, distance.std_error
    if args.json:
        print(json.dumps(plain_data(record)))
        return 0
    print(f"machine      {machine!r}")
    low, high = found.interval
    bracket = "" if found.method == "exact" else f", {low:.3f} to {high:.3f}"
    error = f" ± {found.sampling_error:.2g}" if math.isfinite(found.sampling_error) else ""
    print(f"-ln P        {found.nll:.3f}{error} nats per sample ({found.method}{bracket})")
    verdict = "better" if found.nll < uniform else "WORSE: too cold, or not trained"
    print(f"uniform      {uniform:.3f} nats: the machine is {verdict}")
    print(f"ln Z         {found.log_z:.6g}")
    if args.known is not None:
        share = f"{record['hamming']:.4f} ± {record['hamming_error']:.2g}"
        print(f"Hamming      {share} of the pixels, {args.known} known (error of the repeats alone)")
    return 0
