"""``spinlab sample MACHINE OUT``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from . import _data, _files

_EPILOG = """\
Each sample is the end of a Gibbs chain of its own, from a random state or from a row of --start. Whether
--steps are enough is seen by doubling them: well trained machines have several valleys, and chains leave them
slowly.

examples:
  spinlab sample rbm.npz samples.npy --chains 100 --steps 1000
  spinlab sample rbm.npz - --chains 5 --binary           CSV of 0 and 1 on standard output
  spinlab sample rbm.npz moved.npy --start test.npy --steps 10
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "sample",
        help="visible states of a trained machine",
        description="Draw visible states of a machine by Gibbs sampling.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("machine", help="file of `spinlab train` or machine.save, - for standard input")
    parser.add_argument("out", metavar="OUT", help=".npy, .npz (array samples) or .csv; - prints CSV")
    parser.add_argument(
        "--chains", type=int, help="samples, each of its own chain (default 100, or all of --start)"
    )
    parser.add_argument("--steps", type=int, default=1000, help="Gibbs steps of each chain (default 1000)")
    parser.add_argument("--start", metavar="FILE", help="starting states, a row for each chain or one")
    parser.add_argument("--binary", action="store_true", help="write 0 and 1 instead of -1 and +1")
    parser.add_argument("--seed", type=int, default=0, help="seed (default 0)")
    _data.add_data_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sample and write."""
    from .. import rbm

    if args.json and args.out == "-":
        raise ValueError("--json and the samples cannot both go to standard output; name a file")
    _data.check_output("OUT", args.out)
    with _files.on_disk(args.machine) as file:
        machine = rbm.load(file)
    start = None
    if args.start is not None:
        start = _data.spins(_data.read_data(args.start, args.key), args.threshold)
    n_chains = (100 if start is None else len(start)) if args.chains is None else args.chains
    if start is not None and len(start) > n_chains:
        start = start[:n_chains]
    elif start is not None and len(start) == 1:
        start = start[0]  # of all chains
    states = machine.sample(args.steps, n_chains, start=start, rng=args.seed)
    _data.write_states(args.out, (states + 1) // 2 if args.binary else states)
    record = {"machine": repr(machine), "samples": len(states), "steps": args.steps, "out": args.out}
    if args.json:
        print(json.dumps(record))
    elif args.out != "-":
        print(f"{len(states)} samples of {machine!r} after {args.steps} steps: {args.out}")
    return 0
