"""``spinlab ground-state FILE``."""

from __future__ import annotations

import argparse
from typing import Any

_EPILOG = """\
formats:
  ij     lines "i j J" (0-based, each pair once, E = -sum J s s), "# key: value" header
  rudy   first line "N edges", then 1-based "i j w" (Biq Mac, max-cut weights: J = -w)
  npz    a model saved by spinlab.models.save_instance

examples:
  spinlab ground-state model.txt
  spinlab ground-state model.txt --degeneracy --json
  spinlab ground-state large.txt --explain          what each exact method would cost
  spinlab ground-state large.txt --allow-heuristic  best state of annealing if no proof is in reach
  spinlab ground-state graph.mc --format rudy --threads 2
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "ground-state",
        help="certified ground state of an instance file",
        description="Find a state of lowest energy and prove it. Beyond the limits of exact methods the "
        "command refuses, with an estimate.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", help="instance file")
    parser.add_argument("--format", default="auto", help="ij, rudy, npz or auto (default)")
    parser.add_argument(
        "--method", default="auto", help="an exact method (see --explain), annealing, or auto (default)"
    )
    parser.add_argument("--degeneracy", action="store_true", help="also count the states of lowest energy")
    parser.add_argument("--explain", action="store_true", help="print what each method would cost, and stop")
    parser.add_argument(
        "--allow-heuristic",
        action="store_true",
        help="without an exact method in reach, anneal and say that the answer is not certified",
    )
    parser.add_argument("--threads", type=int, help="threads (default: all processors)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Solve and print."""
    from .. import models, solve

    model = models.load_instance(args.file, format=args.format)
    if args.explain:
        print(solve.explain(model))
        return 0
    gs = solve.ground_state(
        model,
        args.method,
        degeneracy=args.degeneracy,
        allow_heuristic=args.allow_heuristic,
        threads=args.threads,
    )
    if args.json:
        import json

        record = {
            "energy": gs.energy,
            "certified": gs.certified,
            "lower_bound": gs.lower_bound,
            "degeneracy": gs.degeneracy,
            "method": gs.method,
            "reason": gs.reason,
            "seconds": gs.seconds,
            "state": gs.state.tolist(),
            "labels": None if gs.labels is None else [str(label) for label in gs.labels],
        }
        print(json.dumps(record))
        return 0
    print(f"model       {model!r}")
    proof = "certified" if gs.certified else f"not certified, lower bound {gs.lower_bound:.12g}"
    print(f"energy      {gs.energy:.12g}  ({proof})")
    if gs.degeneracy is not None:
        print(f"degeneracy  {gs.degeneracy}")
    print(f"method      {gs.method}: {gs.reason}; {gs.seconds:.3g} s")
    print("state       " + "".join("+" if s > 0 else "-" for s in gs.state))
    return 0
