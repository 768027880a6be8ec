"""``spinlab diagnose FILE``."""

from __future__ import annotations

import argparse
from typing import Any

from . import _files

_EPILOG = """\
files:
  .npy   a square symmetric matrix (couplings of all pairs), or with --rbm the weights of an RBM
  .csv   the same as text, numbers between commas, semicolons, tabs or blanks (.txt of numpy.savetxt too)
  .npz   arrays W (and bv, bh) of an RBM, or J (and b); or a model saved by spinlab
  other  an instance file (ij, rudy, coo, qubo, bqp), as for `spinlab ground-state`

Weights of 0/1 units (scikit-learn, most torch code) are converted with --binary. Three verdicts: the
thermodynamic phase, the number of minima, what plain Gibbs chains do; each may be "undecided". Lines of
theory hold for independent random weights: for a trained matrix they are an indication.

examples:
  spinlab diagnose W.npy --rbm                      weights of shape (V, H) or (H, V), units +-1
  spinlab diagnose machine.npz --binary             W, bv, bh of a 0/1 machine
  spinlab diagnose J.npy --beta 0.5                 couplings used at inverse temperature 0.5
  spinlab diagnose J.npy --seconds 60 --seed 1      more work for the equilibrium of hard models
  spinlab diagnose W.npy --rbm --figure report.png --json report.json
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "diagnose",
        help="in which phase is a matrix of weights?",
        description="One-page report on a matrix of weights: scale, place in the phase diagram, spectrum, "
        "stability, P(q), accessibility, minima, and three verdicts with reasons.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", help="the weights, - for standard input")
    parser.add_argument("--rbm", action="store_true", help="a matrix is the weights of an RBM")
    parser.add_argument("--binary", action="store_true", help="the units are 0/1, not +-1")
    parser.add_argument("--beta", type=float, default=1.0, help="inverse temperature (default 1)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=3.0,
        help="most work for equilibrium, in seconds of one core (default 3)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulations (default 0)")
    parser.add_argument("--threads", type=int, help="threads (default: all processors)")
    parser.add_argument("--figure", metavar="FILE", help="also draw the page: .png, .pdf or .svg")
    parser.add_argument(
        "--json",
        metavar="FILE",
        nargs="?",
        const="-",
        help="also write everything as JSON; without FILE, or with -, print it instead of the page",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Diagnose and print."""
    from .. import diagnose
    from .._core.files import atomic_write

    _files.check_figure("--figure", args.figure)
    if args.json != "-":
        _files.check_folder("--json", args.json)
    with _files.on_disk(args.file) as file:
        report = diagnose.diagnose(
            file,
            beta=args.beta,
            rbm=True if args.rbm else None,
            binary=args.binary,
            seconds=args.seconds,
            rng=args.seed,
            threads=args.threads,
        )
    try:
        print(report.to_json() if args.json == "-" else report.text())
    finally:  # also where the reader of the page has gone
        if args.json and args.json != "-":
            with atomic_write(args.json) as path:
                path.write_text(report.to_json() + "\n", encoding="utf-8")
        if args.figure:
            with atomic_write(args.figure) as path:
                report.figure().savefig(path, dpi=160, bbox_inches="tight")
    return 0
